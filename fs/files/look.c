/* SPDX-License-Identifier: MIT */
/* What there is: attributes, names, targets. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/files_internal.h"

/* Places of a listing below those that names can have. */
#define PLACE_DOT 1
#define PLACE_DOT_DOT 2

static int get(struct files *files, uint64_t number, struct catalogue **ret_tree,
               struct attributes *ret_attributes, struct failure *failure)
{
    int error = files_begin_look(files, number, ret_tree, failure);

    if (error != 0)
        return error;
    error = inode_get(*ret_tree, inode_of(number), ret_attributes, failure);
    return error != 0 ? files_end(files, error) : 0;
}

int files_stat(struct files *files, uint64_t number, struct stat *ret_stat, struct failure *failure)
{
    struct attributes attributes;
    struct catalogue *tree;
    int error = get(files, number, &tree, &attributes, failure);

    if (error != 0)
        return error;
    *ret_stat = inode_stat(files, number, &attributes);
    return files_end(files, 0);
}

/* Of an entry's item. */
static uint64_t entry_inode(const struct file_item *item)
{
    return get_u64(item->value) & INODE_MASK;
}

int files_lookup(struct files *files, uint64_t directory, const char *name, uint64_t *ret_number,
                 struct stat *ret_stat, struct failure *failure)
{
    struct attributes attributes;
    struct file_item item;
    struct catalogue *tree;
    int error = files_begin_look(files, directory, &tree, failure);

    if (error != 0)
        return error;
    error = strlen(name) <= NAME_MAX ? place_find(files, tree, inode_of(directory), FILE_ENTRY,
                                                  name, &item, NULL, failure)
                                     : -ENAMETOOLONG;
    if (error == 0) {
        uint64_t number = number_of(entry_inode(&item), directory);

        error = inode_get(tree, inode_of(number), &attributes, failure);
        if (error == -ESTALE)
            error = failure_set(failure, EIO, "the store is damaged: a name has no file");
        if (error == 0) {
            *ret_number = number;
            *ret_stat = inode_stat(files, number, &attributes);
            if (tree == &files->tree)
                files_note_told(files, inode_of(number));
        }
    }
    return files_end(files, error);
}

struct listing {
    struct files *files;
    struct catalogue *tree;
    uint64_t directory;
    files_visit *visit;
    void *context;
    struct failure *failure;
};

/* 1: it was not wanted any more. */
static int give(const struct listing *listing, const char *name, uint64_t inode, uint64_t next)
{
    struct attributes attributes;
    struct files_entry entry = {
        .name = name, .number = number_of(inode, listing->directory), .next = next};
    int error = inode_get(listing->tree, inode, &attributes, listing->failure);

    if (error == -ESTALE)
        return failure_set(listing->failure, EIO, "the store is damaged: a name has no file");
    if (error != 0)
        return error;
    entry.stat = inode_stat(listing->files, entry.number, &attributes);
    return listing->visit(listing->context, &entry) ? 0 : 1;
}

static int give_names(const struct listing *listing, uint64_t place)
{
    struct file_key key = {
        .inode = inode_of(listing->directory), .number = place, .kind = FILE_ENTRY};
    int error = 0;

    while (error == 0) {
        char name[NAME_MAX + 1];
        struct file_item item;

        error = catalogue_next(listing->tree, &key, &item, listing->failure);
        if (error != 0 || item.key.inode != key.inode || item.key.kind != FILE_ENTRY)
            return error == -ENOENT ? 0 : error;
        if (item.size <= ENTRY_HEAD_BYTES || item.size - ENTRY_HEAD_BYTES > NAME_MAX)
            return failure_set(listing->failure, EIO, "the store is damaged: a name is none");
        memcpy(name, item.value + ENTRY_HEAD_BYTES, item.size - ENTRY_HEAD_BYTES);
        name[item.size - ENTRY_HEAD_BYTES] = '\0';
        key.number = item.key.number + 1;
        error = give(listing, name, entry_inode(&item), key.number);
    }
    return error;
}

int files_list(struct files *files, uint64_t directory, uint64_t place, files_visit *visit,
               void *context, struct failure *failure)
{
    struct listing listing = {.files = files,
                              .directory = directory,
                              .visit = visit,
                              .context = context,
                              .failure = failure};
    struct attributes attributes;
    int error = get(files, directory, &listing.tree, &attributes, failure);

    if (error != 0)
        return error;
    if (!S_ISDIR(attributes.mode))
        error = -ENOTDIR;
    if (error == 0 && place < PLACE_DOT)
        error = give(&listing, ".", inode_of(directory), PLACE_DOT);
    if (error == 0 && place < PLACE_DOT_DOT)
        error = give(&listing, "..", attributes.parent & INODE_MASK, PLACE_DOT_DOT);
    if (error == 0)
        error = give_names(&listing, place < PLACE_DOT_DOT ? PLACE_DOT_DOT : place);
    if (error >= 0 && place == 0)
        files_begin_walk(files, listing.tree, directory);
    return files_end(files, error > 0 ? 0 : error);
}

int files_target(struct files *files, uint64_t number, char *target, size_t size,
                 struct failure *failure)
{
    const struct file_key key = {.inode = inode_of(number), .kind = FILE_TARGET};
    struct catalogue *tree;
    struct file_item item;
    int error = files_begin_look(files, number, &tree, failure);

    if (error != 0)
        return error;
    error = catalogue_get(tree, &key, &item, failure);
    if (error == 0 && item.size < size) {
        memcpy(target, item.value, item.size);
        target[item.size] = '\0';
    } else if (error == 0) {
        error = -ENAMETOOLONG;
    }
    return files_end(files, error == -ENOENT ? -EINVAL : error);
}
