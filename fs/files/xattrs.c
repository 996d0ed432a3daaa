/* SPDX-License-Identifier: MIT */
/* Extended attributes; two of them are ACLs, which the mode follows. */
#include <errno.h>
#include <limits.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/xattr.h>

#include "fs/files/acl.h"
#include "fs/files/xattrs.h"

#define XATTR_NAME_LIMIT 255

static ssize_t give_value(const struct file_item *item, void *value, size_t size)
{
    size_t head = 1U + item->value[0];
    size_t length = item->size - head;

    if (size != 0 && length > size)
        return -ERANGE;
    if (size != 0)
        memcpy(value, item->value + head, length);
    return (ssize_t)length;
}

ssize_t files_xattr_get(struct files *files, uint64_t number, const char *name, void *value,
                        size_t size, struct failure *failure)
{
    struct catalogue *tree;
    struct file_item item;
    int error = files_begin_look(files, number, &tree, failure);
    ssize_t length = 0;

    if (error != 0)
        return error;
    error = strlen(name) <= XATTR_NAME_LIMIT
                ? place_find(files, tree, inode_of(number), FILE_XATTR, name, &item, NULL, failure)
                : -ENOENT;
    if (error == 0)
        length = give_value(&item, value, size);
    files_end(files, 0);
    if (error == -ENOENT)
        return -ENODATA;
    return error != 0 ? error : length;
}

ssize_t files_xattr_list(struct files *files, uint64_t number, char *names, size_t size,
                         struct failure *failure)
{
    struct file_key key = {.inode = inode_of(number), .kind = FILE_XATTR};
    struct catalogue *tree;
    size_t used = 0;
    int error = files_begin_look(files, number, &tree, failure);

    if (error != 0)
        return error;
    while (error == 0) {
        struct file_item item;

        error = catalogue_next(tree, &key, &item, failure);
        if (error == 0 && (item.key.inode != key.inode || item.key.kind != FILE_XATTR))
            error = -ENOENT;
        if (error != 0)
            break;

        size_t length = item.size > 0 ? item.value[0] : 0;

        if (item.size < length + 1) {
            error = failure_set(failure, EIO, "the store is damaged: an attribute is none");
            break;
        }
        if (size != 0 && used + length + 1 > size) {
            error = -ERANGE;
            break;
        }
        if (size != 0) {
            memcpy(names + used, item.value + 1, length);
            names[used + length] = '\0';
        }
        used += length + 1;
        key.number = item.key.number + 1;
    }
    files_end(files, 0);
    return error == -ENOENT ? (ssize_t)used : error;
}

int xattr_find(struct files *files, uint64_t inode, const char *name, struct xattr_value *ret_value,
               struct failure *failure)
{
    struct file_item item;
    int error = place_find(files, &files->tree, inode, FILE_XATTR, name, &item, NULL, failure);
    ssize_t size = error == 0 ? give_value(&item, ret_value->bytes, XATTR_VALUE_LIMIT) : 0;

    ret_value->size = size > 0 ? (size_t)size : 0;
    return error == -ENOENT ? 0 : error;
}

int xattr_put(struct files *files, const struct file_key *key, const char *name,
              const struct xattr_value *value, struct failure *failure)
{
    uint8_t bytes[1 + XATTR_NAME_LIMIT + XATTR_VALUE_LIMIT];
    size_t length = strlen(name);

    bytes[0] = (uint8_t)length;
    memcpy(bytes + 1, name, length);
    memcpy(bytes + 1 + length, value->bytes, value->size);
    return catalogue_put(&files->tree, key, bytes, 1 + length + value->size, failure);
}

/* ---- ACLs ---- */

int xattr_follow_mode(struct files *files, uint64_t inode, mode_t mode, struct failure *failure)
{
    struct xattr_value value;
    struct file_item item;
    int error =
        place_find(files, &files->tree, inode, FILE_XATTR, ACL_ACCESS, &item, NULL, failure);

    if (error != 0)
        return error == -ENOENT ? 0 : error;

    const struct file_key key = item.key;
    ssize_t size = give_value(&item, value.bytes, sizeof value.bytes);

    if (size < 0 || !acl_is_valid(value.bytes, (size_t)size))
        return 0;
    value.size = (size_t)size;
    acl_change_mode(value.bytes, value.size, mode);
    return xattr_put(files, &key, ACL_ACCESS, &value, failure);
}

/* Where a new file's attribute will stand. */
static int find_new_place(struct files *files, uint64_t inode, const char *name,
                          struct file_key *ret_key, struct failure *failure)
{
    struct file_item item;
    int error = place_find(files, &files->tree, inode, FILE_XATTR, name, &item, ret_key, failure);

    return error == -ENOENT ? 0 : error != 0 ? error : -EIO;
}

