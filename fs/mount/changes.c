/* SPDX-License-Identifier: MIT */
#include "fs/mount/changes.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/base/process.h"
#include "fs/mount/answer.h"
#include "fs/mount/file_answer.h"
#include "fs/mount/interrupt.h"

static void release_opened(struct opened *const *opened)
{
    opened_release(*opened);
}

/*
 * What was not even tried needs no words; where there are some, they are the directory's, said once
 * for whatever is tried in it.
 */
static void refuse(fuse_req_t request, struct mount_state *state, const struct node *directory,
                   const char *name, int error, const struct failure *failure)
{
    struct failure words = {0};

    if (failure->code == 0 && error == -EROFS && directory->class->unchanging != NULL) {
        failure_set(&words, EROFS, "%s", directory->class->unchanging);
        answer_error(request, state, directory, NULL, error, &words);
    } else if (failure->code == 0 && (error == -EROFS || error == -EXDEV || error == -ENAMETOOLONG))
        fuse_reply_err(request, -error);
    else
        answer_error(request, state, directory, name, error, failure);
}

static int make(struct mount_state *state, struct node *directory, const char *name,
                bool *cancelled, struct node **ret_node, struct fuse_entry_param *entry,
                struct failure *failure)
{
    uint64_t valid_ns;

    if (directory->class->make_directory == NULL)
        return -EROFS;
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;

    int error =
        directory->class->make_directory(directory, name, cancelled, ret_node, &valid_ns, failure);

    if (error != 0)
        return error;
    entry->ino = (*ret_node)->inode;
    entry->entry_timeout = answer_timeout(valid_ns);
    return answer_attributes(state, *ret_node, true, &entry->attr, &entry->attr_timeout, failure);
}

void answer_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
    if (files_has_number(parent)) {
        file_make(request, parent, name, S_IFDIR | (mode & ~(mode_t)S_IFMT), 0, NULL);
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
    /* The kernel has one at a time make something in a directory. A snapshot has what was written
     * before, also what the kernel still has of it. */
    int error = state->write_out != NULL && directory->class->make_directory != NULL
                    ? write_out_wait(state->write_out, &failure)
                    : 0;

    if (error != 0) {
        refuse(request, state, directory, name, error, &failure);
        return;
    }
    long_request_begin(&waiting, request);

    error = make(state, directory, name, &waiting.cancelled, &node, &entry, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error == 0)
        error = inode_table_add(state->inodes, node, parent);
    if (error == 0)
        node_ask_mode(node, mode);
    if (error != 0)
        refuse(request, state, directory, name, error, &failure);
    else if (fuse_reply_entry(request, &entry) != 0)
        inode_table_forget(state->inodes, entry.ino, 1);
}

void answer_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (files_has_number(parent)) {
        file_remove(request, parent, name, true);
        return;
    }

    cleanup(release_node) struct node *directory = answer_node(request, parent);
    struct failure failure = {0};
    int error = -EROFS;

    if (directory == NULL)
        return;
    if (directory->class->remove_directory != NULL)
        error = directory->class->remove_directory(directory, name, &failure);
    if (error != 0)
        refuse(request, state_of(request), directory, name, error, &failure);
    else
        fuse_reply_err(request, 0);
}

static int move(struct node *from, const char *name, struct node *to, const char *new_name,
                unsigned flags, const struct caller *caller, struct failure *failure)
{
    if (from == to && from->class->rename_file != NULL &&
        (flags & ~(unsigned)RENAME_NOREPLACE) == 0)
        return from->class->rename_file(from, name, new_name, caller, failure);
    if (from->class->rename == NULL)
        return from == to || to->class->rename == NULL ? -EROFS : -EXDEV;
    if (from != to)
        return -EXDEV;
    /* That there must be nothing under the new name goes without saying here. */
    if ((flags & ~(unsigned)RENAME_NOREPLACE) != 0)
        return -EINVAL;
    if (strlen(new_name) > NAME_MAX)
        return -ENAMETOOLONG;
    return from->class->rename(from, name, new_name, failure);
}

void answer_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                   const char *new_name, unsigned flags)
{
    if (files_has_number(parent) || files_has_number(new_parent)) {
        file_rename(request, parent, name, new_parent, new_name, flags);
        return;
    }

    cleanup(release_node) struct node *from = answer_node(request, parent);
    struct failure failure = {0};

    if (from == NULL)
        return;

    cleanup(release_node) struct node *to = answer_node(request, new_parent);

    if (to == NULL)
        return;

    struct long_request waiting;
    struct caller caller = answer_caller(request, &waiting.cancelled);

    long_request_begin(&waiting, request);

    int error = move(from, name, to, new_name, flags, &caller, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error != 0)
        refuse(request, state_of(request), from, name, error, &failure);
    else
        fuse_reply_err(request, 0);
}

/* ---- Files that are written into other folders (fs/tree/drafts.h) ---- */

/*
 * Of a directory that was just made: mkdir and cp say again which mode they want it to have, though
 * it has its own. To say what it shows anyway is nothing new either.
 */
static bool is_said_again(const struct node *node, const struct stat *now, mode_t mode, int which)
{
    return S_ISDIR(now->st_mode) && which == FUSE_SET_ATTR_MODE &&
           ((mode & ~(mode_t)S_IFMT) == (now->st_mode & ~(mode_t)S_IFMT) ||
            node_asked_mode(node, mode));
}

