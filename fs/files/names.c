/* SPDX-License-Identifier: MIT */
/*
 * Names that come and go. Every operation first looks at all that it is going to change, which
 * brings it into memory, and then changes it: between the two nothing can fail.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fs/base/little_endian.h"
#include "fs/files/earlier.h"
#include "fs/files/names_internal.h"
#include "fs/files/xattrs.h"

static int check_name(const char *name)
{
    return strlen(name) <= NAME_MAX ? 0 : -ENAMETOOLONG;
}

int spot_directory(struct files *files, uint64_t number, struct attributes *ret_attributes,
                   struct failure *failure)
{
    int error = inode_get(&files->tree, inode_of(number), ret_attributes, failure);

    if (error != 0)
        return error;
    if (!S_ISDIR(ret_attributes->mode))
        return -ENOTDIR;
    return ret_attributes->links == 0 ? -ENOENT : 0;
}

/* 0, whether there is the name or not. */
int spot_find(struct files *files, uint64_t number, struct attributes *attributes, const char *name,
              struct spot *ret_spot, struct failure *failure)
{
    struct spot spot = {.directory = inode_of(number), .attributes = attributes, .name = name};
    struct file_item item;
    int error = check_name(name);

    if (error == 0)
        error = place_find(files, &files->tree, spot.directory, FILE_ENTRY, name, &item, &spot.key,
                           failure);
    if (error == 0) {
        spot.taken = true;
        spot.key = item.key;
        spot.inode = get_u64(item.value) & INODE_MASK;
        spot.type = item.value[8];
    }
    if (error == 0 || error == -ENOENT)
        *ret_spot = spot;
    return error == -ENOENT ? 0 : error;
}

int spot_find_taken(struct files *files, uint64_t number, struct attributes *attributes,
                    const char *name, struct spot *ret_spot, struct failure *failure)
{
    int error = spot_find(files, number, attributes, name, ret_spot, failure);

    return error == 0 && !ret_spot->taken ? -ENOENT : error;
}

int spot_put(struct files *files, const struct spot *spot, uint64_t inode, uint8_t type,
             struct failure *failure)
{
    uint8_t bytes[ENTRY_HEAD_BYTES + NAME_MAX];
    size_t length = strlen(spot->name);

    put_u64(bytes, inode);
    bytes[8] = type;
    memcpy(bytes + ENTRY_HEAD_BYTES, spot->name, length);
    return catalogue_put(&files->tree, &spot->key, bytes, ENTRY_HEAD_BYTES + length, failure);
}

static uint8_t entry_type(mode_t mode)
{
    return (uint8_t)((mode & S_IFMT) >> 12);
}

int spot_put_directory(struct files *files, const struct spot *spot, struct timespec now,
                       struct failure *failure)
{
    spot->attributes->modified = now;
    spot->attributes->changed = now;
    return inode_put(files, spot->directory, spot->attributes, failure);
}

/* Brings into memory what losing the last name changes. */
int name_look_at_orphan(struct files *files, uint64_t inode, struct failure *failure)
{
    const struct file_key key = {.kind = FILE_ORPHAN, .number = inode};
    struct file_item item;
    int error = catalogue_get(&files->tree, &key, &item, failure);

    if (error == -ENOENT)
        error = files_hold(files, inode) != NULL ? 0 : -ENOMEM;
    return error;
}

/* The file that SPOT means has one name less. */
int name_drop(struct files *files, uint64_t inode, struct attributes *attributes,
              struct timespec now, struct failure *failure)
{
    attributes->links = S_ISDIR(attributes->mode) ? 0 : attributes->links - 1;
    attributes->changed = now;

    int error = inode_put(files, inode, attributes, failure);
    struct held_file *held = files_held(files, inode);

    if (error == 0 && attributes->links == 0)
        return inode_orphan(files, inode, failure);
    if (held != NULL)
        files_unhold(files, held);
    return error;
}

