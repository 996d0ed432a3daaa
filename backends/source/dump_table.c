/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

#define KEYS_LIMIT 256

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free((void *)texts);
}

void dump_column_release(struct dump_column *column)
{
    free(column->name);
    free(column->native);
    free(column->collation);
    free(column->charset);
}

void dump_table_empty(struct dump_table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        dump_column_release(&table->columns[i]);
    free(table->columns);
    free(table->primary.columns);
    for (size_t i = 0; i < table->unique_count; i++) {
        free(table->uniques[i].columns);
        free(table->uniques[i].name);
    }
    free(table->uniques);
    for (size_t i = 0; i < table->foreign_count; i++) {
        free(table->foreigns[i].key.columns);
        free(table->foreigns[i].target_database);
        free(table->foreigns[i].target_table);
        free_texts(table->foreigns[i].target_columns, table->foreigns[i].target_count);
    }
    free(table->foreigns);
    free(table->shown);
    free(table->collation);
    free(table->charset);
    table->columns = NULL;
    table->column_count = 0;
    table->versioned = false;
    table->primary = (struct dump_key){.count = 0};
    table->uniques = NULL;
    table->unique_count = 0;
    table->foreigns = NULL;
    table->foreign_count = 0;
    table->shown = NULL;
    table->shown_count = 0;
    table->collation = NULL;
    table->charset = NULL;
}

void dump_table_free(struct dump_table *table)
{
    if (table == NULL)
        return;
    dump_table_empty(table);
    dump_computer_free(table->computer);
    dump_load_free(table->load);
    free(table->order.columns);
    free(table->terms);
    free(table->connected);
    free(table->database);
    free(table->name);
    free(table->key);
    free(table->ddl);
    free(table->partitions);
    free(table->needed);
    free(table->needed_later);
    free(table->additions);
    free(table);
}

struct dump_key *dump_table_add_unique(struct dump_table *table)
{
    struct dump_key *keys =
        table->unique_count < KEYS_LIMIT
            ? reallocarray(table->uniques, table->unique_count + 1, sizeof *keys)
            : NULL;

    if (keys == NULL)
        return NULL;
    table->uniques = keys;
    keys[table->unique_count] = (struct dump_key){.count = 0};
    return &keys[table->unique_count++];
}

struct dump_foreign_key *dump_table_add_foreign(struct dump_table *table)
{
    struct dump_foreign_key *keys =
        table->foreign_count < KEYS_LIMIT
            ? reallocarray(table->foreigns, table->foreign_count + 1, sizeof *keys)
            : NULL;

    if (keys == NULL)
        return NULL;
    table->foreigns = keys;
    keys[table->foreign_count] = (struct dump_foreign_key){.target_count = 0};
    return &keys[table->foreign_count++];
}

int dump_table_add_column(struct dump_table *table, struct dump_column **ret_column)
{
    if (table->column_count == DUMP_COLUMNS_LIMIT)
        return -EILSEQ;

    struct dump_column *columns =
        reallocarray(table->columns, table->column_count + 1, sizeof *columns);

    if (columns == NULL)
        return -ENOMEM;
    table->columns = columns;
    *ret_column = &columns[table->column_count++];
    **ret_column = (struct dump_column){.name = NULL};
    return 0;
}

ssize_t dump_table_column(const struct dump_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->columns[i].name, name) == 0)
            return (ssize_t)i;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        if (ascii_equal(table->columns[i].name, name))
            return (ssize_t)i;
    }
    return -1;
}

static bool is_said(const size_t *places, size_t count, size_t place)
{
    size_t i = 0;

    while (i < count && places[i] != place)
        i++;
    return i < count;
}

const struct dump_column *dump_table_unsaid(const struct dump_table *table, const size_t *places,
                                            size_t count)
{
    size_t next = 0; /* most lists are in the table's own order */

    for (size_t i = 0; i < table->column_count; i++) {
        const struct dump_column *column = &table->columns[i];
        bool filled = column->not_null || column->defaulted || column->generated;

        if (next < count && places[next] == table->shown[i])
            next++;
        else if (filled && !column->computed && !column->left_out &&
                 !is_said(places, count, table->shown[i]))
            return column;
    }
    return NULL;
}

