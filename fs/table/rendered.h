/* SPDX-License-Identifier: MIT */
/*
 * What a render_cache keeps: its entries, and how much memory they may have. The inside of
 * fs/table/render_cache.h, which has them loaded.
 *
 * Fresh pages cost more than rendering into them, so a full cache goes on with the memory of what
 * it evicts. For that, large parts all get the same room, which any of them fits into; what counts
 * is how much of it was ever touched. Eviction begins a part below the limit, so that the limit
 * itself, where memory is given back to the system, is seldom reached.
 */
#ifndef CRMFS_TABLE_RENDERED_H
#define CRMFS_TABLE_RENDERED_H

#include <pthread.h>

#include "fs/base/buffer.h"
#include "fs/base/hash.h"
#include "fs/base/workers.h"
#include "fs/table/render_cache.h"
#include "fs/table/scratch_pool.h"

#define PART_ROOM_BYTES ((size_t)2 << 20)
#define LARGE_PART_BYTES ((size_t)64 << 10)

enum rendered_state {
    LOADING,
    READY,
    FAILED,
};

struct rendered_key {
    uint64_t image;
    uint64_t part;
    uint64_t format;
};

struct rendered {
    struct rendered_key key;
    UT_hash_handle hh;            /* in the cache's table unless FAILED */
    struct rendered *prev, *next; /* READY and not held: the list by use, oldest first */
    struct render_cache *cache;
    enum rendered_state state;
    bool refused;
    unsigned holders;
    struct buffer bytes;
    size_t touched;          /* bytes of its memory that were ever written to */
    int error;               /* FAILED */
    struct failure *failure; /* FAILED; NULL: no words, or no memory for them */
};

struct render_cache {
    size_t limit_bytes;
    struct workers *workers; /* NULL: none */
    struct scratch_pool scratches;

    pthread_mutex_t lock; /* guards all below and the entries' fields */
    int64_t reserved_bytes;
    pthread_cond_t loaded;
    struct rendered *table;
    struct rendered *idle; /* READY and not held, oldest first */
    size_t bytes;          /* of all entries */
};

/* The lock is held when these are called, or nobody else has the cache any more. */

/* Evicts until what is kept is within what may be kept now. */
void rendered_shrink(struct render_cache *cache);

/*
 * The entry of a key, held; LOADING if *RET_MINE, for the caller to load. PART_BYTES: what it will
 * have. NULL: no memory.
 */
struct rendered *rendered_hold(struct render_cache *cache, const struct rendered_key *key,
                               uint64_t part_bytes, bool *ret_mine);

/* A new LOADING entry, of a key that has none, likewise. */
struct rendered *rendered_create(struct render_cache *cache, const struct rendered_key *key,
                                 uint64_t part_bytes);

/* Gives one hold back. */
void rendered_drop(struct render_cache *cache, struct rendered *entry);

#endif