int name_check_empty(struct files *files, uint64_t inode, struct failure *failure)
{
    const struct file_key key = {.inode = inode, .kind = FILE_ENTRY};
    struct file_item item;
    int error = catalogue_next(&files->tree, &key, &item, failure);

    if (error == 0 && item.key.inode == inode && item.key.kind == FILE_ENTRY)
        return -ENOTEMPTY;
    return error == -ENOENT ? 0 : error;
}

/* ---- New ones ---- */

static struct attributes new_attributes(const struct files_new *wanted,
                                        const struct spot *directory, mode_t mode,
                                        struct timespec now)
{
    bool inherits = (directory->attributes->mode & S_ISGID) != 0;
    bool is_directory = S_ISDIR(wanted->mode);
    struct attributes attributes = {
        .mode = mode,
        .links = is_directory ? 2 : 1,
        .uid = wanted->caller.uid,
        .gid = inherits ? directory->attributes->gid : wanted->caller.gid,
        .device = (uint64_t)major(wanted->device) << 32 | minor(wanted->device),
        .size = wanted->target != NULL ? strlen(wanted->target) : 0,
        .accessed = now,
        .modified = now,
        .changed = now,
        .born = now,
        .parent = is_directory ? directory->directory : 0,
    };

    if (inherits && is_directory)
        attributes.mode |= S_ISGID;
    return attributes;
}

/* Brings into memory where a new inode's items go. */
static int look_at_new(struct files *files, uint64_t inode, struct failure *failure)
{
    const struct file_key target = {.inode = inode, .kind = FILE_TARGET};
    struct attributes attributes;
    struct file_item item;
    int error = files->next_inode < INODE_MASK
                    ? inode_get(&files->tree, inode, &attributes, failure)
                    : -ENOSPC;

    if (error == 0)
        return failure_set(failure, EIO,
                           "the store is damaged: a file is there before it was "
                           "made");
    if (error == -ESTALE)
        error = catalogue_get(&files->tree, &target, &item, failure);
    return error == -ENOENT ? 0 : error;
}

static int make(struct files *files, const struct files_new *wanted, const struct spot *spot,
                struct attributes *attributes, const struct inheritance *inherited,
                struct failure *failure)
{
    const struct file_key target = {.inode = files->next_inode, .kind = FILE_TARGET};
    int error = inode_put(files, files->next_inode, attributes, failure);

    if (error == 0 && wanted->target != NULL)
        error =
            catalogue_put(&files->tree, &target, wanted->target, strlen(wanted->target), failure);
    if (error == 0)
        error = spot_put(files, spot, files->next_inode, entry_type(attributes->mode), failure);
    if (error == 0)
        error = xattr_put_inheritance(files, inherited, failure);
    if (error == 0 && S_ISDIR(attributes->mode))
        spot->attributes->links++;
    return error == 0 ? spot_put_directory(files, spot, attributes->changed, failure) : error;
}

int files_make(struct files *files, const struct files_new *wanted, uint64_t *ret_number,
               struct stat *ret_stat, struct failure *failure)
{
    struct attributes directory;
    struct attributes attributes;
    struct inheritance inherited;
    struct held_file *held = NULL;
    mode_t mode = wanted->mode;
    struct spot spot;
    int error = files_begin_change(files, wanted->directory, failure);

    if (error != 0)
        return error;
    error = files_make_room_for(files, 0, failure);
    if (error == 0)
        error = spot_directory(files, wanted->directory, &directory, failure);
    if (error == 0)
        error = spot_find(files, wanted->directory, &directory, wanted->name, &spot, failure);
    if (error == 0 && spot.taken)
        error = -EEXIST;
    if (error == 0 && wanted->target != NULL && strlen(wanted->target) >= PATH_MAX)
        error = -ENAMETOOLONG;
    if (error == 0)
        error = look_at_new(files, files->next_inode, failure);
    if (error == 0)
        error = xattr_inherit(files, inode_of(wanted->directory), files->next_inode,
                              wanted->caller.umask, &mode, &inherited, failure);
    if (error == 0 && wanted->open) {
        held = files_hold(files, files->next_inode);
        error = held != NULL ? 0 : -ENOMEM;
    }
    if (error == 0) {
        attributes = new_attributes(wanted, &spot, mode, files_now());
        error = make(files, wanted, &spot, &attributes, &inherited, failure);
    }
    if (error == 0) {
        if (held != NULL) {
            held->opened++;
            files_name_new(held, inode_of(wanted->directory), wanted->name);
        }
        *ret_number = number_of(files->next_inode++, FILES_TOP);
        *ret_stat = inode_stat(files, *ret_number, &attributes);
    }
    return files_end_change(files, error);
}

