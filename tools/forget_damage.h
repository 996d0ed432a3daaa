/* SPDX-License-Identifier: MIT */
/*
 * Snapshots that have lost data, among those that rules of forgetting judge. Such a one that a rule
 * keeps would stand for whole ones that are forgotten for it.
 */
#ifndef CRMFS_TOOLS_FORGET_DAMAGE_H
#define CRMFS_TOOLS_FORGET_DAMAGE_H

#include "tools/forget_groups.h"

/*
 * The groups are judged. Looks through what rules keep of a group of which they forget something;
 * where that has lost data, through the group's others too, and judges it again without all that
 * are damaged, which it tells of and counts. 0, -ENOMEM, what the store refuses.
 */
int forget_damage_heed(const struct opened_store *opened, const struct policy *policy,
                       struct snapshot_groups *groups, struct failure *failure);

#endif
