/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: what information_schema says of the database's tables and columns,
 * each with one query for all, and SHOW CREATE for the statements. The user sees, and
 * so does the catalogue, what the user may read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

static void table_release(struct mysql_table *table)
{
    for (size_t i = 0; i < table->boundary_count; i++)
        free(table->boundaries[i]);
    free(table->boundaries);
    free(table->columns);
    free(table->engine);
    free(table->made);
    free(table->definition);
    schema_release(table->schema);
}

void mysql_catalogue_release(struct mysql_catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        table_release(&catalogue->tables[i]);
    free(catalogue->tables);
    *catalogue = (struct mysql_catalogue){.count = 0};
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct mysql_table *)left)->schema->name,
                  ((const struct mysql_table *)right)->schema->name);
}

struct mysql_table *mysql_catalogue_find(struct mysql_catalogue *catalogue, const char *name)
{
    size_t low = 0;
    size_t high = catalogue->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, catalogue->tables[middle].schema->name);

        if (order == 0)
            return &catalogue->tables[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

ssize_t mysql_find_column(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (ascii_equal(schema->columns[i].name, name))
            return (ssize_t)i;
    }
    return -1;
}

/* --- tables -------------------------------------------------------------------------------- */

enum { TABLE_NAME, TABLE_TYPE, TABLE_ENGINE, TABLE_ROWS, TABLE_BYTES, TABLE_MADE, TABLE_OPTIONS };

static int add_table(struct mysql_table *table, MYSQL_ROW row, struct failure *failure)
{
    *table = (struct mysql_table){
        .schema = schema_create(row[TABLE_NAME], 0),
        .engine = strdup(row[TABLE_ENGINE] != NULL ? row[TABLE_ENGINE] : ""),
        .rows = row[TABLE_ROWS] != NULL ? strtoull(row[TABLE_ROWS], NULL, 10) : 0,
        .bytes = row[TABLE_BYTES] != NULL ? strtoull(row[TABLE_BYTES], NULL, 10) : 0,
        .made = row[TABLE_MADE] != NULL ? strdup(row[TABLE_MADE]) : NULL,
    };
    if (table->schema == NULL || table->engine == NULL ||
        (table->made == NULL) != (row[TABLE_MADE] == NULL))
        return no_memory(failure);
    table->schema->kind = strcmp(row[TABLE_TYPE], "VIEW") == 0 ? RELATION_VIEW : RELATION_TABLE;
    table->is_sequence = strcmp(row[TABLE_TYPE], "SEQUENCE") == 0;
    table->is_partitioned =
        row[TABLE_OPTIONS] != NULL && strstr(row[TABLE_OPTIONS], "partitioned") != NULL;
    return 0;
}

static int read_tables(struct mysql_source *source, struct mysql_link *link,
                       struct mysql_catalogue *catalogue, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask(source, link,
                          "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, "
                          "CREATE_TIME, CREATE_OPTIONS FROM information_schema.TABLES "
                          "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'TEMPORARY'",
                          &rows, failure);
    MYSQL_ROW row;

    if (error != 0)
        return error;

    size_t count = (size_t)mysql_num_rows(rows);

    if (count > MYSQL_TABLES_LIMIT)
        return failure_set(failure, EFBIG, "the database has %zu tables", count);
    catalogue->tables = allocate_array(count, sizeof *catalogue->tables);
    if (catalogue->tables == NULL)
        return no_memory(failure);
    while ((row = mysql_fetch_row(rows)) != NULL && error == 0) {
        if (!mysql_is_unfinished(source, row[TABLE_NAME]))
            error = add_table(&catalogue->tables[catalogue->count++], row, failure);
    }
    if (error == 0)
        qsort(catalogue->tables, catalogue->count, sizeof *catalogue->tables, by_name);
    return error;
}

/* --- columns ------------------------------------------------------------------------------- */

enum {
    COLUMN_TABLE,
    COLUMN_NAME,
    COLUMN_NULLABLE,
    COLUMN_DATA_TYPE,
    COLUMN_COLUMN_TYPE,
    COLUMN_CHARSET,
    COLUMN_EXTRA
};

static bool says(const char *extra, const char *word)
{
    return extra != NULL && strcasestr(extra, word) != NULL;
}

static int add_column(struct mysql_table *table, size_t index, MYSQL_ROW row,
                      struct failure *failure)
{
    struct column *column = &table->schema->columns[index];

