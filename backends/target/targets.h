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

#endif
