/* SPDX-License-Identifier: MIT */
/* What crmfs prune and crmfs forget --prune share. */
#ifndef CRMFS_TOOLS_PRUNE_RUN_H
#define CRMFS_TOOLS_PRUNE_RUN_H

#include "fs/store/prune.h"
#include "tools/answer.h"

#define PRUNE_USUAL                                                                    \
    {                                                                                  \
        .grace_ns = PRUNE_GRACE_NS, .unused = { UNUSED_PERCENT, PRUNE_UNUSED_PERCENT } \
    }

/* Prunes, with progress on the terminal; errors as prune(). */
int prune_show(struct store *store, const struct prune_options *options,
               struct prune_result *ret_result, struct failure *failure);

/* Says what came of it, or, of a dry run, would come of it. */
void prune_say(const struct prune_result *result, const struct prune_options *options);

/* The same as an object. */
void prune_answer(struct answer *answer, const struct prune_result *result, bool dry_run);

#endif
