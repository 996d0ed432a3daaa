/* SPDX-License-Identifier: MIT */
/* Whether a table holds what was restored into it, looked at from outside: as any source is. */
#ifndef CRMFS_RESTORE_RESTORE_COMPARE_H
#define CRMFS_RESTORE_RESTORE_COMPARE_H

#include "backends/source/source.h"
#include "backends/target/target.h"
#include "fs/base/failure.h"

/*
 * Reads table NAME of DATASET, a moment of a database of KIND, and compares the columns that LIKE
 * has (those that are not generated) with what COUNTS says was put. -ENOENT; -EIO in words:
 * they differ.
 */
int restore_compare(struct dataset *dataset, const char *kind, const char *name,
                    const struct schema *like, const struct load_counts *counts,
                    struct failure *failure);

#endif
