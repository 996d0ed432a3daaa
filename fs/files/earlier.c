/* SPDX-License-Identifier: MIT */
/*
 * Earlier versions of what is written: what stood at the same place of the same file; all of a
 * file that is cut off to nothing and written anew; and, for a new file, the one beside it whose
 * name is most like its own: yesterday's dump, or what a program is about to rename it over.
 */
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/files_internal.h"

#define PARENT_LEAST ((size_t)16 << 10) /* smaller pieces are stored as they are */
#define NAMES_LOOKED_AT 2048
#define NAME_PART_LEAST 4 /* that two names have in common */

void files_drop_past(struct files *files, struct held_file *held)
{
    files->past_bytes -= past_bytes(&held->past);
    past_release(&held->past);
}

/* What INODE consists of, as much of it as there is memory for, instead of what was noted. */
static void note_past_of(struct files *files, struct held_file *held, uint64_t inode)
{
    size_t taken = files->past_bytes - past_bytes(&held->past);
    size_t most =
        (taken < files->past_most ? files->past_most - taken : 0) / sizeof(struct past_piece);
    struct past found = {.count = 0};
    struct file_extent extent;
    uint64_t offset = 0;
    uint64_t begin;
    int error = 0;

    while (error == 0) {
        error = extent_find(&files->tree, inode, offset, &begin, &extent, NULL);
        if (error == 0)
            error = past_add(&found, most, begin, extent.length, &extent.content);
        offset = begin + extent.length;
    }
    if (found.count == 0)
        return;
    files_drop_past(files, held);
    held->past = found;
    files->past_bytes += past_bytes(&held->past);
}

void files_note_past(struct files *files, struct held_file *held)
{
    note_past_of(files, held, held->inode);
}

/* ---- A file like it ---- */

struct likeness {
    struct files *files;
    const struct held_file *held;
    uint64_t inode; /* 0: none yet */
    size_t common;
};

/* The longest part that stands in both; RIGHT has at most NAME_MAX bytes. */
static size_t common_part(const char *left, const char *right, size_t right_size)
{
    size_t best = 0;
    size_t common[NAME_MAX + 1] = {0}; /* up to here in LEFT, and to each place in RIGHT */

    for (const char *at = left; *at != '\0'; at++) {
        for (size_t i = right_size; i > 0; i--) {
            common[i] = right[i - 1] == *at ? common[i - 1] + 1 : 0;
            if (common[i] > best)
                best = common[i];
        }
    }
    return best;
}

static void compare_entry(struct likeness *likeness, const struct file_item *item)
{
    uint64_t inode = get_u64(item->value) & INODE_MASK;
    const char *name = (const char *)item->value + ENTRY_HEAD_BYTES;
    struct attributes attributes;

    if (item->value[ENTRY_HEAD_BYTES - 1] != DT_REG || inode == likeness->held->inode)
        return;

    size_t common = common_part(likeness->held->name, name, item->size - ENTRY_HEAD_BYTES);

    if (common <= likeness->common ||
        inode_get(&likeness->files->tree, inode, &attributes, NULL) != 0 ||
        attributes.size < PAST_FILE_LEAST)
        return;
    likeness->common = common;
    likeness->inode = inode;
}

void files_find_past(struct files *files, struct held_file *held)
{
    struct likeness likeness = {.files = files, .held = held, .common = NAME_PART_LEAST - 1};
    struct file_key key = {.inode = held->directory, .kind = FILE_ENTRY};

    if (held->directory == 0 || held->past.count > 0)
        return;
    for (unsigned i = 0; i < NAMES_LOOKED_AT; i++) {
        uint8_t value[ENTRY_HEAD_BYTES + NAME_MAX];
        struct file_item item;

        if (catalogue_next(&files->tree, &key, &item, NULL) != 0 ||
            item.key.inode != held->directory || item.key.kind != FILE_ENTRY)
            break;
        key = item.key;
        key.number++;
        if (item.size <= ENTRY_HEAD_BYTES || item.size > sizeof value)
            continue;
        /* Looking at another item may take this one out of memory. */
        memcpy(value, item.value, item.size);
        item.value = value;
        compare_entry(&likeness, &item);
    }
    held->directory = 0; /* once */
    if (likeness.inode != 0)
        note_past_of(files, held, likeness.inode);
}

/* ---- One piece ---- */

bool files_find_parent(struct files *files, struct held_file *held, uint64_t offset, size_t size,
                       struct object_parent *ret_parent)
{
    struct file_extent extent;
    uint64_t begin;

    if (size < PARENT_LEAST)
        return false;
    *ret_parent = (struct object_parent){.phase = offset / CUT_MOST};
    if (held->past.count > 0) {
        const struct past_piece *piece = past_find(&held->past, offset, size);

        if (piece != NULL)
            ret_parent->reference = piece->content;
        return piece != NULL;
    }
    if (extent_find(&files->tree, held->inode, offset, &begin, &extent, NULL) != 0 ||
        begin >= offset + size)
        return false;
    ret_parent->reference = extent.content;
    return true;
}
