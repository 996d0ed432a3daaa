/* SPDX-License-Identifier: MIT */
/*
 * The node by which files/ is found in its folder. What is in it, the mount asks fs/files:
 * inode numbers say which is which.
 */
#ifndef CRMFS_TREE_FILES_FOLDER_H
#define CRMFS_TREE_FILES_FOLDER_H

#include "fs/files/files.h"
#include "fs/tree/node.h"

/* files/ as a snapshot has it, with its top node at TOP; NULL: as it is now. 0 or -ENOMEM. */
int files_folder_create(struct files *files, const char *path, const struct object_reference *top,
                        struct node **ret_node);

#endif
