/* SPDX-License-Identifier: MIT */
/*
 * Rows by COPY. A range's rows are asked for up to where the next begins; what
 * comes behind it, which the caller wants only some of, in further statements of TAIL_ROWS rows
 * and more, so that the server is never left with the rest of a table to send.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"

#define TAIL_ROWS 512
#define DRAIN_ROWS 100000 /* at most, to keep a connection */

struct postgres_cursor {
    struct cursor cursor;
    struct row row;
    struct postgres_dataset *dataset;
    const struct table *table;
    struct link *link;
    struct row_query query;
    const char *end; /* where the next range begins; NULL: this is the last one */
    char *text;      /* of the current row; libpq's */
    bool copying;
    uint64_t batch; /* rows of the statement under way */
    struct cell *cells;
    char (*numbers)[DOUBLE_TEXT_SIZE]; /* one a column */
    struct row_place place;
    struct large_cell *large;
    int error; /* once it has failed, it stays so */
};

static int fail(struct postgres_cursor *cursor, int error, struct failure *failure)
{
    cursor->copying = false;
    if (cursor->link != NULL)
        error = postgres_foreign_failure(cursor->link, cursor->table, error, failure);
    cursor->error = postgres_dataset_failure(cursor->dataset, cursor->table, error, failure);
    return cursor->error;
}

static int start(struct postgres_cursor *cursor, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);

    if (postgres_row_query_write(&cursor->query, &sql) != 0)
        return postgres_no_memory(failure, cursor->link);

    int error = postgres_link_copy_begin(cursor->link, (const char *)sql.data, failure);

    cursor->copying = error == 0;
    cursor->batch = 0;
    return error;
}

/* At the end of a statement: whether there may be rows in another. */
static int go_on(struct postgres_cursor *cursor, struct failure *failure)
{
    struct row_query *query = &cursor->query;

    if (cursor->end == NULL || (cursor->row.past_range && cursor->batch < query->most))
        return 0;
    if (!cursor->row.past_range) {
        cursor->row.past_range = true;
        query->from = cursor->end;
        query->until = NULL;
        query->most = TAIL_ROWS;
    } else {
        query->skip += query->most;
        query->most *= 2;
    }

    int error = start(cursor, failure);

    return error == 0 ? 1 : error;
}

/* The next row's text; 0: there is none. */
static ssize_t fetch(struct postgres_cursor *cursor, struct failure *failure)
{
    for (;;) {
        ssize_t size = 0;
        int more;

        PQfreemem(cursor->text);
        cursor->text = NULL;
        if (cursor->copying)
            size = postgres_link_copy_row(cursor->link, &cursor->text, failure);
        if (size != 0)
            return size;
        if (!cursor->copying)
            return 0;
        cursor->copying = false;
        more = postgres_table_check_again(cursor->link, cursor->table, failure);
        if (more == 0)
            more = go_on(cursor, failure);
        if (more <= 0)
            return more;
    }
}

static int next(struct cursor *base, const struct row **ret_row, struct failure *failure)
{
    struct postgres_cursor *cursor = (struct postgres_cursor *)base;

    if (cursor->error != 0)
        return cursor->error;
    if (cursor->large != NULL)
        postgres_large_cell_row_ends(cursor->large);

    ssize_t size = fetch(cursor, failure);

    if (size <= 0)
        return size < 0 ? fail(cursor, (int)size, failure) : 0;

    int error = postgres_row_read(cursor->table, cursor->text, (size_t)size, cursor->query.large,
                                  cursor->cells, cursor->numbers, &cursor->place);

    if (error != 0) {
        failure_set(failure, EIO, "%s: the server sent a row that cannot be one of the table's",
                    cursor->link->place);
        postgres_link_close(cursor->link);
        return fail(cursor, -EIO, failure);
    }
    cursor->batch++;
    *ret_row = &cursor->row;
    return 1;
}

static int read_cell(struct cursor *base, size_t column, uint64_t offset, void *buffer, size_t size,
                     struct failure *failure)
{
    struct postgres_cursor *cursor = (struct postgres_cursor *)base;
    const struct cell *cell = &cursor->cells[column];
    int error = 0;

