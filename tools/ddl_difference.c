/* SPDX-License-Identifier: MIT */
#include "tools/ddl_difference.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sql_lexer.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"

#define FACT_LIMIT ((size_t)1 << 20)

static struct sql_lexer lexer_of(const char *kind, const char *text)
{
    bool mysql = strcmp(kind, "mysql") == 0;

    return (struct sql_lexer){
        .dialect = mysql                         ? SQL_MYSQL
                   : strcmp(kind, "sqlite") == 0 ? SQL_SQLITE
                                                 : SQL_POSTGRES,
        .backslash = mysql,
        .ansi_quotes = !mysql,
        .at = text,
        .end = text + strlen(text),
    };
}

/* ---- In the same statements ---- */

static struct sql_token next_that_counts(struct sql_lexer *lexer)
{
    struct sql_token token = sql_next(lexer);

    while (sql_is(&token, "AUTO_INCREMENT") && sql_accept(lexer, "=")) {
        sql_next(lexer);
        token = sql_next(lexer);
    }
    return token;
}

static bool tokens_differ(struct sql_lexer from, struct sql_lexer to)
{
    for (;;) {
        struct sql_token one = next_that_counts(&from);
        struct sql_token other = next_that_counts(&to);

        if (one.size != other.size || memcmp(one.at, other.at, one.size) != 0)
            return true;
        if (one.type == SQL_END)
            return false;
    }
}

/* ---- In others: what they say ---- */

struct facts {
    char **items;
    size_t count;
};

static void free_facts(struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++)
        free(facts->items[i]);
    free((void *)facts->items);
}

static int add_fact(struct facts *facts, const struct buffer *words)
{
    char **items = reallocarray(facts->items, facts->count + 1, sizeof *items);

    if (items == NULL)
        return -ENOMEM;
    facts->items = items;
    items[facts->count] = strndup(words->size != 0 ? (const char *)words->data : "", words->size);
    if (items[facts->count] == NULL)
        return -ENOMEM;
    facts->count++;
    return 0;
}

static bool is_end(const struct sql_token *token)
{
    return token->type == SQL_END || sql_is(token, ";");
}

/* Whether what TOKEN begins, the next one in LEXER, is no part of a default any more: pg_dump has a
 * column's COLLATE behind it, and one of the default's own would be in parentheses. */
static bool ends_default(const struct sql_lexer *lexer, const struct sql_token *token)
{
    struct sql_lexer behind = *lexer;

    sql_next(&behind);
    return sql_is(token, "CONSTRAINT") || sql_is(token, "CHECK") || sql_is(token, "COLLATE") ||
           (sql_is(token, "NOT") && sql_accept(&behind, "NULL"));
}

/*
 * Appends what stands up to the end of the statement, or, within parentheses (ITEM), up to the
 * comma or parenthesis behind it, or up to the end of a default (VALUE); a space after each word.
 */
static int append_words(struct sql_lexer *lexer, bool item, bool value, struct buffer *words)
{
    size_t depth = 0;
    int error = 0;

    while (error == 0) {
        struct sql_token token = sql_peek(lexer);
        bool ends = item && depth == 0 && (sql_is(&token, ",") || sql_is(&token, ")"));

        if (is_end(&token) || ends || (value && depth == 0 && ends_default(lexer, &token)))
            return 0;
        depth += sql_is(&token, "(");
        depth -= sql_is(&token, ")") && depth != 0;
        sql_next(lexer);
        error = buffer_append(words, token.at, token.size);
        if (error == 0)
            error = buffer_append_text(words, " ");
    }
    return error == -EFBIG ? 0 : error;
}

static int take_words(struct sql_lexer *lexer, const char *before, bool item, bool value,
                      struct facts *facts)
{
    cleanup_buffer struct buffer words = BUFFER(FACT_LIMIT);
    int error = buffer_append_text(&words, before);

    if (error == 0)
        error = append_words(lexer, item, value, &words);
    return error == 0 ? add_fact(facts, &words) : error;
}

/* Of the column NAME: within CREATE TABLE (ITEM), or all that is left. */
static int take_default(struct sql_lexer *lexer, const struct sql_token *name, bool item,
                        struct facts *facts)
{
    cleanup_free char *column = sql_text(lexer, name);
    cleanup_free char *before = NULL;

    if (column == NULL || asprintf(&before, "%s DEFAULT ", column) < 0) {
        before = NULL;
        return -ENOMEM;
    }
    return take_words(lexer, before, item, item, facts);
}

static bool is_constraint(const struct sql_token *token)
{
    static const char *const words[] = {"CONSTRAINT", "PRIMARY", "UNIQUE",
                                        "CHECK",      "FOREIGN", "EXCLUDE"};
    bool found = false;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        found = found || sql_is(token, words[i]);
    return found;
}

/* Behind GENERATED: how the column NAME gets its numbers, if it does; how these count is not asked.
 */
