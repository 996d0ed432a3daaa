/* SPDX-License-Identifier: MIT */
/* A symbolic link, whose target never changes. */
#ifndef CRMFS_TREE_LINK_H
#define CRMFS_TREE_LINK_H

#include "fs/tree/node.h"

/* SHOWN_INODE: what stat shows, 0 for the node's own. 0 or -ENOMEM. */
int link_create(const char *path, const char *target, struct timespec modified,
                uint64_t shown_inode, struct node **ret_link);

/* Whether a link so made would be the same. */
bool link_is(const struct node *link, const char *target, struct timespec modified);

#endif
