/* SPDX-License-Identifier: MIT */
/*
 * Rows one by one, for what is too large to be loaded whole: one statement gives
 * the rowids in the table's order (it touches no cells), another one the row. If
 * that row has a cell above CELL_INLINE_BYTES, a third one tells its cells' types
 * and gives its numbers without loading the rest, and texts and bytes are read
 * through blob handles: small ones into memory, large ones when they are asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"

#define SMALL_CELLS_LIMIT ((size_t)1 << 30) /* of one row; SQLite's rows are no larger */
#define SQL_LIMIT ((size_t)16 << 20)

struct large_rows {
    sqlite3_stmt *rowids;
    sqlite3_stmt *row;   /* by its rowid */
    sqlite3_stmt *kinds; /* NULL until needed */
    struct buffer small; /* cells of a large row that are not large themselves */
    sqlite3_blob *blob;  /* the cell that was read last; NULL: none */
    size_t blob_column;
};

void large_rows_free(struct large_rows *large)
{
    if (large == NULL)
        return;
    sqlite3_blob_close(large->blob);
    sqlite3_finalize(large->rowids);
    sqlite3_finalize(large->row);
    sqlite3_finalize(large->kinds);
    buffer_release(&large->small);
    free(large);
}

static int fail(struct sqlite_cursor *cursor, int code, struct failure *failure)
{
    return sqlite_dataset_failure(cursor->dataset, cursor->connection, code, cursor->table,
                                  failure);
}

/* The rowids that are still to come. */
static int prepare_rowids(struct sqlite_cursor *cursor, struct large_rows *large)
{
    const struct table *table = cursor->table;
    int code;

    if (table->rowid_order) {
        bool begun = cursor->row_count != 0;

        code = connection_prepare(cursor->connection, &large->rowids,
                                  "SELECT %s FROM %s WHERE %s %s ?1 ORDER BY %s", table->rowid,
                                  table->from, table->rowid, begun ? ">" : ">=", table->order);
        return code == SQLITE_OK ? sqlite3_bind_int64(large->rowids, 1, cursor->rowid) : code;
    }
    code = connection_prepare(cursor->connection, &large->rowids, "SELECT %s FROM %s ORDER BY %s",
                              table->rowid, table->from, table->order);
    for (uint64_t i = 0; i < cursor->row_count && code == SQLITE_OK; i++) {
        code = sqlite3_step(large->rowids);
        code = code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;
    }
    return code;
}

static char *row_statement(const struct table *table)
{
    cleanup_free char *name = sql_name(table->schema->name);
    char *sql = NULL;

    if (name == NULL ||
        asprintf(&sql, "SELECT * FROM %s NOT INDEXED WHERE %s = ?1", name, table->rowid) < 0)
        return NULL;
    return sql;
}

/* Text for texts, bytes for bytes, each with something else in it; the others themselves. */
static char *kinds_statement(const struct table *table)
{
    cleanup_buffer struct buffer sql = BUFFER(SQL_LIMIT);
    cleanup_free char *table_name = sql_name(table->schema->name);
    int error = table_name == NULL ? -ENOMEM : 0;

    for (size_t i = 0; i < table->schema->column_count && error == 0; i++) {
        cleanup_free char *name = sql_name(table->raw_columns[i]);

        error = name == NULL ? -ENOMEM
                             : buffer_print(&sql,
                                            "%sCASE typeof(%s) WHEN 'text' THEN 't' "
                                            "WHEN 'blob' THEN x'00' ELSE %s END",
                                            i == 0 ? "SELECT " : ", ", name, name);
    }
    if (error == 0)
        error = buffer_print(&sql, " FROM %s NOT INDEXED WHERE %s = ?1", table_name, table->rowid);
    return error == 0 ? strndup((const char *)sql.data, sql.size) : NULL;
}

static int prepare(struct sqlite_cursor *cursor, char *sql, sqlite3_stmt **ret_statement)
{
    int code = SQLITE_NOMEM;

    if (sql != NULL)
        code = sqlite3_prepare_v2(cursor->connection->database, sql, -1, ret_statement, NULL);
    free(sql);
    return code;
}

int large_rows_create(struct sqlite_cursor *cursor, struct failure *failure)
{
    struct large_rows *large = calloc(1, sizeof *large);

    if (large == NULL)
        return sqlite_no_memory(failure, cursor->dataset->place.path);
    large->small = BUFFER(SMALL_CELLS_LIMIT);

    int code = prepare_rowids(cursor, large);

    if (code == SQLITE_OK)
        code = prepare(cursor, row_statement(cursor->table), &large->row);
    if (code != SQLITE_OK) {
        int error = fail(cursor, code, failure);

        large_rows_free(large);
        return error;
    }
    cursor->large = large;
    return 0;
}

