/* SPDX-License-Identifier: MIT */
/*
 * Indexes and counting columns, read from the statements that a source gives for a table. Only
 * what other databases understand is taken: indexes over whole columns.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/source/sql_lexer.h"
#include "backends/target/create.h"
#include "backends/target/ddl.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

#define INDEXES_LIMIT 1000
#define INDEX_COLUMNS_LIMIT 64

struct extras_reader {
    const struct schema *schema;
    struct sql_lexer lexer;
    struct table_extras extras;
};

void table_extras_release(struct table_extras *extras)
{
    for (size_t i = 0; i < extras->index_count; i++) {
        free(extras->indexes[i].name);
        free(extras->indexes[i].columns);
    }
    free(extras->indexes);
    free(extras->counts);
    table_rules_release(&extras->rules);
    *extras = (struct table_extras){.counting = SIZE_MAX};
}

static size_t find_column(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (ascii_equal(schema->columns[i].name, name))
            return i;
    }
    return SIZE_MAX;
}

/* Behind "(": the columns up to ")". *ret_plain: they are nothing but columns. -ENOMEM. */
static int take_columns(struct extras_reader *reader, size_t *columns, size_t *ret_count,
                        bool *ret_plain)
{
    size_t count = 0;
    bool plain = true;

    for (;;) {
        struct sql_token token = sql_next(&reader->lexer);

        if (token.type == SQL_END)
            return 0;
        if (sql_is(&token, ")"))
            break;
        if (sql_is(&token, ","))
            continue;
        if (sql_is(&token, "(")) { /* an expression, or a length */
            sql_skip_parentheses(&reader->lexer);
            plain = false;
        } else if (sql_is(&token, "ASC") || sql_is(&token, "DESC")) {
            continue;
        } else if (token.type == SQL_WORD || token.type == SQL_NAME) {
            cleanup_free char *name = sql_text(&reader->lexer, &token);
            size_t column = name != NULL ? find_column(reader->schema, name) : SIZE_MAX;

            if (name == NULL)
                return -ENOMEM;
            if (column == SIZE_MAX || count == INDEX_COLUMNS_LIMIT)
                plain = false;
            else
                columns[count++] = column;
        } else {
            plain = false;
        }
    }
    *ret_count = count;
    *ret_plain = plain && count != 0;
    return 0;
}

static int add_index(struct extras_reader *reader, const char *name, bool is_unique,
                     const size_t *columns, size_t count)
{
    struct table_extras *extras = &reader->extras;
    struct table_index *indexes;

    if (extras->index_count == INDEXES_LIMIT)
        return 0;
    indexes = realloc(extras->indexes, (extras->index_count + 1) * sizeof *indexes);
    if (indexes == NULL)
        return -ENOMEM;
    extras->indexes = indexes;
    indexes += extras->index_count;
    *indexes = (struct table_index){.is_unique = is_unique, .count = count};
    indexes->name = strdup(name);
    indexes->columns = allocate_array(count, sizeof *columns);
    extras->index_count++;
    if (indexes->name == NULL || indexes->columns == NULL)
        return -ENOMEM;
    memcpy(indexes->columns, columns, count * sizeof *columns);
    return 0;
}

/* Behind the word that says so: [name] (columns). */
static int take_index(struct extras_reader *reader, const char *name, bool is_unique)
{
    size_t columns[INDEX_COLUMNS_LIMIT];
    size_t count = 0;
    bool plain = false;
    int error = take_columns(reader, columns, &count, &plain);

    if (error != 0)
        return error;
    if (!plain) {
        reader->extras.left_out++;
        return 0;
    }
    return add_index(reader, name, is_unique, columns, count);
}

/* Within CREATE TABLE: KEY `x` (…), UNIQUE KEY `x` (…), [CONSTRAINT x] UNIQUE (…). */
static int take_table_key(struct extras_reader *reader, const char *constraint, bool is_unique)
{
    cleanup_free char *name = strdup(constraint);
    struct sql_token token;

    if (is_unique && !sql_accept(&reader->lexer, "KEY"))
        sql_accept(&reader->lexer, "INDEX");
    token = sql_peek(&reader->lexer);
    if (token.type == SQL_NAME || (token.type == SQL_WORD && !sql_is(&token, "("))) {
        sql_next(&reader->lexer);
        free(name);
        name = sql_text(&reader->lexer, &token);
    }
    if (name == NULL)
        return -ENOMEM;
    return sql_accept(&reader->lexer, "(") ? take_index(reader, name, is_unique) : 0;
}

