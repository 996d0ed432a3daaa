/* SPDX-License-Identifier: MIT */
/*
 * Makes again what can be made again: indexes from packs, checkpoints from the log, packs of which
 * only what nobody needs is damaged, or what another pack has too. What is lost is reported as
 * check() does. Drops nothing that anybody may need, unless it is told to forget the snapshots that
 * lost something, or to give up damaged records of the log. Whole tables go only if it is told so:
 * a snapshot of which files/ alone lost something is another thing to forget.
 */
#ifndef CRMFS_STORE_REPAIR_H
#define CRMFS_STORE_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/store/check.h"
#include "fs/store/log_mend.h"
#include "fs/store/misnamed.h"

struct repair_options {
    bool forget_damaged;       /* snapshots that check() finds damaged: their tables, */
    bool forget_files_damaged; /* or files/ of them alone: only with forget_damaged */
    bool drop_records;         /* of the log, that are damaged: log_mend.h */
    /* After that; what it changes is looked at next. files/ stands above the store. NULL: nothing.
     */
    int (*forget_files)(void *context, struct store *store, struct failure *failure);
    void *forget_context;
    struct check_options check; /* what is reported, and whether data is read for that */
};

struct repair_result {
    struct misnamed_result misnamed;
    size_t packs;         /* that the new indexes are of */
    size_t packs_damaged; /* whose directory does not open, while something is lost */
    size_t objects;
    size_t packs_replaced;      /* damaged ones, marked: what is needed of them was written anew */
    size_t objects_rewritten;   /* for that */
    struct log_mended log;      /* drop_records only */
    size_t recovered;           /* snapshots whose record was given up, listed again */
    bool files_unsure;          /* a record that was given up may have been of files/ */
    size_t checkpoints_removed; /* that did not open, or did not say what the log says */
    bool checkpoint_written;
    size_t forgotten;
    size_t spared; /* that lost something of files/ alone, and were not forgotten */
    size_t lost;   /* findings of check() that tell what snapshots and files/ lack in the end */
    uint64_t kept_removed;     /* damaged images of the cache */
    struct check_result check; /* of forget_damaged, before anything was forgotten */
};

/* 0 or -errno; what was made until then stays. */
int repair(struct store *store, const struct repair_options *options,
           struct repair_result *ret_result, struct failure *failure);

#endif
