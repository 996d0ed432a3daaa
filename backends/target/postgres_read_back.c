/* SPDX-License-Identifier: MIT */
/* Rows that were written, as COPY TO gives them, added up. */
#include <errno.h>
#include <stdlib.h>

#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

struct reading {
    struct table table; /* of the columns that were written, each of its own table_column */
    struct cell *cells;
    char (*numbers)[DOUBLE_TEXT_SIZE];
    struct buffer value;
};

static int create(const struct table *table, const struct row_work *work, struct reading *reading)
{
    size_t count = work->column_count;

    reading->table.schema = schema_create("", count);
    reading->table.columns = allocate_array(count, sizeof *reading->table.columns);
    reading->cells = allocate_array(count, sizeof *reading->cells);
    reading->numbers = allocate_array(count, sizeof *reading->numbers);
    reading->value = BUFFER((size_t)1 << 31);
    if (reading->table.schema == NULL || reading->table.columns == NULL || reading->cells == NULL ||
        reading->numbers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        reading->table.columns[i] = table->columns[work->columns[i]];
    return 0;
}

static void release(struct reading *reading)
{
    schema_release(reading->table.schema);
    free(reading->table.columns);
    free(reading->cells);
    free(reading->numbers);
    buffer_release(&reading->value);
}

static int add_rows(struct link *link, struct reading *reading, const struct row_work *work,
                    struct row_sum *sum, struct failure *failure)
{
    struct row_place place;
    int error = 0;

    while (error == 0) {
        char *row = NULL;
        ssize_t size = postgres_link_copy_row(link, &row, failure);

        if (size <= 0)
            return (int)size;
        error = postgres_row_read(&reading->table, row, (size_t)size, false, reading->cells,
                                  reading->numbers, &place);
        if (error == 0)
            error =
                row_sum_add(sum, work->fits, reading->cells, work->column_count, &reading->value);
        PQfreemem(row);
    }
    return error;
}

int postgres_read_back(struct postgres_target *target, const struct table *table,
                       const struct row_work *work, const char *copy, struct row_sum *sum,
                       struct failure *failure)
{
    struct reading reading = {.cells = NULL};
    int error = create(table, work, &reading);

    if (error == 0)
        error = postgres_link_copy_begin(&target->link, copy, failure);
    if (error == 0)
        error = add_rows(&target->link, &reading, work, sum, failure);
    release(&reading);
    return error;
}
