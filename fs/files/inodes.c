/* SPDX-License-Identifier: MIT */
/* Inodes: attributes, the tree's first items, and the end of files without a name. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/files_internal.h"

#define ROOT_BYTES (8 + NAMES_KEY_BYTES)

/* Of files as they are now: no other node of the mount shows such an inode number. */
#define SHOWN_NOW (UINT64_C(1) << 40)

static struct file_key attributes_key(uint64_t inode)
{
    return (struct file_key){.inode = inode, .kind = FILE_ATTRIBUTES};
}

static int damaged(struct failure *failure)
{
    return failure_set(failure, EIO,
                       "the store is damaged: the attributes of a file in files/ "
                       "cannot be made out");
}

int inode_get(struct catalogue *tree, uint64_t inode, struct attributes *ret_attributes,
              struct failure *failure)
{
    const struct file_key key = attributes_key(inode);
    struct file_item item;
    int error = catalogue_get(tree, &key, &item, failure);

    if (error != 0)
        return error == -ENOENT ? -ESTALE : error;
    return attributes_decode(&item, ret_attributes) == 0 ? 0 : damaged(failure);
}

int inode_put(struct files *files, uint64_t inode, const struct attributes *attributes,
              struct failure *failure)
{
    const struct file_key key = attributes_key(inode);
    uint8_t bytes[ATTRIBUTES_BYTES];

    attributes_encode(attributes, bytes);
    return catalogue_put(&files->tree, &key, bytes, sizeof bytes, failure);
}

bool files_is_now(uint64_t number)
{
    return number_of(TOP_INODE, number) == FILES_TOP;
}

uint64_t files_shown_inode(uint64_t number)
{
    return files_is_now(number) ? SHOWN_NOW | inode_of(number) : number;
}

struct stat inode_stat(struct files *files, uint64_t number, const struct attributes *attributes)
{
    const struct held_file *held =
        files_is_now(number) ? files_held(files, inode_of(number)) : NULL;

    return attributes_stat(attributes, files_shown_inode(number),
                           held != NULL ? held->runs.bytes : 0);
}

/* ---- The first items ---- */

int inode_write_root(struct files *files, struct failure *failure)
{
    const struct file_key key = {.kind = FILE_ROOT};
    uint8_t bytes[ROOT_BYTES];

    put_u64(bytes, files->next_inode);
    memcpy(bytes + 8, files->names_key, NAMES_KEY_BYTES);
    return catalogue_put(&files->tree, &key, bytes, sizeof bytes, failure);
}

int inode_read_root(struct files *files, struct failure *failure)
{
    const struct file_key key = {.kind = FILE_ROOT};
    struct file_item item;
    int error = catalogue_get(&files->tree, &key, &item, failure);

    if (error == -ENOENT || (error == 0 && item.size != ROOT_BYTES))
        return failure_set(failure, EIO, "the store is damaged: files/ has no beginning");
    if (error != 0)
        return error;
    files->next_inode = get_u64(item.value);
    memcpy(files->names_key, item.value + 8, NAMES_KEY_BYTES);
    return 0;
}

int inode_begin_tree(struct files *files, struct failure *failure)
{
    struct timespec now = files_now();
    struct attributes top = {.mode = S_IFDIR | 0755,
                             .links = 2,
                             .uid = files->options.uid,
                             .gid = files->options.gid,
                             .accessed = now,
                             .modified = now,
                             .changed = now,
                             .born = now,
                             .parent = TOP_INODE};
    int error = catalogue_reserve(&files->nodes, CHANGES_MOST);

    if (error == 0)
        error = catalogue_open(&files->tree, &files->nodes, NULL);
    if (error != 0)
        return error;
    files->next_inode = TOP_INODE + 1;
    randombytes_buf(files->names_key, sizeof files->names_key);
    error = inode_write_root(files, failure);
    return error == 0 ? inode_put(files, TOP_INODE, &top, failure) : error;
}

/* ---- Orphans ---- */

static struct file_key orphan_key(uint64_t inode)
{
    return (struct file_key){.kind = FILE_ORPHAN, .number = inode};
}

int inode_orphan(struct files *files, uint64_t inode, struct failure *failure)
{
    const struct file_key key = orphan_key(inode);
    struct held_file *held = files_hold(files, inode);
    int error = held != NULL ? catalogue_put(&files->tree, &key, "", 0, failure) : -ENOMEM;

    if (error == 0)
        held->orphan = true;
    return error;
}

static struct file_key last_key(uint64_t inode)
{
    return (struct file_key){.inode = inode, .kind = UINT8_MAX, .number = UINT64_MAX};
}

/* The last item of INODE; the attributes are the first one, and say what is left. 1: none is. */
static int remove_last_item(struct files *files, uint64_t inode, struct attributes *attributes,
                            struct failure *failure)
{
    const struct file_key last = last_key(inode);
    struct file_extent extent = {.length = 0};
    struct file_item item;
    int error = catalogue_reserve(&files->nodes, 1);

    if (error == 0)
        error = catalogue_before(&files->tree, &last, &item, failure);
    if (error == -ENOENT || (error == 0 && item.key.inode != inode))
        return 1;
    if (error == 0 && item.key.kind == FILE_EXTENT)
        (void)file_extent_decode(&item, &extent);
    if (error == 0) {
        const struct file_key key = item.key;

        error = catalogue_remove(&files->tree, &key, failure);
    }
    if (error == 0) {
        attributes->content_bytes -= extent.length;
        files->dropped_bytes += extent.length;
    }
    return error;
}

/* From its end on, the orphan's own item last: what is cut short makes sense, and is gone on with.
 */
int inode_remove(struct files *files, uint64_t inode, struct failure *failure)
{
    const struct file_key orphan = orphan_key(inode);
    struct held_file *held = files_held(files, inode);
    struct attributes attributes;
    int error = inode_get(&files->tree, inode, &attributes, failure);

    if (held != NULL) {
        runs_release(&held->runs);
        files_runs_changed(files, held);
        held->orphan = false;
        files_unhold(files, held);
    }
    if (error == -ESTALE)
        error = 1;
    while (error == 0)
        error = remove_last_item(files, inode, &attributes, failure);
    if (error < 0) {
        (void)inode_put(files, inode, &attributes, NULL);
        return error;
    }
    error = catalogue_remove(&files->tree, &orphan, failure);
    return error == -ENOENT ? 0 : error;
}

/* Of a writer that died, but open here as well: it goes when it is closed. */
static bool is_still_read(struct files *files, uint64_t inode)
{
    struct held_file *held = files_held(files, inode);

    if (held == NULL || held->opened == 0 || files->stopped)
        return false;
    held->orphan = true;
    return true;
}

int inode_remove_orphans(struct files *files, struct failure *failure)
{
    struct file_key from = {.kind = FILE_ORPHAN};
    struct file_item item;
    int result = 0;
    int error;

    while ((error = catalogue_next(&files->tree, &from, &item, failure)) == 0 &&
           item.key.inode == 0 && item.key.kind == FILE_ORPHAN) {
        uint64_t inode = item.key.number;
        bool stays = is_still_read(files, inode);
        int removed = stays ? 0 : inode_remove(files, inode, failure);

        files->changes += !stays;
        if (removed != 0)
            result = removed;
        if (removed != 0 || stays)
            from.number = inode + 1;
    }
    return error == 0 || error == -ENOENT ? result : error;
}
