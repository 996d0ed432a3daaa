/* SPDX-License-Identifier: MIT */
#include "fs/mount/requests.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

#include "fs/base/memory.h"
#include "fs/mount/answer.h"
#include "fs/mount/changes.h"
#include "fs/mount/directories.h"
#include "fs/mount/file_answer.h"
#include "fs/mount/interrupt.h"
#include "fs/mount/xattrs.h"

#define BACKGROUND_REQUESTS 64
#define BLOCK_BYTES 4096

static void release_opened(struct opened *const *opened)
{
    opened_release(*opened);
}

static void begin_session(void *context, struct fuse_conn_info *connection)
{
    struct mount_state *state = context;

    connection->max_read = state->max_read;
    connection->max_background = BACKGROUND_REQUESTS;
    /* Attributes come with the names, always: `ls -l` then asks for nothing more. */
    connection->want &= ~(unsigned)FUSE_CAP_READDIRPLUS_AUTO;
    /* An inode's content never changes: its pages stay. */
    connection->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
    /*
     * The kernel drops its pages of what was written past them only where it waits for that: after
     * an asynchronous write, a page that somebody read meanwhile would stay as it was.
     */
    connection->want &= ~(unsigned)FUSE_CAP_ASYNC_DIO;
    /* A lookup may take as long as a table is read through; others in the folder go on. */
    connection->want |= connection->capable & FUSE_CAP_PARALLEL_DIROPS;
    device_greet(&state->device, connection);
    /* Where something can be made, ACLs count, and may count instead of the umask. */
    if (tree_files(state->tree) != NULL)
        connection->want |= connection->capable & (FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK);
    connection->want |=
        connection->capable & (FUSE_CAP_EXPLICIT_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS);
}

static int look_up(struct mount_state *state, struct node *directory, const char *name,
                   const struct caller *caller, struct node **ret_node,
                   struct fuse_entry_param *entry, struct failure *failure)
{
    uint64_t valid_ns;

    if (directory->class->lookup == NULL)
        return -ENOTDIR;
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;

    int error = directory->class->lookup(directory, name, caller, ret_node, &valid_ns, failure);

    if (error != 0)
        return error;
    entry->ino = (*ret_node)->inode;
    entry->entry_timeout = answer_timeout(valid_ns);
    /* The size has to be exact from the first answer on. */
    return answer_attributes(state, *ret_node, true, &entry->attr, &entry->attr_timeout, failure);
}

static void answer_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (files_has_number(parent)) {
        file_lookup(request, parent, name);
        return;
    }

    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = NULL;
    struct fuse_entry_param entry = {0};
    struct failure failure = {0};
    struct long_request waiting;
    cleanup(release_node) struct node *directory = answer_node(request, parent);

    if (directory == NULL)
        return;

    struct caller caller = answer_caller(request, &waiting.cancelled);

    long_request_begin(&waiting, request);

    int error = look_up(state, directory, name, &caller, &node, &entry, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error == 0)
        error = inode_table_add(state->inodes, node, parent);
    if (error != 0)
        answer_error(request, state, directory, name, error, &failure);
    else if (fuse_reply_entry(request, &entry) != 0)
        inode_table_forget(state->inodes, entry.ino, 1);
    inode_limit_notice(state->limit);
}

static void forget(fuse_req_t request, fuse_ino_t inode, uint64_t count)
{
    /* The top of files/ is in the table too. */
    inode_table_forget(state_of(request)->inodes, inode, count);
    if (files_has_number(inode))
        files_forget(files_of(request), inode);
}

static void answer_forget(fuse_req_t request, fuse_ino_t inode, uint64_t count)
{
    forget(request, inode, count);
    fuse_reply_none(request);
}

static void answer_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        forget(request, forgets[i].ino, forgets[i].nlookup);
    fuse_reply_none(request);
}

static void answer_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_getattr(request, inode);
        return;
    }

    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = answer_node(request, inode);
    struct failure failure = {0};
    struct long_request waiting;
    struct stat attributes;
    double timeout;

    (void)info;
    if (node == NULL)
        return;
    long_request_begin(&waiting, request);

    int error = answer_attributes(state, node, true, &attributes, &timeout, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error != 0)
        answer_error(request, state, node, NULL, error, &failure);
    else
        fuse_reply_attr(request, &attributes, timeout);
}

static void answer_readlink(fuse_req_t request, fuse_ino_t inode)
{
    if (files_has_number(inode)) {
        file_readlink(request, inode);
        return;
    }

    cleanup(release_node) struct node *node = answer_node(request, inode);

    if (node == NULL)
        return;
    if (node->class->target == NULL)
        fuse_reply_err(request, EINVAL);
    else
        fuse_reply_readlink(request, node->class->target(node));
}

static int open_node(struct node *node, int flags, const struct caller *caller,
                     struct opened *opened, struct failure *failure)
{
    bool writing = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC) != 0;

    if (opened == NULL)
        return -ENOMEM;
    if (node->class->open == NULL)
        return -EISDIR;
    if (writing && node->class->open_writing == NULL)
        return -EROFS;
    if (writing)
        return node->class->open_writing(node, caller, (flags & O_TRUNC) != 0, &opened->handle,
                                         failure);
    return node->class->open(node, caller, &opened->handle, failure);
}

