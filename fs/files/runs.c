/* SPDX-License-Identifier: MIT */
#include "fs/files/runs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_ROOM ((size_t)4096)

static uint64_t end_of(const struct run *run)
{
    return run->offset + run->size;
}

size_t runs_find(const struct runs *runs, uint64_t offset)
{
    size_t low = 0;
    size_t high = runs->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (end_of(&runs->runs[middle]) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Room for MORE runs. */
static int make_room(struct runs *runs, size_t more)
{
    size_t room = runs->room != 0 ? runs->room * 2 : 8;

    if (runs->count + more <= runs->room)
        return 0;

    struct run *grown = reallocarray(runs->runs, room, sizeof *grown);

    if (grown == NULL)
        return -ENOMEM;
    runs->runs = grown;
    runs->room = room;
    return 0;
}

/* There is room. */
static void insert(struct runs *runs, size_t place, struct run run)
{
    memmove(&runs->runs[place + 1], &runs->runs[place], (runs->count - place) * sizeof *runs->runs);
    runs->runs[place] = run;
    runs->count++;
    runs->bytes += run.size;
}

static int make_run(uint64_t offset, const void *bytes, size_t size, struct run *ret_run)
{
    size_t room = size > SMALLEST_ROOM ? size : SMALLEST_ROOM;
    uint8_t *copy = malloc(room);

    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, bytes, size);
    *ret_run = (struct run){.offset = offset, .size = size, .room = room, .bytes = copy};
    return 0;
}

/* What is left of a run from END on becomes a run of its own. */
static int split(struct runs *runs, size_t place, uint64_t end)
{
    const struct run *run = &runs->runs[place];
    size_t kept = (size_t)(end - run->offset);
    struct run tail;
    int error = make_room(runs, 1);

    if (error != 0)
        return error;
    run = &runs->runs[place];
    error = make_run(end, run->bytes + kept, run->size - kept, &tail);
    if (error != 0)
        return error;
    runs->bytes -= tail.size;
    runs->runs[place].size = kept;
    insert(runs, place + 1, tail);
    return 0;
}

static void drop_front(struct runs *runs, struct run *run, uint64_t end)
{
    size_t gone = (size_t)(end - run->offset);

    memmove(run->bytes, run->bytes + gone, run->size - gone);
    run->offset = end;
    run->size -= gone;
    runs->bytes -= gone;
}

int runs_cut(struct runs *runs, uint64_t from, uint64_t end)
{
    size_t place = runs_find(runs, from);

    if (place == runs->count || runs->runs[place].offset >= end)
        return 0;
    if (runs->runs[place].offset < from) {
        struct run *run = &runs->runs[place];

        if (end_of(run) > end) {
            int error = split(runs, place, end);

            if (error != 0)
                return error;
            run = &runs->runs[place];
        }
        runs->bytes -= (size_t)(end_of(run) - from);
        run->size = (size_t)(from - run->offset);
        place++;
    }

    size_t after = place;

    for (; after < runs->count && end_of(&runs->runs[after]) <= end; after++) {
        runs->bytes -= runs->runs[after].size;
        free(runs->runs[after].bytes);
    }
    memmove(&runs->runs[place], &runs->runs[after], (runs->count - after) * sizeof *runs->runs);
    runs->count -= after - place;
    if (place < runs->count && runs->runs[place].offset < end)
        drop_front(runs, &runs->runs[place], end);
    return 0;
}

/* Whether the bytes were put at the end of the run before PLACE. */
static bool append(struct runs *runs, size_t place, uint64_t offset, const void *bytes, size_t size)
{
    struct run *run = place > 0 ? &runs->runs[place - 1] : NULL;

    if (run == NULL || end_of(run) != offset || run->size + size > RUN_BYTES_MOST ||
        (place < runs->count && runs->runs[place].offset < offset + size))
        return false;
    if (run->size + size > run->room) {
        size_t room = run->room * 2 > run->size + size ? run->room * 2 : run->size + size;
        uint8_t *grown = realloc(run->bytes, room);

        if (grown == NULL)
            return false;
        run->bytes = grown;
        run->room = room;
    }
    memcpy(run->bytes + run->size, bytes, size);
    run->size += size;
    runs->bytes += size;
    return true;
}

int runs_write(struct runs *runs, uint64_t offset, const void *bytes, size_t size)
{
    size_t place = runs_find(runs, offset);
    struct run fresh;

    if (place < runs->count && runs->runs[place].offset <= offset &&
        end_of(&runs->runs[place]) >= offset + size) {
        memcpy(runs->runs[place].bytes + (offset - runs->runs[place].offset), bytes, size);
        return 0;
    }
    if (append(runs, place, offset, bytes, size))
        return 0;

    int error = make_room(runs, 2); /* also for what the cut may split off */

    if (error == 0)
        error = make_run(offset, bytes, size, &fresh);
    if (error != 0)
        return error;
    error = runs_cut(runs, offset, offset + size);
    if (error != 0) {
        free(fresh.bytes);
        return error;
    }
    insert(runs, runs_find(runs, offset), fresh);
    return 0;
}

void runs_release(struct runs *runs)
{
    for (size_t i = 0; i < runs->count; i++)
        free(runs->runs[i].bytes);
    free(runs->runs);
    *runs = (struct runs){.count = 0};
}
