/* SPDX-License-Identifier: MIT */
/*
 * A change to the database of a live source, in one transaction of a target
 * (backends/target/target.h): what it writes is durable and shows when it is committed, or nothing
 * has changed.
 */
#ifndef CRMFS_TREE_LIVE_CHANGE_H
#define CRMFS_TREE_LIVE_CHANGE_H

#include "backends/target/target.h"
#include "fs/base/failure.h"
#include "fs/table/records.h"
#include "fs/tree/live.h"

struct live_change {
    struct live *live;
    struct target *target;
    struct schema *table; /* the target's */
    struct record_key key;
    const struct caller *caller;
    bool look; /* nothing will be changed */
    struct failure *failure;
};

/* Opens the database, and finds TABLE; to be ended in any case. LIVE, CALLER, LOOK are set. */
int live_change_begin(struct live_change *change, const char *table);

/* All constraints hold, and it is durable; whoever looks next sees it. */
int live_change_commit(struct live_change *change);

/* What was not committed is taken back. */
void live_change_end(struct live_change *change);

#define cleanup_live_change __attribute__((__cleanup__(live_change_end)))

#endif
