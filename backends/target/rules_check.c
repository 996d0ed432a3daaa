/* SPDX-License-Identifier: MIT */
/* CHECK constraints that say the same in every database: plain conditions on columns of one kind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/rules_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

#define CHECKS_LIMIT 1000
#define TOKENS_LIMIT 200

void rules_release_check(struct check_rule *check)
{
    for (size_t i = 0; i < check->count; i++)
        free(check->tokens[i].text);
    free(check->tokens);
    *check = (struct check_rule){.count = 0};
}

size_t rules_find_column(const struct rules_reader *reader, const struct sql_token *token)
{
    cleanup_free char *name = sql_text(&reader->lexer, token);

    for (size_t i = 0; name != NULL && i < reader->schema->column_count; i++) {
        if (ascii_equal(reader->schema->columns[i].name, name))
            return i;
    }
    return SIZE_MAX;
}

static bool is_check_word(const struct sql_token *token)
{
    static const char *const words[] = {"AND", "OR", "NOT", "IN", "BETWEEN", "IS", "NULL",
                                        "=",   "<",  ">",   "(",  ")",       ",",  "-"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sql_is(token, words[i]))
            return true;
    }
    return false;
}

/* Adds a token to CHECK. *ret_plain becomes false: it is none that a check_rule can have. */
static int take_check_token(struct rules_reader *reader, const struct sql_token *token,
                            struct check_rule *check, bool *ret_plain)
{
    struct check_token *tokens;
    struct check_token one = {.column = SIZE_MAX};

    if (is_check_word(token))
        one.kind = CHECK_WORD;
    else if (token->type == SQL_NUMBER || token->type == SQL_STRING)
        one.kind = token->type == SQL_NUMBER ? CHECK_NUMBER : CHECK_TEXT;
    else if (token->type == SQL_WORD || token->type == SQL_NAME)
        one = (struct check_token){CHECK_COLUMN, rules_find_column(reader, token), NULL};
    else
        *ret_plain = false;
    if ((one.kind == CHECK_COLUMN && one.column == SIZE_MAX) || check->count == TOKENS_LIMIT)
        *ret_plain = false;
    if (!*ret_plain)
        return 0;
    tokens = reallocarray(check->tokens, check->count + 1, sizeof *tokens);
    if (tokens == NULL)
        return -ENOMEM;
    check->tokens = tokens;
    if (one.kind != CHECK_COLUMN) {
        one.text = sql_text(&reader->lexer, token);
        if (one.text == NULL)
            return -ENOMEM;
    }
    tokens[check->count++] = one;
    return 0;
}

/*
 * Behind a ':' of "::": PostgreSQL says of each literal what it is. A number in quotes is one.
 */
static void take_cast(struct rules_reader *reader, struct check_rule *check, bool *ret_plain)
{
    static const char *const numbers[] = {"SMALLINT", "INTEGER", "BIGINT",
                                          "NUMERIC",  "REAL",    "DOUBLE"};
    struct sql_lexer *lexer = &reader->lexer;
    struct check_token *last = check->count != 0 ? &check->tokens[check->count - 1] : NULL;
    struct sql_token token;

    sql_accept(lexer, ":");
    token = sql_next(lexer);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (sql_is(&token, numbers[i]) && last != NULL && last->kind == CHECK_TEXT)
            last->kind = CHECK_NUMBER;
    }
    if (sql_is(&token, "DOUBLE"))
        sql_accept(lexer, "PRECISION");
    else if (sql_is(&token, "CHARACTER"))
        sql_accept(lexer, "VARYING");
    token = sql_peek(lexer);
    if (sql_is(&token, "[") || sql_is(&token, "("))
        *ret_plain = false;
}

/* Whether the columns are all numbers or all texts, and are compared with nothing else. */
static bool is_of_one_kind(const struct rules_reader *reader, const struct check_rule *check)
{
    bool numbers = false, texts = false, other = false;

    for (size_t i = 0; i < check->count; i++) {
        const struct check_token *token = &check->tokens[i];
        enum column_type type =
            token->kind == CHECK_COLUMN ? reader->schema->columns[token->column].type : COLUMN_ANY;

        if (token->kind == CHECK_COLUMN) {
            numbers =
                numbers || type == COLUMN_INTEGER || type == COLUMN_DECIMAL || type == COLUMN_FLOAT;
            texts = texts || type == COLUMN_TEXT;
            other = other || !(type == COLUMN_INTEGER || type == COLUMN_DECIMAL ||
                               type == COLUMN_FLOAT || type == COLUMN_TEXT);
        }
        numbers = numbers || token->kind == CHECK_NUMBER;
        texts = texts || token->kind == CHECK_TEXT;
    }
    /* MySQL compares texts as their collation says. */
    return !other && numbers != texts && !(texts && reader->engine == ENGINE_MYSQL);
}

static int add_check(struct rules_reader *reader, struct check_rule *check)
{
    struct table_rules *rules = &reader->rules;
    struct check_rule *checks =
        reallocarray(rules->checks, rules->check_count + 1, sizeof *rules->checks);

    if (checks == NULL)
        return -ENOMEM;
    rules->checks = checks;
    checks[rules->check_count++] = *check;
    *check = (struct check_rule){.count = 0};
    return 0;
}

int rules_take_check(struct rules_reader *reader)
{
    struct check_rule check = {.count = 0};
    bool plain = true;
    unsigned depth = 1;
    int error = 0;

    if (!sql_accept(&reader->lexer, "("))
        return 0;
    while (depth != 0 && error == 0) {
        struct sql_token token = sql_next(&reader->lexer);

        if (token.type == SQL_END)
            break;
        depth += sql_is(&token, "(");
        depth -= sql_is(&token, ")");
        if (depth != 0 && sql_is(&token, ":"))
            take_cast(reader, &check, &plain);
        else if (depth != 0)
            error = take_check_token(reader, &token, &check, &plain);
    }
    if (error == 0 && plain && depth == 0 && reader->rules.check_count < CHECKS_LIMIT &&
        is_of_one_kind(reader, &check))
        error = add_check(reader, &check);
    else
        reader->rules.checks_left_out++;
    rules_release_check(&check);
    return error;
}
