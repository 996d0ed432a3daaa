/* SPDX-License-Identifier: MIT */
/* The handlers of directories, for the table in requests.c. */
#ifndef CRMFS_MOUNT_DIRECTORIES_H
#define CRMFS_MOUNT_DIRECTORIES_H

#include <fuse_lowlevel.h>

void answer_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info);
void answer_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                    struct fuse_file_info *info);
void answer_readdirplus(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                        struct fuse_file_info *info);
void answer_releasedir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info);

#endif
