/* SPDX-License-Identifier: MIT */
#include "fs/store/chain.h"

bool chain_next(const struct chain_place *predecessor, uint64_t phase, struct chain_step *ret_step)
{
    uint8_t depth = predecessor->depth;
    uint8_t anchor = predecessor->anchor;
    uint64_t early = anchor == 0 ? phase % OBJECT_DEPTH_MOST : 0;

    if (depth < OBJECT_DEPTH_MOST - early) {
        *ret_step = (struct chain_step){{(uint8_t)(depth + 1), anchor}, depth};
        return true;
    }
    if (anchor >= OBJECT_DEPTH_MOST - 1)
        return false;

    uint8_t next = (uint8_t)(anchor + 1);

    *ret_step = (struct chain_step){{next, next}, anchor};
    return true;
}
