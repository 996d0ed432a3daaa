/* SPDX-License-Identifier: MIT */
/* The foot and a directory block of a kept image, in plaintext: what is taken is as its rules say.
 */
#include <stdlib.h>
#include <string.h>

#include "fs/store/kept_layout.h"
#include "tests/fuzz/target.h"

#define GROUPS_MOST 64u

/* The foot, the file's length (8), how many groups to take (1), the block. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kept_group groups[GROUPS_MOST];
    struct kept_foot foot;
    uint8_t again[KEPT_FOOT_BYTES];
    uint64_t length, end = KEPT_HEAD_BYTES;

    if (size < KEPT_FOOT_BYTES + sizeof length + 1)
        return 0;
    memcpy(&length, data + KEPT_FOOT_BYTES, sizeof length);
    if (kept_foot_decode(data, length, &foot) == 0) {
        kept_foot_encode(&foot, again);
        if (memcmp(again, data, sizeof again) != 0 || length % KEPT_ROUND_BYTES != 0)
            abort();
    }
    data += KEPT_FOOT_BYTES + sizeof length;
    size -= KEPT_FOOT_BYTES + sizeof length;

    size_t count = *data++ % GROUPS_MOST;

    size--;
    if (kept_block_decode(data, size, count, &end, groups) != 0)
        return 0;

    uint8_t *block = malloc(size != 0 ? size : 1);

    if (block == NULL)
        return 0;
    kept_block_encode(groups, count, block, size);
    if (size != 0 && memcmp(block, data, size) != 0)
        abort();
    free(block);
    return 0;
}
