/* SPDX-License-Identifier: MIT */
/*
 * The folder raw/ of an archive: its members, byte for byte, in their folders. What a
 * member holds is fetched when it is first read.
 */
#ifndef CRMFS_TREE_RAW_FOLDER_H
#define CRMFS_TREE_RAW_FOLDER_H

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/tree/node.h"

/* Of an indexed dataset's members; *ret_folder is NULL when it has none. 0 or -ENOMEM. */
int raw_folder_create(struct dataset *dataset, const char *path, struct node **ret_folder);

#endif
