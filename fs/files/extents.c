/* SPDX-License-Identifier: MIT */
/* Which content stands where in a file. */
#include <errno.h>

#include "fs/files/files_internal.h"

#define LOOKED_AT_MOST 65536 /* extents: that is 6 MB of nodes, and some GB of content */

static struct file_key extent_key(uint64_t inode, uint64_t offset)
{
    return (struct file_key){.inode = inode, .number = offset, .kind = FILE_EXTENT};
}

static bool is_extent(const struct file_item *item, uint64_t inode)
{
    return item->key.inode == inode && item->key.kind == FILE_EXTENT;
}

static int decode(const struct file_item *item, struct file_extent *ret_extent,
                  struct failure *failure)
{
    return file_extent_decode(item, ret_extent) == 0
               ? 0
               : failure_set(failure, EIO,
                             "the store is damaged: where the content of a file in files/ is "
                             "cannot be made out");
}

int extent_find(struct catalogue *tree, uint64_t inode, uint64_t offset, uint64_t *ret_begin,
                struct file_extent *ret_extent, struct failure *failure)
{
    const struct file_key key = extent_key(inode, offset);
    struct file_extent extent;
    struct file_item item;
    int error = catalogue_before(tree, &key, &item, failure);

    if (error == 0 && is_extent(&item, inode)) {
        error = decode(&item, &extent, failure);
        if (error != 0)
            return error;
        if (offset - item.key.number < extent.length) {
            *ret_begin = item.key.number;
            *ret_extent = extent;
            return 0;
        }
    }
    if (error == 0 || error == -ENOENT)
        error = catalogue_next(tree, &key, &item, failure);
    if (error == 0 && !is_extent(&item, inode))
        error = -ENOENT;
    if (error == 0)
        error = decode(&item, &extent, failure);
    if (error != 0)
        return error;
    *ret_begin = item.key.number;
    *ret_extent = extent;
    return 0;
}

static int put(struct files *files, uint64_t inode, uint64_t offset,
               const struct file_extent *extent, struct failure *failure)
{
    const struct file_key key = extent_key(inode, offset);
    uint8_t bytes[FILE_EXTENT_BYTES];

    file_extent_encode(extent, bytes);
    return catalogue_put(&files->tree, &key, bytes, sizeof bytes, failure);
}

int extent_put(struct files *files, uint64_t inode, uint64_t offset,
               const struct file_extent *extent, struct failure *failure)
{
    const struct file_key key = extent_key(inode, offset);
    struct file_item item;
    int error = catalogue_reserve(&files->nodes, 2);

    if (error == 0)
        error = catalogue_before(&files->tree, &key, &item, failure); /* into memory */
    return error == 0 ? put(files, inode, offset, extent, failure) : error;
}

int extents_look(struct catalogue *tree, uint64_t inode, uint64_t from, uint64_t end,
                 struct failure *failure)
{
    int error = 0;

    for (unsigned i = 0; i < LOOKED_AT_MOST && error == 0 && from < end; i++) {
        struct file_extent extent;
        uint64_t begin;

        error = extent_find(tree, inode, from, &begin, &extent, failure);
        if (error == 0)
            from = begin + extent.length;
    }
    return error == -ENOENT ? 0 : error;
}

/* One extent, from BEGIN on: what of it is outside of FROM up to END stays. */
static int cut_one(struct files *files, uint64_t inode, uint64_t begin,
                   const struct file_extent *extent, uint64_t from, uint64_t end,
                   struct failure *failure)
{
    const struct file_key key = extent_key(inode, begin);
    struct file_extent kept = *extent;
    uint64_t after = begin + extent->length;
    int error = 0;

    if (end < after) {
        kept.from += (uint32_t)(end - begin);
        kept.length = (uint32_t)(after - end);
        error = put(files, inode, end, &kept, failure);
    }
    if (error != 0)
        return error;
    if (begin >= from)
        return catalogue_remove(&files->tree, &key, failure);
    kept = *extent;
    kept.length = (uint32_t)(from - begin);
    return put(files, inode, begin, &kept, failure);
}

int extents_cut(struct files *files, uint64_t inode, uint64_t from, uint64_t end,
                uint64_t *content_bytes, struct failure *failure)
{
    int error = 0;

    while (error == 0 && from < end) {
        struct file_extent extent;
        uint64_t begin;

        error = catalogue_reserve(&files->nodes, 2);
        if (error == 0)
            error = extent_find(&files->tree, inode, from, &begin, &extent, failure);
        if (error == 0 && begin >= end)
            error = -ENOENT;
        if (error == 0)
            error = cut_one(files, inode, begin, &extent, from, end, failure);
        if (error == 0) {
            uint64_t after = begin + extent.length;
            uint64_t first = begin > from ? begin : from;
            uint64_t gone = (after < end ? after : end) - first;

            *content_bytes -= gone < *content_bytes ? gone : *content_bytes;
            files->dropped_bytes += gone;
            from = first + gone;
        }
    }
    return error == -ENOENT ? 0 : error;
}
