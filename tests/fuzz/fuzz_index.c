/* SPDX-License-Identifier: MIT */
/*
 * A block of an index, as it is once its seal is open; a shorter input stands
 * for the block's beginning. What is accepted finds every entry by its id, and is
 * what encoding its entries again gives.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/index.h"
#include "tests/fuzz/target.h"

/* An id that is not there: one more than that of an entry. */
static void search_beside(const uint8_t *block, int count, const uint8_t *id)
{
    uint8_t beside[OBJECT_ID_BYTES];

    memcpy(beside, id, sizeof beside);
    for (size_t i = sizeof beside; i-- > 0 && ++beside[i] == 0;)
        continue;

    int place = index_block_search(block, count, beside);

    require(place == -ENOENT || (place >= INDEX_BEFORE && place <= count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_entry entries[INDEX_BLOCK_ENTRIES];
    uint8_t block[INDEX_BLOCK_BYTES] = {0};
    uint8_t again[INDEX_BLOCK_BYTES];
    bool last = false;

    if (size > sizeof block)
        return 0;
    if (size > 0)
        memcpy(block, data, size);

    int count = index_block_check(block, &last);

    require(count == -EBADMSG || (count > 0 && (size_t)count <= INDEX_BLOCK_ENTRIES));
    for (int i = 0; i < count; i++) {
        entries[i] = index_block_entry(block, (size_t)i);
        require(index_block_search(block, count, entries[i].reference.id) == i);
        require(entries[i].reference.sealed_size <= OBJECT_SEALED_LIMIT);
        search_beside(block, count, entries[i].reference.id);
    }
    if (count > 0) {
        index_block_encode(entries, (size_t)count, last, again);
        require(memcmp(block, again, sizeof block) == 0);
    }
    return 0;
}
