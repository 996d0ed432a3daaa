/* SPDX-License-Identifier: MIT */
/* What a dump says of a table after its CREATE TABLE: ALTER TABLE, CREATE INDEX. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

static struct dump_table *find_table(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;

    if (dump_take_name(lexer, &database, &name) != 0)
        return NULL;
    return dump_table_find(reader, database, name);
}

/* Constraints, and what columns are by themselves; not whose the table is, or where it stands. */
static bool is_addition(struct sql_lexer lexer)
{
    struct sql_token token;

    if (sql_accept(&lexer, "ADD"))
        return sql_accept(&lexer, "CONSTRAINT");
    if (!sql_accept(&lexer, "ALTER"))
        return false;
    sql_accept(&lexer, "COLUMN");
    sql_next(&lexer);
    token = sql_next(&lexer);
    if (sql_is(&token, "ADD"))
        return sql_accept(&lexer, "GENERATED");
    return sql_is(&token, "SET") && sql_accept(&lexer, "DEFAULT");
}

static int take_added(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *table)
{
    const char *text = sql_peek(lexer).at;
    int got = dump_take_constraint(lexer, table);

    /* A column; or MySQL's ADD PARTITION, which is of no matter. */
    if (got == 0 && !sql_accept(lexer, "PARTITION")) {
        table->misplaced = true;
        dump_note_change_of(reader, table, "ALTER TABLE … ADD");
    }
    return got == 1 ? dump_fold_key(reader, table, text, (size_t)(lexer->at - text)) : got;
}

/*
 * How long what LEXER has before it is without what begins with the word ONE or OTHER, outside
 * parentheses: how it is done, or where, for which CREATE TABLE has no place.
 */
static size_t size_before(struct sql_lexer lexer, const char *one, const char *other)
{
    const char *at = lexer.at;
    const char *behind = at;
    struct sql_token token;

    while ((token = sql_next(&lexer)).type != SQL_END && !sql_is(&token, one) &&
           !sql_is(&token, other)) {
        if (sql_is(&token, "("))
            sql_skip_parentheses(&lexer);
        behind = lexer.at;
    }
    return (size_t)(behind - at);
}

/* Whether such words put COLUMN elsewhere than it is; -1: it is not known where that is. */
static bool moves_column(struct sql_lexer item, const struct dump_table *table, ssize_t column)
{
    struct sql_token token;

    do {
        token = sql_next(&item);
        if (sql_is(&token, "("))
            sql_skip_parentheses(&item);
    } while (token.type != SQL_END && !sql_is(&token, ",") && !sql_is(&token, "FIRST") &&
             !sql_is(&token, "AFTER"));
    if (sql_is(&token, "FIRST"))
        return column != 0;
    if (!sql_is(&token, "AFTER"))
        return false;
    token = sql_peek(&item);

    cleanup_free char *before = sql_text(&item, &token);

    return before == NULL || column < 1 || dump_table_column(table, before) != column - 1;
}

static int take_modified(struct dump_reader *reader, struct sql_lexer *lexer,
                         struct dump_table *table)
{
    struct sql_lexer item;
    struct sql_token token;

    sql_accept(lexer, "COLUMN");
    token = sql_peek(lexer);

    cleanup_free char *name = sql_text(lexer, &token);

    if (name == NULL)
        return -ENOMEM;
    item = *lexer;
    sql_next(&item);
    dump_skip_item(lexer);
    item.end = lexer->at;

    size_t size = size_before(item, "FIRST", "AFTER");

    if (moves_column(item, table, dump_table_column(table, name))) {
        table->misplaced = true;
        dump_note_change_of(reader, table, "ALTER TABLE");
    }
    return dump_fold_column(reader, table, name, token.at, (size_t)(item.at + size - token.at));
}

/* Behind ADD, RENAME, DROP: whether it is of the table itself, or of a column; what TOKEN says is
 * not.
 */
static bool is_of_columns(const struct sql_token *token)
{
    static const char *const others[] = {
        "KEY",    "INDEX",  "CONSTRAINT", "PRIMARY",  "FOREIGN", "CHECK", "PARTITION",
        "PERIOD", "UNIQUE", "SYSTEM",     "FULLTEXT", "SPATIAL", "VECTOR"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (sql_is(token, others[i]))
            return false;
    }
    return token->type != SQL_END;
}

/* Whether other columns are asked for, or the same elsewhere, or by other names. */
static bool is_of_column(struct sql_lexer lexer)
{
    bool is = sql_accept(&lexer, "CHANGE") || sql_accept(&lexer, "MODIFY");
    bool takes =
        sql_accept(&lexer, "ADD") || sql_accept(&lexer, "RENAME") || sql_accept(&lexer, "DROP");
    struct sql_token token = sql_peek(&lexer);

    return is || (takes && is_of_columns(&token));
}

/* It is of what RENAME, DROP or CHANGE names, and not carried out. */
static void note_column(struct dump_reader *reader, struct sql_lexer lexer,
                        struct dump_table *table)
{
    bool drops = sql_accept(&lexer, "DROP");
    bool changes = sql_accept(&lexer, "CHANGE");

