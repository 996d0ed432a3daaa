/* SPDX-License-Identifier: MIT */
/*
 * FUSE's requests, each answered in a few lines from the tree. What would
 * change something is refused with EROFS, but for the directories of snapshots/.
 */
#ifndef CRMFS_MOUNT_REQUESTS_H
#define CRMFS_MOUNT_REQUESTS_H

#include <fuse_lowlevel.h>

/* For fuse_session_new() with a struct mount_state (fs/mount/answer.h). */
extern const struct fuse_lowlevel_ops request_handlers;

#endif
