/* SPDX-License-Identifier: MIT */
#include "fs/mount/xattrs.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/mount/answer.h"
#include "fs/mount/file_answer.h"
#include "fs/mount/interrupt.h"

/* The value of attribute NAME, or the names when NULL; with SIZE 0 only their length. */
static void answer_xattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size)
{
    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = answer_node(request, inode);
    struct failure failure = {0};
    struct long_request waiting;
    size_t room = size != 0 && size < XATTR_SIZE_MAX ? size : XATTR_SIZE_MAX;

    if (node == NULL)
        return;
    if (node->class->xattr == NULL) {
        if (name != NULL)
            fuse_reply_err(request, ENODATA);
        else if (size == 0)
            fuse_reply_xattr(request, 0);
        else
            fuse_reply_buf(request, NULL, 0);
        return;
    }

    cleanup_free char *value = malloc(room);

    long_request_begin(&waiting, request);

    ssize_t length =
        value != NULL ? node->class->xattr(node, name, value, room, &failure) : -ENOMEM;

    if (!long_request_end(&waiting))
        return;
    if (length == -ENODATA || length == -ERANGE)
        fuse_reply_err(request, (int)-length);
    else if (length < 0)
        answer_error(request, state, node, NULL, (int)length, &failure);
    else if (size == 0)
        fuse_reply_xattr(request, (size_t)length);
    else
        fuse_reply_buf(request, value, (size_t)length);
}

/* How many inodes the kernel knows. */
static void answer_known(fuse_req_t request, size_t size)
{
    char number[24];
    int length =
        snprintf(number, sizeof number, "%zu", inode_table_count(state_of(request)->inodes));

    if (size == 0)
        fuse_reply_xattr(request, (size_t)length);
    else if (size < (size_t)length)
        fuse_reply_err(request, ERANGE);
    else
        fuse_reply_buf(request, number, (size_t)length);
}

void answer_getxattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size)
{
    if (files_has_number(inode)) {
        file_getxattr(request, inode, name, size);
        return;
    }

    /*
     * ls(1) asks every file for its ACL, until it is told that there are none here. But where
     * the kernel goes by ACLs, a file without one must not be an error to it.
     */
    if (strncmp(name, "user.", 5) != 0)
        fuse_reply_err(request, files_of(request) != NULL && strncmp(name, "system.", 7) == 0
                                    ? ENODATA
                                    : EOPNOTSUPP);
    else if (inode == FUSE_ROOT_ID && strcmp(name, "user.crmfs.known") == 0)
        answer_known(request, size);
    else
        answer_xattr(request, inode, name, size);
}

void answer_listxattr(fuse_req_t request, fuse_ino_t inode, size_t size)
{
    if (files_has_number(inode)) {
        file_listxattr(request, inode, size);
        return;
    }

    answer_xattr(request, inode, NULL, size);
}