/* The primary key's is the one that other databases count by, too; else the last. */
static void note_counting(struct extras_reader *reader, size_t column)
{
    const struct schema *schema = reader->schema;
    size_t first = schema->primary_key_count != 0 ? schema->primary_key[0] : SIZE_MAX;

    if (column == SIZE_MAX)
        return;
    reader->extras.counts[column] = true;
    if (reader->extras.counting == SIZE_MAX || reader->extras.counting != first)
        reader->extras.counting = column;
}

/* A column's own line: does it count by itself, is it unique? Ends at its ',' or ')' or ';'. */
static int take_column_words(struct extras_reader *reader, size_t column)
{
    for (;;) {
        struct sql_token token = sql_peek(&reader->lexer);

        if (token.type == SQL_END || sql_is(&token, ",") || sql_is(&token, ")") ||
            sql_is(&token, ";"))
            return 0;
        sql_next(&reader->lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(&reader->lexer);
        else if (sql_is(&token, "AUTO_INCREMENT") || sql_is(&token, "AUTOINCREMENT") ||
                 sql_is(&token, "IDENTITY") || sql_is(&token, "NEXTVAL"))
            note_counting(reader, column);
        else if (sql_is(&token, "UNIQUE") && column != SIZE_MAX) {
            int error = add_index(reader, "", true, &column, 1);

            if (error != 0)
                return error;
        }
    }
}

/* A line within CREATE TABLE, whose first word is TOKEN; the name of its CONSTRAINT, or "". */
static int take_named(struct extras_reader *reader, struct sql_token token, const char *constraint)
{
    cleanup_free char *name = NULL;

    if (sql_is(&token, "UNIQUE"))
        return take_table_key(reader, constraint, true);
    if (sql_is(&token, "KEY") || sql_is(&token, "INDEX"))
        return take_table_key(reader, constraint, false);
    if (sql_is(&token, "EXCLUDE")) {
        reader->extras.exclusions++;
        return 0;
    }
    if (token.type != SQL_WORD && token.type != SQL_NAME)
        return 0;
    name = sql_text(&reader->lexer, &token);
    return name != NULL ? take_column_words(reader, find_column(reader->schema, name)) : -ENOMEM;
}

static int take_definition(struct extras_reader *reader)
{
    struct sql_token token = sql_next(&reader->lexer);
    cleanup_free char *constraint = NULL;

    if (!sql_is(&token, "CONSTRAINT"))
        return take_named(reader, token, "");
    token = sql_next(&reader->lexer);
    constraint = sql_text(&reader->lexer, &token);
    return constraint != NULL ? take_named(reader, sql_next(&reader->lexer), constraint) : -ENOMEM;
}

static int take_table(struct extras_reader *reader)
{
    struct sql_token token;
    int error = 0;

    do {
        token = sql_next(&reader->lexer);
    } while (token.type != SQL_END && !sql_is(&token, "(") && !sql_is(&token, ";"));
    while (sql_is(&token, "(") || sql_is(&token, ",")) {
        error = take_definition(reader);
        if (error != 0)
            return error;
        /* What is left of the definition. */
        for (token = sql_next(&reader->lexer);
             token.type != SQL_END && !sql_is(&token, ",") && !sql_is(&token, ")");
             token = sql_next(&reader->lexer)) {
            if (sql_is(&token, "("))
                sql_skip_parentheses(&reader->lexer);
        }
    }
    return 0;
}

/* Behind CREATE [UNIQUE] INDEX: [IF NOT EXISTS] name ON table [USING x] (…) [WHERE …]. */
static int take_create_index(struct extras_reader *reader, bool is_unique)
{
    cleanup_free char *name = NULL;
    struct sql_token token;
    size_t before = reader->extras.index_count;
    int error;

    do {
        token = sql_next(&reader->lexer);
        /* SQLite takes a string for a name. */
        if ((token.type == SQL_WORD || token.type == SQL_NAME || token.type == SQL_STRING) &&
            !sql_is(&token, "ON")) {
            free(name);
            name = sql_text(&reader->lexer, &token);
        }
    } while (token.type != SQL_END && !sql_is(&token, "ON"));
    do {
        token = sql_next(&reader->lexer);
    } while (token.type != SQL_END && !sql_is(&token, "(") && !sql_is(&token, ";"));
    if (name == NULL || !sql_is(&token, "(")) {
        reader->extras.left_out++;
        return 0;
    }
    error = take_index(reader, name, is_unique);
    token = sql_peek(&reader->lexer);
    /* An index over some of the rows is none for all. */
    if (error == 0 && sql_is(&token, "WHERE") && reader->extras.index_count > before) {
        struct table_index *index = &reader->extras.indexes[--reader->extras.index_count];

        free(index->name);
        free(index->columns);
        reader->extras.left_out++;
    }
    return error;
}

/* Behind ALTER TABLE: [ONLY] [schema.]name; whether that is the table's. */
static bool is_of_table(struct extras_reader *reader)
{
    struct sql_lexer *lexer = &reader->lexer;
    cleanup_free char *name = NULL;
    struct sql_token token;

    sql_accept(lexer, "ONLY");
    token = sql_next(lexer);
    if (sql_accept(lexer, "."))
        token = sql_next(lexer);
    name = token.type != SQL_END ? sql_text(lexer, &token) : NULL;
    return name != NULL && strcmp(name, reader->schema->name) == 0;
}

/* Behind ALTER TABLE name, as pg_dump has it: ADD CONSTRAINT x …; ALTER COLUMN x ADD GENERATED …,
 * SET DEFAULT …. */
static int take_change(struct extras_reader *reader)
{
    struct sql_token token;
    cleanup_free char *name = NULL;

    if (sql_accept(&reader->lexer, "ADD"))
        return take_definition(reader);
    if (!sql_accept(&reader->lexer, "ALTER"))
        return 0;
    sql_accept(&reader->lexer, "COLUMN");
    token = sql_next(&reader->lexer);
    name = token.type != SQL_END ? sql_text(&reader->lexer, &token) : strdup("");
    return name != NULL ? take_column_words(reader, find_column(reader->schema, name)) : -ENOMEM;
}

static int take_statement(struct extras_reader *reader)
{
    bool is_unique;
    int error = 0;

    if (sql_accept(&reader->lexer, "CREATE")) {
        sql_accept(&reader->lexer, "UNLOGGED");
        if (sql_accept(&reader->lexer, "TABLE"))
            error = take_table(reader);
        else {
            is_unique = sql_accept(&reader->lexer, "UNIQUE");
            if (sql_accept(&reader->lexer, "INDEX"))
                error = take_create_index(reader, is_unique);
        }
    } else if (reader->extras.engine == ENGINE_POSTGRES && sql_accept(&reader->lexer, "ALTER") &&
               sql_accept(&reader->lexer, "TABLE") && is_of_table(reader)) {
        error = take_change(reader);
    }
    if (error != 0)
        return error;
    for (struct sql_token token = sql_next(&reader->lexer);
         token.type != SQL_END && !sql_is(&token, ";"); token = sql_next(&reader->lexer)) {
    }
    return 0;
}

/* SQLite's INTEGER PRIMARY KEY counts whether or not it says so. */
static void find_rowid(struct extras_reader *reader)
{
    const struct schema *schema = reader->schema;

    if (reader->extras.counting == SIZE_MAX && schema->primary_key_count == 1 &&
        strcasecmp(schema->columns[schema->primary_key[0]].native_type, "INTEGER") == 0)
        reader->extras.counting = schema->primary_key[0];
}

int table_extras_read(const struct schema *schema, const char *kind,
                      struct table_extras *ret_extras)
{
    struct extras_reader reader = {.schema = schema, .extras = {.counting = SIZE_MAX}};
    const char *ddl = schema->ddl != NULL ? schema->ddl : "";
    enum target_engine engine = target_engine_of(kind);
    int error = 0;

    reader.extras.engine = engine;
    reader.extras.counts = allocate_array(schema->column_count, sizeof *reader.extras.counts);
    if (reader.extras.counts == NULL)
        return -ENOMEM;
    reader.lexer = ddl_lexer(engine, ddl);
    while (error == 0 && !ddl_ended(&reader.lexer))
        error = take_statement(&reader);
    if (error == 0)
        error = table_rules_read(schema, kind, &reader.extras.rules);
    if (error != 0) {
        table_extras_release(&reader.extras);
        return error;
    }
    if (strcmp(kind, "sqlite") == 0)
        find_rowid(&reader);
    *ret_extras = reader.extras;
    return 0;
}
