/* SPDX-License-Identifier: MIT */
/* Keys, as CREATE TABLE and ALTER TABLE … ADD say them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

#define KEY_COLUMNS_LIMIT 64

int dump_take_key(struct sql_lexer *lexer, const struct dump_table *table, struct dump_key *key)
{
    size_t columns[KEY_COLUMNS_LIMIT];
    size_t count = 0;
    bool usable = sql_accept(lexer, "(");

    while (usable) {
        struct sql_token token = sql_next(lexer);
        cleanup_free char *name =
            token.type == SQL_WORD || token.type == SQL_NAME ? sql_text(lexer, &token) : NULL;
        ssize_t column = name != NULL ? dump_table_column(table, name) : -1;

        usable = column >= 0 && count < KEY_COLUMNS_LIMIT;
        if (!usable)
            break;
        columns[count++] = (size_t)column;
        /* The beginning of a column orders nothing, but for the primary key, which is unique. */
        if (sql_accept(lexer, "(")) {
            sql_skip_parentheses(lexer);
            usable = key == &table->primary;
        }
        if (!sql_accept(lexer, "ASC"))
            sql_accept(lexer, "DESC");
        if (!usable || sql_accept(lexer, ")"))
            break;
        if (!sql_accept(lexer, ",")) {
            usable = false;
            break;
        }
    }
    if (!usable)
        return -EILSEQ;
    free(key->columns);
    key->columns = allocate_array(count, sizeof *key->columns);
    if (key->columns == NULL)
        return -ENOMEM;
    memcpy(key->columns, columns, count * sizeof *columns);
    key->count = count;
    return 0;
}

static void set_primary(struct dump_table *table)
{
    for (size_t i = 0; i < table->primary.count; i++)
        table->columns[table->primary.columns[i]].not_null = true;
    table->changed = true;
}

/* Without one, the other table is where TABLE is. */
static int take_targets(struct sql_lexer *lexer, const struct dump_table *table,
                        struct dump_foreign_key *foreign)
{
    cleanup_free char *database = NULL;
    int error = dump_take_name(lexer, &database, &foreign->target_table);

    if (error == 0) {
        foreign->target_database = strdup(database[0] != '\0' ? database : table->database);
        error = foreign->target_database != NULL ? 0 : -ENOMEM;
    }
    if (error != 0 || !sql_accept(lexer, "("))
        return error;
    foreign->target_columns = allocate_array(KEY_COLUMNS_LIMIT, sizeof(char *));
    if (foreign->target_columns == NULL)
        return -ENOMEM;
    do {
        struct sql_token token = sql_next(lexer);

        if (foreign->target_count == KEY_COLUMNS_LIMIT || token.type == SQL_END)
            return -EILSEQ;
        foreign->target_columns[foreign->target_count] = sql_text(lexer, &token);
        if (foreign->target_columns[foreign->target_count++] == NULL)
            return -ENOMEM;
    } while (sql_accept(lexer, ","));
    return sql_accept(lexer, ")") ? 0 : -EILSEQ;
}

static int take_foreign(struct sql_lexer *lexer, struct dump_table *table)
{
    struct dump_foreign_key *foreign = dump_table_add_foreign(table);
    struct sql_token token = sql_peek(lexer);

    if (foreign == NULL)
        return -ENOMEM;
    if (!sql_is(&token, "("))
        sql_next(lexer); /* the index's name */

    int error = dump_take_key(lexer, table, &foreign->key);

    if (error == 0 && sql_accept(lexer, "REFERENCES"))
        error = take_targets(lexer, table, foreign);
    if (error == 0 && foreign->target_table != NULL) {
        table->changed = true;
        return 0;
    }
    /* What cannot be made out has no columns, and is not shown. */
    foreign->key.count = 0;
    return error == -ENOMEM ? error : 0;
}

/* Behind UNIQUE there may be other words. */
static bool is_key_name(const struct sql_token *token)
{
    static const char *const words[] = {"KEY", "INDEX", "NULLS", "NOT", "DISTINCT", "USING"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sql_is(token, words[i]))
            return false;
    }
    return token->type == SQL_NAME || token->type == SQL_WORD;
}

