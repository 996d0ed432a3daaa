/* SPDX-License-Identifier: MIT */
/*
 * A piece of data compressed against a parent, both taken from the input: what is decompressed is
 * the data again, and none of the sequences leads out of the two. The first two bytes say where
 * the parent ends.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/delta.h"
#include "fs/store/object_compress.h"
#include "tests/fuzz/target.h"

static void check_sequences(const ZSTD_Sequence *sequences, size_t count, size_t size,
                            size_t parent_size)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        at += sequences[i].litLength;
        require(sequences[i].offset >= 1 && sequences[i].offset <= at + parent_size);
        at += sequences[i].matchLength;
    }
    require(at <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;

    size_t cut = 2 + get_u16(data) % (size - 2);
    struct buffer parent = {.data = (uint8_t *)without_const(data) + 2, .size = cut - 2};
    size_t rest = size - cut;
    cleanup_free uint8_t *again = malloc(rest + 1);
    cleanup_buffer struct buffer frame = BUFFER(size + 1024);
    struct delta *delta = delta_create();
    struct object_compressor *compressor = object_compressor_create(1);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    const ZSTD_Sequence *sequences;
    size_t count;

    require(again != NULL && delta != NULL && compressor != NULL && context != NULL);
    if (delta_find(delta, data + cut, rest, &parent, &sequences, &count) == 0)
        check_sequences(sequences, count, rest, parent.size);
    require(object_compress(compressor, data + cut, rest, &parent, ZSTD_compressBound(rest),
                            &frame) == 0);
    ZSTD_DCtx_refPrefix(context, parent.data, parent.size);
    require(ZSTD_decompressDCtx(context, again, rest + 1, frame.data, frame.size) == rest);
    require(memcmp(again, data + cut, rest) == 0);
    ZSTD_freeDCtx(context);
    object_compressor_free(compressor);
    delta_free(delta);
    return 0;
}