static void answer_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_open(request, inode, info);
        return;
    }

    struct mount_state *state = state_of(request);
    struct failure failure = {0};
    struct long_request waiting;

    cleanup(release_node) struct node *node = answer_node(request, inode);

    if (node == NULL)
        return;

    struct caller caller = answer_caller(request, &waiting.cancelled);
    struct opened *opened = opened_create(node);

    long_request_begin(&waiting, request);

    int error = open_node(node, info->flags, &caller, opened, &failure);
    bool ours = long_request_end(&waiting);

    if (error == -EROFS && failure.code == 0 && node->class->unchanging != NULL)
        failure_set(&failure, EROFS, "%s", node->class->unchanging);
    if (error != 0 || !ours) {
        opened_release(opened);
        if (ours && error == -EROFS && failure.code == 0)
            fuse_reply_err(request, EROFS);
        else if (ours)
            answer_error(request, state, node, NULL, error, &failure);
        return;
    }
    opened_set_add(&state->opened, opened);
    answer_opened(opened, info);
    if (fuse_reply_open(request, info) != 0)
        opened_set_close(&state->opened, opened);
}

static void answer_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                        struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_read(request, inode, size, offset);
        return;
    }

    struct mount_state *state = state_of(request);
    cleanup(release_opened) struct opened *opened = opened_reference(opened_of(info));
    cleanup(reading_release) struct reading reading = {.count = 0};
    struct failure failure = {0};
    struct long_request waiting;

    (void)inode;
    long_request_begin(&waiting, request);

    int error =
        opened->handle->class->read(opened->handle, (uint64_t)offset, size, &reading, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error != 0)
        answer_error(request, state, opened->node, NULL, error, &failure);
    else
        fuse_reply_iov(request, reading.pieces, (int)reading.count);
}

static void answer_release(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_release(request, inode, info);
        return;
    }

    (void)inode;
    opened_set_close(&state_of(request)->opened, opened_of(info));
    fuse_reply_err(request, 0);
}

/* No count of inodes: there can be as many as one likes, and to df(1) none would be left. */
static void answer_statfs(fuse_req_t request, fuse_ino_t inode)
{
    struct tree_space space = {0};

    (void)inode;
    tree_space(state_of(request)->tree, &space);
    fuse_reply_statfs(request, &(struct statvfs){.f_bsize = BLOCK_BYTES,
                                                 .f_frsize = BLOCK_BYTES,
                                                 .f_blocks = space.total_bytes / BLOCK_BYTES,
                                                 .f_bfree = space.free_bytes / BLOCK_BYTES,
                                                 .f_bavail = space.available_bytes / BLOCK_BYTES,
                                                 .f_namemax = NAME_MAX});
}

/* Tables have no holes. */
static void seek_in_table(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence)
{
    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = answer_node(request, inode);
    struct failure failure = {0};
    struct stat attributes;
    double timeout;

    if (node == NULL)
        return;

    int error = answer_attributes(state, node, true, &attributes, &timeout, &failure);

    if (error != 0)
        answer_error(request, state, node, NULL, error, &failure);
    else if (offset < 0 || offset >= attributes.st_size)
        fuse_reply_err(request, ENXIO);
    else
        fuse_reply_lseek(request, whence == SEEK_DATA ? offset : attributes.st_size);
}

static void answer_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence,
                         struct fuse_file_info *info)
{
    (void)info;
    if (files_has_number(inode))
        file_lseek(request, inode, offset, whence);
    else
        seek_in_table(request, inode, offset, whence);
}

const struct fuse_lowlevel_ops request_handlers = {
    .init = begin_session,
    .lookup = answer_lookup,
    .forget = answer_forget,
    .forget_multi = answer_forget_multi,
    .getattr = answer_getattr,
    .readlink = answer_readlink,
    .opendir = answer_opendir,
    .readdir = answer_readdir,
    .readdirplus = answer_readdirplus,
    .releasedir = answer_releasedir,
    .open = answer_open,
    .read = answer_read,
    .release = answer_release,
    .statfs = answer_statfs,
    .getxattr = answer_getxattr,
    .listxattr = answer_listxattr,
    .setattr = answer_setattr,
    .mknod = answer_mknod,
    .mkdir = answer_mkdir,
    .create = answer_create,
    .unlink = answer_unlink,
    .rmdir = answer_rmdir,
    .symlink = answer_symlink,
    .rename = answer_rename,
    .link = answer_link,
    .setxattr = answer_setxattr,
    .removexattr = answer_removexattr,
    .write = answer_write,
    .flush = answer_flush,
    .fallocate = answer_fallocate,
    .copy_file_range = answer_copy,
    .fsync = answer_fsync,
    .fsyncdir = answer_fsyncdir,
    .lseek = answer_lseek,
};
