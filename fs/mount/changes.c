/* SPDX-License-Identifier: MIT */
#include "fs/mount/changes.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/mount/answer.h"
#include "fs/mount/interrupt.h"

/* What was not even tried needs no words. */
static void refuse(fuse_req_t request, struct mount_state *state, const struct node *directory,
                   const char *name, int error, const struct failure *failure)
{
    if (failure->code == 0 && (error == -EROFS || error == -EXDEV || error == -ENAMETOOLONG))
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
    struct mount_state *state = state_of(request);
    cleanup(release_node) struct node *node = NULL;
    struct fuse_entry_param entry = {0};
    struct failure failure = {0};
    struct long_request waiting;
    cleanup(release_node) struct node *directory = answer_node(request, parent);

    (void)mode;
    if (directory == NULL)
        return;
    long_request_begin(&waiting, request);

    int error = make(state, directory, name, &waiting.cancelled, &node, &entry, &failure);

    if (!long_request_end(&waiting))
        return;
    if (error == 0)
        error = inode_table_add(state->inodes, node, parent);
    if (error != 0)
        refuse(request, state, directory, name, error, &failure);
    else if (fuse_reply_entry(request, &entry) != 0)
        inode_table_forget(state->inodes, entry.ino, 1);
}

void answer_rmdir(fuse_req_t request, fuse_ino_t parent, const char *name)
{
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
                unsigned flags, struct failure *failure)
{
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
    cleanup(release_node) struct node *from = answer_node(request, parent);
    struct failure failure = {0};

    if (from == NULL)
        return;

    cleanup(release_node) struct node *to = answer_node(request, new_parent);

    if (to == NULL)
        return;

    int error = move(from, name, to, new_name, flags, &failure);

    if (error != 0)
        refuse(request, state_of(request), from, name, error, &failure);
    else
        fuse_reply_err(request, 0);
}
