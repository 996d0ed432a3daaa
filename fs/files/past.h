/* SPDX-License-Identifier: MIT */
/*
 * An earlier version of a file that is being written anew: which pieces it consisted of. A new
 * piece is compressed against the one that stood about there. One owner, no locks.
 */
#ifndef CRMFS_FILES_PAST_H
#define CRMFS_FILES_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/store/object.h"

#define PAST_FILE_LEAST ((uint64_t)256 << 10) /* smaller versions are not worth it */
#define PAST_PIECES_MOST ((size_t)1 << 16)    /* 4 MiB; about 5 GB of a file */

struct past_piece {
    uint64_t offset;
    uint32_t length;
    struct object_reference content;
};

/* Zeroed: nothing is known. */
struct past {
    struct past_piece *pieces; /* in the order of their offsets */
    size_t count, room;
    int64_t drift;   /* by how much the old version is ahead of the new one, about here */
    unsigned misses; /* pieces in a row that had nothing in common with what was found */
};

/* What it takes of memory. */
static inline size_t past_bytes(const struct past *past)
{
    return past->room * sizeof *past->pieces;
}

/* Behind those before, MOST at the most. 0, -ENOMEM; -E2BIG: it is too long. */
int past_add(struct past *past, size_t most, uint64_t offset, uint32_t length,
             const struct object_reference *content);

/* The first piece that ends after OFFSET: its place, or the count. */
size_t past_place(const struct past *past, uint64_t offset);

/*
 * What a piece of SIZE bytes at OFFSET is likely to be a new version of. NULL: nothing is. Follows
 * where the two versions stand, so pieces are to be asked for in their order.
 */
const struct past_piece *past_find(struct past *past, uint64_t offset, size_t size);

/* What became of the piece: stored as CONTENT, in STORED bytes, 0 when it was there already. */
void past_learn(struct past *past, uint64_t offset, size_t size,
                const struct object_reference *content, uint64_t stored);

void past_release(struct past *past);

#endif
