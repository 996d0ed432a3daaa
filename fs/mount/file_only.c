/* SPDX-License-Identifier: MIT */
/* What can be done below files/ only. */
#include <errno.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/mount/answer.h"
#include "fs/mount/changes.h"
#include "fs/mount/file_answer.h"

void answer_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                  dev_t device)
{
    if (files_has_number(parent))
        file_make(request, parent, name, mode, device, NULL);
    else
        fuse_reply_err(request, EROFS);
}

void answer_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *name)
{
    if (files_has_number(parent))
        file_make(request, parent, name, S_IFLNK | 0777, 0, target);
    else
        fuse_reply_err(request, EROFS);
}

void answer_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char *name)
{
    if (files_has_number(parent))
        file_link(request, inode, parent, name);
    else
        fuse_reply_err(request, EROFS);
}

void answer_setxattr(fuse_req_t request, fuse_ino_t inode, const char *name, const char *value,
                     size_t size, int flags)
{
    if (files_has_number(inode)) {
        file_setxattr(request, inode, name, value, size, flags);
        return;
    }

    cleanup(release_node) struct node *node = answer_node(request, inode);

    /* A program that takes attributes along goes on without them. */
    if (node != NULL)
        fuse_reply_err(request, node->class->open_writing != NULL ? EOPNOTSUPP : EROFS);
}

void answer_removexattr(fuse_req_t request, fuse_ino_t inode, const char *name)
{
    if (files_has_number(inode))
        file_removexattr(request, inode, name);
    else
        fuse_reply_err(request, EROFS);
}

/* Else it is a file of rows that is being written, whose room nobody can set aside. */
void answer_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length,
                      struct fuse_file_info *info)
{
    (void)info;
    if (files_has_number(inode))
        file_fallocate(request, inode, mode, offset, length);
    else
        fuse_reply_err(request, EOPNOTSUPP);
}

/* Out of what is no file of files/, the kernel copies by reading. */
void answer_copy(fuse_req_t request, fuse_ino_t inode, off_t offset, struct fuse_file_info *info,
                 fuse_ino_t to, off_t to_offset, struct fuse_file_info *to_info, size_t size,
                 int flags)
{
    (void)info;
    (void)to_info;
    if (!files_has_number(inode) || !files_has_number(to))
        fuse_reply_err(request, EOPNOTSUPP);
    else if (flags != 0)
        fuse_reply_err(request, EINVAL);
    else
        file_copy(request, inode, offset, to, to_offset, size);
}

/* Of a directory: all that is in files/. */
void answer_fsyncdir(fuse_req_t request, fuse_ino_t inode, int data_only,
                     struct fuse_file_info *info)
{
    (void)data_only;
    (void)info;
    if (files_has_number(inode))
        file_fsyncdir(request);
    else
        fuse_reply_err(request, 0);
}

/* Others never change, or their rows are durable when they are closed, and not before. */
void answer_fsync(fuse_req_t request, fuse_ino_t inode, int data_only, struct fuse_file_info *info)
{
    (void)data_only;
    (void)info;
    if (files_has_number(inode))
        file_fsync(request, inode);
    else
        fuse_reply_err(request, 0);
}
