/* SPDX-License-Identifier: MIT */
#include "fs/files/paths.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/catalogue.h"
#include "fs/files/files_internal.h"

#define NODES_MOST 64
#define CUT_SHORT "…/"

/* Written from its end on. */
struct path {
    char bytes[PATH_MAX];
    size_t begin;
};

static bool is_name_of(const struct file_item *item, uint64_t inode)
{
    return item->key.kind == FILE_ENTRY && item->size > ENTRY_HEAD_BYTES &&
           (get_u64(item->value) & INODE_MASK) == inode;
}

static bool prepend(struct path *path, const void *bytes, size_t size)
{
    if (size > path->begin)
        return false;
    path->begin -= size;
    memcpy(path->bytes + path->begin, bytes, size);
    return true;
}

/* Looks for INODE's name among the items from KEY on; in ONE_DIRECTORY, only in KEY's. */
static int find_name(struct catalogue *tree, struct file_key key, bool one_directory,
                     uint64_t inode, struct path *path, uint64_t *ret_directory)
{
    const uint64_t directory = key.inode;

    for (;;) {
        struct file_item item;
        int error = catalogue_next(tree, &key, &item, NULL);

        if (error != 0 || (one_directory && item.key.inode != directory))
            return error != 0 ? error : -ENOENT;
        if (is_name_of(&item, inode)) {
            *ret_directory = item.key.inode;
            return prepend(path, item.value + ENTRY_HEAD_BYTES, item.size - ENTRY_HEAD_BYTES)
                       ? 0
                       : -ENAMETOOLONG;
        }
        key = item.key;
        if (++key.number == 0 && ++key.kind == 0)
            key.inode++;
        catalogue_trim(tree->cache);
    }
}

/* A directory says itself which one it is in. */
static int find_parents(struct catalogue *tree, uint64_t directory, struct path *path)
{
    int error = 0;

    for (unsigned depth = 0; error == 0 && directory != TOP_INODE && depth < PATH_MAX; depth++) {
        struct attributes attributes;
        uint64_t found;

        error = inode_get(tree, directory, &attributes, NULL);
        if (error == 0 && !prepend(path, "/", 1))
            error = -ENAMETOOLONG;
        if (error == 0)
            error =
                find_name(tree, (struct file_key){.inode = attributes.parent, .kind = FILE_ENTRY},
                          true, directory, path, &found);
        directory = attributes.parent;
    }
    return error;
}

static int give(const struct path *path, bool whole, char *ret_path, size_t size)
{
    size_t length = sizeof path->bytes - path->begin;
    size_t head = whole ? 0 : strlen(CUT_SHORT);

    if (head + length >= size)
        return -ENOENT;
    memcpy(ret_path, CUT_SHORT, head);
    memcpy(ret_path + head, path->bytes + path->begin, length);
    ret_path[head + length] = '\0';
    return 0;
}

int file_path_find(struct object_reader *reader, const struct object_reference *tree,
                   uint64_t inode, char *ret_path, size_t size)
{
    struct path path = {.begin = sizeof path.bytes};
    struct catalogue_cache cache;
    struct catalogue catalogue;
    uint64_t directory;

    catalogue_cache_init(&cache, reader, NODES_MOST);

    int error = catalogue_open(&catalogue, &cache, tree);

    if (error == 0)
        error =
            find_name(&catalogue, (struct file_key){.inode = 0}, false, inode, &path, &directory);
    if (error == 0)
        error = find_parents(&catalogue, directory, &path);
    catalogue_cache_release(&cache);
    if (error != 0 && error != -ENAMETOOLONG)
        return -ENOENT;

    return give(&path, error == 0, ret_path, size);
}

int files_path(struct files *files, uint64_t number, char *ret_path, size_t size)
{
    struct path path = {.begin = sizeof path.bytes};
    struct attributes attributes;
    struct catalogue *tree;
    int error = files_begin_look(files, number, &tree, NULL);

    if (error != 0)
        return error;
    error = inode_get(tree, inode_of(number), &attributes, NULL);
    if (error == 0 && !S_ISDIR(attributes.mode))
        error = -ENOTDIR;
    if (error == 0)
        error = find_parents(tree, inode_of(number), &path);
    files_end(files, 0);
    if (error == 0)
        error = give(&path, true, ret_path, size);
    if (error == 0 && ret_path[0] != '\0')
        ret_path[strlen(ret_path) - 1] = '\0'; /* the slash behind it */
    return error;
}
