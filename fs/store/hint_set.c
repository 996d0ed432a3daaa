/* SPDX-License-Identifier: MIT */
#include "fs/store/hint_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where HINT stands or would stand. */
static size_t hint_place(const struct hint_set *set, uint64_t hint)
{
    size_t low = 0;
    size_t high = set->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (set->hints[middle] < hint)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool hint_set_has(const struct hint_set *set, uint64_t hint)
{
    size_t place = hint_place(set, hint);

    return place < set->count && set->hints[place] == hint;
}

int hint_set_add(struct hint_set *set, uint64_t hint)
{
    size_t place = hint_place(set, hint);

    if (place < set->count && set->hints[place] == hint)
        return 0;
    if (set->count == set->room) {
        size_t room = set->room == 0 ? 64 : set->room * 2;
        uint64_t *hints = reallocarray(set->hints, room, sizeof *hints);

        if (hints == NULL)
            return -ENOMEM;
        set->hints = hints;
        set->room = room;
    }
    memmove(&set->hints[place + 1], &set->hints[place], (set->count - place) * sizeof *set->hints);
    set->hints[place] = hint;
    set->count++;
    return 0;
}

void hint_set_release(struct hint_set *set)
{
    free(set->hints);
    *set = (struct hint_set){.count = 0};
}
