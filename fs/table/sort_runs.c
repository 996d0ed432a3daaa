/* SPDX-License-Identifier: MIT */
#include "fs/table/sort_runs.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/base/called_off.h"
#include "fs/table/group_rows.h"
#include "fs/table/sort_order.h"

void sort_runs_drop(struct sort_runs *runs, struct spool *spool)
{
    for (size_t i = 0; i < runs->count; i++)
        group_array_drop(&runs->arrays[i], spool);
    free(runs->arrays);
    *runs = (struct sort_runs){.count = 0, .twins = runs->twins};
}

struct group_array *sort_runs_add(struct sort_runs *runs)
{
    struct group_array *arrays = reallocarray(runs->arrays, runs->count + 1, sizeof *arrays);

    if (arrays == NULL)
        return NULL;
    runs->arrays = arrays;
    arrays[runs->count] = (struct group_array){.count = 0};
    return &arrays[runs->count++];
}

/* Rows in memory: their cells, whose data point into blocks. */
struct gathered {
    const struct group_sort *sort;
    struct group_twins *twins;
    struct buffer data;   /* cells and bytes, row after row */
    struct buffer starts; /* a size_t a row: where in data */
    size_t count;
};

static int gather_row(struct gathered *gathered, const struct cell *cells)
{
    size_t columns = gathered->sort->schema->column_count;
    size_t start = (gathered->data.size + 15) & ~(size_t)15;
    size_t size = columns * sizeof *cells;
    int error = buffer_reserve(&gathered->data, start - gathered->data.size + size);

    for (size_t i = 0; i < columns; i++)
        size += (size_t)cells[i].size;
    if (error == 0)
        error = buffer_reserve(&gathered->data, start - gathered->data.size + size + 64);
    if (error == 0)
        error = buffer_append(&gathered->starts, &start, sizeof start);
    if (error != 0)
        return error;
    gathered->data.size = start;
    error = buffer_append(&gathered->data, cells, columns * sizeof *cells);
    for (size_t i = 0; i < columns && error == 0; i++)
        error = buffer_append(&gathered->data, cells[i].data, (size_t)cells[i].size);
    gathered->count++;
    return error;
}

/* Data no longer moves: cells point to their bytes. */
static void point_cells(struct gathered *gathered)
{
    size_t columns = gathered->sort->schema->column_count;

    for (size_t i = 0; i < gathered->count; i++) {
        size_t start = ((const size_t *)(const void *)gathered->starts.data)[i];
        struct cell *cells = (void *)(gathered->data.data + start);
        const uint8_t *at = gathered->data.data + start + columns * sizeof *cells;

        for (size_t j = 0; j < columns; j++) {
            cells[j].data = at;
            at += cells[j].size;
        }
    }
}

static int by_key(const void *left, const void *right, void *context)
{
    const struct gathered *gathered = context;
    size_t one = *(const size_t *)left;
    size_t other = *(const size_t *)right;
    int order = sort_order_compare(gathered->sort, (const void *)(gathered->data.data + one),
                                   (const void *)(gathered->data.data + other));

    return order != 0 ? order : (one > other) - (one < other);
}

static const struct cell *row_at(const struct gathered *gathered, size_t index)
{
    const size_t *starts = (const void *)gathered->starts.data;

    return (const void *)(gathered->data.data + starts[index]);
}

/* Whether the row, of those that are sorted, gives way to the one beside it. */
static bool gives_way(const struct gathered *gathered, size_t index)
{
    const struct group_sort *sort = gathered->sort;
    bool first = sort->same_key == SAME_KEY_FIRST;
    size_t other = first ? index - 1 : index + 1;

    if (first ? index == 0 : other == gathered->count)
        return false;
    return sort_order_are_one(sort, row_at(gathered, index), row_at(gathered, other),
                              gathered->twins);
}

/* Sorts what was gathered, lays it down as a run, and empties it. */
static int lay_run(struct gathered *gathered, struct sort_runs *runs, struct failure *failure)
{
    const struct group_sort *sort = gathered->sort;
    struct group_writer writer;
    struct group_array *run = sort_runs_add(runs);
    size_t *starts = (void *)gathered->starts.data;

    if (run == NULL)
        return -ENOMEM;

    int error = group_writer_begin(&writer, sort->spool, RUN_GROUP_BYTES, sort->schema, run);

    if (error != 0)
        return error;
    point_cells(gathered);
    qsort_r(starts, gathered->count, sizeof *starts, by_key, gathered);
    for (size_t i = 0; i < gathered->count && error == 0; i++) {
        if (!gives_way(gathered, i))
            error = group_writer_add(&writer, row_at(gathered, i), failure);
    }
    if (error == 0)
        error = group_writer_flush(&writer, failure);
    group_writer_end(&writer);
    buffer_clear(&gathered->data);
    buffer_clear(&gathered->starts);
    gathered->count = 0;
    return error;
}

int sort_runs_make(const struct group_sort *sort, const struct group_array *array,
                   struct sort_runs *runs, struct failure *failure)
{
    struct gathered gathered = {.sort = sort,
                                .twins = runs->twins,
                                .data = BUFFER((size_t)1 << 30),
                                .starts = BUFFER((size_t)1 << 30)};
    struct group_rows *rows =
        group_rows_create(sort->spool, sort->schema->column_count, array->groups, array->count);
    const struct cell *cells;
    int got = rows != NULL ? 1 : -ENOMEM;

    while (got > 0 && (got = group_rows_next(rows, &cells, failure)) > 0) {
        int error = gather_row(&gathered, cells);

        if (error == 0 && gathered.data.size >= GROUP_SORT_RUN_BYTES)
            error = called_off(sort->cancelled) ? -ECANCELED : lay_run(&gathered, runs, failure);
        got = error != 0 ? error : 1;
    }
    if (got == 0 && gathered.count != 0)
        got = lay_run(&gathered, runs, failure);
    group_rows_free(rows);
    buffer_release(&gathered.data);
    buffer_release(&gathered.starts);
    return got;
}
