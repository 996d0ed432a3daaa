/* SPDX-License-Identifier: MIT */
/*
 * What phpMyAdmin exports as JSON:
 *
 *   [{"type":"header","comment":"Export to JSON plugin for PHPMyAdmin",…},
 *    {"type":"database","name":"crm"},
 *    {"type":"table","name":"contacts","database":"crm","data":[{…},{…}]},…]
 *
 * Tables go by their names, or, where there are several databases, as "database.table", those that
 * came before the second database included. Before a further database phpMyAdmin writes no comma,
 * and two behind it: between what stands in the outer array, commas say nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows_internal.h"
#include "fs/base/memory.h"

/* Longer strings are nobody's name: MySQL's have 64 characters at most, of 12 bytes with escapes.
 */
#define NAME_TEXT_MOST ((size_t)1 << 10)

/* A table that may get another name. */
struct told_table {
    struct schema *schema;
    size_t number;
};

struct export
{
    const char *name;          /* of what says none */
    char *database;            /* the first; NULL: there was none so far … */
    bool several;              /* … and there is another */
    struct told_table *tables; /* of the first … */
    size_t count;
    size_t capacity;
    size_t empty; /* tables without rows … */
    char *first_empty;
};

/* What stands in the array. */
struct element {
    struct export *export;
    char *name;     /* NULL: none so far … */
    char *database; /* … and so here */
};

static void forget_tables(struct export *export)
{
    for (size_t i = 0; i < export->count; i++)
        schema_release(export->tables[i].schema);
    free(export->tables);
    export->tables = NULL;
    export->count = export->capacity = 0;
}

/* "table", or "database.table"; the caller frees it. NULL: no memory. */
static char *full_name(const char *database, const char *name)
{
    char *full;

    if (database == NULL)
        return strdup(name);
    return asprintf(&full, "%s.%s", database, name) < 0 ? NULL : full;
}

static int rename_table(struct row_taker *taker, const struct told_table *table,
                        const char *database, struct failure *failure)
{
    struct schema *schema = schema_copy(table->schema);
    char *name = schema != NULL ? full_name(database, schema->name) : NULL;
    struct stream_table told = {.schema = schema};
    int error = -ENOMEM;

    if (name != NULL) {
        free(schema->name);
        schema->name = name;
        error = taker->class->change_table(taker, table->number, &told, failure);
    }
    schema_release(schema);
    return error;
}

/* A table of DATABASE comes. */
static int note_database(struct export *export, struct row_taker *taker, const char *database,
                         struct failure *failure)
{
    int error = 0;

    if (database == NULL || export->several)
        return 0;
    if (export->database == NULL) {
        export->database = strdup(database);
        return export->database != NULL ? 0 : -ENOMEM;
    }
    if (strcmp(database, export->database) == 0)
        return 0;
    export->several = true;
    for (size_t i = 0; i < export->count && error == 0; i++)
        error = rename_table(taker, &export->tables[i], export->database, failure);
    forget_tables(export);
    return error;
}

static int keep_table(struct export *export, const struct json_table *table)
{
    struct told_table told;

    told.schema = json_table_told(table, &told.number);
    if (told.schema == NULL)
        return 0;
    if (export->count == export->capacity) {
        size_t capacity = export->capacity != 0 ? 2 * export->capacity : 32;
        struct told_table *tables = reallocarray(export->tables, capacity, sizeof *tables);

        if (tables == NULL)
            return -ENOMEM;
        export->tables = tables;
        export->capacity = capacity;
    }
    schema_reference(told.schema);
    export->tables[export->count++] = told;
    return 0;
}

/* Of a table without rows nothing says what columns it has. */
static int note_empty(struct export *export, const char *name)
{
    if (export->empty++ == 0)
        export->first_empty = strdup(name);
    return export->empty > 1 || export->first_empty != NULL ? 0 : -ENOMEM;
}

/* At the '[' of its rows. */
static int read_table(struct json_reader *reader, const struct element *element, bool *ret_failed,
                      struct failure *failure)
{
    struct export *export = element->export;
    int error = note_database(export, reader->taker, element->database, failure);
    cleanup_free char *name = full_name(export->several ? element->database : NULL,
                                        element->name != NULL ? element->name : export->name);
    struct json_table *table;

    if (error == 0 && name == NULL)
        error = -ENOMEM;
    if (error != 0)
        return error;
    reader->window.at++;

    int sign = json_reader_next_sign(reader, failure);

    if (sign < 0)
        return sign;
    if (sign == ']') {
        reader->window.at++;
        return note_empty(export, name);
    }
    table = json_table_create(reader->taker, name);
    error = table != NULL ? json_reader_rows(reader, table, false, ret_failed, failure) : -ENOMEM;
    if (error == 0 && element->database != NULL && !export->several)
        error = keep_table(export, table);
    json_table_free(table);
    return error;
}

static int read_member(struct json_reader *reader, void *context, const char *key, bool *ret_failed,
                       struct failure *failure)
{
    struct element *element = context;
    int sign = json_reader_next_sign(reader, failure);
    char **text = strcmp(key, "name") == 0       ? &element->name
                  : strcmp(key, "database") == 0 ? &element->database
                                                 : NULL;
    struct json_piece value;
    const uint8_t *base;
    int error;

    if (sign < 0)
        return sign;
    if (sign == '[' && strcmp(key, "data") == 0)
        return read_table(reader, element, ret_failed, failure);
    error = json_reader_value(reader, &base, &value, failure);
    if (error != 0 || text == NULL || value.kind != JSON_STRING || value.size == 0 ||
        value.size > NAME_TEXT_MOST)
        return error;
    free(*text);
    *text = json_name_of(base + value.at, value.size, value.escaped);
    return *text != NULL ? 0 : -ENOMEM;
}

static int read_element(struct json_reader *reader, struct export *export, bool *ret_failed,
                        struct failure *failure)
{
    struct element element = {.export = export};
    int error = json_reader_members(reader, read_member, &element, ret_failed, failure);

    free(element.name);
    free(element.database);
    return error;
}

static void tell_empty(const struct json_reader *reader, const struct export *export)
{
    struct failure why;

    if (export->empty == 0)
        return;
    failure_set(&why, ENODATA,
                "%.300s: an export as JSON does not say what columns a table without rows has, so "
                "that none is shown: %zu, the first %.300s",
                reader->path, export->empty, export->first_empty);
    reader->taker->class->trouble(reader->taker, &why);
}

static int read_elements(struct json_reader *reader, struct export *export, bool *ret_failed,
                         struct failure *failure)
{
    int error = 0;

    while (error == 0 && !*ret_failed) {
        int sign = json_reader_next_sign(reader, failure);

        if (sign < 0)
            return sign;
        if (sign == '{') {
            error = read_element(reader, export, ret_failed, failure);
            continue;
        }
        if (sign != ',' && sign != ']')
            return json_reader_refuse(reader, json_reader_scan(reader).at, failure);
        reader->window.at++;
        if (sign == ']')
            break;
    }
    return error;
}

int json_reader_export(struct json_reader *reader, const char *name, bool *ret_failed,
                       struct failure *failure)
{
    struct export export = {.name = name};
    int error = read_elements(reader, &export, ret_failed, failure);

    if (error == 0)
        tell_empty(reader, &export);
    forget_tables(&export);
    free(export.database);
    free(export.first_empty);
    return error;
}
