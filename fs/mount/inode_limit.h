/* SPDX-License-Identifier: MIT */
/*
 * Has the kernel forget inodes when it knows too many. It keeps every name that it was ever told
 * until its own memory is short, and for each we keep a node: whoever walks through thousands of
 * snapshots would take memory without bound.
 *
 * A thread of its own asks, for the kernel may let it wait until a request in the same directory
 * is answered. What is in use (open, mapped) stays known until it is not any more.
 */
#ifndef CRMFS_MOUNT_INODE_LIMIT_H
#define CRMFS_MOUNT_INODE_LIMIT_H

#include <fuse_lowlevel.h>

#include "fs/mount/inode_table.h"

struct inode_limit;

/* About MOST inodes may be known. Both outlive it. 0, -ENOMEM, -EAGAIN. */
int inode_limit_create(struct fuse_session *fuse, struct inode_table *inodes, size_t most,
                       struct inode_limit **ret_limit);

/* The table has become larger: to be called now and then. Never waits. */
void inode_limit_notice(struct inode_limit *limit);

/*
 * Asks for nothing any more, also when somebody else is ending it. To be called before the last
 * request is answered, or after the kernel has dropped the mount: else it may have the thread wait.
 */
void inode_limit_end(struct inode_limit *limit);

/* After its end, or after the kernel has dropped the mount. NULL is allowed. */
void inode_limit_free(struct inode_limit *limit);

#endif