/* What a draft is told of: its length; owner, mode and times come and go with it. */
static void resize(fuse_req_t request, fuse_ino_t inode, const struct stat *attributes, int which,
                   struct fuse_file_info *info)
{
    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = answer_node(request, inode);
    struct failure failure = {0};
    struct stat now;
    double timeout;
    int error;

    if (node == NULL)
        return;

    struct caller caller = answer_caller(request, NULL);

    error = answer_attributes(state, node, true, &now, &timeout, &failure);
    if (error == 0 && is_said_again(node, &now, attributes->st_mode, which)) {
        fuse_reply_attr(request, &now, timeout);
        return;
    }
    if (error == 0 && (node->class->open_writing == NULL || (now.st_mode & S_IWUSR) == 0)) {
        error = -EROFS;
    } else if (error == 0 && (which & FUSE_SET_ATTR_SIZE) != 0) {
        struct opened *opened = info != NULL ? opened_of(info) : NULL;

        error = opened != NULL && opened->handle->class->resize != NULL
                    ? opened->handle->class->resize(opened->handle, &caller,
                                                    (uint64_t)attributes->st_size, &failure)
                    : -EROFS;
    }
    if (error == 0)
        error = answer_attributes(state, node, true, &now, &timeout, &failure);
    if (error != 0)
        refuse(request, state, node, NULL, error, &failure);
    else
        fuse_reply_attr(request, &now, timeout);
}

void answer_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *attributes, int which,
                    struct fuse_file_info *info)
{
    if (files_has_number(inode))
        file_setattr(request, inode, attributes, which);
    else
        resize(request, inode, attributes, which, info);
}

static int create(struct mount_state *state, struct node *directory, const char *name,
                  const struct caller *caller, struct opened **ret_opened,
                  struct fuse_entry_param *entry, struct failure *failure)
{
    struct handle *handle;
    struct node *node;

    if (directory->class->create_file == NULL)
        return -EROFS;
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;

    int error = directory->class->create_file(directory, name, caller, &node, &handle, failure);

    if (error != 0)
        return error;

    struct opened *opened = opened_create(node);

    if (opened == NULL)
        handle->class->close(handle);
    else
        opened->handle = handle;
    entry->ino = node->inode;
    error = opened == NULL
                ? -ENOMEM
                : answer_attributes(state, node, true, &entry->attr, &entry->attr_timeout, failure);
    if (error == 0)
        error = inode_table_add(state->inodes, node, directory->inode);
    node_release(node);
    if (error != 0)
        opened_release(opened);
    else
        *ret_opened = opened;
    return error;
}

void answer_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                   struct fuse_file_info *info)
{
    if (files_has_number(parent)) {
        file_create(request, parent, name, mode, info);
        return;
    }

    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *directory = answer_node(request, parent);
    struct fuse_entry_param entry = {0};
    struct failure failure = {0};
    struct opened *opened;

    if (directory == NULL)
        return;

    struct caller caller = answer_caller(request, NULL);
    int error = create(state, directory, name, &caller, &opened, &entry, &failure);

    if (error != 0) {
        refuse(request, state, directory, name, error, &failure);
        return;
    }
    opened_set_add(&state->opened, opened);
    answer_opened(opened, info);
    if (fuse_reply_create(request, &entry, info) != 0) {
        opened_set_close(&state->opened, opened);
        inode_table_forget(state->inodes, entry.ino, 1);
    }
}

void answer_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    if (files_has_number(parent)) {
        file_remove(request, parent, name, false);
        return;
    }

    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *directory = answer_node(request, parent);
    struct failure failure = {0};
    struct long_request waiting;
    int error = -EROFS;

    if (directory == NULL)
        return;

    struct caller caller = answer_caller(request, &waiting.cancelled);

    long_request_begin(&waiting, request);
    if (directory->class->remove_file != NULL)
        error = directory->class->remove_file(directory, name, &caller, &failure);
    if (!long_request_end(&waiting))
        return;
    if (error != 0)
        refuse(request, state, directory, name, error, &failure);
    else
        fuse_reply_err(request, 0);
}

void answer_write(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size,
                  off_t offset, struct fuse_file_info *info)
{
    if (files_has_number(inode)) {
        file_write(request, inode, bytes, size, offset, info);
        return;
    }

    struct opened *opened = opened_of(info);
    struct caller caller = answer_caller(request, NULL);
    struct failure failure = {0};
    int error = opened->handle->class->write != NULL
                    ? opened->handle->class->write(opened->handle, &caller, (uint64_t)offset, bytes,
                                                   size, &failure)
                    : -EBADF;

    if (error != 0)
        answer_error(request, state_of(request), opened->node, NULL, error, &failure);
    else
        fuse_reply_write(request, size);
}

/* A process that is ending has not closed it: what it wrote may lack its end. */
void answer_flush(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct opened *opened = files_has_number(inode) ? NULL : opened_of(info);
    struct failure failure = {0};
    struct long_request waiting;
    int ending;

    if (opened == NULL || opened->handle == NULL || opened->handle->class->flush == NULL ||
        (ending = process_is_ending(fuse_req_ctx(request)->pid)) > 0) {
        fuse_reply_err(request, 0);
        return;
    }

    cleanup(release_opened) struct opened *held = opened_reference(opened);
    struct caller caller = answer_caller(request, &waiting.cancelled);

    caller.hidden = ending < 0;
    long_request_begin(&waiting, request);

    int error = held->handle->class->flush(held->handle, &caller, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error != 0)
        answer_error(request, state_of(request), held->node, NULL, error, &failure);
    else
        fuse_reply_err(request, 0);
}