/* CONSTRAINT: its name, when one stood before. */
static int take_unique(struct sql_lexer *lexer, struct dump_table *table,
                       const struct sql_token *constraint)
{
    struct dump_key key = {.count = 0};
    struct sql_token token = sql_peek(lexer);

    while (token.type != SQL_END && !sql_is(&token, "(") && !sql_is(&token, ",")) {
        sql_next(lexer); /* KEY, INDEX, the name, NULLS NOT DISTINCT, USING BTREE */
        if (is_key_name(&token) && key.name == NULL)
            key.name = sql_text(lexer, &token);
        token = sql_peek(lexer);
    }

    int error = dump_take_key(lexer, table, &key);

    if (error == 0) {
        if (key.name == NULL && constraint->type != SQL_END)
            key.name = sql_text(lexer, constraint);
        struct dump_key *added = dump_table_add_unique(table);

        if (added == NULL) {
            free(key.columns);
            free(key.name);
            return -ENOMEM;
        }
        *added = key;
        table->changed = true;
    } else {
        free(key.name);
    }
    return error == -EILSEQ ? 0 : error;
}

void dump_skip_item(struct sql_lexer *lexer)
{
    for (struct sql_token token = sql_peek(lexer);
         token.type != SQL_END && !sql_is(&token, ",") && !sql_is(&token, ")");
         token = sql_peek(lexer)) {
        sql_next(lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
    }
}

static bool is_either(const struct sql_token *token, const char *word, const char *other)
{
    return sql_is(token, word) || sql_is(token, other);
}

/*
 * Whether something else than a key or a column stands at TOKEN, which LEXER is behind. Of these
 * words only some are reserved: bare names may be the others, as in pg_dump's "key text".
 */
static bool is_other_item(const struct sql_token *token, const struct sql_lexer *lexer)
{
    struct sql_token next = sql_peek(lexer);

    if (is_either(token, "CHECK", "LIKE"))
        return true;
    if (sql_is(token, "EXCLUDE"))
        return is_either(&next, "USING", "(");
    if (sql_is(token, "PERIOD"))
        return sql_is(&next, "FOR");
    if (sql_is(token, "VECTOR"))
        return is_either(&next, "KEY", "INDEX");
    return lexer->dialect == SQL_MYSQL &&
           (is_either(token, "KEY", "INDEX") || is_either(token, "FULLTEXT", "SPATIAL"));
}

/* PostgreSQL's NOT NULL name, since 18. */
static int take_not_null(struct sql_lexer *lexer, struct dump_table *table)
{
    struct sql_token token;
    ssize_t column;

    sql_accept(lexer, "NULL");
    token = sql_next(lexer);

    cleanup_free char *name = token.type != SQL_END ? sql_text(lexer, &token) : NULL;

    if (name == NULL)
        return token.type != SQL_END ? -ENOMEM : 0;
    column = dump_table_column(table, name);
    if (column >= 0)
        table->columns[column].not_null = table->changed = true;
    return 0;
}

static int take_primary(struct sql_lexer *lexer, struct dump_table *table)
{
    struct sql_token token;
    int error;

    sql_accept(lexer, "KEY");
    while ((token = sql_peek(lexer)).type != SQL_END && !sql_is(&token, "("))
        sql_next(lexer); /* USING BTREE */
    error = dump_take_key(lexer, table, &table->primary);
    if (error == 0)
        set_primary(table);
    return error == -EILSEQ ? 0 : error;
}

int dump_take_constraint(struct sql_lexer *lexer, struct dump_table *table)
{
    struct sql_token constraint = {.type = SQL_END};
    struct sql_lexer before = *lexer;
    struct sql_token token;
    int error = 0;

    if (sql_accept(lexer, "CONSTRAINT")) {
        token = sql_peek(lexer);
        if (!sql_is(&token, "PRIMARY") && !sql_is(&token, "UNIQUE") && !sql_is(&token, "FOREIGN") &&
            !sql_is(&token, "CHECK"))
            constraint = sql_next(lexer);
    }
    token = sql_next(lexer);
    if (sql_is(&token, "PRIMARY")) {
        error = take_primary(lexer, table);
    } else if (sql_is(&token, "UNIQUE")) {
        error = take_unique(lexer, table, &constraint);
    } else if (sql_is(&token, "FOREIGN")) {
        sql_accept(lexer, "KEY");
        error = take_foreign(lexer, table);
    } else if (sql_is(&token, "NOT") && lexer->dialect == SQL_POSTGRES) {
        error = take_not_null(lexer, table);
    } else if (constraint.type == SQL_END && !is_other_item(&token, lexer)) {
        *lexer = before;
        return 0;
    }
    dump_skip_item(lexer);
    return error != 0 ? error : 1;
}
