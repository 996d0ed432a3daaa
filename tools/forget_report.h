/* SPDX-License-Identifier: MIT */
/*
 * What crmfs forget says: which snapshots it forgot, which rule kept the others, and what a prune
 * afterwards did. As JSON that is one document.
 */
#ifndef CRMFS_TOOLS_FORGET_REPORT_H
#define CRMFS_TOOLS_FORGET_REPORT_H

#include "tools/answer.h"
#include "tools/forget_groups.h"
#include "tools/prune_run.h"

struct forget_report {
    struct answer answer; /* json only */
    bool json;
    bool dry_run;
    bool prune;      /* what a prune did is to be said too */
    bool begun;      /* something was said */
    size_t doubtful; /* snapshots that stay, unread or damaged: forget_groups.h */
};

/* JSON writes into the report, which must not move. */
void forget_report_begin(struct forget_report *report, bool json, bool dry_run, bool prune);

/* By rule. 0, -ENOMEM. */
int forget_report_groups(struct forget_report *report, const struct snapshot_groups *groups);

/* By name. */
void forget_report_names(struct forget_report *report, char **names, size_t count);

/* RESULT is NULL when the prune failed. */
void forget_report_prune(struct forget_report *report, const struct prune_result *result,
                         const struct prune_options *options);

/* Writes what is to be said as JSON, and releases the report. 0, -ENOMEM, -EFBIG, with words. */
int forget_report_end(struct forget_report *report, struct failure *failure);

#endif
