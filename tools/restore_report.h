/* SPDX-License-Identifier: MIT */
/* What a restore did, or would do, on standard output. */
#ifndef CRMFS_TOOLS_RESTORE_REPORT_H
#define CRMFS_TOOLS_RESTORE_REPORT_H

#include "fs/restore/restore.h"
#include "tools/left_out.h"

/* A table of the tables, and what differs between source and target. 0, -ENOMEM. */
int restore_report_to_people(const struct restore_plan *plan);
/* Of a dry run: what stands in the way, on standard error, a line each. */
void restore_report_refusals(const struct refusals *refusals);
int restore_report_as_json(const struct restore_plan *plan, const struct left_out *left_out,
                           struct failure *failure);

#endif
