/* SPDX-License-Identifier: MIT */
/*
 * Earlier versions of what is written: what stood at the same place of the same file; all of a
 * file that is cut off to nothing and written anew; and, for a new file, one that is like it:
 * search.c.
 */
#include "fs/files/earlier.h"

#include <stdlib.h>
#include <string.h>

#define PARENT_LEAST ((size_t)16 << 10) /* smaller pieces are stored as they are */
#define REMOVED_PART 2                  /* of what pasts may take; the rest is for held files */

void files_drop_past(struct files *files, struct held_file *held)
{
    files->past_bytes -= past_bytes(&held->past);
    past_release(&held->past);
}

/* What INODE consists of, as much of it as fits into MOST bytes. */
static struct past gather(struct files *files, uint64_t inode, size_t most)
{
    struct past found = {.count = 0};
    struct file_extent extent;
    uint64_t offset = 0;
    uint64_t begin;
    int error = 0;

    while (error == 0) {
        error = extent_find(&files->tree, inode, offset, &begin, &extent, NULL);
        if (error == 0)
            error = past_add(&found, most / sizeof(struct past_piece), begin, extent.length,
                             &extent.content);
        offset = begin + extent.length;
    }
    return found;
}

static void set_past(struct files *files, struct held_file *held, struct past *past)
{
    if (past->count == 0)
        return;
    files_drop_past(files, held);
    held->past = *past;
    files->past_bytes += past_bytes(past);
}

/* Instead of what was noted. */
static void note_past_of(struct files *files, struct held_file *held, uint64_t inode)
{
    size_t taken = files->past_bytes + files->removed.bytes - past_bytes(&held->past);
    struct past past =
        gather(files, inode, taken < files->past_most ? files->past_most - taken : 0);

    set_past(files, held, &past);
}

void files_note_past(struct files *files, struct held_file *held)
{
    note_past_of(files, held, held->inode);
}

void files_note_removed(struct files *files, uint64_t inode, const struct attributes *attributes,
                        uint64_t directory, const char *name)
{
    size_t most = files->past_most / REMOVED_PART;
    struct removed_file file = {.inode = inode, .directory = directory};

    if (!S_ISREG(attributes->mode) || attributes->size < PAST_FILE_LEAST)
        return;
    file.past = gather(files, inode, most);
    if (file.past.count > 0)
        removed_add(&files->removed, &file, name, most);
    files->removed_misses = 0;
    (void)catalogue_reserve(&files->nodes, CHANGES_MOST); /* what reading the tree took of it */
}

void files_name_new(struct held_file *held, uint64_t directory, const char *name)
{
    char *own = strdup(name);

    free(held->name);
    held->name = own;
    held->directory = own != NULL ? directory : 0;
}

void files_take_past(struct files *files, struct held_file *held, uint64_t inode)
{
    struct past past = removed_take(&files->removed, inode);

    if (past.count > 0)
        set_past(files, held, &past);
    else if (inode != 0)
        note_past_of(files, held, inode);
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
