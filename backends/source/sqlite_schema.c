/* SPDX-License-Identifier: MIT */
/* What SQLite's pragmas say of a table: its columns, its keys. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

#define KEYS_LIMIT ((size_t)1 << 20)

void table_release(struct table *table)
{
    if (table->raw_columns != NULL) {
        for (size_t i = 0; i < table->schema->column_count; i++) {
            if (table->raw_columns[i] != table->schema->columns[i].name)
                free(table->raw_columns[i]);
        }
    }
    free((void *)table->raw_columns);
    free(table->rowid);
    free(table->from);
    free(table->order);
    schema_release(table->schema);
}

/* --- columns ------------------------------------------------------------------------------ */

enum { INFO_NAME = 1, INFO_TYPE, INFO_NOT_NULL, INFO_DEFAULT, INFO_KEY, INFO_HIDDEN };
enum { HIDDEN_ARGUMENT = 1, HIDDEN_VIRTUAL, HIDDEN_STORED };

static int read_column(struct table *table, size_t index, sqlite3_stmt *statement)
{
    struct column *column = &table->schema->columns[index];
    int hidden = sqlite3_column_int(statement, INFO_HIDDEN);

    column->name = utf8_valid_copy(connection_text(statement, INFO_NAME));
    schema_take_native_type(table->schema, index,
                            utf8_valid_copy(connection_text(statement, INFO_TYPE)));
    table->raw_columns[index] =
        column->name != NULL && strcmp(column->name, connection_text(statement, INFO_NAME)) == 0
            ? column->name
            : strdup(connection_text(statement, INFO_NAME));
    if (table->raw_columns[index] == NULL || column->name == NULL || column->native_type == NULL)
        return SQLITE_NOMEM;
    column->type = sqlite_column_type(column->native_type);
    column->not_null = sqlite3_column_int(statement, INFO_NOT_NULL) != 0;
    column->generated = hidden == HIDDEN_VIRTUAL || hidden == HIDDEN_STORED;
    if (column->generated)
        table->large_by_row = false;
    return SQLITE_OK;
}

/* Columns that are hidden because they are the arguments of a virtual table are left out. */
static int count_columns(sqlite3_stmt *statement, size_t *ret_columns, size_t *ret_keys)
{
    int code;

    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (sqlite3_column_int(statement, INFO_HIDDEN) == HIDDEN_ARGUMENT)
            continue;
        *ret_columns += 1;
        *ret_keys += sqlite3_column_int(statement, INFO_KEY) > 0;
    }
    sqlite3_reset(statement);
    return code;
}

static int fill_columns(struct table *table, sqlite3_stmt *statement)
{
    struct schema *schema = table->schema;
    size_t index = 0;
    int code;

    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (sqlite3_column_int(statement, INFO_HIDDEN) == HIDDEN_ARGUMENT)
            continue;
        if (index == schema->column_count)
            return SQLITE_SCHEMA;

        int key = sqlite3_column_int(statement, INFO_KEY);
        int filled = read_column(table, index, statement);

        if (filled != SQLITE_OK)
            return filled;
        if (key > 0 && (size_t)key <= schema->primary_key_count)
            schema->primary_key[key - 1] = index;
        index++;
    }
    return code;
}

