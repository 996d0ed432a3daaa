/* SPDX-License-Identifier: MIT */
/* The handlers of what changes something, for the table in requests.c. */
#ifndef CRMFS_MOUNT_CHANGES_H
#define CRMFS_MOUNT_CHANGES_H

#include <fuse_lowlevel.h>

void answer_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode);
void answer_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name);
void answer_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                   const char *new_name, unsigned flags);

#endif
