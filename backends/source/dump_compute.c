/* SPDX-License-Identifier: MIT */
/*
 * The generated columns of a SQLite dump, whose values it leaves out, as SQLite itself makes
 * them: each row is put into the table that dump_sqlite has made in memory, which is empty
 * otherwise, asked for them, and taken out again.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"
#include "fs/base/number_text.h"

#define PATTERN_MOST 1000 /* of LIKE, which takes its time over long ones */

typedef char number_text[DOUBLE_TEXT_SIZE];

struct dump_computer {
    sqlite3_stmt *put;
    sqlite3_stmt *get;
    sqlite3_stmt *clear;
    number_text *numbers; /* of the columns that are computed */
};

void dump_computer_free(struct dump_computer *computer)
{
    if (computer == NULL)
        return;
    sqlite3_finalize(computer->put);
    sqlite3_finalize(computer->get);
    sqlite3_finalize(computer->clear);
    free(computer->numbers);
    free(computer);
}

/* Names of columns with commas between them, those that are computed or the others. */
static void add_names(sqlite3_str *text, const struct dump_table *table, bool computed)
{
    const char *comma = "";

    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].computed != computed)
            continue;
        sqlite3_str_appendf(text, "%s\"%w\"", comma, table->columns[i].name);
        comma = ",";
    }
}

static int prepare(struct sqlite3 *database, sqlite3_str *text, sqlite3_stmt **ret_statement)
{
    char *sql = sqlite3_str_finish(text);
    int code =
        sql != NULL ? sqlite3_prepare_v2(database, sql, -1, ret_statement, NULL) : SQLITE_NOMEM;

    sqlite3_free(sql);
    return code;
}

static int prepare_put(struct sqlite3 *database, const struct dump_table *table,
                       sqlite3_stmt **ret_statement)
{
    sqlite3_str *text = sqlite3_str_new(database);
    const char *comma = "";

    sqlite3_str_appendf(text, "INSERT INTO \"%w\"(", table->name);
    add_names(text, table, false);
    sqlite3_str_appendall(text, ") VALUES (");
    for (size_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].computed)
            continue;
        sqlite3_str_appendf(text, "%s?", comma);
        comma = ",";
    }
    sqlite3_str_appendall(text, ")");
    return prepare(database, text, ret_statement);
}

static int prepare_get(struct sqlite3 *database, const struct dump_table *table,
                       sqlite3_stmt **ret_statement)
{
    sqlite3_str *text = sqlite3_str_new(database);

    sqlite3_str_appendall(text, "SELECT ");
    add_names(text, table, true);
    sqlite3_str_appendf(text, " FROM \"%w\"", table->name);
    return prepare(database, text, ret_statement);
}

static int prepare_clear(struct sqlite3 *database, const struct dump_table *table,
                         sqlite3_stmt **ret_statement)
{
    sqlite3_str *text = sqlite3_str_new(database);

    sqlite3_str_appendf(text, "DELETE FROM \"%w\"", table->name);
    return prepare(database, text, ret_statement);
}

static int prepare_all(struct sqlite3 *database, const struct dump_table *table,
                       struct dump_computer *computer)
{
    /* What the rows had to fulfil, they did where they come from. */
    int code = sqlite3_exec(database, "PRAGMA ignore_check_constraints = 1", NULL, NULL, NULL);

    sqlite3_limit(database, SQLITE_LIMIT_LENGTH, (int)STREAM_ROW_LIMIT);
    sqlite3_limit(database, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_MOST);
    if (code == SQLITE_OK)
        code = prepare_put(database, table, &computer->put);
    if (code == SQLITE_OK)
        code = prepare_get(database, table, &computer->get);
    return code == SQLITE_OK ? prepare_clear(database, table, &computer->clear) : code;
}

int dump_compute_begin(struct dump_reader *reader, struct dump_table *table)
{
    struct dump_computer *computer = calloc(1, sizeof *computer);
    size_t count = 0;

    if (computer == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->column_count; i++) {
        table->columns[i].computed = table->columns[i].left_out;
        count += table->columns[i].left_out;
    }
    computer->numbers = allocate_array(count, sizeof *computer->numbers);

    int code =
        computer->numbers != NULL ? prepare_all(reader->sqlite, table, computer) : SQLITE_NOMEM;

    if (code != SQLITE_OK) {
        dump_computer_free(computer);
        for (size_t i = 0; i < table->column_count; i++)
            table->columns[i].computed = false;
        return code == SQLITE_NOMEM ? -ENOMEM : 0;
    }
    for (size_t i = 0; i < table->column_count; i++)
        table->columns[i].left_out = false;
    table->computer = computer;
    return 0;
}

static int bind_number(sqlite3_stmt *statement, int place, const struct cell *cell)
{
    char text[64];
    char *end;

    if (cell->data == NULL || cell->size >= sizeof text)
        return sqlite3_bind_null(statement, place);
    memcpy(text, cell->data, (size_t)cell->size);
    text[cell->size] = '\0';
    errno = 0;

    long long number = strtoll(text, &end, 10);

    return *end == '\0' && errno == 0 ? sqlite3_bind_int64(statement, place, number)
                                      : sqlite3_bind_double(statement, place, strtod(text, NULL));
}

/* The cell's bytes stand until the row has been put. */
static int bind(sqlite3_stmt *statement, int place, const struct cell *cell)
{
    const char *bytes = cell->data != NULL ? cell->data : "";

    switch (cell->class) {
    case CELL_NUMBER: return bind_number(statement, place, cell);
    case CELL_TEXT:
        return sqlite3_bind_text64(statement, place, bytes, cell->size, SQLITE_STATIC, SQLITE_UTF8);
    case CELL_BYTES: return sqlite3_bind_blob64(statement, place, bytes, cell->size, SQLITE_STATIC);
    default: return sqlite3_bind_null(statement, place);
    }
}

static int put(const struct dump_table *table, const struct cell *cells)
{
    sqlite3_stmt *statement = table->computer->put;
    int place = 0;
    int code = SQLITE_OK;

    for (size_t i = 0; i < table->column_count && code == SQLITE_OK; i++) {
        if (!table->columns[i].computed)
            code = bind(statement, ++place, &cells[table->shown[i]]);
    }
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int dump_compute(struct dump_reader *reader, struct dump_table *table)
{
    struct dump_computer *computer = table->computer;
    int place = 0;
    int code = put(table, reader->cells);
    if (code == SQLITE_OK)
        code = sqlite3_step(computer->get);
    if (code == SQLITE_NOMEM)
        return -ENOMEM;
    if (code != SQLITE_ROW)
        return dump_table_fail(reader, table,
                               "the generated columns of table %s cannot be made: %s", table->name,
                               sqlite3_errmsg(reader->sqlite));
    for (size_t i = 0; i < table->column_count; i++) {
        if (!table->columns[i].computed)
            continue;

        struct cell cell =
            sqlite_cell(sqlite3_column_value(computer->get, place), computer->numbers[place]);

        if (cell.class != CELL_NULL && cell.data == NULL)
            cell.data = "";
        reader->cells[table->shown[i]] = cell;
        place++;
    }
    return 0;
}

void dump_compute_end(struct dump_table *table)
{
    sqlite3_reset(table->computer->get);
    sqlite3_step(table->computer->clear);
    sqlite3_reset(table->computer->clear);
}
