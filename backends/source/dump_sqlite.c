/* SPDX-License-Identifier: MIT */
/*
 * What a dump of SQLite's says of its tables, as SQLite itself understands it: the
 * statements that make tables, indexes and triggers are run in an empty database in
 * memory, and its catalogue is read as that of a live one. An authorizer lets nothing else
 * be done there, and triggers never go off. Rows get in one by one, where there are columns to
 * compute (dump_compute).
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"

static int only_definitions(void *context, int action, const char *first, const char *second,
                            const char *database, const char *trigger)
{
    (void)context;
    (void)first;
    (void)second;
    (void)database;
    (void)trigger;
    switch (action) {
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_REINDEX:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_READ:
    case SQLITE_DELETE:
    case SQLITE_DROP_TABLE:
    case SQLITE_FUNCTION: return SQLITE_OK;
    default: return SQLITE_DENY;
    }
}

/* Runs the statement, comments and all: SQLite keeps them. An SQLite result code. */
static int define(struct dump_reader *reader)
{
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_OK;

    if (reader->sqlite == NULL) {
        code = sqlite3_open_v2(":memory:", &reader->sqlite,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY |
                                   SQLITE_OPEN_NOMUTEX,
                               NULL);
        sqlite3_db_config(reader->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(reader->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(reader->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        sqlite3_limit(reader->sqlite, SQLITE_LIMIT_ATTACHED, 0);
    }
    if (code == SQLITE_OK)
        code = sqlite3_set_authorizer(reader->sqlite, only_definitions, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(reader->sqlite, (const char *)reader->raw.data, -1, &statement,
                                  NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    sqlite3_set_authorizer(reader->sqlite, NULL, NULL);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* As the columns of a live table; see sqlite_schema.c. */
static int take_column(struct dump_table *table, sqlite3_stmt *statement)
{
    const char *name = (const char *)sqlite3_column_text(statement, 1);
    const char *native = (const char *)sqlite3_column_text(statement, 2);
    const char *value = (const char *)sqlite3_column_text(statement, 4);
    bool is_key = sqlite3_column_int(statement, 5) != 0;
    bool may_be_number = is_key && native != NULL && strcasecmp(native, "INTEGER") == 0;
    struct dump_column *columns =
        reallocarray(table->columns, table->column_count + 1, sizeof *columns);

    if (columns == NULL)
        return -ENOMEM;
    table->columns = columns;

    struct dump_column *column = &columns[table->column_count++];

    *column = (struct dump_column){
        .name = strdup(name != NULL ? name : ""),
        .native = strdup(native != NULL ? native : ""),
        .not_null = sqlite3_column_int(statement, 3) != 0,
        .generated = sqlite3_column_int(statement, 6) != 0,
        .numbered = may_be_number,
        .defaulted = (value != NULL && strcasecmp(value, "NULL") != 0) || may_be_number,
        .left_out = sqlite3_column_int(statement, 6) != 0,
        .type = {.value = VALUE_ANY, .order = KEY_BYTES},
    };
    if (column->name == NULL || column->native == NULL)
        return -ENOMEM;
    column->type.type = sqlite_column_type(column->native);
    return 0;
}

int dump_sqlite_columns(struct dump_reader *reader, struct dump_table *table,
                        struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    char *query = sqlite3_mprintf("PRAGMA table_xinfo(\"%w\")", table->name);
    int code = query != NULL ? define(reader) : SQLITE_NOMEM;
    bool several = false;
    int error = 0;

    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(reader->sqlite, query, -1, &statement, NULL);
    while (code == SQLITE_OK && error == 0 && sqlite3_step(statement) == SQLITE_ROW) {
        error = take_column(table, statement);
        several = several || sqlite3_column_int(statement, 5) > 1;
    }
    /* In a key of several columns NULL is NULL. */
    for (size_t i = 0; i < table->column_count && several; i++)
        table->columns[i].numbered = false;
    sqlite3_finalize(statement);
    sqlite3_free(query);
    if (code == SQLITE_NOMEM)
        return -ENOMEM;
    if (code != SQLITE_OK)
        return failure_set(failure, EILSEQ, "line %llu of the dump: %s",
                           (unsigned long long)byte_window_line(&reader->window),
                           sqlite3_errmsg(reader->sqlite));
    table->order_known = true; /* when all is read */
    return error;
}

int dump_sqlite_index(struct dump_reader *reader)
{
    return define(reader) == SQLITE_NOMEM ? -ENOMEM : 0;
}

/* Of a view there is nothing in the database in memory, only its words. */
int dump_sqlite_trigger(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct dump_table *table = dump_triggering(reader, lexer);

    if (table != NULL && table->kind != RELATION_TABLE) {
        cleanup_free char *text = dump_statement_text(reader);

        return text != NULL ? dump_append_line(&table->ddl, text) : -ENOMEM;
    }

    int code = define(reader);

    if (code == SQLITE_NOMEM)
        return -ENOMEM;
    if (code != SQLITE_OK)
        dump_tell(reader, EILSEQ, "a trigger is left out: %s", sqlite3_errmsg(reader->sqlite));
    return 0;
}

static int copy_indexes(struct dump_key *key, const size_t *columns, size_t count)
{
    free(key->columns);
    key->columns = NULL;
    key->count = 0;
    if (count == 0)
        return 0;
    key->columns = allocate_array(count, sizeof *key->columns);
    if (key->columns == NULL)
        return -ENOMEM;
    memcpy(key->columns, columns, count * sizeof *columns);
    key->count = count;
    return 0;
}

static int copy_foreign(struct dump_table *table, const struct foreign_key *from)
{
    struct dump_foreign_key *to = dump_table_add_foreign(table);

    if (to == NULL || copy_indexes(&to->key, from->columns, from->count) != 0)
        return -ENOMEM;
    to->target_table = strdup(from->target_table);
    if (to->target_table == NULL)
        return -ENOMEM;
    if (from->target_columns == NULL)
        return 0;
    to->target_columns = allocate_array(from->count, sizeof(char *));
    for (size_t i = 0; to->target_columns != NULL && i < from->count; i++) {
        to->target_columns[i] = strdup(from->target_columns[i]);
        if (to->target_columns[i] == NULL)
            return -ENOMEM;
        to->target_count++;
    }
    return to->target_columns != NULL ? 0 : -ENOMEM;
}

/* How the order key compares; ORDER is what stands behind ORDER BY (sqlite_order.c). */
static int take_terms(struct dump_table *table, const char *order)
{
    free(table->terms);
    table->terms = allocate_array(table->order.count, sizeof *table->terms);
    if (table->terms == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->order.count; i++) {
        cleanup_free char *name = sql_name(table->columns[table->order.columns[i]].name);
        struct key_term *term = &table->terms[i];

        if (name == NULL)
            return -ENOMEM;
        term->order = KEY_BYTES;
        if (strncmp(order, name, strlen(name)) != 0)
            continue;
        order += strlen(name);
        if (strncmp(order, " COLLATE ", 9) == 0) {
            order += 9;
            if (strncasecmp(order, "\"NOCASE\"", 8) == 0)
                term->order = KEY_NOCASE;
            else if (strncasecmp(order, "\"RTRIM\"", 7) == 0)
                term->order = KEY_TRIMMED;
            else if (strncasecmp(order, "\"BINARY\"", 8) != 0)
                term->order = KEY_UNKNOWN;
            order += 1 + strcspn(order + 1, "\"") + 1;
        }
        term->descending = strncmp(order, " DESC", 5) == 0;
        order += term->descending ? 5 : 0;
        order += strncmp(order, ", ", 2) == 0 ? 2 : 0;
    }
    return 0;
}

/* What the table is now that its indexes are known. */
static int settle(struct dump_table *table, const struct table *known)
{
    const struct schema *schema = known->schema;
    int error = copy_indexes(&table->primary, schema->primary_key, schema->primary_key_count);

    if (schema->column_count != table->column_count)
        return 0;
    if (error == 0)
        error = copy_indexes(&table->order, schema->order_key, schema->order_key_count);
    if (error == 0)
        error = take_terms(table, known->order);
    for (size_t i = 0; i < schema->foreign_key_count && error == 0; i++)
        error = copy_foreign(table, &schema->foreign_keys[i]);
    if (error != 0)
        return error;
    free(table->ddl);
    table->ddl = strdup(schema->ddl);
    table->changed = true;
    return table->ddl != NULL ? 0 : -ENOMEM;
}

int dump_sqlite_end(struct dump_reader *reader, struct failure *failure)
{
    struct connection connection = {.database = reader->sqlite, .path = "the dump"};
    struct catalogue *catalogue = NULL;

    if (reader->sqlite == NULL)
        return 0;

    int error = catalogue_read(&connection, NULL, &catalogue, failure);

    for (size_t i = 0; catalogue != NULL && i < catalogue->count && error == 0; i++) {
        struct dump_table *table = dump_table_find(reader, "", catalogue->tables[i].schema->name);

        if (table != NULL && !catalogue->tables[i].broken)
            error = settle(table, &catalogue->tables[i]);
    }
    catalogue_release(catalogue);
    return error;
}
