/* SPDX-License-Identifier: MIT */
#include "fs/table/group_sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/memory.h"
#include "fs/table/group_rows.h"
#include "fs/table/row_group.h"

#define RUN_GROUP_BYTES ((uint32_t)64 << 10)
#define MERGE_MOST 64
#define MERGE_BYTES ((size_t)16 << 20) /* of rows held by the runs of one merge */
#define ROWS_BETWEEN_LOOKS 4096

/* Runs, each sorted. */
struct runs {
    struct group_array *arrays;
    size_t count;
    struct group_twins *twins; /* noted when they are made, and merged */
};

static void runs_drop(struct runs *runs, struct spool *spool)
{
    for (size_t i = 0; i < runs->count; i++)
        group_array_drop(&runs->arrays[i], spool);
    free(runs->arrays);
    *runs = (struct runs){.count = 0, .twins = runs->twins};
}

static struct group_array *add_run(struct runs *runs)
{
    struct group_array *arrays = reallocarray(runs->arrays, runs->count + 1, sizeof *arrays);

    if (arrays == NULL)
        return NULL;
    runs->arrays = arrays;
    arrays[runs->count] = (struct group_array){.count = 0};
    return &arrays[runs->count++];
}

struct keys {
    struct cell left[KEY_COLUMNS_MOST];
    struct cell right[KEY_COLUMNS_MOST];
};

static void take_keys(const struct group_sort *sort, const struct cell *left,
                      const struct cell *right, struct keys *keys)
{
    for (size_t i = 0; i < sort->rule->count; i++) {
        keys->left[i] = left[sort->rule->terms[i].column];
        keys->right[i] = right[sort->rule->terms[i].column];
    }
}

static bool makes_one(const struct group_sort *sort)
{
    return sort->same_key == SAME_KEY_LAST || sort->same_key == SAME_KEY_FIRST;
}

/* Rows that may be one stand side by side. */
static int compare_rows(const struct group_sort *sort, const struct cell *left,
                        const struct cell *right)
{
    struct keys keys;

    take_keys(sort, left, right, &keys);
    return makes_one(sort) ? key_compare_exactly(sort->rule, keys.left, keys.right)
                           : key_compare(sort->rule, keys.left, keys.right, NULL);
}

/* LEFT and RIGHT stand side by side: whether one is to be left out; notes what they are. */
static bool are_one(const struct group_sort *sort, const struct cell *left,
                    const struct cell *right, struct group_twins *twins)
{
    struct keys keys;

    if (sort->same_key == SAME_KEY_ROWS)
        return false;
    take_keys(sort, left, right, &keys);
    if (key_is_same(sort->rule, keys.left, keys.right)) {
        *(makes_one(sort) ? &twins->taken_out : &twins->kept) = true;
        return makes_one(sort);
    }
    if (makes_one(sort) && key_compare(sort->rule, keys.left, keys.right, NULL) == 0)
        twins->alike = true;
    return false;
}

/* --- runs --------------------------------------------------------------------------------- */

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
    int order = compare_rows(gathered->sort, (const void *)(gathered->data.data + one),
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
    return are_one(sort, row_at(gathered, index), row_at(gathered, other), gathered->twins);
}

/* Sorts what was gathered, lays it down as a run, and empties it. */
static int lay_run(struct gathered *gathered, struct runs *runs, struct failure *failure)
{
    const struct group_sort *sort = gathered->sort;
    struct group_writer writer;
    struct group_array *run = add_run(runs);
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

static int make_runs(const struct group_sort *sort, const struct group_array *array,
                     struct runs *runs, struct failure *failure)
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

/* --- merging ------------------------------------------------------------------------------ */

struct merge {
    const struct group_sort *sort;
    struct group_twins *twins;
    size_t count;
    struct group_rows *rows[MERGE_MOST];
    const struct cell *cells[MERGE_MOST]; /* each run's next row */
    size_t heap[MERGE_MOST];              /* runs that have one, the smallest first */
    size_t heap_count;
};

/* Of rows that are one, the one that stays stands last. */
static bool stands_before(const struct merge *merge, size_t one, size_t other)
{
    int order = compare_rows(merge->sort, merge->cells[one], merge->cells[other]);

    if (order != 0)
        return order < 0;
    return merge->sort->same_key == SAME_KEY_FIRST ? one > other : one < other;
}

static void sift_down(struct merge *merge, size_t at)
{
    for (;;) {
        size_t least = at;

        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < merge->heap_count &&
                stands_before(merge, merge->heap[child], merge->heap[least]))
                least = child;
        }
        if (least == at)
            return;

        size_t run = merge->heap[at];

        merge->heap[at] = merge->heap[least];
        merge->heap[least] = run;
        at = least;
    }
}

