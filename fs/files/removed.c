/* SPDX-License-Identifier: MIT */
#include "fs/files/removed.h"

#include <stdlib.h>
#include <string.h>

static void drop(struct removed_files *removed, size_t place)
{
    struct removed_file *file = &removed->files[place];

    removed->bytes -= past_bytes(&file->past);
    past_release(&file->past);
    free(file->name);
    removed->count--;
    memmove(file, file + 1, (removed->count - place) * sizeof *file);
}

void removed_add(struct removed_files *removed, const struct removed_file *file, const char *name,
                 size_t limit)
{
    struct removed_file own = *file;
    size_t bytes = past_bytes(&own.past);

    own.name = bytes <= limit ? strdup(name) : NULL;
    if (own.name == NULL) {
        past_release(&own.past);
        return;
    }
    while (removed->count == REMOVED_MOST || (removed->count > 0 && removed->bytes + bytes > limit))
        drop(removed, 0);
    removed->files[removed->count++] = own;
    removed->bytes += bytes;
}

static size_t find_place(const struct removed_files *removed, uint64_t inode)
{
    size_t place = 0;

    while (place < removed->count && removed->files[place].inode != inode)
        place++;
    return place;
}

const struct removed_file *removed_find(const struct removed_files *removed, uint64_t inode)
{
    size_t place = find_place(removed, inode);

    return place < removed->count ? &removed->files[place] : NULL;
}

struct past removed_take(struct removed_files *removed, uint64_t inode)
{
    size_t place = find_place(removed, inode);
    struct past past = {.count = 0};

    if (place == removed->count)
        return past;
    past = removed->files[place].past;
    removed->bytes -= past_bytes(&past);
    removed->files[place].past = (struct past){.count = 0};
    drop(removed, place);
    return past;
}

void removed_release(struct removed_files *removed)
{
    while (removed->count > 0)
        drop(removed, 0);
}