    column->name = strdup(row[COLUMN_NAME]);
    schema_take_native_type(table->schema, index, strdup(row[COLUMN_COLUMN_TYPE]));
    if (column->name == NULL || column->native_type == NULL)
        return no_memory(failure);
    column->not_null = strcmp(row[COLUMN_NULLABLE], "NO") == 0;
    column->generated =
        says(row[COLUMN_EXTRA], "VIRTUAL GENERATED") || says(row[COLUMN_EXTRA], "STORED GENERATED");
    column->hidden = says(row[COLUMN_EXTRA], "INVISIBLE");
    column->type = mysql_column_type(row[COLUMN_DATA_TYPE], row[COLUMN_COLUMN_TYPE],
                                     row[COLUMN_CHARSET], &table->columns[index]);
    table->has_long |= table->columns[index].is_long;
    return 0;
}

/* The COUNT rows from FIRST on are one table's columns. */
static int add_columns(struct mysql_catalogue *catalogue, MYSQL_RES *rows, uint64_t first,
                       size_t count, struct failure *failure)
{
    mysql_data_seek(rows, first);

    MYSQL_ROW row = mysql_fetch_row(rows);
    struct mysql_table *table = mysql_catalogue_find(catalogue, row[COLUMN_TABLE]);
    int error = 0;

    if (table == NULL) /* it came after the tables were listed */
        return 0;

    struct schema *schema = schema_create(table->schema->name, count);

    table->columns = allocate_array(count, sizeof *table->columns);
    if (schema == NULL || table->columns == NULL) {
        schema_release(schema);
        return no_memory(failure);
    }
    schema->kind = table->schema->kind;
    schema_release(table->schema);
    table->schema = schema;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = add_column(table, i, row, failure);
        row = mysql_fetch_row(rows);
    }
    return error;
}

static int read_columns(struct mysql_source *source, struct mysql_link *link,
                        struct mysql_catalogue *catalogue, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask(source, link,
                          "SELECT TABLE_NAME, COLUMN_NAME, IS_NULLABLE, DATA_TYPE, COLUMN_TYPE, "
                          "CHARACTER_SET_NAME, EXTRA FROM information_schema.COLUMNS "
                          "WHERE TABLE_SCHEMA = DATABASE() "
                          "ORDER BY BINARY TABLE_NAME, ORDINAL_POSITION",
                          &rows, failure);
    uint64_t total = error == 0 ? mysql_num_rows(rows) : 0;

    for (uint64_t first = 0; first < total && error == 0;) {
        cleanup_free char *name = NULL;
        size_t count = 1;
        MYSQL_ROW row;

        mysql_data_seek(rows, first);
        name = strdup(mysql_fetch_row(rows)[COLUMN_TABLE]);
        if (name == NULL)
            return no_memory(failure);
        while ((row = mysql_fetch_row(rows)) != NULL && strcmp(row[COLUMN_TABLE], name) == 0)
            count++;
        error = add_columns(catalogue, rows, first, count, failure);
        first += count;
    }
    return error;
}

/* --- MariaDB's JSON, which is a LONGTEXT that is checked ------------------------------------- */

static void note_json(struct mysql_table *table, const char *clause)
{
    for (size_t i = 0; i < table->schema->column_count; i++) {
        struct column *column = &table->schema->columns[i];
        cleanup_buffer struct buffer wanted = BUFFER(4096);

        if (column->type == COLUMN_TEXT && buffer_append_text(&wanted, "json_valid(") == 0 &&
            mysql_add_name(&wanted, column->name) == 0 && buffer_append(&wanted, ")", 2) == 0 &&
            strcmp((const char *)wanted.data, clause) == 0)
            column->type = COLUMN_JSON;
    }
}

static int read_checks(struct mysql_source *source, struct mysql_link *link,
                       struct mysql_catalogue *catalogue, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW row;

    if (!link->mariadb)
        return 0;

    int error = mysql_ask(source, link,
                          "SELECT TABLE_NAME, CHECK_CLAUSE FROM "
                          "information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = "
                          "DATABASE() AND CHECK_CLAUSE LIKE 'json\\_valid(%'",
                          &rows, failure);

    if (error != 0)
        return link->broken ? error : 0; /* an old server has no such table */
    while ((row = mysql_fetch_row(rows)) != NULL) {
        struct mysql_table *table = mysql_catalogue_find(catalogue, row[0]);

        if (table != NULL)
            note_json(table, row[1]);
    }
    return 0;
}

