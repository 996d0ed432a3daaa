/* SPDX-License-Identifier: MIT */
/*
 * A checkpoint, opened: it is refused, or it is a state that is the same when it is written and
 * read again. The input is tried as it is, and as the table that would be compressed in one.
 */
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/log_internal.h"
#include "tests/fuzz/target.h"

#define HEAD_BYTES 48

static void check(const void *plain, size_t size)
{
    cleanup_buffer struct buffer once = BUFFER(CHECKPOINT_LIMIT);
    cleanup_buffer struct buffer twice = BUFFER(CHECKPOINT_LIMIT);
    struct log_state state;
    struct log_state again;

    if (checkpoint_decode(plain, size, &state) != 0)
        return;
    require(checkpoint_encode(&state, &once) == 0);
    require(checkpoint_decode(once.data, once.size, &again) == 0);
    require(checkpoint_encode(&again, &twice) == 0);
    require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    log_state_release(&state);
    log_state_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = HEAD_BYTES + ZSTD_compressBound(size);
    cleanup_free uint8_t *plain = calloc(1, room);

    require(plain != NULL);
    check(data, size);

    size_t frame = ZSTD_compress(plain + HEAD_BYTES, room - HEAD_BYTES, data, size, 1);

    require(!ZSTD_isError(frame));
    plain[32] = 7;
    put_u32(plain + 40, (uint32_t)size);
    put_u32(plain + 44, (uint32_t)frame);
    check(plain, HEAD_BYTES + frame);
    return 0;
}