int files_link(struct files *files, uint64_t number, uint64_t directory, const char *name,
               struct stat *ret_stat, struct failure *failure)
{
    struct attributes parent;
    struct attributes attributes;
    struct spot spot;
    int error = are_of_one_tree(number, directory)
                    ? files_begin_change_of(files, number, directory, failure)
                    : -EXDEV;

    if (error != 0)
        return error;
    error = files_make_room_for(files, 0, failure);
    if (error == 0)
        error = spot_directory(files, directory, &parent, failure);
    if (error == 0)
        error = spot_find(files, directory, &parent, name, &spot, failure);
    if (error == 0 && spot.taken)
        error = -EEXIST;
    if (error == 0)
        error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0 && S_ISDIR(attributes.mode))
        error = -EPERM;
    if (error == 0 && attributes.links == 0)
        error = -ENOENT;
    if (error == 0 && attributes.links == UINT32_MAX)
        error = -EMLINK;
    if (error == 0) {
        attributes.links++;
        attributes.changed = files_now();
        error = inode_put(files, inode_of(number), &attributes, failure);
    }
    if (error == 0)
        error = spot_put(files, &spot, inode_of(number), entry_type(attributes.mode), failure);
    if (error == 0)
        error = spot_put_directory(files, &spot, attributes.changed, failure);
    if (error == 0)
        *ret_stat = inode_stat(files, number, &attributes);
    return files_end_change(files, error);
}

/* ---- Gone ones ---- */

static int remove_name(struct files *files, uint64_t number, const char *name, bool is_directory,
                       struct failure *failure)
{
    struct attributes directory;
    struct attributes attributes;
    struct timespec now = files_now();
    struct spot spot;
    int error = spot_directory(files, number, &directory, failure);

    if (error == 0)
        error = spot_find_taken(files, number, &directory, name, &spot, failure);
    if (error == 0)
        error = inode_get(&files->tree, spot.inode, &attributes, failure);
    if (error == 0 && S_ISDIR(attributes.mode) != is_directory)
        error = is_directory ? -ENOTDIR : -EISDIR;
    if (error == 0 && is_directory)
        error = name_check_empty(files, spot.inode, failure);
    if (error == 0)
        error = name_look_at_orphan(files, spot.inode, failure);
    if (error != 0)
        return error;
    if (attributes.links == 1)
        files_note_removed(files, spot.inode, &attributes, spot.directory, name);
    error = catalogue_remove(&files->tree, &spot.key, failure);
    if (error == 0 && is_directory)
        directory.links--;
    if (error == 0)
        error = spot_put_directory(files, &spot, now, failure);
    return error == 0 ? name_drop(files, spot.inode, &attributes, now, failure) : error;
}

static int remove_and_end(struct files *files, uint64_t directory, const char *name,
                          bool is_directory, struct failure *failure)
{
    int error = files_begin_change(files, directory, failure);

    if (error != 0)
        return error;
    error = files_make_room_to_remove(files);
    if (error == 0)
        error = remove_name(files, directory, name, is_directory, failure);
    return files_end_change(files, error);
}

int files_unlink(struct files *files, uint64_t directory, const char *name, struct failure *failure)
{
    return remove_and_end(files, directory, name, false, failure);
}

int files_rmdir(struct files *files, uint64_t directory, const char *name, struct failure *failure)
{
    return remove_and_end(files, directory, name, true, failure);
}