bool dump_has_left_out(const struct dump_table *table)
{
    bool found = false;

    for (size_t i = 0; i < table->column_count; i++)
        found = found || table->columns[i].left_out;
    return found;
}

/* DATABASE "": the current one. */
static const char *whole_database(const struct dump_reader *reader, const char *database)
{
    return database[0] != '\0' ? database : reader->database;
}

static char *make_key(const struct dump_reader *reader, const char *database, const char *name)
{
    char *key;

    return asprintf(&key, "%s\n%s\n%s", reader->connected != NULL ? reader->connected : "",
                    whole_database(reader, database), name) < 0
               ? NULL
               : key;
}

/* Tables of several of PostgreSQL's databases go by their names, too. */
static int note_connected(struct dump_reader *reader, struct dump_table *table)
{
    const char *last =
        reader->table_count != 0 ? reader->tables[reader->table_count - 1]->connected : NULL;

    if (reader->connected == NULL)
        return 0;
    table->connected = strdup(reader->connected);
    if (table->connected == NULL)
        return -ENOMEM;
    reader->is_cluster =
        reader->is_cluster ||
        (reader->table_count != 0 && (last == NULL || strcmp(last, table->connected) != 0));
    return 0;
}

static int append_table(struct dump_reader *reader, struct dump_table *table)
{
    if (reader->table_count == reader->table_capacity) {
        size_t capacity = reader->table_capacity != 0 ? reader->table_capacity * 2 : 64;
        struct dump_table **tables =
            capacity > DUMP_TABLES_LIMIT
                ? NULL
                : reallocarray(reader->tables, capacity, sizeof(struct dump_table *));

        if (tables == NULL)
            return -ENOMEM;
        reader->tables = tables;
        reader->table_capacity = capacity;
    }

    size_t *known = name_map_find(reader->names, table->key);
    int error = 0;

    if (known != NULL && table->temporary) {
        const struct dump_table *before = reader->tables[*known];

        table->hides = !before->temporary || before->hides;
        table->hidden = before->temporary ? before->hidden : *known;
        *known = reader->table_count;
    } else if (known != NULL) {
        error = dump_table_drop(reader, reader->tables[*known]);
        *known = reader->table_count;
    } else {
        error = name_map_add(reader->names, table->key, reader->table_count);
    }
    if (error == 0)
        reader->tables[reader->table_count++] = table;
    return error;
}

int dump_table_drop(struct dump_reader *reader, struct dump_table *table)
{
    if (table->whole != NULL)
        table->whole->part_count--;
    table->whole = NULL;
    if (table->dropped)
        return 0;
    table->dropped = true;
    return table->begun ? reader->taker->class->drop_table(reader->taker, table->number) : 0;
}

static int add_table(struct dump_reader *reader, const char *database, const char *name,
                     bool temporary, struct dump_table **ret_table)
{
    struct dump_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return -ENOMEM;
    table->temporary = table->dropped = temporary;
    table->database = strdup(whole_database(reader, database));
    table->name = strdup(name);
    table->key = make_key(reader, database, name);

    int error = table->database == NULL || table->name == NULL || table->key == NULL
                    ? -ENOMEM
                    : note_connected(reader, table);

    if (error == 0)
        error = append_table(reader, table);

    if (error != 0) {
        dump_table_free(table);
        return error;
    }
    /* One dump behind another in one file: the last one's end counts. */
    reader->ended = false;
    *ret_table = table;
    return 0;
}

int dump_table_add(struct dump_reader *reader, const char *database, const char *name,
                   struct dump_table **ret_table)
{
    return add_table(reader, database, name, false, ret_table);
}

int dump_table_add_temporary(struct dump_reader *reader, const char *database, const char *name)
{
    struct dump_table *table;

    return add_table(reader, database, name, true, &table);
}

/* NULL: there is, and was, none. */
static size_t *find_index(const struct dump_reader *reader, const char *database, const char *name)
{
    cleanup_free char *key = make_key(reader, database, name);

    return key != NULL ? name_map_find(reader->names, key) : NULL;
}

