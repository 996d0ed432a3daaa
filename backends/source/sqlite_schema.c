/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: what SQLite's pragmas say of each table. A pragma a table is
 * fast; what is slow are joins of pragma functions over all of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

#define TABLES_LIMIT ((size_t)1 << 20)

static void table_release(struct table *table)
{
    if (table->raw_columns != NULL) {
        for (size_t i = 0; i < table->schema->column_count; i++)
            free(table->raw_columns[i]);
    }
    free((void *)table->raw_columns);
    free(table->rowid);
    free(table->from);
    free(table->order);
    schema_release(table->schema);
}

void catalogue_release(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        table_release(&catalogue->tables[i]);
    free(catalogue->tables);
    *catalogue = (struct catalogue){.count = 0};
}

/* TEXT with U+FFFD for each byte that is not UTF-8. NULL: no memory. */
static char *valid_copy(const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size * (sizeof UTF8_REPLACEMENT - 1) + 1);
    char *to = copy;

    if (copy == NULL)
        return NULL;
    while (size > 0) {
        size_t length = utf8_character(text, size);

        to = length != 0 ? mempcpy(to, text, length) : stpcpy(to, UTF8_REPLACEMENT);
        length = length != 0 ? length : 1;
        text += length;
        size -= length;
    }
    *to = '\0';
    return copy;
}

static const char *text_at(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}

/* --- columns ------------------------------------------------------------------------------ */

enum { INFO_NAME = 1, INFO_TYPE, INFO_NOT_NULL, INFO_DEFAULT, INFO_KEY, INFO_HIDDEN };
enum { HIDDEN_ARGUMENT = 1, HIDDEN_VIRTUAL, HIDDEN_STORED };

static int read_column(struct table *table, size_t index, sqlite3_stmt *statement)
{
    struct column *column = &table->schema->columns[index];
    int hidden = sqlite3_column_int(statement, INFO_HIDDEN);

    table->raw_columns[index] = strdup(text_at(statement, INFO_NAME));
    column->name = valid_copy(text_at(statement, INFO_NAME));
    column->native_type = valid_copy(text_at(statement, INFO_TYPE));
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
    size_t column = find_column(table, text_at(statement, FOREIGN_FROM));
    size_t most = table->schema->column_count;

    if (column == most || key->count == most)
        return SQLITE_SCHEMA;
    if (key->target_table == NULL) {
        key->target_table = strdup(text_at(statement, FOREIGN_TABLE));
        key->columns = allocate_array(most, sizeof *key->columns);
        if (sqlite3_column_type(statement, FOREIGN_TO) != SQLITE_NULL)
            key->target_columns = allocate_array(most, sizeof *key->target_columns);
        if (key->target_table == NULL || key->columns == NULL)
            return SQLITE_NOMEM;
    }
    if (key->target_columns != NULL) {
        key->target_columns[key->count] = valid_copy(text_at(statement, FOREIGN_TO));
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

        count = id + 1 > count && id < TABLES_LIMIT ? id + 1 : count;
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

/* Names and kinds are known. Tells a broken one from a fault of the database. */
static int read_table(struct connection *connection, struct table *table, bool utf16)
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

static bool is_internal(const char *name)
{
    return sqlite3_strnicmp(name, "sqlite_", 7) == 0;
}

enum { LIST_SCHEMA, LIST_NAME, LIST_TYPE, LIST_COLUMNS, LIST_WITHOUT_ROWID };

/* Notes what PRAGMA table_list stands on, unless it is SQLite's own. */
static int list_table(struct catalogue *catalogue, size_t *capacity, sqlite3_stmt *statement)
{
    const char *name = text_at(statement, LIST_NAME);
    const char *type = text_at(statement, LIST_TYPE);

    if (is_internal(name) || strcmp(type, "shadow") == 0)
        return SQLITE_OK;
    if (catalogue->count == *capacity) {
        size_t more = *capacity != 0 ? *capacity * 2 : 64;
        struct table *tables =
            more > TABLES_LIMIT ? NULL : realloc(catalogue->tables, more * sizeof *tables);

        if (tables == NULL)
            return SQLITE_NOMEM;
        catalogue->tables = tables;
        *capacity = more;
    }

    struct table *table = &catalogue->tables[catalogue->count];

    *table = (struct table){.rowid_column = -1, .schema = schema_create(name, 0)};
    if (table->schema == NULL)
        return SQLITE_NOMEM;
    table->schema->kind = strcmp(type, "view") == 0      ? RELATION_VIEW
                          : strcmp(type, "virtual") == 0 ? RELATION_VIRTUAL
                                                         : RELATION_TABLE;
    table->without_rowid = sqlite3_column_int(statement, LIST_WITHOUT_ROWID) != 0;
    catalogue->count++;
    return SQLITE_OK;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct table *)left)->schema->name,
                  ((const struct table *)right)->schema->name);
}

static int list_tables(struct connection *connection, struct catalogue *catalogue)
{
    sqlite3_stmt *statement;
    size_t capacity = 0;
    int code = connection_prepare(connection, &statement, "PRAGMA main.table_list");

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        code = list_table(catalogue, &capacity, statement);
        if (code != SQLITE_OK)
            break;
    }
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE)
        return code;
    if (catalogue->count != 0)
        qsort(catalogue->tables, catalogue->count, sizeof *catalogue->tables, by_name);
    return SQLITE_OK;
}

static int read_encoding(struct connection *connection, bool *ret_utf16)
{
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement, "PRAGMA encoding");

    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_utf16 = strcmp(text_at(statement, 0), "UTF-8") != 0;
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int catalogue_read(struct connection *connection, struct catalogue *ret_catalogue,
                   struct failure *failure)
{
    struct catalogue catalogue = {.count = 0};
    const char *table = NULL;
    int code = read_encoding(connection, &catalogue.utf16);

    if (code == SQLITE_OK)
        code = list_tables(connection, &catalogue);
    for (size_t i = 0; i < catalogue.count && code == SQLITE_OK; i++) {
        table = catalogue.tables[i].schema->name;
        code = read_table(connection, &catalogue.tables[i], catalogue.utf16);
    }
    if (code == SQLITE_OK) {
        table = NULL;
        code = catalogue_link(connection, &catalogue);
    }
    if (code == SQLITE_OK) {
        *ret_catalogue = catalogue;
        return 0;
    }

    int error = sqlite_failure(failure, connection, code, table);

    catalogue_release(&catalogue);
    return error;
}
