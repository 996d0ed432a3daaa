/* SPDX-License-Identifier: MIT */
/*
 * Rows with cells above CELL_INLINE_BYTES. Such a row ends its page: the rest of the
 * page is taken off the connection and left, the row's other cells are kept, and its
 * large ones are asked for by the row's key, PIECE_BYTES at a time. The server makes the
 * whole cell for each piece, so that pieces are larger than what is asked for at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

#define PIECE_BYTES ((uint64_t)4 << 20)

static bool has_large(const struct mysql_cursor *cursor, MYSQL_ROW row)
{
    size_t columns = cursor->table->schema->column_count;

    for (size_t i = columns; i < mysql_num_fields(cursor->rows); i++) {
        if (row[i] != NULL)
            return true;
    }
    return false;
}

/* The row's values, one after another, each with a NUL behind it. */
static int save_row(struct mysql_cursor *cursor, MYSQL_ROW row, const unsigned long *lengths)
{
    int error = 0;

    buffer_clear(&cursor->saved);
    for (unsigned i = 0; i < mysql_num_fields(cursor->rows) && error == 0; i++) {
        if (row[i] == NULL)
            continue;
        error = buffer_append(&cursor->saved, row[i], lengths[i]);
        if (error == 0)
            error = buffer_append(&cursor->saved, "", 1);
    }
    return error;
}

/* Points ROW, which comes from elsewhere, to what was saved of it. */
static void point_to_saved(const struct mysql_cursor *cursor, char **values,
                           const unsigned long *lengths, unsigned count)
{
    char *at = (char *)cursor->saved.data;

    for (unsigned i = 0; i < count; i++) {
        if (values[i] == NULL)
            continue;
        values[i] = at;
        at += lengths[i] + 1;
    }
}

/* The cells that are NULL because they are large get their size. */
static void mark_large(struct mysql_cursor *cursor, char *const *values)
{
    size_t columns = cursor->table->schema->column_count;
    size_t length = columns;

    for (size_t i = 0; i < columns; i++) {
        const struct mysql_column *column = &cursor->table->columns[i];

        if (!column->is_long)
            continue;
        if (values[length] != NULL)
            cursor->cells[i] = (struct cell){
                .class = column->reading == READ_BYTES ? CELL_BYTES : CELL_TEXT,
                .size = strtoull(values[length], NULL, 10),
            };
        length++;
    }
}

static int drain(struct mysql_cursor *cursor, struct failure *failure)
{
    mysql_link_wait_begins(cursor->link);
    while (mysql_fetch_row(cursor->rows) != NULL)
        ;
    mysql_link_wait_ends(cursor->link);
    if (mysql_errno(cursor->link->handle) != 0)
        return mysql_cursor_fail(cursor, failure);
    mysql_free_result(cursor->rows);
    cursor->rows = NULL;
    return 0;
}

int mysql_keep_large_row(struct mysql_cursor *cursor, MYSQL_ROW row, unsigned long *lengths,
                         struct failure *failure)
{
    const struct mysql_table *table = cursor->table;
    unsigned count = mysql_num_fields(cursor->rows);
    int error = mysql_key_copy(table, (const char *const *)row, lengths, &cursor->key);

    if (error != 0)
        return failure_set(failure, -error, "table %s: cannot keep a key", table->schema->name);
    if (!has_large(cursor, row))
        return 0;

    cleanup_free char **values = allocate_array(count, sizeof *values);
    cleanup_free unsigned long *sizes = allocate_array(count, sizeof *sizes);

    if (values == NULL || sizes == NULL || save_row(cursor, row, lengths) != 0)
        return failure_set(failure, ENOMEM, "no memory for a row of table %s", table->schema->name);
    memcpy(values, row, count * sizeof *values);
    memcpy(sizes, lengths, count * sizeof *sizes);
    point_to_saved(cursor, values, sizes, count);
    mysql_fill_cells(cursor, values, sizes);
    mark_large(cursor, values);
    cursor->piece_column = SIZE_MAX;
    error = drain(cursor, failure);
    return error != 0 ? error : 1;
}

/* The cell as bytes, whatever set it is in. A CAST would be bounded by max_allowed_packet. */
static int write_piece_query(const struct mysql_cursor *cursor, size_t column, uint64_t offset,
                             struct buffer *text)
{
    bool is_text = cursor->table->columns[column].is_text;
    int error = buffer_append_text(text, is_text ? "SELECT SUBSTRING(CONVERT(CONVERT("
                                                 : "SELECT SUBSTRING(CONVERT(");

    if (error == 0)
        error = mysql_add_name(text, cursor->table->schema->columns[column].name);
    if (error == 0)
        error = buffer_print(text, "%s USING binary), %llu, %llu) FROM ",
                             is_text ? " USING utf8mb4)" : "", (unsigned long long)offset + 1,
                             (unsigned long long)PIECE_BYTES);
    if (error == 0)
        error = mysql_add_name(text, cursor->table->schema->name);
    return error == 0 ? mysql_write_key_is(cursor->table, &cursor->key, text) : error;
}

static int read_piece(struct mysql_cursor *cursor, size_t column, uint64_t offset,
                      struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_rows MYSQL_RES *rows = NULL;
    const char *name = cursor->table->schema->name;
    MYSQL *handle = cursor->link->handle;

    cursor->piece_column = SIZE_MAX;
    if (write_piece_query(cursor, column, offset, &text) != 0)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    mysql_link_wait_begins(cursor->link);
    if (mysql_real_query(handle, (const char *)text.data, text.size) == 0)
        rows = mysql_store_result(handle);
    mysql_link_wait_ends(cursor->link);
    if (rows == NULL)
        return mysql_cursor_fail(cursor, failure);

    MYSQL_ROW row = mysql_fetch_row(rows);

    if (row == NULL || row[0] == NULL)
        return failure_set(failure, EIO,
                           "table %s: a row with a large cell cannot be found again by its key, "
                           "or the cell is above the server's max_allowed_packet",
                           name);
    buffer_clear(&cursor->piece);
    if (buffer_append(&cursor->piece, row[0], mysql_fetch_lengths(rows)[0]) != 0)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    cursor->piece_column = column;
    cursor->piece_offset = offset;
    return 0;
}

int mysql_read_cell(struct cursor *base, size_t column, uint64_t offset, void *buffer, size_t size,
                    struct failure *failure)
{
    struct mysql_cursor *cursor = (struct mysql_cursor *)base;
    uint8_t *to = buffer;

    while (size != 0) {
        const struct buffer *piece = &cursor->piece;
        bool here = cursor->piece_column == column && offset >= cursor->piece_offset &&
                    offset < cursor->piece_offset + piece->size;

        if (!here) {
            int error = read_piece(cursor, column, offset, failure);

            if (error != 0)
                return error;
            if (piece->size == 0)
                return failure_set(failure, EIO, "table %s: a large cell is shorter than it was",
                                   cursor->table->schema->name);
        }

        size_t skip = (size_t)(offset - cursor->piece_offset);
        size_t part = piece->size - skip < size ? piece->size - skip : size;

        memcpy(to, piece->data + skip, part);
        to += part;
        offset += part;
        size -= part;
    }
    return 0;
}
