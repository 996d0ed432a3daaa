/* SPDX-License-Identifier: MIT */
#include "fs/table/group_sort.h"

#include <errno.h>

#include "fs/base/called_off.h"
#include "fs/table/group_rows.h"
#include "fs/table/row_group.h"
#include "fs/table/sort_order.h"
#include "fs/table/sort_runs.h"

#define MERGE_MOST 64
#define MERGE_BYTES ((size_t)16 << 20) /* of rows held by the runs of one merge */
#define ROWS_BETWEEN_LOOKS 4096

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
    int order = sort_order_compare(merge->sort, merge->cells[one], merge->cells[other]);

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
    return sort_order_are_one(merge->sort, merge->cells[merge->heap[0]],
                              merge->cells[merge->heap[next]], merge->twins);
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
static int merge_runs(const struct group_sort *sort, const struct sort_runs *runs, size_t first,
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
static int merge_round(const struct group_sort *sort, struct sort_runs *runs,
                       struct failure *failure)
{
    size_t at_once = runs_at_once(sort);
    struct sort_runs merged = {.count = 0, .twins = runs->twins};
    int error = 0;

    for (size_t i = 0; i < runs->count && error == 0; i += at_once) {
        size_t count = runs->count - i < at_once ? runs->count - i : at_once;
        struct group_array *to = sort_runs_add(&merged);

        error =
            to != NULL ? merge_runs(sort, runs, i, count, RUN_GROUP_BYTES, to, failure) : -ENOMEM;
        for (size_t j = i; j < i + count && error == 0; j++)
            group_array_drop(&runs->arrays[j], sort->spool);
    }
    if (error != 0) {
        sort_runs_drop(&merged, sort->spool);
        return error;
    }
    sort_runs_drop(runs, sort->spool);
    *runs = merged;
    return 0;
}

int group_sort(const struct group_sort *sort, struct group_array *array,
               struct group_twins *ret_twins, struct failure *failure)
{
    struct group_twins twins = {.kept = false};
    struct sort_runs runs = {.count = 0, .twins = &twins};
    struct group_array sorted = {.count = 0};
    int error = sort_runs_make(sort, array, &runs, failure);

    while (error == 0 && runs.count > runs_at_once(sort))
        error = merge_round(sort, &runs, failure);
    if (error == 0)
        error = merge_runs(sort, &runs, 0, runs.count, ROW_GROUP_TARGET_BYTES, &sorted, failure);
    sort_runs_drop(&runs, sort->spool);
    if (error != 0) {
        group_array_drop(&sorted, sort->spool);
        return error;
    }
    *ret_twins = twins;
    if (sort->only_twins && !twins.taken_out) {
        group_array_drop(&sorted, sort->spool);
        return 0;
    }
    group_array_drop(array, sort->spool);
    *array = sorted;
    return 0;
}
