/* SPDX-License-Identifier: MIT */
/* A row's cells given to a statement, and taken from a row that one gives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/sqlite_target.h"
#include "fs/base/number_text.h"

/* An integer that is written plainly; most are. */
static bool read_integer(const char *text, size_t size, sqlite3_int64 *ret_value)
{
    size_t at = size > 1 && text[0] == '-';
    sqlite3_int64 value = 0;

    if (size - at > 18)
        return false;
    for (; at < size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
        value = value * 10 + (text[at] - '0');
    }
    *ret_value = text[0] == '-' ? -value : value;
    return true;
}

static int bind_number(sqlite3_stmt *statement, int parameter, const struct cell *cell)
{
    char text[512];
    char *end;
    sqlite3_int64 value;

    if (cell->data == NULL) /* no number is empty */
        return SQLITE_MISMATCH;
    if (read_integer(cell->data, cell->size, &value))
        return sqlite3_bind_int64(statement, parameter, value);
    if (cell->size >= sizeof text)
        return SQLITE_TOOBIG;
    memcpy(text, cell->data, cell->size);
    text[cell->size] = '\0';
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno == 0 && *end == '\0')
        return sqlite3_bind_int64(statement, parameter, value);
    return sqlite3_bind_double(statement, parameter, strtod(text, NULL));
}

int sqlite_bind_cell(sqlite3_stmt *statement, int parameter, const struct cell *cell)
{
    const void *data = cell->data != NULL ? cell->data : "";

    switch (cell->class) {
    case CELL_NULL: return sqlite3_bind_null(statement, parameter);
    case CELL_NUMBER: return bind_number(statement, parameter, cell);
    case CELL_BYTES:
        return sqlite3_bind_blob64(statement, parameter, data, cell->size, SQLITE_STATIC);
    default:
        return sqlite3_bind_text64(statement, parameter, data, cell->size, SQLITE_STATIC,
                                   SQLITE_UTF8);
    }
}

int sqlite_bind_row(sqlite3_stmt *statement, int first, const struct row_work *work)
{
    int last = sqlite3_bind_parameter_count(statement);
    int code = SQLITE_OK;

    for (size_t i = 0; i < work->column_count && first + (int)i <= last && code == SQLITE_OK; i++)
        code = sqlite_bind_cell(statement, first + (int)i, &work->cells[i]);
    return code;
}

int sqlite_run_row(sqlite3_stmt *statement, const struct row_work *work)
{
    int code = sqlite_bind_row(statement, 1, work);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        sqlite3_reset(statement);
        return code;
    }
    return sqlite3_reset(statement) == SQLITE_OK ? code : SQLITE_ERROR;
}

static struct cell value_cell(sqlite3_stmt *statement, int column, char number[32])
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return (struct cell){CELL_NUMBER,
                             integer_text(sqlite3_column_int64(statement, column), number), number};
    case SQLITE_FLOAT:
        return (struct cell){CELL_NUMBER,
                             double_text(sqlite3_column_double(statement, column), number), number};
    case SQLITE_TEXT: {
        const void *text = sqlite3_column_text(statement, column);

        return (struct cell){CELL_TEXT, (uint64_t)sqlite3_column_bytes(statement, column), text};
    }
    case SQLITE_BLOB: {
        const void *bytes = sqlite3_column_blob(statement, column);

        return (struct cell){CELL_BYTES, (uint64_t)sqlite3_column_bytes(statement, column), bytes};
    }
    default: return (struct cell){.class = CELL_NULL};
    }
}

void sqlite_take_cells(sqlite3_stmt *statement, int first, size_t count, struct cell *cells,
                       char (*numbers)[32])
{
    for (size_t i = 0; i < count; i++)
        cells[i] = value_cell(statement, first + (int)i, numbers[i]);
}
