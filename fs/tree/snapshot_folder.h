/* SPDX-License-Identifier: MIT */
/*
 * The folder of a snapshot: one folder a source. Made when it is looked up, cheap
 * until somebody looks into it: then its tree is read from the store.
 */
#ifndef CRMFS_TREE_SNAPSHOT_FOLDER_H
#define CRMFS_TREE_SNAPSHOT_FOLDER_H

#include "fs/store/log.h"
#include "fs/tree/frozen.h"
#include "fs/tree/node.h"

/* Told when the last reference to FOLDER is gone, before its memory is. */
struct snapshot_owner {
    void (*released)(struct snapshot_owner *owner, struct node *folder);
};

/* What the log says of SNAPSHOT is copied. OWNER outlives the folder. 0 or -ENOMEM. */
int snapshot_folder_create(const struct frozen_context *context, const struct snapshot *snapshot,
                           struct snapshot_owner *owner, struct node **ret_folder);

/* Of the snapshot, borrowed. */
const uint8_t *snapshot_folder_id(const struct node *folder);
const char *snapshot_folder_name(const struct node *folder);

#endif
