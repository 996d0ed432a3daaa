/* SPDX-License-Identifier: MIT */
/* Whether a database that was migrated to holds what the journal says, read anew. */
#ifndef CRMFS_TOOLS_MIGRATION_COMPARE_H
#define CRMFS_TOOLS_MIGRATION_COMPARE_H

#include "backends/source/source.h"
#include "tools/migration_journal.h"

/*
 * TARGET: its URL; FROM: where COUNT tables called NAMES came from. -EIO in words: one is not as it
 * was written.
 */
int migration_compare(const char *target, const bool *cancelled, struct dataset *from,
                      const struct migration_journal *journal, char *const *names, size_t count,
                      struct failure *failure);

#endif