bool dump_table_is_temporary(const struct dump_reader *reader, const char *database,
                             const char *name)
{
    const size_t *index = find_index(reader, database, name);

    return index != NULL && reader->tables[*index]->temporary;
}

void dump_table_drop_temporary(struct dump_reader *reader, const char *database, const char *name)
{
    size_t *index = find_index(reader, database, name);
    const struct dump_table *table = index != NULL ? reader->tables[*index] : NULL;

    if (table != NULL && table->temporary && table->hides)
        *index = table->hidden;
}

bool dump_table_was_there(const struct dump_reader *reader, const char *database, const char *name)
{
    cleanup_free char *key = make_key(reader, database, name);

    return key == NULL || name_map_find(reader->names, key) != NULL;
}

struct dump_table *dump_table_find(struct dump_reader *reader, const char *database,
                                   const char *name)
{
    const size_t *index = find_index(reader, database, name);
    struct dump_table *table = index != NULL ? reader->tables[*index] : NULL;

    return table != NULL && (!table->dropped || table->whole != NULL) ? table : NULL;
}

/* Where there are several databases, tables may yet get other names. */
int dump_tables_finish(struct dump_reader *reader, struct failure *failure)
{
    const struct row_taker_class *class = reader->taker->class;
    int error = 0;

    if (!reader->in_turn || reader->database[0] != '\0')
        return 0;
    for (; reader->finished_count < reader->table_count && error == 0; reader->finished_count++) {
        struct dump_table *table = reader->tables[reader->finished_count];

        table->finished = true;
        /* Without rows it may be what stands in for a view until the dump drops it. */
        if (table->begun && table->seen && !table->dropped && !table->failed &&
            class->finish_table != NULL)
            error = class->finish_table(reader->taker, table->number, failure);
    }
    return error;
}

static int give_up(struct dump_reader *reader, struct dump_table *table, int code,
                   const char *words)
{
    struct failure why;
    int error = table->begun ? 0 : dump_table_tell(reader, table, NULL);

    if (error != 0 || table->failed || table->dropped)
        return error;
    failure_set(&why, code, "table %.300s: %s", table->name, words);
    table->failed = true;
    return reader->taker->class->fail_table(reader->taker, table->number, &why);
}

int dump_table_lose(struct dump_reader *reader, struct dump_table *table, const char *words)
{
    return give_up(reader, table, EIO, words);
}

int dump_table_leave_out(struct dump_reader *reader, struct dump_table *table, const char *words)
{
    return give_up(reader, table, ENODATA, words);
}

int dump_table_fail(struct dump_reader *reader, struct dump_table *table, const char *format, ...)
{
    struct failure failure;
    char text[FAILURE_TEXT_SIZE];
    va_list arguments;

    if (table->failed)
        return 0;
    if (!table->begun) {
        int error = dump_table_tell(reader, table, NULL);

        if (error != 0)
            return error;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    /* The bytes of UTF-16 are others than those that were counted. */
    if (reader->wide)
        failure_set(&failure, EIO, "line %llu of %.300s: %s",
                    (unsigned long long)byte_window_line(&reader->window), reader->place, text);
    else
        failure_set(&failure, EIO, "line %llu, byte %llu of %.300s: %s",
                    (unsigned long long)byte_window_line(&reader->window),
                    (unsigned long long)byte_window_byte(&reader->window), reader->place, text);
    table->failed = true;
    return reader->taker->class->fail_table(reader->taker, table->number, &failure);
}

void dump_tell(const struct dump_reader *reader, int code, const char *format, ...)
{
    struct failure why;
    char text[FAILURE_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    failure_set(&why, code, "line %llu of %.300s: %s",
                (unsigned long long)byte_window_line(&reader->window), reader->place, text);
    reader->taker->class->trouble(reader->taker, &why);
}

int dump_table_cut(struct dump_reader *reader, struct dump_table *table)
{
    if (reader->window.error != 0)
        return dump_table_fail(reader, table, "%s", reader->window.failure.text);
    return dump_table_fail(reader, table,
                           "the dump ends here: it was cut short, and table %s may lack rows",
                           table->name);
}
