/* SPDX-License-Identifier: MIT */
/* Whether a table that was restored before is still what its source has. */
#ifndef CRMFS_RESTORE_RESTORE_DIGEST_H
#define CRMFS_RESTORE_RESTORE_DIGEST_H

#include "fs/restore/restore.h"

/*
 * Reads the rows of TABLE, of a plan whose target has it, and writes none: *ret_counts are the rows
 * that a load would insert, with their digest, and those that do not fit (refused). 0 or -errno.
 */
int restore_digest(const struct restore_plan *plan, const struct restore_table *table,
                   struct load_counts *ret_counts, struct failure *failure);

#endif
