/* SPDX-License-Identifier: MIT */
#include "fs/files/runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_ROOM ((size_t)256)
#define LARGE_WRITE ((size_t)64 << 10) /* after such a one more is expected */
#define WASTED_LEAST ((size_t)4096)    /* before what is left of a block moves */

static uint64_t end_of(const struct run *run)
{
    return run->offset + run->size;
}

void run_block_drop(struct run_block *block)
{
    struct run_pool *pool = block->pool;

    if (--block->refs > 0)
        return;
    if (pool != NULL && block->room == RUN_BYTES_MOST && pool->count < RUN_POOL_BLOCKS)
        pool->blocks[pool->count++] = block;
    else
        free(block);
}

void run_pool_release(struct run_pool *pool)
{
    while (pool->count > 0)
        free(pool->blocks[--pool->count]);
}

static struct run_block *take_block(struct run_pool *pool, size_t room)
{
    struct run_block *block = NULL;

    if (pool != NULL && room == RUN_BYTES_MOST && pool->count > 0)
        block = pool->blocks[--pool->count];
    else
        block = malloc(sizeof *block + room);
    if (block != NULL)
        *block = (struct run_block){.pool = pool, .refs = 1, .room = room};
    return block;
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

static void count(struct runs *runs, const struct run *run, size_t before)
{
    struct run_block *block = run->block;

    runs->bytes += run->size - before;
    if (run->taken)
        runs->taken += run->size - before;
    runs->held -= block->live != 0 ? block->used : 0;
    block->live += run->size - before;
    runs->held += block->live != 0 ? block->used : 0;
}

/* There is room. */
static void insert(struct runs *runs, size_t place, struct run run)
{
    memmove(&runs->runs[place + 1], &runs->runs[place], (runs->count - place) * sizeof *runs->runs);
    runs->runs[place] = run;
    runs->count++;
    runs->taken_count += run.taken;
    if (place < runs->untaken_from)
        runs->untaken_from = place;
    count(runs, &run, 0);
}

static int make_run(struct run_pool *pool, uint64_t offset, const void *bytes, size_t size,
                    struct run *ret_run)
{
    size_t room = size >= LARGE_WRITE ? RUN_BYTES_MOST : SMALLEST_ROOM;

    if (room < size)
        room = size;

    struct run_block *block = take_block(pool, room);

