/* SPDX-License-Identifier: MIT */
#include "fs/store/check_children.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/store/object_body.h"

#define CHILDREN_MOST ((size_t)512 << 10) /* 32 MiB */

struct gathering {
    struct check_children *children;
    struct reach *reach;
    struct reach_spot spot;
};

/* A pack_visit. */
static int note_child(void *context, const struct pack_entry *entry)
{
    struct gathering *gathering = context;
    struct check_children *children = gathering->children;
    struct reach_spot spot = gathering->spot;
    struct reach_spot parent;

    gathering->spot.entry++;
    if (entry->encoding != OBJECT_ZSTD_PARENT || !reach_lives(gathering->reach, spot) ||
        !reach_find(gathering->reach, &entry->parent, entry->depth - 1, &parent))
        return 0;
    if (children->count == CHILDREN_MOST)
        return -E2BIG;
    if ((children->count & (children->count - 1)) == 0) {
        size_t room = children->count != 0 ? 2 * children->count : 1;
        struct check_child *items = reallocarray(children->items, room, sizeof *items);

        if (items == NULL)
            return -ENOMEM;
        children->items = items;
    }
    children->items[children->count++] = (struct check_child){
        .parent = parent, .spot = spot, .reference = entry->reference, .type = entry->type};
    return 0;
}

static int compare_spots(struct reach_spot left, struct reach_spot right)
{
    if (left.pack != right.pack)
        return left.pack < right.pack ? -1 : 1;
    return (left.entry > right.entry) - (left.entry < right.entry);
}

static int compare_children(const void *left, const void *right)
{
    return compare_spots(((const struct check_child *)left)->parent,
                         ((const struct check_child *)right)->parent);
}

int check_children_gather(struct check_children *children, struct checking *checking)
{
    struct gathering gathering = {.children = children, .reach = checking->reach};
    int error = 0;

    for (size_t i = 0; i < reach_pack_count(checking->reach) && error == 0; i++) {
        const struct reach_pack *pack = reach_pack(checking->reach, i);

        gathering.spot = (struct reach_spot){.pack = (uint32_t)i};
        if (pack->error == 0 && pack->living_count > 0)
            error = pack_visit_objects(checking->store, pack->name, note_child, &gathering,
                                       checking->failure);
        if (error == -ENOENT) /* removed meanwhile */
            error = 0;
    }
    if (error == -E2BIG) {
        children->count = 0;
        children->unknown = true;
        return 0;
    }
    if (error == 0 && children->count > 1)
        qsort(children->items, children->count, sizeof *children->items, compare_children);
    return error;
}

void check_children_release(struct check_children *children)
{
    free(children->items);
    *children = (struct check_children){.items = NULL};
}

const struct check_child *check_children_of(const struct check_children *children,
                                            struct reach_spot spot, size_t *ret_count)
{
    size_t low = 0;
    size_t high = children->count;
    size_t end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_spots(children->items[middle].parent, spot) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < children->count && compare_spots(children->items[end].parent, spot) == 0;)
        end++;
    *ret_count = end - low;
    return *ret_count != 0 ? &children->items[low] : NULL;
}
