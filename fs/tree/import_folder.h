/* SPDX-License-Identifier: MIT */
/*
 * live/<source>/.import/{append,upsert,replace,missing}/: a file copied there, called as a table's
 * file is, is loaded into that table when it is all there (fs/tree/drafts.h), and is gone then.
 * What became of it stands beside, in <file>.result, and is the answer to whoever closed or renamed
 * it.
 */
#ifndef CRMFS_TREE_IMPORT_FOLDER_H
#define CRMFS_TREE_IMPORT_FOLDER_H

#include "fs/tree/live.h"
#include "fs/tree/node.h"

#define IMPORT_FOLDER ".import"

/* A reference. 0 or -ENOMEM. It does not outlive LIVE. */
int import_folder_create(struct live *live, struct node **ret_folder);

#endif
