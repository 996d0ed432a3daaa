/* SPDX-License-Identifier: MIT */
/* Where names stand: by a keyed hash, and the first free of the places after it. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/files_internal.h"

#define PLACES 128U /* of names with one hash */
#define PLACE_MASK (UINT64_MAX >> 1 & ~(uint64_t)(PLACES - 1))

static int read_names_key(struct files *files, struct catalogue *tree, uint8_t key[NAMES_KEY_BYTES],
                          struct failure *failure)
{
    const struct file_key root = {.kind = FILE_ROOT};
    struct file_item item;

    if (tree == &files->tree) {
        memcpy(key, files->names_key, NAMES_KEY_BYTES);
        return 0;
    }

    int error = catalogue_get(tree, &root, &item, failure);

    if (error == -ENOENT || (error == 0 && item.size != 8 + NAMES_KEY_BYTES))
        return failure_set(failure, EIO, "the store is damaged: files/ has no beginning");
    if (error == 0)
        memcpy(key, item.value + 8, NAMES_KEY_BYTES);
    return error;
}

static bool is_called(const struct file_item *item, const char *name, size_t length)
{
    if (item->key.kind == FILE_ENTRY)
        return item->size == ENTRY_HEAD_BYTES + length &&
               memcmp(item->value + ENTRY_HEAD_BYTES, name, length) == 0;
    return item->size >= 1 + length && item->value[0] == length &&
           memcmp(item->value + 1, name, length) == 0;
}

int place_find(struct files *files, struct catalogue *tree, uint64_t inode, uint8_t kind,
               const char *name, struct file_item *ret_item, struct file_key *ret_free,
               struct failure *failure)
{
    uint8_t names_key[NAMES_KEY_BYTES];
    uint8_t hash[crypto_shorthash_BYTES];
    size_t length = strlen(name);
    int error = read_names_key(files, tree, names_key, failure);

    if (error != 0)
        return error;
    crypto_shorthash(hash, (const uint8_t *)name, length, names_key);

    uint64_t first = get_u64(hash) & PLACE_MASK;
    struct file_key key = {.inode = inode, .kind = kind};
    uint64_t empty = UINT64_MAX;

    if (first < PLACES)
        first = PLACES;
    for (uint64_t place = first; place < first + PLACES;) {
        struct file_item item;

        key.number = place;
        error = catalogue_next(tree, &key, &item, failure);
        if (error != 0 && error != -ENOENT)
            return error;
        if (error == -ENOENT || item.key.inode != inode || item.key.kind != kind ||
            item.key.number > place) {
            if (empty == UINT64_MAX)
                empty = place;
            if (error == -ENOENT || item.key.inode != inode || item.key.kind != kind ||
                item.key.number >= first + PLACES)
                break;
            place = item.key.number;
        }
        if (is_called(&item, name, length)) {
            *ret_item = item;
            return 0;
        }
        place++;
    }
    if (empty == UINT64_MAX)
        return failure_set(failure, ENOSPC, "too many names in one place");
    key.number = empty;
    if (ret_free != NULL)
        *ret_free = key;
    return -ENOENT;
}
