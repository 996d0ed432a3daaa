/* SPDX-License-Identifier: MIT */
/*
 * The directory of a pack, as it is once its seal is open: 8 bytes for where
 * the pack's objects end, then the directory. What is accepted has objects that
 * follow each other without a gap, and is what encoding them again gives.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/store/pack_layout.h"
#include "tests/fuzz/target.h"

#define HINT 0x1122334455667788u

struct seen {
    const uint8_t *bytes; /* of the directory */
    size_t at;
    size_t count;
    uint64_t offset;
};

static int check_entry(void *context, const struct pack_entry *entry)
{
    struct seen *seen = context;
    uint8_t bytes[PACK_ENTRY_BYTES_MOST];
    size_t length = pack_entry_encode(entry, bytes);

    require(memcmp(seen->bytes + seen->at, bytes, length) == 0);
    require(entry->reference.pack_hint == HINT);
    require(entry->reference.offset == seen->offset);
    require(entry->reference.sealed_size <= OBJECT_SEALED_LIMIT);
    require((entry->depth == 0) == (entry->encoding != OBJECT_ZSTD_PARENT));
    seen->offset += entry->reference.sealed_size;
    seen->at += length;
    seen->count++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t end;

    if (size < sizeof end)
        return 0;
    end = get_u64(data);

    struct seen seen = {
        .bytes = data + 8, .at = PACK_DIRECTORY_HEAD_BYTES, .offset = PACK_HEAD_BYTES};
    int error = pack_directory_decode(data + 8, size - 8, HINT, end, check_entry, &seen);

    require(error == 0 || error == -EBADMSG);
    require(error == 0 || seen.count == 0);
    if (error == 0) {
        require(seen.count == get_u32(data + 8) && seen.count <= PACK_OBJECTS_MOST);
        require(seen.count == 0 || seen.offset <= end);
        for (size_t i = 8 + seen.at; i < size; i++)
            require(data[i] == 0);
    }
    return 0;
}
