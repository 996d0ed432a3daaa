/* SPDX-License-Identifier: MIT */
/*
 * Which snapshots to keep, in restic's words and with their meanings (its manual,
 * "Removing snapshots according to a policy"): a snapshot that one rule keeps is
 * kept. "The last N days" are the last N that have a snapshot, in local time. Pure:
 * nothing is read but the arguments and the time zone.
 */
#ifndef CRMFS_STORE_POLICY_H
#define CRMFS_STORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/store/log.h"

enum policy_period {
    POLICY_LAST, /* every snapshot is one of its own */
    POLICY_HOURLY,
    POLICY_DAILY,
    POLICY_WEEKLY, /* from Monday */
    POLICY_MONTHLY,
    POLICY_YEARLY,
    POLICY_PERIODS
};

#define POLICY_UNLIMITED (-1)

struct policy_duration {
    int years;
    int months;
    int days;
    int hours;
};

struct policy {
    int count[POLICY_PERIODS]; /* the newest of each of the last so many; POLICY_UNLIMITED: all */
    /* The newest of each since so long before the newest snapshot; POLICY_LAST: all since then. */
    struct policy_duration within[POLICY_PERIODS];
    size_t tag_list_count;        /* a snapshot that has all tags of one list is kept */
    const char *const *tag_lists; /* comma-separated; "": has no tags. Borrowed */
};

/* Whether the policy keeps nothing, whatever there is. */
bool policy_is_empty(const struct policy *policy);

/* "5", "0", "unlimited"; "2y5m7d3h", in this order, each part at most once. 0 or -EINVAL. */
int policy_count_parse(const char *text, int *ret_count);
int policy_duration_parse(const char *text, struct policy_duration *ret_duration);

/* Why a snapshot is kept: a set of bits; 0: it is not. */
typedef uint32_t policy_reasons;

/*
 * Judges one group of COUNT snapshots, given in the order of their times. One that is newer than
 * NOW_NS is not the one from which "within" counts. One that is so by more than clocks differ was
 * dated by a clock that was wrong: it takes no place in a rule, where it would stand for newer
 * ones that are dated rightly, and is kept, since nobody knows when it was taken (POLICY_AHEAD).
 */
void policy_apply(const struct policy *policy, const struct snapshot *const *snapshots,
                  size_t count, uint64_t now_ns, policy_reasons *ret_reasons);

/* What no rule has said: it has lost data, and no rule is asked of it. */
#define POLICY_DAMAGED ((policy_reasons)1 << 6)

#define POLICY_AHEAD ((policy_reasons)1 << 14)

/* Of those that are no rule's: others have to be kept besides. */
static inline bool policy_is_by_rule(policy_reasons reasons)
{
    return (reasons & ~(POLICY_DAMAGED | POLICY_AHEAD)) != 0;
}

/* "daily snapshot, oldest weekly snapshot", appended. 0, -ENOMEM, -EFBIG. */
int policy_reasons_print(policy_reasons reasons, struct buffer *output);

/* Whether the snapshot has all tags of a comma-separated list; "": has none at all. */
bool snapshot_has_tags(const struct snapshot *snapshot, const char *list);

#endif
