/* SPDX-License-Identifier: MIT */
/*
 * What content is like: hashes of its short stretches, of one in 64 of them. Which ones depends on
 * what stands there alone, so that what was moved is known again.
 */
#ifndef CRMFS_FILES_SKETCH_H
#define CRMFS_FILES_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "fs/files/cut.h"

#define SKETCH_PLACES ((size_t)8192) /* CUT_MOST bytes fill half of them */

struct sketch {
    uint32_t hashes[SKETCH_PLACES]; /* by their own hash; 0: none */
    size_t count;
};

/* Of SIZE bytes, with the table that they are cut by; what does not fit into it is left out. */
void sketch_make(struct sketch *sketch, const uint64_t gear[CUT_GEAR_ENTRIES], const uint8_t *bytes,
                 size_t size);

/* How much of the smaller one is in the other, in 1/SKETCH_ALL; 0 if they are too small to say. */
#define SKETCH_ALL 1000U
unsigned sketch_common(const struct sketch *left, const struct sketch *right);

#endif