/* --- statements ---------------------------------------------------------------------------- */

/* The statement ends in a semicolon, as SQLite's do in schema.sql. */
static int read_statement(struct mysql_source *source, struct mysql_link *link,
                          struct mysql_table *table, struct failure *failure)
{
    cleanup_buffer struct buffer query = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = buffer_append_text(&query, "SHOW CREATE TABLE ");

    table->schema->ddl = strdup("");
    if (table->schema->ddl == NULL)
        return no_memory(failure);
    if (error == 0)
        error = mysql_add_name(&query, table->schema->name);
    if (error == 0)
        error = buffer_append(&query, "", 1);
    if (error != 0)
        return no_memory(failure);
    /* Not allowed to see it, or broken: there is no statement then. */
    mysql_link_wait_begins(link);
    if (mysql_query(link->handle, (const char *)query.data) == 0)
        rows = mysql_store_result(link->handle);
    mysql_link_wait_ends(link);
    if (rows == NULL) {
        struct failure ignored;

        error = mysql_link_failure(source, link, table->schema->name, &ignored);
        if (failure != NULL && link->broken)
            *failure = ignored;
        return link->broken ? error : 0;
    }

    MYSQL_ROW row = mysql_fetch_row(rows);

    if (row == NULL || row[1] == NULL)
        return 0;
    free(table->schema->ddl);
    if (asprintf(&table->schema->ddl, "%s;", row[1]) < 0) {
        table->schema->ddl = NULL;
        return no_memory(failure);
    }
    return 0;
}

static int read_statements(struct mysql_source *source, struct mysql_link *link,
                           struct mysql_catalogue *catalogue, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < catalogue->count && error == 0; i++)
        error = read_statement(source, link, &catalogue->tables[i], failure);
    return error;
}

/* --- all of it ----------------------------------------------------------------------------- */

int mysql_catalogue_outline(struct mysql_source *source, struct mysql_link *link,
                            struct mysql_catalogue *ret_catalogue, struct failure *failure)
{
    struct mysql_catalogue catalogue = {.count = 0};
    int error = read_tables(source, link, &catalogue, failure);

    if (error == 0)
        error = mysql_number_tables(source, link, &catalogue, failure);
    if (error == 0)
        error = mysql_read_definitions(source, link, &catalogue, failure);
    if (error != 0) {
        mysql_catalogue_release(&catalogue);
        return error;
    }
    *ret_catalogue = catalogue;
    return 0;
}

/* TEXT as it was BEFORE; one that came since is like none. What the server does not tell stays. */
static int restate(char **text, const char *before, struct failure *failure)
{
    char *copy;

    if (*text == NULL || (before != NULL && strcmp(*text, before) == 0))
        return 0;
    copy = strdup(before != NULL ? before : "not there");
    if (copy == NULL)
        return no_memory(failure);
    free(*text);
    *text = copy;
    return 0;
}

/* Between BEFORE and now the moment began, and nobody knows on which side of it anything changed.
 */
static int restate_all(struct mysql_catalogue *catalogue, struct mysql_catalogue *before,
                       struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < catalogue->count && error == 0; i++) {
        struct mysql_table *table = &catalogue->tables[i];
        const struct mysql_table *then = mysql_catalogue_find(before, table->schema->name);

        error = restate(&table->made, then != NULL ? then->made : NULL, failure);
        if (error == 0)
            error = restate(&table->definition, then != NULL ? then->definition : NULL, failure);
    }
    return error;
}

int mysql_catalogue_read(struct mysql_source *source, struct mysql_link *link,
                         struct mysql_catalogue *before, struct mysql_catalogue *ret_catalogue,
                         struct failure *failure)
{
    struct mysql_catalogue catalogue = {.count = 0};
    int error = mysql_catalogue_outline(source, link, &catalogue, failure);

    if (error == 0 && before != NULL)
        error = restate_all(&catalogue, before, failure);
    if (error == 0)
        error = read_columns(source, link, &catalogue, failure);
    if (error == 0)
        error = read_checks(source, link, &catalogue, failure);
    if (error == 0)
        error = mysql_read_keys(source, link, &catalogue, failure);
    if (error == 0)
        error = mysql_read_views(source, link, &catalogue, failure);
    if (error == 0)
        error = read_statements(source, link, &catalogue, failure);
    if (error != 0) {
        mysql_catalogue_release(&catalogue);
        return error;
    }
    *ret_catalogue = catalogue;
    return 0;
}
