/* SPDX-License-Identifier: MIT */
/*
 * Rows. SQLite refuses (SQLITE_TOOBIG) to load a cell above CELL_INLINE_BYTES;
 * the cursor then goes on row by row (sqlite_large), where such a cell is read
 * in pieces. Tables that have no such way are read without that limit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"
#include "fs/base/number_text.h"

_Static_assert(sizeof *((struct sqlite_cursor *)NULL)->numbers >= DOUBLE_TEXT_SIZE &&
                   sizeof *((struct sqlite_cursor *)NULL)->numbers >= INTEGER_TEXT_SIZE,
               "a number's text has room");

static inline struct cell make_cell(sqlite3_value *value, char *number, bool text_is_utf8)
{
    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        return (struct cell){CELL_NUMBER, integer_text(sqlite3_value_int64(value), number), number};
    case SQLITE_FLOAT:
        return (struct cell){CELL_NUMBER, double_text(sqlite3_value_double(value), number), number};
    case SQLITE_TEXT: {
        /* Converts, so that it comes before the size is asked for. */
        const void *text =
            text_is_utf8 ? sqlite3_value_blob(value) : (const void *)sqlite3_value_text(value);

        return (struct cell){CELL_TEXT, (uint64_t)sqlite3_value_bytes(value), text};
    }
    case SQLITE_BLOB: {
        const void *bytes = sqlite3_value_blob(value);

        return (struct cell){CELL_BYTES, (uint64_t)sqlite3_value_bytes(value), bytes};
    }
    default: return (struct cell){.class = CELL_NULL};
    }
}

struct cell sqlite_cell(sqlite3_value *value, char number[DOUBLE_TEXT_SIZE])
{
    return make_cell(value, number, true);
}

void sqlite_cursor_fill(struct sqlite_cursor *cursor, sqlite3_stmt *statement)
{
    size_t count = cursor->table->schema->column_count;
    struct cell *cells = cursor->cells;

    for (size_t i = 0; i < count; i++)
        cells[i] = make_cell(sqlite3_column_value(statement, (int)i), cursor->numbers[i],
                             cursor->text_is_utf8);
}

static int fail(struct sqlite_cursor *cursor, int code, struct failure *failure)
{
    cursor->error =
        sqlite_dataset_failure(cursor->dataset, cursor->connection, code, cursor->table, failure);
    return cursor->error;
}

static int next_large(struct sqlite_cursor *cursor, const struct row **ret_row,
                      struct failure *failure)
{
    int got = large_rows_next(cursor, failure);

    if (got < 0)
        cursor->error = got;
    if (got <= 0)
        return got;
    cursor->row.past_range = cursor->has_end && cursor->rowid >= cursor->end;
    *ret_row = &cursor->row;
    return 1;
}

static int next(struct cursor *base, const struct row **ret_row, struct failure *failure)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)base;

    if (cursor->large != NULL)
        return next_large(cursor, ret_row, failure);
    if (cursor->rows == NULL)
        return cursor->error;

    int code = sqlite3_step(cursor->rows);

    if (code != SQLITE_ROW) {
        bool large = code == SQLITE_TOOBIG && cursor->table->large_by_row;

        if (code != SQLITE_DONE && !large)
            fail(cursor, code, failure);
        sqlite3_finalize(cursor->rows);
        cursor->rows = NULL;
        if (!large)
            return cursor->error;
        cursor->error = large_rows_create(cursor, failure);
        return cursor->error != 0 ? cursor->error : next_large(cursor, ret_row, failure);
    }
    sqlite_cursor_fill(cursor, cursor->rows);
    if (cursor->rowid_result >= 0) {
        cursor->rowid = sqlite3_column_int64(cursor->rows, cursor->rowid_result);
        cursor->row.past_range = cursor->has_end && cursor->rowid >= cursor->end;
    }
    cursor->row_count++;
    *ret_row = &cursor->row;
    return 1;
}

static int read_cell(struct cursor *base, size_t column, uint64_t offset, void *buffer, size_t size,
                     struct failure *failure)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)base;

    if (cursor->large == NULL || column >= cursor->table->schema->column_count)
        return failure_set(failure, EINVAL, "this cell came with its data");
    return large_rows_read_cell(cursor, column, offset, buffer, size, failure);
}

static void close_cursor(struct cursor *base)
{
    struct sqlite_cursor *cursor = (struct sqlite_cursor *)base;

    sqlite3_finalize(cursor->rows);
    large_rows_free(cursor->large);
    if (cursor->connection != NULL) {
        sqlite3_limit(cursor->connection->database, SQLITE_LIMIT_LENGTH,
                      cursor->connection->longest);
        sqlite_dataset_give_back(cursor->dataset, cursor->connection);
    }
    free(cursor->cells);
    free(cursor->numbers);
    free(cursor);
}

