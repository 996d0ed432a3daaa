/* SPDX-License-Identifier: MIT */
/* Names that become others: looked at first, all of it, and then changed, as in names.c. */
#include <errno.h>
#include <linux/fs.h>

#include "fs/files/earlier.h"
#include "fs/files/names_internal.h"

struct renaming {
    struct files *files;
    struct attributes directory;     /* from where */
    struct attributes new_directory; /* to where, if it is another */
    struct spot from;
    struct spot to;
    struct attributes moved;
    struct attributes replaced; /* or exchanged; if to.taken */
    struct failure *failure;
};

/* A directory must not get below itself. */
static int check_loop(struct renaming *renaming, uint64_t inode, uint64_t directory)
{
    while (directory != TOP_INODE) {
        struct attributes attributes;

        if (directory == inode)
            return -EINVAL;

        int error = inode_get(&renaming->files->tree, directory, &attributes, renaming->failure);

        if (error != 0)
            return error;
        if (attributes.parent == directory)
            return failure_set(renaming->failure, EIO,
                               "the store is damaged: a directory is in "
                               "itself");
        directory = attributes.parent;
    }
    return 0;
}

static int look(struct renaming *renaming, uint64_t directory, const char *name,
                uint64_t new_directory, const char *new_name)
{
    struct files *files = renaming->files;
    bool same = directory == new_directory;
    int error = spot_directory(files, directory, &renaming->directory, renaming->failure);

    if (error == 0 && !same)
        error = spot_directory(files, new_directory, &renaming->new_directory, renaming->failure);
    if (error == 0)
        error = spot_find_taken(files, directory, &renaming->directory, name, &renaming->from,
                                renaming->failure);
    if (error == 0)
        error =
            spot_find(files, new_directory, same ? &renaming->directory : &renaming->new_directory,
                      new_name, &renaming->to, renaming->failure);
    if (error == 0)
        error = inode_get(&files->tree, renaming->from.inode, &renaming->moved, renaming->failure);
    if (error == 0 && renaming->to.taken)
        error = inode_get(&files->tree, renaming->to.inode, &renaming->replaced, renaming->failure);
    if (error == 0 && S_ISDIR(renaming->moved.mode))
        error = check_loop(renaming, renaming->from.inode, renaming->to.directory);
    return error;
}

/* A directory has moved: its parents' links, and which one it has. */
static void change_parent(struct attributes *moved, const struct spot *from, const struct spot *to)
{
    if (!S_ISDIR(moved->mode))
        return;
    from->attributes->links--;
    to->attributes->links++;
    moved->parent = to->directory;
}

static int put_directories(struct renaming *renaming, struct timespec now)
{
    int error = spot_put_directory(renaming->files, &renaming->from, now, renaming->failure);

    if (error == 0 && renaming->to.directory != renaming->from.directory)
        error = spot_put_directory(renaming->files, &renaming->to, now, renaming->failure);
    return error;
}

static int exchange(struct renaming *renaming)
{
    struct files *files = renaming->files;
    struct timespec now = files_now();
    int error = 0;

    if (!renaming->to.taken)
        return -ENOENT;
    if (S_ISDIR(renaming->replaced.mode))
        error = check_loop(renaming, renaming->to.inode, renaming->from.directory);
    if (error != 0 || renaming->from.inode == renaming->to.inode)
        return error;
    change_parent(&renaming->moved, &renaming->from, &renaming->to);
    change_parent(&renaming->replaced, &renaming->to, &renaming->from);
    renaming->moved.changed = now;
    renaming->replaced.changed = now;
    error = spot_put(files, &renaming->to, renaming->from.inode, renaming->from.type,
                     renaming->failure);
    if (error == 0)
        error = spot_put(files, &renaming->from, renaming->to.inode, renaming->to.type,
                         renaming->failure);
    if (error == 0)
        error = put_directories(renaming, now);
    if (error == 0)
        error = inode_put(files, renaming->from.inode, &renaming->moved, renaming->failure);
    return error == 0 ? inode_put(files, renaming->to.inode, &renaming->replaced, renaming->failure)
                      : error;
}

static int check_replaced(struct renaming *renaming)
{
    bool from_directory = S_ISDIR(renaming->moved.mode);
    bool to_directory = S_ISDIR(renaming->replaced.mode);

    if (!renaming->to.taken)
        return 0;
    if (from_directory != to_directory)
        return to_directory ? -EISDIR : -ENOTDIR;

    int error =
        to_directory ? name_check_empty(renaming->files, renaming->to.inode, renaming->failure) : 0;

    return error == 0 ? name_look_at_orphan(renaming->files, renaming->to.inode, renaming->failure)
                      : error;
}

static int move(struct renaming *renaming)
{
    struct files *files = renaming->files;
    struct timespec now = files_now();
    struct held_file *held = files_held(files, renaming->from.inode);
    int error = check_replaced(renaming);

    if (error != 0)
        return error;
    if (renaming->to.taken && renaming->replaced.links == 1)
        files_note_removed(files, renaming->to.inode, &renaming->replaced, renaming->to.directory,
                           renaming->to.name);
    if (held != NULL && held->directory != 0)
        files_name_new(held, renaming->to.directory, renaming->to.name);
    if (renaming->to.taken && S_ISDIR(renaming->replaced.mode))
        renaming->to.attributes->links--;
    change_parent(&renaming->moved, &renaming->from, &renaming->to);
    renaming->moved.changed = now;
    error = spot_put(files, &renaming->to, renaming->from.inode, renaming->from.type,
                     renaming->failure);
    if (error == 0)
        error = catalogue_remove(&files->tree, &renaming->from.key, renaming->failure);
    if (error == 0)
        error = put_directories(renaming, now);
    if (error == 0)
        error = inode_put(files, renaming->from.inode, &renaming->moved, renaming->failure);
    if (error == 0 && renaming->to.taken)
        error = name_drop(files, renaming->to.inode, &renaming->replaced, now, renaming->failure);
    return error;
}

int files_rename(struct files *files, uint64_t directory, const char *name, uint64_t new_directory,
                 const char *new_name, unsigned flags, struct failure *failure)
{
    struct renaming renaming = {.files = files, .failure = failure};
    bool nothing = false;
    int error;

    if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
        flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    if (!are_of_one_tree(directory, new_directory))
        return -EXDEV;
    error = files_begin_change_of(files, directory, new_directory, failure);
    if (error != 0)
        return error;
    error = files_make_room_for(files, 0, failure);
    if (error == 0)
        error = look(&renaming, directory, name, new_directory, new_name);
    if (error == 0 && renaming.to.taken && (flags & RENAME_NOREPLACE) != 0)
        error = -EEXIST;
    nothing = error == 0 && renaming.to.taken && renaming.to.inode == renaming.from.inode;
    if (error == 0 && !nothing)
        error = (flags & RENAME_EXCHANGE) != 0 ? exchange(&renaming) : move(&renaming);
    return nothing ? files_end(files, 0) : files_end_change(files, error);
}