    if (!drops && !changes && !sql_accept(&lexer, "RENAME"))
        return;
    table->misplaced = table->misplaced || drops || (changes && moves_column(lexer, table, -1));
    dump_note_change_of(reader, table, "ALTER TABLE");
}

/* LEXER stands before one of the things that ALTER TABLE does, and then behind it. */
static int take_alteration(struct dump_reader *reader, struct sql_lexer *lexer,
                           struct dump_table *table, struct failure *failure)
{
    struct sql_token token = sql_peek(lexer);
    bool of_column = is_of_column(*lexer);
    int error = of_column ? dump_reshape(reader, lexer, table, failure) : 0;

    if (error != 0)
        return error < 0 ? error : 0;
    if (of_column)
        note_column(reader, *lexer, table);
    if (sql_accept(lexer, "ADD"))
        error = take_added(reader, lexer, table);
    else if (sql_accept(lexer, "ATTACH"))
        error = dump_attach(reader, lexer, table);
    else if (sql_accept(lexer, "MODIFY"))
        error = take_modified(reader, lexer, table);
    else if (sql_is(&token, "AUTO_INCREMENT")) {
        dump_skip_item(lexer);
        error = dump_fold_option(reader, table, token.at, (size_t)(lexer->at - token.at));
    }
    dump_skip_item(lexer);
    return error < 0 ? error : 0;
}

/* How long MariaDB waits for the table's lock. */
static void skip_wait(struct sql_lexer *lexer)
{
    if (sql_accept(lexer, "WAIT"))
        sql_next(lexer);
    else
        sql_accept(lexer, "NOWAIT");
}

int dump_alter_table(struct dump_reader *reader, struct sql_lexer *lexer, struct failure *failure)
{
    if (sql_accept(lexer, "IF"))
        sql_accept(lexer, "EXISTS");
    sql_accept(lexer, "ONLY");

    struct dump_table *table = find_table(reader, lexer);

    if (table == NULL)
        return 0;
    if (reader->dialect == SQL_MYSQL)
        skip_wait(lexer);
    if (is_addition(*lexer)) {
        int error = dump_ddl_add(reader, table);

        if (error != 0)
            return error;
    }
    do {
        int error = take_alteration(reader, lexer, table, failure);

        if (error != 0)
            return error;
    } while (sql_accept(lexer, ","));
    return 0;
}

/* MySQL's, as CREATE TABLE would have it. LEXER stands before the columns. KIND may be empty. */
static int fold_index(struct dump_reader *reader, struct dump_table *table,
                      const struct sql_lexer *lexer, const struct sql_token *kind,
                      const struct sql_token *name)
{
    cleanup_free char *text = NULL;
    int size = asprintf(&text, "%.*s%sKEY %.*s %.*s", (int)kind->size, kind->at,
                        kind->size != 0 ? " " : "", (int)name->size, name->at,
                        (int)size_before(*lexer, "ALGORITHM", "LOCK"), lexer->at);

    if (size < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return dump_fold_key(reader, table, text, (size_t)size);
}

int dump_create_index(struct dump_reader *reader, struct failure *failure)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct dump_key key = {.count = 0};
    struct sql_token token;

    (void)failure;
    if (reader->dialect == SQL_SQLITE)
        return dump_sqlite_index(reader);

    struct sql_token kind = {.at = ""};
    struct sql_token name = {.at = ""};

    while ((token = sql_next(&lexer)).type != SQL_END && !sql_is(&token, "ON")) {
        if (sql_is(&token, "UNIQUE") || sql_is(&token, "FULLTEXT") || sql_is(&token, "SPATIAL"))
            kind = token;
        else if (sql_is(&token, "USING"))
            sql_next(&lexer);
        else
            name = token;
    }
    sql_accept(&lexer, "ONLY");

    struct dump_table *table = find_table(reader, &lexer);

    if (table == NULL)
        return 0;
    if (dump_ddl_add(reader, table) != 0)
        return -ENOMEM;
    while ((token = sql_peek(&lexer)).type != SQL_END && !sql_is(&token, "("))
        sql_next(&lexer);

    int error = fold_index(reader, table, &lexer, &kind, &name);

    if (error != 0 || !sql_is(&kind, "UNIQUE"))
        return error;
    error = dump_take_key(&lexer, table, &key);

    /* A partial index orders a part of the rows only. */
    while (error == 0 && (token = sql_next(&lexer)).type != SQL_END)
        error = sql_is(&token, "WHERE") ? -EILSEQ : 0;

    struct dump_key *added = error == 0 ? dump_table_add_unique(table) : NULL;

    if (added == NULL) {
        free(key.columns);
        return error == -EILSEQ ? 0 : error != 0 ? error : -ENOMEM;
    }
    key.name = sql_text(&lexer, &name);
    *added = key;
    table->changed = true;
    return 0;
}