static int read_columns(struct connection *connection, struct table *table, const char *name)
{
    sqlite3_stmt *statement = NULL;
    size_t columns = 0;
    size_t keys = 0;
    int code = connection_prepare(connection, &statement, "PRAGMA main.table_xinfo(\"%w\")", name);

    if (code == SQLITE_OK)
        code = count_columns(statement, &columns, &keys);
    if (code == SQLITE_DONE) {
        table->schema = schema_create(name, columns);
        table->raw_columns = allocate_array(columns, sizeof *table->raw_columns);
        if (table->schema == NULL || table->raw_columns == NULL) {
            code = SQLITE_NOMEM;
        } else {
            table->schema->primary_key = allocate_array(keys, sizeof(size_t));
            table->schema->primary_key_count = keys;
            code =
                table->schema->primary_key == NULL ? SQLITE_NOMEM : fill_columns(table, statement);
        }
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* --- foreign keys ------------------------------------------------------------------------- */

enum { FOREIGN_ID, FOREIGN_SEQUENCE, FOREIGN_TABLE, FOREIGN_FROM, FOREIGN_TO };

static size_t find_column(const struct table *table, const char *name)
{
    size_t index = 0;

    while (index < table->schema->column_count && !ascii_equal(table->raw_columns[index], name))
        index++;
    return index;
}

/* Adds a column to a key; the key's first makes it. */
static int read_foreign_column(struct table *table, struct foreign_key *key,
                               sqlite3_stmt *statement)
{
    size_t column = find_column(table, connection_text(statement, FOREIGN_FROM));
    size_t most = table->schema->column_count;

    if (column == most || key->count == most)
        return SQLITE_SCHEMA;
    if (key->target_table == NULL) {
        key->target_table = strdup(connection_text(statement, FOREIGN_TABLE));
        key->columns = allocate_array(most, sizeof *key->columns);
        if (sqlite3_column_type(statement, FOREIGN_TO) != SQLITE_NULL)
            key->target_columns = allocate_array(most, sizeof *key->target_columns);
        if (key->target_table == NULL || key->columns == NULL)
            return SQLITE_NOMEM;
    }
    if (key->target_columns != NULL) {
        key->target_columns[key->count] = utf8_valid_copy(connection_text(statement, FOREIGN_TO));
        if (key->target_columns[key->count] == NULL)
            return SQLITE_NOMEM;
    }
    key->columns[key->count++] = column;
    return SQLITE_OK;
}

/* SQLite lists the last one first, and gives it the number 0. */
static int read_foreign_keys(struct connection *connection, struct table *table)
{
    struct schema *schema = table->schema;
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement, "PRAGMA main.foreign_key_list(\"%w\")",
                                  schema->name);
    size_t count = 0;

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        size_t id = (size_t)sqlite3_column_int64(statement, FOREIGN_ID);

        count = id + 1 > count && id < KEYS_LIMIT ? id + 1 : count;
    }
    sqlite3_reset(statement);
    if (code == SQLITE_DONE && count != 0) {
        schema->foreign_keys = allocate_array(count, sizeof *schema->foreign_keys);
        schema->foreign_key_count = schema->foreign_keys != NULL ? count : 0;
        code = schema->foreign_keys != NULL ? SQLITE_OK : SQLITE_NOMEM;
        while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
            size_t id = (size_t)sqlite3_column_int64(statement, FOREIGN_ID);

            code = id < count ? read_foreign_column(table, &schema->foreign_keys[count - 1 - id],
                                                    statement)
                              : SQLITE_SCHEMA;
        }
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* --- tables ------------------------------------------------------------------------------- */

/* What SQLite says of an object that it cannot make sense of: the others do not suffer. */
static bool is_broken(int code)
{
    return code == SQLITE_ERROR || code == SQLITE_ERROR_MISSING_COLLSEQ || code == SQLITE_AUTH;
}

static int make_broken(struct table *table)
{
    struct table broken = {.broken = true, .rowid_column = -1};

    broken.schema = schema_create(table->schema->name, 0);
    if (broken.schema == NULL)
        return SQLITE_NOMEM;
    broken.schema->kind = table->schema->kind;
    table_release(table);
    *table = broken;
    return SQLITE_OK;
}

int table_read(struct connection *connection, struct table *table, bool utf16)
{
    cleanup_free char *name = strdup(table->schema->name);
    enum relation_kind kind = table->schema->kind;

    if (name == NULL)
        return SQLITE_NOMEM;

    struct schema *placeholder = table->schema;

    table->schema = NULL;
    table->large_by_row = kind == RELATION_TABLE && !table->without_rowid && !utf16;

    int code = read_columns(connection, table, name);

    if (table->schema == NULL)
        table->schema = placeholder;
    else
        schema_release(placeholder);
    table->schema->kind = kind;
    if (code == SQLITE_OK && table->schema->column_count == 0)
        code = SQLITE_ERROR;
    if (code == SQLITE_OK)
        code = table_find_order(connection, table);
    if (code == SQLITE_OK && kind == RELATION_TABLE)
        code = read_foreign_keys(connection, table);

    /* A row's number is one more column of the result, unless it is among them. */
    int most = sqlite3_limit(connection->database, SQLITE_LIMIT_COLUMN, -1);

    if (table->rowid == NULL ||
        (table->rowid_column < 0 && table->schema->column_count >= (size_t)most))
        table->large_by_row = table->rowid_order = false;
    return is_broken(code) ? make_broken(table) : code;
}