static const struct cursor_class class = {
    .next = next,
    .read_cell = read_cell,
    .close = close_cursor,
};

/* Whether all rows together are at most SQLITE_SORT_BYTES. They are read for that. */
static int is_sortable(struct sqlite_cursor *cursor, bool *ret_sortable)
{
    sqlite3_stmt *statement;
    uint64_t bytes = 0;
    int code =
        connection_prepare(cursor->connection, &statement, "SELECT * FROM %s", cursor->table->from);

    if (code != SQLITE_OK)
        return code;
    while (bytes <= SQLITE_SORT_BYTES && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            sqlite3_value *value = sqlite3_column_value(statement, i);
            int type = sqlite3_value_type(value);

            bytes += type == SQLITE_TEXT || type == SQLITE_BLOB
                         ? (uint64_t)sqlite3_value_bytes(value)
                         : sizeof(int64_t);
        }
    }
    sqlite3_finalize(statement);
    *ret_sortable = code == SQLITE_DONE;
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}

static int prepare_rows(struct sqlite_cursor *cursor)
{
    const struct table *table = cursor->table;
    struct connection *connection = cursor->connection;
    bool ordered = !table->broken;
    int code = SQLITE_OK;

    if (table->broken) {
        /* SQLite says why. */
        code = connection_prepare(connection, &cursor->rows, "SELECT * FROM \"%w\"",
                                  table->schema->name);
        return code == SQLITE_OK ? SQLITE_SCHEMA : code;
    }
    if (table->sorts)
        code = is_sortable(cursor, &ordered);
    if (code != SQLITE_OK)
        return code;
    cursor->rowid_result = table->rowid_order ? table->rowid_column : -1;
    if (!table->rowid_order)
        return connection_prepare(connection, &cursor->rows, "SELECT * FROM %s%s%s", table->from,
                                  ordered ? " ORDER BY " : "", ordered ? table->order : "");
    if (cursor->rowid_result < 0)
        cursor->rowid_result = (int)table->schema->column_count;
    code = connection_prepare(
        connection, &cursor->rows, "SELECT *%s%s FROM %s WHERE %s >= ?1 ORDER BY %s",
        table->rowid_column < 0 ? ", " : "", table->rowid_column < 0 ? table->rowid : "",
        table->from, table->rowid, table->order);
    return code == SQLITE_OK ? sqlite3_bind_int64(cursor->rows, 1, cursor->rowid) : code;
}

int sqlite_open_cursor(struct dataset *base, size_t index, const struct range_plan *plan,
                       size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct sqlite_dataset *dataset = (struct sqlite_dataset *)base;
    const struct table *table = &dataset->catalogue->tables[index];
    size_t count = table->schema->column_count;
    struct sqlite_cursor *cursor = calloc(1, sizeof *cursor);

    if (cursor == NULL)
        return sqlite_no_memory(failure, dataset->place.path);
    cursor->cursor.class = &class;
    cursor->dataset = dataset;
    cursor->table = table;
    cursor->text_is_utf8 = !dataset->catalogue->utf16;
    cursor->rowid = plan->starts[range];
    cursor->has_end = range + 1 < plan->count;
    cursor->end = cursor->has_end ? plan->starts[range + 1] : 0;
    cursor->cells = allocate_array(count, sizeof *cursor->cells);
    cursor->numbers = allocate_array(count, sizeof *cursor->numbers);
    cursor->row.cells = cursor->cells;

    int error = cursor->cells == NULL || cursor->numbers == NULL
                    ? sqlite_no_memory(failure, dataset->place.path)
                    : sqlite_dataset_take(dataset, &cursor->connection, failure);

    if (error == 0) {
        int code = prepare_rows(cursor);

        if (code == SQLITE_OK && table->large_by_row)
            sqlite3_limit(cursor->connection->database, SQLITE_LIMIT_LENGTH,
                          (int)CELL_INLINE_BYTES);
        if (code == SQLITE_OK &&
            sqlite3_column_count(cursor->rows) != (int)count + (cursor->rowid_result == (int)count))
            code = SQLITE_SCHEMA;
        if (code != SQLITE_OK)
            error = fail(cursor, code, failure);
    }
    if (error != 0) {
        close_cursor(&cursor->cursor);
        return error;
    }
    *ret_cursor = &cursor->cursor;
    return 0;
}