static int open_blob(struct sqlite_cursor *cursor, size_t column)
{
    struct large_rows *large = cursor->large;

    if (large->blob != NULL && large->blob_column == column)
        return SQLITE_OK;
    sqlite3_blob_close(large->blob);
    large->blob = NULL;
    large->blob_column = column;
    return sqlite3_blob_open(cursor->connection->database, "main", cursor->table->schema->name,
                             cursor->table->raw_columns[column], cursor->rowid, 0, &large->blob);
}

static void close_blob(struct large_rows *large)
{
    sqlite3_blob_close(large->blob);
    large->blob = NULL;
}

/* The size of a text or of bytes, and their data when they are not large. */
static int fill_cell(struct sqlite_cursor *cursor, size_t column)
{
    struct large_rows *large = cursor->large;
    struct cell *cell = &cursor->cells[column];
    int code = open_blob(cursor, column);

    if (code != SQLITE_OK)
        return code;

    int size = sqlite3_blob_bytes(large->blob);

    cell->size = (uint64_t)size;
    cell->data = NULL;
    if (size == 0 || cell->size > CELL_INLINE_BYTES)
        return SQLITE_OK;
    if (buffer_reserve(&large->small, (size_t)size) != 0)
        return SQLITE_NOMEM;
    code = sqlite3_blob_read(large->blob, large->small.data + large->small.size, size, 0);
    if (code == SQLITE_OK)
        large->small.size += (size_t)size;
    return code;
}

/* The buffer may have moved while it grew; now it does not any more. */
static void point_at_small_cells(struct sqlite_cursor *cursor)
{
    const uint8_t *at = cursor->large->small.data;

    for (size_t i = 0; i < cursor->table->schema->column_count; i++) {
        struct cell *cell = &cursor->cells[i];

        if ((cell->class != CELL_TEXT && cell->class != CELL_BYTES) ||
            cell->size > CELL_INLINE_BYTES || cell->size == 0)
            continue;
        cell->data = at;
        at += cell->size;
    }
}

static int fill_large_row(struct sqlite_cursor *cursor)
{
    struct large_rows *large = cursor->large;
    int code = large->kinds != NULL
                   ? SQLITE_OK
                   : prepare(cursor, kinds_statement(cursor->table), &large->kinds);

    if (code != SQLITE_OK)
        return code;
    sqlite3_reset(large->kinds);
    sqlite3_bind_int64(large->kinds, 1, cursor->rowid);
    code = sqlite3_step(large->kinds);
    if (code != SQLITE_ROW)
        return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
    sqlite_cursor_fill(cursor, large->kinds);
    buffer_clear(&large->small);
    code = SQLITE_OK;
    for (size_t i = 0; i < cursor->table->schema->column_count && code == SQLITE_OK; i++) {
        if (cursor->cells[i].class == CELL_TEXT || cursor->cells[i].class == CELL_BYTES)
            code = fill_cell(cursor, i);
    }
    sqlite3_reset(large->kinds);
    if (code == SQLITE_OK)
        point_at_small_cells(cursor);
    return code;
}

int large_rows_next(struct sqlite_cursor *cursor, struct failure *failure)
{
    struct large_rows *large = cursor->large;

    if (cursor->error != 0 || large->rowids == NULL)
        return cursor->error;
    close_blob(large);
    sqlite3_reset(large->row);

    int code = sqlite3_step(large->rowids);

    if (code == SQLITE_DONE) {
        sqlite3_finalize(large->rowids);
        large->rowids = NULL;
        return 0;
    }
    if (code == SQLITE_ROW) {
        cursor->rowid = sqlite3_column_int64(large->rowids, 0);
        sqlite3_bind_int64(large->row, 1, cursor->rowid);
        code = sqlite3_step(large->row);
        if (code == SQLITE_ROW) {
            sqlite_cursor_fill(cursor, large->row);
        } else if (code == SQLITE_TOOBIG) {
            code = fill_large_row(cursor);
        } else if (code == SQLITE_DONE) {
            code = SQLITE_CORRUPT;
        }
    }
    if (code != SQLITE_ROW && code != SQLITE_OK)
        return fail(cursor, code, failure);
    cursor->row_count++;
    return 1;
}

int large_rows_read_cell(struct sqlite_cursor *cursor, size_t column, uint64_t offset, void *buffer,
                         size_t size, struct failure *failure)
{
    const struct cell *cell = &cursor->cells[column];

    if (offset > cell->size || size > cell->size - offset)
        return failure_set(failure, EINVAL, "a cell was read beyond its end");

    int code = open_blob(cursor, column);

    if (code == SQLITE_OK)
        code = sqlite3_blob_read(cursor->large->blob, buffer, (int)size, (int)offset);
    return code == SQLITE_OK ? 0 : fail(cursor, code, failure);
}
