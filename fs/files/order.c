/* SPDX-License-Identifier: MIT */
/*
 * Files that are read in the order in which their directory lists them, as `grep -r` and `find`
 * with -exec do: what stands first in the next ones is read ahead.
 *
 * A walk begins where a listing does, and knows the next few files of it. Reading one of them moves
 * it on; the second in a row is no chance. Who passes files over, because the kernel has them, they
 * are empty, or by their names, goes on, but nothing is fetched for him until he reads two in a
 * row.
 */
#include <dirent.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/files/files_internal.h"

#define HITS_LEAST 2
#define FETCHED_MOST 4
#define PASSED_MOST 64 /* entries that are no files, between two that are */

static void forget_first(struct folder_walk *walk, size_t count)
{
    walk->count -= count;
    walk->fetched = walk->fetched > count ? walk->fetched - count : 0;
    memmove(walk->files, walk->files + count, walk->count * sizeof *walk->files);
}

/* Finds the next files, up to the most that a walk knows; with fewer at the directory's end. */
static void look_on(struct catalogue *tree, struct folder_walk *walk)
{
    struct file_key key = {
        .inode = inode_of(walk->directory), .kind = FILE_ENTRY, .number = walk->place};

    for (unsigned i = 0; i < PASSED_MOST && walk->count < WALK_FILES; i++) {
        struct file_item item;

        if (catalogue_next(tree, &key, &item, NULL) != 0 || item.key.inode != key.inode ||
            item.key.kind != FILE_ENTRY || item.size <= ENTRY_HEAD_BYTES)
            return;
        key.number = item.key.number + 1;
        walk->place = key.number;
        if (item.value[8] == DT_REG)
            walk->files[walk->count++] = get_u64(item.value) & INODE_MASK;
    }
}

void files_begin_walk(struct files *files, struct catalogue *tree, uint64_t directory)
{
    struct folder_walk next = {.directory = directory};
    struct folder_walk *walk = NULL;

    look_on(tree, &next);
    if (next.count < HITS_LEAST)
        return;
    for (size_t i = 0; i < WALKS && walk == NULL; i++) {
        if (files->walks[i].directory == directory)
            walk = &files->walks[i];
    }
    if (walk == NULL)
        walk = &files->walks[files->next_walk++ % WALKS];
    *walk = next;
}

/* What the next ones begin with; the rest of them is fetched when that is read. */
static void fetch_next(struct files *files, struct catalogue *tree, struct folder_walk *walk)
{
    for (; walk->fetched < walk->count && walk->fetched < FETCHED_MOST; walk->fetched++) {
        struct file_extent extent;
        uint64_t begin;

        if (extent_find(tree, walk->files[walk->fetched], 0, &begin, &extent, NULL) == 0 &&
            begin == 0)
            files_fetch(files, &extent.content);
    }
}

static bool move_on(struct files *files, struct catalogue *tree, struct folder_walk *walk,
                    uint64_t inode)
{
    for (size_t i = 0; i < walk->count; i++) {
        if (walk->files[i] != inode)
            continue;
        forget_first(walk, i + 1);
        look_on(tree, walk);
        walk->hits = i == 0 ? walk->hits + 1 : 1;
        if (walk->hits >= HITS_LEAST)
            fetch_next(files, tree, walk);
        return true;
    }
    return false;
}

void files_go_on_walking(struct files *files, struct catalogue *tree, uint64_t number)
{
    for (size_t i = 0; i < WALKS; i++) {
        struct folder_walk *walk = &files->walks[i];

        if (number_of(TOP_INODE, walk->directory) == number_of(TOP_INODE, number) &&
            move_on(files, tree, walk, inode_of(number)))
            return;
    }
}
