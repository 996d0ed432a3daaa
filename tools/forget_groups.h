/* SPDX-License-Identifier: MIT */
/* Snapshots in groups, to each of which rules of forgetting apply by itself. */
#ifndef CRMFS_TOOLS_FORGET_GROUPS_H
#define CRMFS_TOOLS_FORGET_GROUPS_H

#include "fs/store/policy.h"
#include "tools/opened_store.h"
#include "tools/snapshot_filter.h"

/* What makes a group. */
struct group_by {
    bool host;
    bool sources;
    bool tags;
};

/* "host,sources,tags" in any order, or "". 0 or -EINVAL. */
int group_by_parse(const char *text, struct group_by *ret_by);

struct snapshot_group {
    char *label; /* "host a, sources crm" for people; "" when nothing is grouped by */
    size_t count;
    const struct snapshot **snapshots; /* in the order of their times; the state's own */
    policy_reasons *reasons;           /* why each is kept; 0: it is forgotten */
};

struct snapshot_groups {
    size_t count;
    struct snapshot_group *groups; /* in the order of their oldest snapshots */
    size_t unread;                 /* of which nobody can say what group they are of: they stay */
    size_t damaged;                /* in the groups, and of which something is lost: they stay */
};

/*
 * Those of the store's snapshots that FILTER has, judged by POLICY. What cannot be read is told of,
 * and in no group. What has lost data (as a plain check sees it) takes no place in a rule, which
 * another one keeps in its stead: it is told of, and kept for that. It is looked for where the
 * rules would forget something. 0, -ENOMEM, what the store refuses.
 */
int snapshot_groups_make(const struct opened_store *opened, const struct snapshot_filter *filter,
                         const struct group_by *by, const struct policy *policy,
                         struct snapshot_groups *ret_groups, struct failure *failure);
void snapshot_groups_release(struct snapshot_groups *groups); /* zeroed is allowed */

#endif
