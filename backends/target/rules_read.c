/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/ddl.h"
#include "backends/target/rules_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

#define KEY_COLUMNS_LIMIT 64

void table_rules_release(struct table_rules *rules)
{
    for (size_t i = 0; i < rules->column_count; i++)
        free(rules->defaults[i].text);
    for (size_t i = 0; i < rules->key_count; i++)
        free(rules->keys[i].columns);
    for (size_t i = 0; i < rules->check_count; i++)
        rules_release_check(&rules->checks[i]);
    free(rules->defaults);
    free(rules->keys);
    free(rules->checks);
    *rules = (struct table_rules){.column_count = 0};
}

/* ---- Defaults -------------------------------------------------------------------------------- */

/* Whether TOKEN ends what a default says: nothing of its expression can begin so. */
static bool ends_default(const struct sql_token *token)
{
    static const char *const words[] = {
        ",",          ")",  "NOT",     "NULL",    "UNIQUE",     "PRIMARY",   "CHECK",
        "REFERENCES", "ON", "COMMENT", "COLLATE", "CONSTRAINT", "GENERATED", "INVISIBLE"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sql_is(token, words[i]))
            return true;
    }
    return token->type == SQL_END;
}

/* Behind "::": the type's name, which a literal has already. */
static void skip_casts(struct sql_lexer *lexer)
{
    struct sql_token token = sql_peek(lexer);

    if (!sql_is(&token, ":"))
        return;
    while (!ends_default(&token) && (token.type == SQL_WORD || token.type == SQL_NAME ||
                                     strchr(":(.[]", token.at[0]) != NULL)) {
        sql_next(lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
        token = sql_peek(lexer);
    }
}

static bool is_now(const struct sql_token *token)
{
    return sql_is(token, "CURRENT_TIMESTAMP") || sql_is(token, "NOW") ||
           sql_is(token, "LOCALTIMESTAMP") || sql_is(token, "UTC_TIMESTAMP");
}

/* Behind what may be now(): AT TIME ZONE 'UTC', as PostgreSQL has it. */
static int take_zone(struct rules_reader *reader, struct default_rule *rule)
{
    struct sql_lexer *lexer = &reader->lexer;
    struct sql_token token;
    cleanup_free char *zone = NULL;

    if (rule->kind != DEFAULT_NOW || !sql_accept(lexer, "AT"))
        return 0;
    sql_accept(lexer, "TIME");
    sql_accept(lexer, "ZONE");
    token = sql_next(lexer);
    zone = sql_text(lexer, &token);
    if (zone == NULL)
        return -ENOMEM;
    rule->in_utc = ascii_equal(zone, "UTC");
    if (!rule->in_utc)
        rule->kind = DEFAULT_OTHER;
    skip_casts(lexer);
    return 0;
}

/* One literal, a sign before it. */
static int take_literal(struct rules_reader *reader, struct default_rule *ret_rule)
{
    struct sql_lexer *lexer = &reader->lexer;
    bool minus = sql_accept(lexer, "-");
    struct sql_token token = sql_next(lexer);
    cleanup_free char *text = sql_text(lexer, &token);

    if (text == NULL)
        return -ENOMEM;
    ret_rule->kind = DEFAULT_OTHER;
    if (token.type == SQL_NUMBER) {
        ret_rule->kind = DEFAULT_NUMBER;
        if (asprintf(&ret_rule->text, "%s%s", minus ? "-" : "", text) < 0)
            return -ENOMEM;
    } else if (minus) {
        return 0;
    } else if (token.type == SQL_STRING) {
        ret_rule->kind = DEFAULT_TEXT;
        ret_rule->text = steal_pointer(&text);
    } else if (sql_is(&token, "TRUE") || sql_is(&token, "FALSE")) {
        ret_rule->kind = DEFAULT_TRUTH;
        ret_rule->text = strdup(sql_is(&token, "TRUE") ? "1" : "0");
        return ret_rule->text != NULL ? 0 : -ENOMEM;
    } else if (sql_is(&token, "NULL")) {
        ret_rule->kind = DEFAULT_NONE;
    } else if (is_now(&token)) {
        ret_rule->kind = DEFAULT_NOW;
        ret_rule->in_utc = reader->engine == ENGINE_SQLITE || sql_is(&token, "UTC_TIMESTAMP");
        if (sql_accept(lexer, "("))
            sql_skip_parentheses(lexer);
    }
    return 0;
}

/* Behind DEFAULT. */
static int take_default(struct rules_reader *reader, size_t column)
{
    struct default_rule *rule = &reader->rules.defaults[column];
    struct sql_lexer *lexer = &reader->lexer;
    bool nested = sql_accept(lexer, "(");
    struct sql_token token;
    int error = take_literal(reader, rule);

    skip_casts(lexer);
    if (error == 0)
        error = take_zone(reader, rule);
    /* A moment is one wherever the session is. */
    if (reader->schema->columns[column].type == COLUMN_TIMESTAMP)
        rule->in_utc = true;
    if (nested && !sql_accept(lexer, ")")) {
        rule->kind = DEFAULT_OTHER;
        sql_skip_parentheses(lexer);
    }
    skip_casts(lexer);
    for (token = sql_peek(lexer); !ends_default(&token); token = sql_peek(lexer)) {
        rule->kind = DEFAULT_OTHER;
        sql_next(lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
    }
    return error;
}

/* ---- Foreign keys ---------------------------------------------------------------------------- */

static enum key_act take_act(struct sql_lexer *lexer)
{
    if (sql_accept(lexer, "CASCADE"))
        return KEY_CASCADE;
    if (sql_accept(lexer, "SET"))
        return sql_accept(lexer, "NULL")      ? KEY_SET_NULL
               : sql_accept(lexer, "DEFAULT") ? KEY_SET_DEFAULT
                                              : KEY_REFUSE;
    return KEY_REFUSE; /* RESTRICT, NO ACTION */
}

/* Behind REFERENCES, up to what ends the definition. */
static int take_references(struct rules_reader *reader, const size_t *columns, size_t count)
{
    struct table_rules *rules = &reader->rules;
    struct sql_lexer *lexer = &reader->lexer;
    struct key_rule rule = {.count = count, .columns = allocate_array(count, sizeof *columns)};
    struct key_rule *keys = reallocarray(rules->keys, rules->key_count + 1, sizeof *keys);

    if (keys != NULL)
        rules->keys = keys;
    if (keys == NULL || rule.columns == NULL) {
        free(rule.columns);
        return -ENOMEM;
    }
    memcpy(rule.columns, columns, count * sizeof *columns);
    for (;;) {
        struct sql_token token = sql_peek(lexer);

        if (token.type == SQL_END || sql_is(&token, ",") || sql_is(&token, ")") ||
            sql_is(&token, ";"))
            break;
        sql_next(lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
        else if (sql_is(&token, "ON") && sql_accept(lexer, "DELETE"))
            rule.on_delete = take_act(lexer);
        else if (sql_is(&token, "ON") && sql_accept(lexer, "UPDATE"))
            rule.on_update = take_act(lexer);
        else if (sql_is(&token, "CHECK") || sql_is(&token, "DEFAULT"))
            break; /* of a column, that it is also of */
    }
    keys[rules->key_count++] = rule;
    return 0;
}

/* Behind FOREIGN. */
static int take_foreign(struct rules_reader *reader)
{
    struct sql_lexer *lexer = &reader->lexer;
    size_t columns[KEY_COLUMNS_LIMIT];
    size_t count = 0;
    struct sql_token token;

    do {
        token = sql_next(lexer);
    } while (token.type != SQL_END && !sql_is(&token, "(")); /* KEY, its name */
    do {
        token = sql_next(lexer);
        if (count == KEY_COLUMNS_LIMIT || token.type == SQL_END)
            return 0;
        columns[count] = rules_find_column(reader, &token);
        if (columns[count++] == SIZE_MAX)
            return 0;
    } while (sql_accept(lexer, ","));
    return sql_accept(lexer, ")") && sql_accept(lexer, "REFERENCES")
               ? take_references(reader, columns, count)
               : 0;
}

/* ---- Statements ------------------------------------------------------------------------------ */

/* A column's own line; ends at its ',' or ')'. */
static int take_column(struct rules_reader *reader, size_t column)
{
    struct sql_lexer *lexer = &reader->lexer;
    int error = 0;

    while (error == 0) {
        struct sql_token token = sql_peek(lexer);

        if (token.type == SQL_END || sql_is(&token, ",") || sql_is(&token, ")"))
            return 0;
        sql_next(lexer);
        if (sql_is(&token, "CHECK"))
            error = rules_take_check(reader);
        else if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
        else if (column == SIZE_MAX)
            continue;
        else if (sql_is(&token, "BY")) /* GENERATED BY DEFAULT AS IDENTITY */
            sql_accept(lexer, "DEFAULT");
        else if (sql_is(&token, "DEFAULT"))
            error = take_default(reader, column);
        else if (sql_is(&token, "REFERENCES"))
            error = take_references(reader, &column, 1);
        else if (sql_is(&token, "ON") && sql_accept(lexer, "UPDATE"))
            reader->rules.defaults[column].renewed = true;
    }
    return error;
}

static int take_definition(struct rules_reader *reader)
{
    struct sql_token token = sql_next(&reader->lexer);

    if (sql_is(&token, "CONSTRAINT")) {
        sql_next(&reader->lexer);
        token = sql_next(&reader->lexer);
    }
    if (sql_is(&token, "CHECK"))
        return rules_take_check(reader);
    if (sql_is(&token, "FOREIGN"))
        return take_foreign(reader);
    return token.type == SQL_WORD || token.type == SQL_NAME
               ? take_column(reader, rules_find_column(reader, &token))
               : 0;
}

static int take_table(struct rules_reader *reader)
{
    struct sql_lexer *lexer = &reader->lexer;
    struct sql_token token;

    do {
        token = sql_next(lexer);
    } while (token.type != SQL_END && !sql_is(&token, "(") && !sql_is(&token, ";"));
    while (sql_is(&token, "(") || sql_is(&token, ",")) {
        int error = take_definition(reader);

        if (error != 0)
            return error;
        for (token = sql_next(lexer);
             token.type != SQL_END && !sql_is(&token, ",") && !sql_is(&token, ")");
             token = sql_next(lexer)) {
            if (sql_is(&token, "("))
                sql_skip_parentheses(lexer);
        }
    }
    return 0;
}

/* Behind ALTER: TABLE [schema.]name ADD …; whether that is the schema's. */
static bool is_of_table(struct rules_reader *reader)
{
    struct sql_token name = {.type = SQL_END};
    cleanup_free char *text = NULL;

    for (;;) {
        struct sql_token token = sql_peek(&reader->lexer);

        if (token.type == SQL_END || sql_is(&token, "ADD") || sql_is(&token, ";"))
            break;
        name = sql_next(&reader->lexer);
    }
    text = name.type != SQL_END ? sql_text(&reader->lexer, &name) : NULL;
    return text != NULL && strcmp(text, reader->schema->name) == 0;
}

static int take_statement(struct rules_reader *reader)
{
    struct sql_lexer *lexer = &reader->lexer;
    struct sql_token token = sql_next(lexer);
    int error = 0;

    if (sql_is(&token, "CREATE")) {
        sql_accept(lexer, "UNLOGGED");
        error = sql_accept(lexer, "TABLE") ? take_table(reader) : 0;
        sql_accept(lexer, "CONSTRAINT");
        reader->rules.triggers += sql_accept(lexer, "TRIGGER");
    } else if (sql_is(&token, "ALTER")) {
        bool own = is_of_table(reader);

        for (token = sql_next(lexer); token.type != SQL_END && !sql_is(&token, ";") && error == 0;
             token = sql_next(lexer)) {
            if (own && sql_is(&token, "FOREIGN"))
                error = take_foreign(reader);
        }
        if (sql_is(&token, ";"))
            return error;
    }
    if (error == 0 && !sql_is(&token, ";")) {
        do {
            token = sql_next(lexer);
        } while (token.type != SQL_END && !sql_is(&token, ";"));
    }
    return error;
}

int table_rules_read(const struct schema *schema, const char *kind, struct table_rules *ret_rules)
{
    const char *ddl = schema->ddl != NULL ? schema->ddl : "";
    enum target_engine engine = target_engine_of(kind);
    struct rules_reader reader = {.schema = schema, .engine = engine};
    int error = 0;

    reader.rules.defaults = allocate_array(schema->column_count, sizeof *reader.rules.defaults);
    if (reader.rules.defaults == NULL)
        return -ENOMEM;
    reader.rules.column_count = schema->column_count;
    if (engine == ENGINE_SQLITE && strcmp(kind, "sqlite") != 0)
        ddl = "";
    reader.lexer = ddl_lexer(engine, ddl);
    while (error == 0 && !ddl_ended(&reader.lexer))
        error = take_statement(&reader);
    if (error != 0) {
        table_rules_release(&reader.rules);
        return error;
    }
    *ret_rules = reader.rules;
    return 0;
}
