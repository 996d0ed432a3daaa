/* SPDX-License-Identifier: MIT */
/*
 * What a restore, or a migration, would do, and all that stands in its way: it is done in one
 * transaction, and taken back. A table that it ends at is left out, and it is tried again.
 */
#ifndef CRMFS_TOOLS_DRY_RUN_H
#define CRMFS_TOOLS_DRY_RUN_H

#include "fs/restore/restore.h"
#include "tools/left_out.h"
#include "tools/progress_line.h"

struct dry_run {
    const char *target; /* its URL */
    const struct target_options *target_options;
    struct dataset *dataset;
    const char *kind;
    bool json;
    bool quiet;                      /* only what stands in the way is said */
    const struct left_out *left_out; /* of the source */
    progress_text *progress;         /* drawn while it is tried, unless quiet */
    void *progress_context;
};

/*
 * OPTIONS: as for restore_plan; dry_run and refusals are set here. 0: nothing stands in the way.
 * -EINVAL: how much does; it has been said.
 */
int dry_run(const struct dry_run *run, const struct restore_options *options,
            struct failure *failure);

#endif
