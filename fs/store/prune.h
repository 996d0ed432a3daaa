/* SPDX-License-Identifier: MIT */
/*
 * Gives back the room of what no snapshot needs any more (FORMAT.md, "Prune"). Safe
 * beside snapshots that are taken, readers, mounts and other prunes; a power cut, or its end
 * at any moment, costs at most some room until the next one.
 */
#ifndef CRMFS_STORE_PRUNE_H
#define CRMFS_STORE_PRUNE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/image_cache.h"
#include "fs/store/log.h"
#include "fs/store/progress.h"
#include "fs/store/store.h"

#define PRUNE_GRACE_NS (UINT64_C(3600) * 1000000000)
#define PRUNE_UNUSED_PERCENT 5

/* How much may stay unused in packs that are needed otherwise. */
struct prune_unused {
    enum { UNUSED_PERCENT, UNUSED_BYTES, UNUSED_UNLIMITED } kind;
    uint64_t amount; /* UNUSED_PERCENT: of all that the packs hold then, 0 … 99 */
};

struct prune_options {
    uint64_t grace_ns; /* between mark and removal */
    struct prune_unused unused;
    bool dry_run;                          /* only says what would be done … */
    const struct snapshot *const *gone;    /* … if these were forgotten; borrowed */
    size_t gone_count;                     /* 0 unless dry_run */
    const struct store_progress *progress; /* NULL: nobody wants to know */
    const bool *ending;                    /* atomic; may be NULL: it is given up, -ECANCELED */
};

struct prune_sum {
    uint64_t packs;
    uint64_t bytes; /* of their files */
};

struct prune_result {
    struct prune_sum found;      /* before */
    struct prune_sum garbage;    /* marked now: nothing in them is needed */
    struct prune_sum emptied;    /* marked now: what was needed in them was written again */
    struct prune_sum written;    /* for that; bytes of objects */
    struct prune_sum removed;    /* now: they had been marked long enough ago */
    struct prune_sum waiting;    /* marked before, in a dry run; else now too; not yet removed */
    struct prune_sum young;      /* not needed, but perhaps a snapshot's that is being taken */
    uint64_t unused_bytes;       /* what stays unused in packs that are needed */
    uint64_t ancestor_bytes;     /* kept only because what is needed is compressed against it */
    uint64_t records_removed;    /* of the log; checkpoints too */
    struct image_cache_sum kept; /* removed: kept tables, damaged or long unused */
};

/* 0; -EBADMSG: the store lacks something, and nothing was done; -EIO: what was to be rewritten is
 * damaged, and stays, all else may be done; -EROFS, -ENOMEM … */
int prune(struct store *store, const struct prune_options *options, struct prune_result *ret_result,
          struct failure *failure);

#endif