    if (block == NULL)
        return -ENOMEM;
    block->used = size;
    memcpy(block->bytes, bytes, size);
    *ret_run = (struct run){.offset = offset, .size = size, .bytes = block->bytes, .block = block};
    return 0;
}

int runs_split(struct runs *runs, size_t place, size_t size)
{
    if (size == runs->runs[place].size)
        return 0;

    int error = make_room(runs, 1);

    if (error != 0)
        return error;

    struct run *run = &runs->runs[place];
    struct run tail = *run;

    tail.offset += size;
    tail.size -= size;
    tail.bytes += size;
    tail.block->refs++;
    run->size = size;
    count(runs, run, size + tail.size);
    insert(runs, place + 1, tail);
    return 0;
}

void runs_take(struct runs *runs, size_t place, bool taken)
{
    struct run *run = &runs->runs[place];

    if (run->taken == taken)
        return;
    run->taken = taken;
    runs->taken += taken ? run->size : -run->size;
    runs->taken_count += taken ? 1 : (size_t)-1;
    if (!taken && place < runs->untaken_from)
        runs->untaken_from = place;
}

size_t runs_first_untaken(struct runs *runs)
{
    while (runs->untaken_from < runs->count && runs->runs[runs->untaken_from].taken)
        runs->untaken_from++;
    return runs->untaken_from;
}

/* COUNT runs from PLACE on go. */
static void drop(struct runs *runs, size_t place, size_t gone)
{
    if (gone == 0)
        return;
    for (size_t i = place; i < place + gone; i++) {
        struct run *run = &runs->runs[i];
        size_t size = run->size;

        run->size = 0;
        count(runs, run, size);
        runs->taken_count -= run->taken;
        run_block_drop(run->block);
    }
    memmove(&runs->runs[place], &runs->runs[place + gone],
            (runs->count - place - gone) * sizeof *runs->runs);
    runs->count -= gone;
    if (runs->untaken_from >= place + gone)
        runs->untaken_from -= gone;
    else if (runs->untaken_from > place)
        runs->untaken_from = place;
}

static bool is_mostly_waste(const struct run_block *block)
{
    size_t wasted = block->used - block->live;

    return wasted >= WASTED_LEAST && wasted > block->live;
}

/* Into a block of its own size, which costs less than what was cut off did. Else it stays. */
static void move_run(struct runs *runs, size_t place)
{
    struct run *run = &runs->runs[place];
    struct run_block *before = run->block;
    struct run_block *block =
        take_block(runs->pool, run->size > SMALLEST_ROOM ? run->size : SMALLEST_ROOM);
    size_t size = run->size;

    if (block == NULL)
        return;
    memcpy(block->bytes, run->bytes, size);
    block->used = size;
    run->size = 0;
    count(runs, run, size);
    *run = (struct run){.offset = run->offset, .size = size, .bytes = block->bytes, .block = block};
    count(runs, run, 0);
    run_block_drop(before);
}

/* What is left beside a cut in front of PLACE. */
static void move_rests(struct runs *runs, size_t place)
{
    for (size_t i = place; i > 0 && !runs->runs[i - 1].taken; i--) {
        if (!is_mostly_waste(runs->runs[i - 1].block))
            break;
        move_run(runs, i - 1);
    }
    for (size_t i = place; i < runs->count && !runs->runs[i].taken; i++) {
        if (!is_mostly_waste(runs->runs[i].block))
            break;
        move_run(runs, i);
    }
}

int runs_cut(struct runs *runs, uint64_t from, uint64_t end)
{
    size_t place = runs_find(runs, from);
    int error = make_room(runs, 2);

    if (place == runs->count || runs->runs[place].offset >= end)
        return 0;
    if (error != 0)
        return error;
    if (runs->runs[place].offset < from) {
        (void)runs_split(runs, place, (size_t)(from - runs->runs[place].offset));
        place++;
    }

    size_t after = runs_find(runs, end - 1);

    if (after < runs->count && runs->runs[after].offset < end) {
        (void)runs_split(runs, after,
                         end_of(&runs->runs[after]) <= end
                             ? runs->runs[after].size
                             : (size_t)(end - runs->runs[after].offset));
        after++;
    }
    drop(runs, place, after - place);
    move_rests(runs, place);
    return 0;
}

/* More room behind a run that nobody else holds. It moves. */
static bool grow(struct run *run, size_t size)
{
    struct run_block *block = run->block;
    size_t before = (size_t)(run->bytes - block->bytes);
    size_t wanted = block->used + size;
    size_t room = block->room * 2 > wanted ? block->room * 2 : wanted;

    if (wanted <= block->room)
        return true;
    if (block->refs != 1 || wanted > RUN_BYTES_MOST)
        return false;
    block = realloc(block, sizeof *block + room);
    if (block == NULL)
        return false;
    block->room = room;
    run->block = block;
    run->bytes = block->bytes + before;
    return true;
}

/* Whether the bytes were put at the end of the run before PLACE. */
static bool append(struct runs *runs, size_t place, uint64_t offset, const void *bytes, size_t size)
{
    struct run *run = place > 0 ? &runs->runs[place - 1] : NULL;

    if (run == NULL || run->taken || end_of(run) != offset || run->size + size > RUN_BYTES_MOST ||
        run->bytes + run->size != run->block->bytes + run->block->used ||
        (place < runs->count && runs->runs[place].offset < offset + size) || !grow(run, size))
        return false;
    memcpy(run->bytes + run->size, bytes, size);
    run->size += size;
    run->block->used += size;
    runs->held += size;
    count(runs, run, run->size - size);
    return true;
}

/* Whether they were written over bytes of a run that nobody else holds. */
static bool overwrite(struct runs *runs, size_t place, uint64_t offset, const void *bytes,
                      size_t size)
{
    struct run *run = place < runs->count ? &runs->runs[place] : NULL;

    if (run == NULL || run->taken || run->block->refs != 1 || run->offset > offset ||
        end_of(run) < offset + size)
        return false;
    memcpy(run->bytes + (offset - run->offset), bytes, size);
    return true;
}

int runs_write(struct runs *runs, uint64_t offset, const void *bytes, size_t size)
{
    size_t place = runs_find(runs, offset);
    struct run fresh;

    if (overwrite(runs, place, offset, bytes, size) || append(runs, place, offset, bytes, size))
        return 0;

    int error = make_room(runs, 3); /* also for what the cut splits off */

    if (error == 0)
        error = make_run(runs->pool, offset, bytes, size, &fresh);
    if (error != 0)
        return error;
    (void)runs_cut(runs, offset, offset + size);
    insert(runs, runs_find(runs, offset), fresh);
    return 0;
}

void runs_release(struct runs *runs)
{
    drop(runs, 0, runs->count);
    free(runs->runs);
    *runs = (struct runs){.pool = runs->pool};
}
