/* SPDX-License-Identifier: MIT */
/*
 * The handlers of what is below files/, here or in a snapshot: requests for inodes that are
 * files_has_number(), which requests.c hands on. They only translate.
 */
#ifndef CRMFS_MOUNT_FILE_ANSWER_H
#define CRMFS_MOUNT_FILE_ANSWER_H

#include <fuse_lowlevel.h>

#include "fs/files/files.h"
#include "fs/mount/answer.h"

static inline struct files *files_of(fuse_req_t request)
{
    return tree_files(state_of(request)->tree);
}

/* Answers ERROR (negative); what has words is reported: of NAME in the directory NUMBER, or of
 * NUMBER.
 */
void file_answer_error(fuse_req_t request, uint64_t number, const char *name, int error,
                       const struct failure *failure);

/* An entry as the kernel is told of it, to hold for so long. */
struct fuse_entry_param file_entry(uint64_t valid_ns, uint64_t number, const struct stat *stat);

/* ---- file_look.c ---- */

/*
 * The kernel is told of a file's attributes, but not before what it keeps of changed files is
 * dropped: a page that it keeps ends where the file ended, in zeros.
 */
void file_tell_entry(fuse_req_t request, const struct fuse_entry_param *entry);
void file_tell_attributes(fuse_req_t request, const struct stat *stat, double timeout);

void file_lookup(fuse_req_t request, fuse_ino_t parent, const char *name);
void file_getattr(fuse_req_t request, fuse_ino_t inode);
void file_readlink(fuse_req_t request, fuse_ino_t inode);
void file_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info);
void file_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, bool plus);
void file_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset);
void file_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence);
void file_getxattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size);
void file_listxattr(fuse_req_t request, fuse_ino_t inode, size_t size);

/* ---- file_change.c ---- */
void file_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info);
void file_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                 struct fuse_file_info *info);
void file_release(fuse_req_t request, fuse_ino_t inode, const struct fuse_file_info *info);
void file_make(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device,
               const char *target);
void file_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char *name);
void file_remove(fuse_req_t request, fuse_ino_t parent, const char *name, bool directory);
void file_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                 const char *new_name, unsigned flags);
void file_setattr(fuse_req_t request, fuse_ino_t inode, const struct stat *values, int which);
void file_write(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size, off_t offset,
                const struct fuse_file_info *info);
void file_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length);
void file_copy(fuse_req_t request, fuse_ino_t inode, off_t offset, fuse_ino_t to, off_t to_offset,
               size_t size);
void file_fsync(fuse_req_t request, fuse_ino_t inode);
void file_fsyncdir(fuse_req_t request);
void file_setxattr(fuse_req_t request, fuse_ino_t inode, const char *name, const char *value,
                   size_t size, int flags);
void file_removexattr(fuse_req_t request, fuse_ino_t inode, const char *name);

#endif
