/* SPDX-License-Identifier: MIT */
/* What a store holds, in numbers. What each snapshot holds and added, the log says (log.h). */
#ifndef CRMFS_STORE_STATS_H
#define CRMFS_STORE_STATS_H

#include <stdint.h>

#include "fs/store/image_cache.h"
#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/progress.h"

struct stats_sum {
    uint64_t count;
    uint64_t bytes;
};

struct stats {
    uint64_t raw_bytes;    /* CSV of all tables of all snapshots */
    uint64_t stored_bytes; /* of all files of the store but what is kept for mounts */
    struct stats_sum packs;
    struct stats_sum indexes;
    struct stats_sum records;
    struct stats_sum checkpoints;
    struct stats_sum keys;
    struct stats_sum objects[OBJECT_TYPES]; /* as stored, by type */
    uint64_t deltas;                        /* of the row groups: stored against another */
    uint64_t packs_unreadable;
    struct image_cache_sum kept; /* tables of live sources, kept for mounts */
};

/* STATE is read. 0 or -errno. */
int stats_collect(struct store *store, const struct log_state *state,
                  const struct store_progress *progress, struct stats *ret_stats,
                  struct failure *failure);

#endif
