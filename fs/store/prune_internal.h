/* SPDX-License-Identifier: MIT */
/*
 * What the files of prune share: the order of things (prune.c), packs that are rewritten
 * (prune_rewrite.c), the log's old files (prune_log.c).
 */
#ifndef CRMFS_STORE_PRUNE_INTERNAL_H
#define CRMFS_STORE_PRUNE_INTERNAL_H

#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/prune.h"
#include "fs/store/reach.h"

struct pruning {
    struct store *store;
    struct object_reader *reader;
    const struct prune_options *options;
    struct log_state state;
    struct reach *reach; /* of the state as it was when it was made */
    struct prune_result result;
    struct failure *failure;
};

/* Places of packs in the reach. */
struct pack_set {
    size_t *places;
    size_t count;
};

int pack_set_add(struct pack_set *set, size_t place); /* 0 or -ENOMEM */

static inline void pack_set_release(struct pack_set *set)
{
    free(set->places);
}

#define cleanup_pack_set __attribute__((__cleanup__(pack_set_release)))

/* Which packs are to be rewritten so that no more than the options allow stays unused. */
int prune_choose(struct pruning *pruning, struct pack_set *set);

/* Writes what lives in these packs into new ones, with their index, durably. */
int prune_rewrite(struct pruning *pruning, const struct pack_set *set);

/* Removes the records and checkpoints that nobody needs. */
int prune_log(struct pruning *pruning);

/* Salts of the packs that records of the log name as their snapshots' own, in order. */
int prune_named_packs(struct pruning *pruning, uint8_t (**ret_salts)[STORE_SALT_BYTES],
                      size_t *ret_count);

#endif
