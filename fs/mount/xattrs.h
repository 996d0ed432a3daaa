/* SPDX-License-Identifier: MIT */
/* The handlers that read extended attributes, for the table in requests.c. */
#ifndef CRMFS_MOUNT_XATTRS_H
#define CRMFS_MOUNT_XATTRS_H

#include <fuse_lowlevel.h>

void answer_getxattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size);
void answer_listxattr(fuse_req_t request, fuse_ino_t inode, size_t size);

#endif
