/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/called_off.h"
#include "fs/restore/restore_internal.h"
#include "fs/table/stored_dataset.h"

static int open_rows(const struct restore_plan *plan, const struct restore_table *table,
                     struct range_plan *ranges, struct cursor **ret_cursor, struct failure *failure)
{
    struct dataset *dataset = plan->dataset;
    struct cell least;
    int error;

    if (table->filter != NULL)
        row_filter_begin(table->filter);
    if (table->filter != NULL && table->wanted == NULL && stored_dataset_is(dataset) &&
        row_filter_least(table->filter, &least))
        return stored_dataset_seek(dataset, table->source_table, &least, ret_cursor, failure);
    error = dataset->class->plan(dataset, table->source_table, 1, ranges, failure);
    return error == 0 ? dataset->class->open_cursor(dataset, table->source_table, ranges, 0,
                                                    ret_cursor, failure)
                      : error;
}

/* 1: the row is meant. */
static int is_meant(const struct restore_table *table, const struct cell *cells,
                    struct cursor *cursor, struct failure *failure)
{
    int meant = table->filter == NULL || table->parents
                    ? table->filter == NULL && table->wanted == NULL
                    : row_filter_look(table->filter, cells, cursor, failure);

    if (meant == 0 && table->wanted != NULL)
        meant = key_set_has(table->wanted, cells, table->source->primary_key,
                            table->source->primary_key_count);
    return meant;
}

int restore_read(const struct restore_plan *plan, const struct restore_table *table,
                 restore_row *take, void *context, struct failure *failure)
{
    struct range_plan ranges = {.count = 0};
    struct cursor *cursor = NULL;
    const struct row *row;
    int error = open_rows(plan, table, &ranges, &cursor, failure);

    while (error == 0) {
        int got = cursor->class->next(cursor, &row, failure);
        int meant = got == 1 ? is_meant(table, row->cells, cursor, failure) : got;

        if (got <= 0 || meant < 0) {
            error = got < 0 ? got : meant;
            break;
        }
        if (called_off(plan->options->cancelled))
            error = failure_set(failure, ECANCELED, "it was called off; nothing was changed");
        else if (meant == 1)
            error = take(context, row->cells, cursor, failure);
        if (plan->options->rows_done != NULL)
            __atomic_add_fetch(plan->options->rows_done, 1, __ATOMIC_RELAXED);
        if (table->filter != NULL && table->wanted == NULL && row_filter_is_done(table->filter))
            break;
    }
    if (cursor != NULL)
        cursor->class->close(cursor);
    free(ranges.starts);
    return error;
}
