/* SPDX-License-Identifier: MIT */
/* How each kind of target is opened; see target_open. */
#ifndef CRMFS_TARGET_TARGETS_H
#define CRMFS_TARGET_TARGETS_H

#include "backends/target/target.h"

/* PATH is taken over. */
int sqlite_target_open(char *path, const struct target_options *options, struct target **ret_target,
                       struct failure *failure);
int mysql_target_open(const char *url, const struct target_options *options,
                      struct target **ret_target, struct failure *failure);
int postgres_target_open(const char *url, const struct target_options *options,
                         struct target **ret_target, struct failure *failure);

/* Before what is said of a connection that was lost while the server was to commit. */
#define TARGET_COMMIT_UNKNOWN \
    "whether all of it was committed, or nothing, is not known: look before it is done again"

/* What to do about a row that misses what it refers to. */
#define TARGET_ORPHAN_HINT \
    "restore that as well (--with-parents), or, where the source lacks it, too, say --orphans"

#endif
