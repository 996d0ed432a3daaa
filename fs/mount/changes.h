/* SPDX-License-Identifier: MIT */
/* The handlers of what changes something, for the table in requests.c. */
#ifndef CRMFS_MOUNT_CHANGES_H
#define CRMFS_MOUNT_CHANGES_H

#include <fuse_lowlevel.h>

/* ---- changes.c ---- */
void answer_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode);
void answer_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name);
void answer_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                   const char *new_name, unsigned flags);
void answer_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *attributes, int which,
                    struct fuse_file_info *info);
void answer_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                   struct fuse_file_info *info);
void answer_unlink(fuse_req_t request, fuse_ino_t parent, const char *name);
void answer_write(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size,
                  off_t offset, struct fuse_file_info *info);
void answer_flush(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info);

/* ---- file_only.c ---- */
void answer_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                  dev_t device);
void answer_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name);
void answer_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char *name);
void answer_setxattr(fuse_req_t request, fuse_ino_t inode, const char *name, const char *value,
                     size_t size, int flags);
void answer_removexattr(fuse_req_t request, fuse_ino_t inode, const char *name);
void answer_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                      struct fuse_file_info *info);
void answer_copy(fuse_req_t request, fuse_ino_t inode, off_t offset, struct fuse_file_info *info,
                 fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_info, size_t size,
                 int flags);
void answer_fsync(fuse_req_t request, fuse_ino_t inode, int data_only, struct fuse_file_info *info);
void answer_fsyncdir(fuse_req_t request, fuse_ino_t inode, int data_only,
                     struct fuse_file_info *info);

#endif
