/* SPDX-License-Identifier: MIT */
/* What crmfs migrate says when it is done: of COUNT tables called NAMES, which the journal knows.
 */
#ifndef CRMFS_TOOLS_MIGRATION_REPORT_H
#define CRMFS_TOOLS_MIGRATION_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"
#include "tools/left_out.h"
#include "tools/migration_journal.h"
#include "tools/words.h"

/*
 * RESUMED: it went on where it had been interrupted. OUTDATED: those of the tables that are not
 * what the source has now; to people these have been named.
 */
int migration_report_as_json(const struct migration_journal *journal, char *const *names,
                             size_t count, bool resumed, const struct words *outdated,
                             const struct left_out *left_out, struct failure *failure);
void migration_report_to_people(const struct migration_journal *journal, char *const *names,
                                size_t count, bool resumed);

#endif
