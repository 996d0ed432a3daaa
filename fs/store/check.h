/* SPDX-License-Identifier: MIT */
/*
 * Is everything there that the store's snapshots need, and is it what was put
 * there? Reads only. Without read_data: the log, the indexes, the packs' directories, and all
 * that describes tables; with it, every byte.
 */
#ifndef CRMFS_STORE_CHECK_H
#define CRMFS_STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/image_cache.h"
#include "fs/store/progress.h"
#include "fs/store/store.h"
#include "fs/store/walk.h"

enum check_kind {
    CHECK_KEY,
    CHECK_LOG,
    CHECK_CHECKPOINT, /* can be done without */
    CHECK_INDEX,      /* repair makes it again */
    CHECK_PACK,
    CHECK_SNAPSHOT, /* data that a snapshot lost: where, PLACE says */
};

struct check_finding {
    enum check_kind kind;
    const char *file;               /* in the store; NULL: none in particular */
    const struct walk_place *place; /* CHECK_SNAPSHOT only */
    bool harmless;                  /* no snapshot lost anything by it */
    int unread;       /* errno: the storage could not read it, and it may be whole; 0 */
    const char *text; /* what is wrong */
};

/* From one thread at a time. */
typedef void check_report(void *context, const struct check_finding *finding);

struct check_options {
    bool read_data;
    unsigned subset; /* of the packs, the SUBSET-th of SUBSETS parts; 0 of 0: all of them */
    unsigned subsets;
    unsigned threads; /* 0: as many as there are processors */
    check_report *report;
    void *context;
    const struct store_progress *progress; /* NULL: nobody wants to know */
};

struct check_result {
    uint64_t findings;
    uint64_t harmful; /* of them: not harmless */
    uint64_t snapshots;
    uint64_t packs;
    uint64_t pack_bytes;   /* of the files */
    uint64_t objects;      /* stored */
    uint64_t objects_read; /* and hashed */
    uint64_t bytes_read;   /* of data, decompressed */
    uint64_t
        packs_unindexed; /* that no index tells of, though what is in them is needed: no finding,
                            since all of it is there, and repair makes indexes again */
    struct image_cache_sum kept; /* what can be done without: damage there is no finding */
};

/* 0, whatever was found; -errno: it could not go on. */
int check(struct store *store, const struct check_options *options, struct check_result *ret_result,
          struct failure *failure);

/*
 * The same of COUNT snapshots alone, their directories and descriptions, of which rows are not
 * read: sets LOSSY[i] where something of the I-th is lost; all false at first. One that another has
 * forgotten meanwhile is not. 0; -errno: it could not go on.
 */
int check_snapshots(struct store *store, const struct snapshot *const *snapshots, size_t count,
                    bool *lossy, struct failure *failure);

#endif
