/* SPDX-License-Identifier: MIT */
#include "fs/restore/restore_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/row_sum.h"
#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

#define VALUE_LIMIT ((size_t)1 << 31)

/* What is compared of a row. */
struct comparing {
    size_t count;
    size_t *columns; /* of the table that is read, in LIKE's order */
    struct fit *fits;
    struct cell *cells;
    struct buffer value;
    struct buffer large;
    struct row_sum sum;
};

static int match(struct comparing *comparing, const struct schema *table, const char *kind,
                 const struct schema *like)
{
    comparing->columns = allocate_array(like->column_count, sizeof *comparing->columns);
    comparing->fits = allocate_array(like->column_count, sizeof *comparing->fits);
    comparing->cells = allocate_array(like->column_count, sizeof *comparing->cells);
    if (comparing->columns == NULL || comparing->fits == NULL || comparing->cells == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < like->column_count; i++) {
        size_t column = restore_find_column(table, like->columns[i].name);

        if (column == SIZE_MAX || table->columns[column].generated)
            continue;
        comparing->columns[comparing->count] = column;
        comparing->fits[comparing->count] = fit_of(target_engine_of(kind), &table->columns[column]);
        comparing->count++;
    }
    return 0;
}

/* Cells without data, one after another. */
static int fetch(struct comparing *comparing, const struct cell *cells, struct cursor *cursor,
                 struct failure *failure)
{
    size_t bytes = 0;
    int error = 0;

    for (size_t i = 0; i < comparing->count; i++) {
        comparing->cells[i] = cells[comparing->columns[i]];
        bytes += comparing->cells[i].data == NULL ? (size_t)comparing->cells[i].size : 0;
    }
    buffer_clear(&comparing->large);
    if (bytes != 0)
        error = buffer_reserve(&comparing->large, bytes);
    for (size_t i = 0; i < comparing->count && error == 0 && bytes != 0; i++) {
        struct cell *cell = &comparing->cells[i];
        uint8_t *to = comparing->large.data + comparing->large.size;

        if (cell->data != NULL || cell->size == 0)
            continue;
        error = cursor->class->read_cell(cursor, comparing->columns[i], 0, to, (size_t)cell->size,
                                         failure);
        cell->data = to;
        comparing->large.size += (size_t)cell->size;
    }
    return error;
}

static int sum_table(struct comparing *comparing, struct dataset *dataset, size_t table,
                     struct failure *failure)
{
    struct range_plan ranges = {.count = 0};
    struct cursor *cursor = NULL;
    const struct row *row;
    int error = dataset->class->plan(dataset, table, 1, &ranges, failure);
    int got;

    if (error == 0)
        error = dataset->class->open_cursor(dataset, table, &ranges, 0, &cursor, failure);
    while (error == 0 && (got = cursor->class->next(cursor, &row, failure)) != 0) {
        error = got < 0 ? got : fetch(comparing, row->cells, cursor, failure);
        if (error == 0)
            error = row_sum_add(&comparing->sum, comparing->fits, comparing->cells,
                                comparing->count, &comparing->value);
    }
    if (cursor != NULL)
        cursor->class->close(cursor);
    free(ranges.starts);
    return error;
}

int restore_compare(struct dataset *dataset, const char *kind, const char *name,
                    const struct schema *like, const struct load_counts *counts,
                    struct failure *failure)
{
    struct comparing comparing = {.value = BUFFER(VALUE_LIMIT), .large = BUFFER(VALUE_LIMIT)};
    size_t table = dataset_find(dataset, name);
    int error;

    if (table == SIZE_MAX)
        return failure_set(failure, ENOENT, "table \"%s\" is not there", name);
    error = match(&comparing, dataset->class->schema(dataset, table), kind, like);
    if (error == 0)
        error = sum_table(&comparing, dataset, table, failure);
    if (error == 0 && comparing.sum.rows != counts->inserted)
        error = failure_set(failure, EIO, "table \"%s\" has %llu rows, and %llu were written", name,
                            (unsigned long long)comparing.sum.rows,
                            (unsigned long long)counts->inserted);
    else if (error == 0 &&
             (comparing.sum.high != counts->digest[0] || comparing.sum.low != counts->digest[1]))
        error = failure_set(failure, EIO, "table \"%s\" does not hold what was written", name);
    free(comparing.columns);
    free(comparing.fits);
    free(comparing.cells);
    buffer_release(&comparing.value);
    buffer_release(&comparing.large);
    return error;
}
