/* SPDX-License-Identifier: MIT */
/* What crmfs prune and crmfs forget --prune share. */
#ifndef CRMFS_TOOLS_PRUNE_RUN_H
#define CRMFS_TOOLS_PRUNE_RUN_H

#include "fs/store/prune.h"

#define PRUNE_USUAL                                                                    \
    {                                                                                  \
        .grace_ns = PRUNE_GRACE_NS, .unused = { UNUSED_PERCENT, PRUNE_UNUSED_PERCENT } \
    }

/* Prunes, with progress on the terminal, and says what came of it. 0 or -errno. */
int prune_and_say(struct store *store, const struct prune_options *options, bool json,
                  struct failure *failure);

#endif