int xattr_inherit(struct files *files, uint64_t directory, uint64_t inode, mode_t umask,
                  mode_t *mode, struct inheritance *ret_inheritance, struct failure *failure)
{
    struct xattr_value *access = &ret_inheritance->access;
    bool minimal;
    int error = S_ISLNK(*mode) ? 0 : xattr_find(files, directory, ACL_DEFAULT, access, failure);

    ret_inheritance->directory.size = 0;
    if (error != 0)
        return error;
    if (S_ISLNK(*mode) || !acl_is_valid(access->bytes, access->size)) {
        access->size = 0;
        *mode &= S_ISLNK(*mode) ? ~(mode_t)0 : ~umask;
        return 0;
    }
    if (S_ISDIR(*mode))
        ret_inheritance->directory = *access;
    *mode = acl_inherit(access->bytes, access->size, *mode, &minimal);
    if (minimal)
        access->size = 0;
    error = find_new_place(files, inode, ACL_ACCESS, &ret_inheritance->access_key, failure);
    return error == 0
               ? find_new_place(files, inode, ACL_DEFAULT, &ret_inheritance->directory_key, failure)
               : error;
}

int xattr_put_inheritance(struct files *files, const struct inheritance *inheritance,
                          struct failure *failure)
{
    int error = 0;

    if (inheritance->access.size != 0)
        error =
            xattr_put(files, &inheritance->access_key, ACL_ACCESS, &inheritance->access, failure);
    if (error == 0 && inheritance->directory.size != 0)
        error = xattr_put(files, &inheritance->directory_key, ACL_DEFAULT, &inheritance->directory,
                          failure);
    return error;
}

/* ---- Changing ---- */

/* 0: it is in one of the name spaces that file systems have, and has a name there. */
static int check_name(const char *name)
{
    static const char *const spaces[] = {XATTR_USER_PREFIX, XATTR_TRUSTED_PREFIX,
                                         XATTR_SECURITY_PREFIX};

    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        size_t size = strlen(spaces[i]);

        if (strncmp(name, spaces[i], size) == 0)
            return name[size] != '\0' ? 0 : -EINVAL;
    }
    return acl_is_name(name) ? 0 : -EOPNOTSUPP;
}

static int set_value(struct files *files, uint64_t inode, const char *name, const void *value,
                     size_t size, int flags, struct failure *failure)
{
    struct xattr_value copy = {.size = size};
    struct file_item item;
    struct file_key key;
    int found = place_find(files, &files->tree, inode, FILE_XATTR, name, &item, &key, failure);

    if (found != 0 && found != -ENOENT)
        return found;
    if (found == 0 && (flags & XATTR_CREATE) != 0)
        return -EEXIST;
    if (found != 0 && (flags & XATTR_REPLACE) != 0)
        return -ENODATA;
    if (found == 0)
        key = item.key;
    memcpy(copy.bytes, value, size);
    return xattr_put(files, &key, name, &copy, failure);
}

static int remove_value(struct files *files, uint64_t inode, const char *name,
                        struct failure *failure)
{
    struct file_item item;
    int error = place_find(files, &files->tree, inode, FILE_XATTR, name, &item, NULL, failure);

    if (error != 0)
        return error == -ENOENT ? -ENODATA : error;

    const struct file_key key = item.key;

    return catalogue_remove(&files->tree, &key, failure);
}

/* An access ACL is the mode's too; one that says no more than the mode is not kept. */
static int set_access(struct files *files, uint64_t inode, struct attributes *attributes,
                      const void *value, size_t size, int flags, struct failure *failure)
{
    bool minimal;
    int error;

    if (!acl_is_valid(value, size))
        return -EINVAL;

    mode_t mode = acl_mode(value, size, attributes->mode, &minimal);

    error = minimal ? remove_value(files, inode, ACL_ACCESS, failure)
                    : set_value(files, inode, ACL_ACCESS, value, size, flags, failure);
    if (minimal && error == -ENODATA)
        error = 0;
    if (error == 0)
        attributes->mode = mode;
    return error;
}

static int touch(struct files *files, uint64_t inode, struct attributes *attributes,
                 struct failure *failure)
{
    attributes->changed = files_now();
    return inode_put(files, inode, attributes, failure);
}

int files_xattr_set(struct files *files, uint64_t number, const char *name, const void *value,
                    size_t size, int flags, struct failure *failure)
{
    struct attributes attributes;
    int error;

    if (strlen(name) > XATTR_NAME_LIMIT)
        return -ERANGE;
    error = check_name(name);
    if (error != 0)
        return error;
    if (size > XATTR_VALUE_LIMIT)
        return -ENOSPC; /* as ext4 says it */
    error = files_begin_change(files, number, failure);
    if (error != 0)
        return error;
    error = files_make_room_for(files, 0, failure);
    if (error == 0)
        error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0 && strcmp(name, ACL_ACCESS) == 0)
        error = set_access(files, inode_of(number), &attributes, value, size, flags, failure);
    else if (error == 0)
        error = set_value(files, inode_of(number), name, value, size, flags, failure);
    if (error == 0)
        error = touch(files, inode_of(number), &attributes, failure);
    return files_end_change(files, error);
}

int files_xattr_remove(struct files *files, uint64_t number, const char *name,
                       struct failure *failure)
{
    struct attributes attributes;
    int error = files_begin_change(files, number, failure);

    if (error != 0)
        return error;
    error = files_make_room_to_remove(files);
    if (error == 0)
        error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0)
        error = remove_value(files, inode_of(number), name, failure);
    /* Every file has an ACL, if only the one that its mode is. */
    if (error == -ENODATA && acl_is_name(name))
        error = 0;
    if (error == 0)
        error = touch(files, inode_of(number), &attributes, failure);
    return files_end_change(files, error);
}