static int take_identity(struct sql_lexer *lexer, const struct sql_token *name, struct facts *facts)
{
    cleanup_buffer struct buffer words = BUFFER(FACT_LIMIT);
    bool always = sql_accept(lexer, "ALWAYS");
    cleanup_free char *column = NULL;
    int error;

    if (!always && !(sql_accept(lexer, "BY") && sql_accept(lexer, "DEFAULT")))
        return 0;
    if (!sql_accept(lexer, "AS") || !sql_accept(lexer, "IDENTITY"))
        return 0;
    column = sql_text(lexer, name);
    if (column == NULL)
        return -ENOMEM;
    error = buffer_print(&words, "%s GENERATED %s", column, always ? "ALWAYS" : "BY DEFAULT");
    return error == 0 ? add_fact(facts, &words) : error == -EFBIG ? 0 : error;
}

/* A column: its default, and what else it says, which goes without being asked for. */
static int take_column(struct sql_lexer *lexer, struct facts *facts)
{
    struct sql_token name = sql_next(lexer);
    size_t depth = 0;
    int error = 0;

    while (error == 0) {
        struct sql_token token = sql_peek(lexer);

        if (is_end(&token) || (depth == 0 && (sql_is(&token, ",") || sql_is(&token, ")"))))
            break;
        sql_next(lexer);
        depth += sql_is(&token, "(");
        depth -= sql_is(&token, ")") && depth != 0;
        if (depth == 0 && sql_is(&token, "DEFAULT"))
            error = take_default(lexer, &name, true, facts);
        else if (depth == 0 && sql_is(&token, "GENERATED"))
            error = take_identity(lexer, &name, facts);
    }
    return error;
}

/* Behind CREATE TABLE. A partition may have no parentheses. */
static int take_table(struct sql_lexer *lexer, struct facts *facts)
{
    struct sql_token token = sql_peek(lexer);
    int error = 0;

    while (!is_end(&token) && !sql_is(&token, "(")) {
        sql_next(lexer);
        token = sql_peek(lexer);
    }
    if (sql_accept(lexer, "("))
        token = sql_peek(lexer);
    while (error == 0 && !is_end(&token) && !sql_is(&token, ")")) {
        token = sql_peek(lexer);
        error = is_constraint(&token) ? take_words(lexer, "", true, false, facts)
                                      : take_column(lexer, facts);
        token = sql_next(lexer);
    }
    return error;
}

/* Behind ALTER TABLE: a constraint that is added, a default that is set. */
static int take_alter(struct sql_lexer *lexer, struct facts *facts)
{
    struct sql_token token = sql_peek(lexer);

    while (!is_end(&token) && !sql_is(&token, "ADD") && !sql_is(&token, "ALTER")) {
        sql_next(lexer);
        token = sql_peek(lexer);
    }
    if (sql_accept(lexer, "ADD")) {
        token = sql_peek(lexer);
        return is_constraint(&token) ? take_words(lexer, "", false, false, facts) : 0;
    }
    if (is_end(&token))
        return 0;
    sql_next(lexer);
    sql_accept(lexer, "COLUMN");
    token = sql_next(lexer);
    if (sql_accept(lexer, "ADD") && sql_accept(lexer, "GENERATED"))
        return take_identity(lexer, &token, facts);
    return sql_accept(lexer, "SET") && sql_accept(lexer, "DEFAULT")
               ? take_default(lexer, &token, false, facts)
               : 0;
}

static int take_statement(struct sql_lexer *lexer, struct facts *facts)
{
    struct sql_lexer begin = *lexer;
    int error = 0;

    if (sql_accept(lexer, "CREATE")) {
        struct sql_token token = sql_next(lexer);

        if (sql_is(&token, "UNLOGGED") || sql_is(&token, "FOREIGN"))
            token = sql_next(lexer);
        if (sql_is(&token, "TABLE"))
            error = take_table(lexer, facts);
        else if (sql_is(&token, "INDEX") || sql_is(&token, "UNIQUE"))
            error = take_words(&begin, "", false, false, facts);
    } else if (sql_accept(lexer, "ALTER") && sql_accept(lexer, "TABLE")) {
        error = take_alter(lexer, facts);
    }

    struct sql_token token = sql_peek(lexer);

    while (!is_end(&token)) {
        sql_next(lexer);
        token = sql_peek(lexer);
    }
    sql_next(lexer);
    return error;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int take_facts(struct sql_lexer lexer, struct facts *facts)
{
    int error = 0;

    while (error == 0 && sql_peek(&lexer).type != SQL_END)
        error = take_statement(&lexer, facts);
    if (error == 0 && facts->count != 0)
        qsort((void *)facts->items, facts->count, sizeof *facts->items, by_text);
    return error;
}

static int facts_differ(struct sql_lexer from, struct sql_lexer to, bool *ret_differs)
{
    struct facts old = {.count = 0};
    struct facts new = {.count = 0};
    int error = take_facts(from, &old);

    if (error == 0)
        error = take_facts(to, &new);

    bool differs = old.count != new.count;

    for (size_t i = 0; error == 0 && !differs && i < old.count; i++)
        differs = strcmp(old.items[i], new.items[i]) != 0;
    free_facts(&old);
    free_facts(&new);
    if (error == 0)
        *ret_differs = differs;
    return error;
}

int ddl_differs(const char *kind, const char *from, const char *to, bool *ret_differs)
{
    struct sql_lexer old = lexer_of(kind, from);
    struct sql_lexer new = lexer_of(kind, to);

    if (old.dialect == SQL_POSTGRES)
        return facts_differ(old, new, ret_differs);
    *ret_differs = tokens_differ(old, new);
    return 0;
}