    if (!cursor->place.known || column >= cursor->table->schema->column_count ||
        cell->data != NULL || offset + size > cell->size)
        return failure_set(failure, EINVAL, "this cell came with its data");
    if (cursor->large == NULL)
        error = postgres_large_cell_create(cursor->dataset, &cursor->large, failure);
    if (error == 0)
        error = postgres_large_cell_read(cursor->large, cursor->table, &cursor->place, column,
                                         cell->size, offset, buffer, size, failure);
    return error == 0 ? 0
                      : postgres_dataset_failure(cursor->dataset, cursor->table, error, failure);
}

/* Reads what is left of a short statement; a connection in the middle of a long one is closed. */
static void settle(struct postgres_cursor *cursor)
{
    ssize_t size = cursor->row.past_range ? 1 : -1;

    for (int i = 0; i < DRAIN_ROWS && cursor->copying && size > 0; i++) {
        PQfreemem(cursor->text);
        cursor->text = NULL;
        size = postgres_link_copy_row(cursor->link, &cursor->text, NULL);
        cursor->copying = size != 0;
    }
    if (cursor->copying)
        postgres_link_close(cursor->link);
}

static void close_cursor(struct cursor *base)
{
    struct postgres_cursor *cursor = (struct postgres_cursor *)base;

    postgres_large_cell_free(cursor->large);
    if (cursor->link != NULL) {
        settle(cursor);
        postgres_dataset_give_back(cursor->dataset, cursor->link);
    }
    PQfreemem(cursor->text);
    free(cursor->cells);
    free(cursor->numbers);
    free(cursor);
}

static const struct cursor_class class = {
    .next = next,
    .read_cell = read_cell,
    .close = close_cursor,
};

static const char *start_of(struct postgres_dataset *dataset, const struct range_plan *plan,
                            size_t range)
{
    const char *text = NULL;

    pthread_mutex_lock(&dataset->lock);
    if (range > 0 && range < plan->count)
        text = dataset->starts[plan->starts[range]];
    pthread_mutex_unlock(&dataset->lock);
    return text;
}

static int open_rows(struct postgres_cursor *cursor, struct failure *failure)
{
    const char *encoding;
    int error = postgres_dataset_take_guarded(cursor->dataset, cursor->table, &cursor->link,
                                              &cursor->query.large, failure);

    if (error != 0)
        return error;
    encoding = PQparameterStatus(cursor->link->connection, "server_encoding");
    cursor->query.utf8 =
        encoding == NULL || strcmp(encoding, "UTF8") == 0 || strcmp(encoding, "SQL_ASCII") == 0;
    return start(cursor, failure);
}

int postgres_open_cursor(struct dataset *base, size_t index, const struct range_plan *plan,
                         size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct postgres_dataset *dataset = (struct postgres_dataset *)base;
    const struct table *table = &dataset->catalogue->tables[index];
    size_t count = table->schema->column_count;
    struct postgres_cursor *cursor = calloc(1, sizeof *cursor);
    struct failure own = {.code = 0};

    if (cursor == NULL)
        return postgres_no_memory(failure, &dataset->keeper);
    cursor->cursor.class = &class;
    cursor->dataset = dataset;
    cursor->table = table;
    cursor->query = (struct row_query){.table = table, .from = start_of(dataset, plan, range)};
    cursor->end = start_of(dataset, plan, range + 1);
    cursor->query.until = cursor->end;
    cursor->cells = allocate_array(count, sizeof *cursor->cells);
    cursor->numbers = allocate_array(count, sizeof *cursor->numbers);
    cursor->row.cells = cursor->cells;

    int error = cursor->cells == NULL || cursor->numbers == NULL
                    ? postgres_no_memory(&own, &dataset->keeper)
                : count == 0 ? failure_set(&own, ENODATA,
                                           "%s: it has no columns, so there is nothing to show",
                                           dataset->keeper.place)
                             : open_rows(cursor, &own);

    if (error != 0) {
        error = fail(cursor, error, &own);
        close_cursor(&cursor->cursor);
        if (failure != NULL)
            *failure = own;
        return error;
    }
    *ret_cursor = &cursor->cursor;
    return 0;
}
