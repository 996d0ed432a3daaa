/* SPDX-License-Identifier: MIT */
/*
 * What was written to a file and is not stored yet: runs of bytes in the order of their offsets,
 * which do not overlap. One owner, no locks.
 *
 * The bytes of a run stand in a block, which several runs and whoever stores them may share:
 *
 *  1. Bytes that somebody else holds (refs > 1) never change and do not move; what is written over
 *     them becomes a run of its own.
 *  2. Behind the bytes of all its runs (used) a block may grow as long as there is room.
 *  3. A run that is taken is being stored: it stays as it is, or goes.
 *  4. What is left of a block of which most was cut off moves into one of its own size, or a byte
 *     could keep a megabyte. What was cut off counts as long as the block stays.
 */
#ifndef CRMFS_FILES_RUNS_H
#define CRMFS_FILES_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_POOL_BLOCKS 8
#define RUN_BYTES_MOST ((size_t)1 << 20) /* that a run grows to; a write makes a longer one */

/* Blocks of RUN_BYTES_MOST that were used, for others that are: taking fresh memory costs more. */
struct run_pool {
    struct run_block *blocks[RUN_POOL_BLOCKS];
    size_t count;
};

void run_pool_release(struct run_pool *pool);

struct run_block {
    struct run_pool *pool; /* NULL: none */
    unsigned refs;
    size_t room;
    size_t used; /* up to the end of its last run */
    size_t live; /* of its runs that were not cut off */
    uint8_t bytes[];
};

struct run {
    uint64_t offset;
    size_t size;
    uint8_t *bytes; /* in the block */
    struct run_block *block;
    bool taken;
};

/* Zeroed: empty, without a pool. */
struct runs {
    struct run_pool *pool; /* borrowed, guarded as the runs are */
    struct run *runs;
    size_t count;
    size_t room;
    size_t bytes; /* of all runs */
    size_t held;  /* in the blocks that these stand in, with what was cut off */
    size_t taken; /* of those that are taken */
    size_t taken_count;
    size_t untaken_from; /* all before that place are taken */
};

/* What runs take in memory, about, besides their bytes: many are of one byte. */
#define RUN_BESIDE_BYTES ((size_t)512)

static inline size_t runs_memory(const struct runs *runs)
{
    return runs->held + runs->count * RUN_BESIDE_BYTES;
}

/* Of those that are taken. */
static inline size_t runs_memory_taken(const struct runs *runs)
{
    return runs->taken + runs->taken_count * RUN_BESIDE_BYTES;
}

/* SIZE is not 0. 0 or -ENOMEM, with nothing changed. */
int runs_write(struct runs *runs, uint64_t offset, const void *bytes, size_t size);

/* Takes the bytes from FROM up to END away. 0 or -ENOMEM, with nothing changed. */
int runs_cut(struct runs *runs, uint64_t from, uint64_t end);

/* The first run that ends after OFFSET: its place, or the count. */
size_t runs_find(const struct runs *runs, uint64_t offset);

/* Makes the first SIZE bytes of the run at PLACE a run of their own. 0 or -ENOMEM. */
int runs_split(struct runs *runs, size_t place, size_t size);

/* Whether a run is taken. */
void runs_take(struct runs *runs, size_t place, bool taken);

void runs_release(struct runs *runs);

/* The first run that is not taken: its place, or the count. */
size_t runs_first_untaken(struct runs *runs);

/* For who holds a block besides the runs. */
void run_block_drop(struct run_block *block);

#endif