static int open_runs(struct merge *merge, const struct group_array *runs, struct failure *failure)
{
    const struct group_sort *sort = merge->sort;

    for (size_t i = 0; i < merge->count; i++) {
        merge->rows[i] = group_rows_create(sort->spool, sort->schema->column_count, runs[i].groups,
                                           runs[i].count);
        if (merge->rows[i] == NULL)
            return -ENOMEM;

        int got = group_rows_next(merge->rows[i], &merge->cells[i], failure);

        if (got < 0)
            return got;
        if (got > 0)
            merge->heap[merge->heap_count++] = i;
    }
    for (size_t i = merge->heap_count; i-- > 0;)
        sift_down(merge, i);
    return 0;
}

/* Whether the first row of all gives way to the next one, which is another run's: within a run
 * there are no two of one key, if they are one row. */
static bool first_gives_way(const struct merge *merge)
{
    size_t next = 1;

    if (merge->heap_count < 2)
        return false;
    if (merge->heap_count > 2 && stands_before(merge, merge->heap[2], merge->heap[1]))
        next = 2;
    return are_one(merge->sort, merge->cells[merge->heap[0]], merge->cells[merge->heap[next]],
                   merge->twins);
}

static int write_merged(struct merge *merge, struct group_writer *writer, struct failure *failure)
{
    bool looks = merge->sort->same_key != SAME_KEY_ROWS;
    size_t written = 0;

    while (merge->heap_count > 0) {
        size_t run = merge->heap[0];
        int error = looks && first_gives_way(merge)
                        ? 0
                        : group_writer_add(writer, merge->cells[run], failure);

        if (error != 0)
            return error;
        if (++written % ROWS_BETWEEN_LOOKS == 0 && called_off(merge->sort->cancelled))
            return -ECANCELED;

        int got = group_rows_next(merge->rows[run], &merge->cells[run], failure);

        if (got < 0)
            return got;
        if (got == 0)
            merge->heap[0] = merge->heap[--merge->heap_count];
        sift_down(merge, 0);
    }
    return group_writer_flush(writer, failure);
}

/* COUNT runs from FIRST on as one, into MERGED. */
static int merge_runs(const struct group_sort *sort, const struct runs *runs, size_t first,
                      size_t count, uint32_t group_bytes, struct group_array *merged,
                      struct failure *failure)
{
    struct merge merge = {.sort = sort, .twins = runs->twins, .count = count};
    struct group_writer writer;
    int error = group_writer_begin(&writer, sort->spool, group_bytes, sort->schema, merged);

    if (error != 0)
        return error;
    error = open_runs(&merge, runs->arrays + first, failure);
    if (error == 0)
        error = write_merged(&merge, &writer, failure);
    for (size_t i = 0; i < count; i++)
        group_rows_free(merge.rows[i]);
    group_writer_end(&writer);
    return error;
}

static size_t runs_at_once(const struct group_sort *sort)
{
    size_t fit = sort->largest_row != 0 ? MERGE_BYTES / sort->largest_row : MERGE_MOST;

    return fit > MERGE_MOST ? MERGE_MOST : fit < 2 ? 2 : fit;
}

/* One round: each so many runs become one. */
static int merge_round(const struct group_sort *sort, struct runs *runs, struct failure *failure)
{
    size_t at_once = runs_at_once(sort);
    struct runs merged = {.count = 0, .twins = runs->twins};
    int error = 0;

    for (size_t i = 0; i < runs->count && error == 0; i += at_once) {
        size_t count = runs->count - i < at_once ? runs->count - i : at_once;
        struct group_array *to = add_run(&merged);

        error =
            to != NULL ? merge_runs(sort, runs, i, count, RUN_GROUP_BYTES, to, failure) : -ENOMEM;
        for (size_t j = i; j < i + count && error == 0; j++)
            group_array_drop(&runs->arrays[j], sort->spool);
    }
    if (error != 0) {
        runs_drop(&merged, sort->spool);
        return error;
    }
    runs_drop(runs, sort->spool);
    *runs = merged;
    return 0;
}

int group_sort(const struct group_sort *sort, struct group_array *array,
               struct group_twins *ret_twins, struct failure *failure)
{
    struct group_twins twins = {.kept = false};
    struct runs runs = {.count = 0, .twins = &twins};
    struct group_array sorted = {.count = 0};
    int error = make_runs(sort, array, &runs, failure);

    while (error == 0 && runs.count > runs_at_once(sort))
        error = merge_round(sort, &runs, failure);
    if (error == 0)
        error = merge_runs(sort, &runs, 0, runs.count, ROW_GROUP_TARGET_BYTES, &sorted, failure);
    runs_drop(&runs, sort->spool);
    if (error != 0) {
        group_array_drop(&sorted, sort->spool);
        return error;
    }
    group_array_drop(array, sort->spool);
    *array = sorted;
    *ret_twins = twins;
    return 0;
}
