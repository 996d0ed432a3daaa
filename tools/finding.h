/* SPDX-License-Identifier: MIT */
/* What a check found, for people as it comes, or in JSON. */
#ifndef CRMFS_TOOLS_FINDING_H
#define CRMFS_TOOLS_FINDING_H

#include <limits.h>

#include "fs/base/failure.h"
#include "fs/store/check.h"
#include "tools/answer.h"
#include "tools/progress_line.h"

struct findings {
    struct store *store;   /* for the names of files */
    struct answer *answer; /* NULL: for people */
    struct progress_line *line;
    uint64_t repairable; /* that crmfs repair mends */
    uint64_t records;    /* of the log */
    uint64_t losses;     /* of snapshots and files/ */
    uint64_t lost_kept;  /* of them, of files/ in snapshots */
    uint64_t lost_files; /* of them, of files/ as it is now: what files hold, */
    uint64_t lost_trees; /* or what they are called and where they are */
    uint64_t unread;     /* that the storage could not read */
    uint64_t named;      /* files that a name was looked for of */
    struct {
        const struct snapshot *snapshot;
        uint64_t inode; /* 0: none yet */
        char path[PATH_MAX];
        char text[FAILURE_TEXT_SIZE];
    } last; /* of files/ that was told of: many of its pieces may be lost in the same way */
};

/* A check_report; CONTEXT is a struct findings. */
void finding_say(void *context, const struct check_finding *finding);

/* What can be done about losses: for people. STORE: its path. READ_DATA: found by reading all.
 */
void findings_say_losses(const struct findings *findings, const char *store, bool read_data);

/* "N/T" as in --read-data-subset. 0 or -EINVAL. */
int subset_parse(const char *text, unsigned *ret_part, unsigned *ret_parts);

#endif
