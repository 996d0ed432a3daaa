/* SPDX-License-Identifier: MIT */
/* A store as the commands that look at snapshots have it: open, its log read. */
#ifndef CRMFS_TOOLS_OPENED_STORE_H
#define CRMFS_TOOLS_OPENED_STORE_H

#include "fs/base/failure.h"
#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/store.h"
#include "fs/store/tables.h"
#include "tools/passphrase.h"

struct opened_store {
    const char *path; /* borrowed; for messages */
    struct store *store;
    struct object_reader *reader;
    struct log_state state;
};

/* As store_access_open, and what the log or memory refuses. */
int opened_store_open(const char *path, const struct passphrase_options *options,
                      struct opened_store *ret_opened, struct failure *failure);
void opened_store_release(struct opened_store *opened); /* zeroed is allowed */

/* The snapshot NAME, or the newest one when NAME is "latest"; borrowed. 0 or -ENOENT. */
int opened_store_find(const struct opened_store *opened, const char *name,
                      const struct snapshot **ret_snapshot, struct failure *failure);

/* What SNAPSHOT consists of; stored_tree_release gives it back. 0, -EIO, -ENOMEM. */
int opened_store_tree(const struct opened_store *opened, const struct snapshot *snapshot,
                      struct stored_tree *ret_tree, struct failure *failure);

#endif
