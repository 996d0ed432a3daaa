/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/notes.h"
#include "backends/target/rules.h"
#include "fs/base/memory.h"

#define SCRATCH_LIMIT ((size_t)1 << 20)

/* ---- Values ---------------------------------------------------------------------------------- */

/* A text in quotes. MySQL takes a backslash for the beginning of something. */
static int add_text(enum target_engine engine, const char *text, struct buffer *sql)
{
    int error = buffer_append_text(sql, "'");

    for (; *text != '\0' && error == 0; text++) {
        bool twice = *text == '\'' || (*text == '\\' && engine == ENGINE_MYSQL);

        error = buffer_append(sql, text, 1);
        if (error == 0 && twice)
            error = buffer_append(sql, text, 1);
    }
    return error == 0 ? buffer_append_text(sql, "'") : error;
}

static bool is_number(const char *text)
{
    char *end;

    if (text[0] == '\0' || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    strtod(text, &end);
    return *end == '\0';
}

/* "1" or "0" of what is said of a boolean; NULL: neither. */
static const char *truth_of(const char *text)
{
    static const char *const yes[] = {"1", "t", "true"};
    static const char *const no[] = {"0", "f", "false"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(text, yes[i]) == 0)
            return "1";
        if (strcmp(text, no[i]) == 0)
            return "0";
    }
    return NULL;
}

/* Whether a column of TYPE holds the text, as it would a row's. */
static bool holds(enum target_engine engine, const struct column *like, const char *type,
                  enum cell_class class, const char *text)
{
    const struct column column = {
        .name = like->name, .native_type = without_const(type), .type = like->type};
    const struct cell cell = {.class = class, .size = strlen(text), .data = text};
    const struct fit fit = fit_of(engine, &column);
    cleanup_buffer struct buffer scratch = BUFFER(SCRATCH_LIMIT);
    struct fitted fitted;

    return buffer_reserve(&scratch, fit_room(cell.size)) == 0 &&
           fit_cell(&fit, &cell, &scratch, &fitted) == 0;
}

/* ---- Defaults -------------------------------------------------------------------------------- */

/* Whether values of TYPE are moments, whatever zone they are written in. */
static bool is_zoned(enum target_engine engine, const char *type)
{
    return engine == ENGINE_POSTGRES ? strstr(type, "with time zone") != NULL
                                     : engine == ENGINE_MYSQL && strncmp(type, "timestamp", 9) == 0;
}

/* SQLite has no clock but that of UTC. */
static int add_now(enum target_engine engine, const struct default_rule *rule, const char *type,
                   struct buffer *sql)
{
    const char *digits = strchr(type, '(');

    if (rule->in_utc && engine != ENGINE_SQLITE && !is_zoned(engine, type))
        return engine == ENGINE_POSTGRES
                   ? buffer_append_text(sql, " DEFAULT (now() AT TIME ZONE 'UTC')")
                   : buffer_print(sql, " DEFAULT (utc_timestamp%s)",
                                  digits != NULL ? digits : "()");
    /* MySQL wants as many digits as the column has. */
    return engine == ENGINE_MYSQL && digits != NULL
               ? buffer_print(sql, " DEFAULT CURRENT_TIMESTAMP%s", digits)
               : buffer_append_text(sql, " DEFAULT CURRENT_TIMESTAMP");
}

/* 1: it is said; 0: the database cannot be told. */
static int add_default(enum target_engine engine, const struct default_rule *rule,
                       const struct column *column, const char *type, struct buffer *sql)
{
    const char *text = rule->text;
    bool long_text = engine == ENGINE_MYSQL && strncmp(type, "long", 4) == 0;
    int error;

    if (rule->kind == DEFAULT_NOW) {
        if (column->type != COLUMN_DATETIME && column->type != COLUMN_TIMESTAMP)
            return 0;
        error = add_now(engine, rule, type, sql);
        return error == 0 ? 1 : error;
    }
    switch (column->type) {
    case COLUMN_BOOLEAN:
        text = truth_of(text);
        if (text == NULL)
            return 0;
        error = buffer_print(sql, " DEFAULT %s",
                             engine != ENGINE_POSTGRES ? text
                             : text[0] == '1'          ? "true"
                                                       : "false");
        return error == 0 ? 1 : error;
    case COLUMN_INTEGER:
    case COLUMN_DECIMAL:
    case COLUMN_FLOAT:
        if (!is_number(text) || !holds(engine, column, type, CELL_NUMBER, text))
            return 0;
        error = buffer_print(sql, " DEFAULT %s", text);
        return error == 0 ? 1 : error;
    case COLUMN_BYTES:
    case COLUMN_ANY:
    case COLUMN_JSON: return 0;
    default: break;
    }
    if (rule->kind != DEFAULT_TEXT || !holds(engine, column, type, CELL_TEXT, text))
        return 0;
    error = buffer_append_text(sql, long_text ? " DEFAULT (" : " DEFAULT ");
    if (error == 0)
        error = add_text(engine, text, sql);
    if (error == 0 && long_text)
        error = buffer_append_text(sql, ")");
    return error == 0 ? 1 : error;
}

int rules_add_default(enum target_engine engine, const struct table_rules *rules,
                      const struct schema *like, size_t column, const char *type,
                      struct buffer *sql, struct buffer *notes)
{
    const struct default_rule *rule = &rules->defaults[column];
    const char *name = like->columns[column].name;
    int said = 1;
    int error = 0;

    if (rule->kind == DEFAULT_OTHER)
        said = 0;
    else if (rule->kind != DEFAULT_NONE)
        said = add_default(engine, rule, &like->columns[column], type, sql);
    if (said < 0)
        return said;
    if (said == 0)
        error = notes_add(notes, "the default of column \"%s\" is not brought along", name);
    else if (engine == ENGINE_SQLITE && rule->kind == DEFAULT_NOW && !rule->in_utc)
        error = notes_add(notes,
                          "the default of column \"%s\" is the time in UTC now, and no longer that "
                          "of the session's zone",
                          name);
    if (error == 0 && rule->renewed)
        error = notes_add(
            notes, "column \"%s\" is not set any more when its row changes (ON UPDATE)", name);
    if (error == 0 && like->columns[column].generated)
        error = notes_add(notes, "column \"%s\" was generated, and is an ordinary one now", name);
    return error;
}

/* ---- Checks ---------------------------------------------------------------------------------- */

static int add_check(enum target_engine engine, const struct check_rule *check,
                     const struct schema *like, struct buffer *sql)
{
    int error = buffer_append_text(sql, ",\n  CHECK (");

    for (size_t i = 0; i < check->count && error == 0; i++) {
        const struct check_token *token = &check->tokens[i];
        /* "<", "=" are one sign again. */
        bool joined = i != 0 && token->kind == CHECK_WORD && strpbrk(token->text, "=>") != NULL &&
                      check->tokens[i - 1].kind == CHECK_WORD &&
                      strpbrk(check->tokens[i - 1].text, "<>") != NULL;

        error = buffer_append_text(sql, i == 0 || joined ? "" : " ");
        if (error != 0)
            break;
        error = token->kind == CHECK_COLUMN
                    ? create_add_name(engine, like->columns[token->column].name, sql)
                : token->kind == CHECK_TEXT ? add_text(engine, token->text, sql)
                                            : buffer_append_text(sql, token->text);
    }
    return error == 0 ? buffer_append_text(sql, ")") : error;
}

/* MySQL wants no check on what a foreign key may change. */
static bool may_be_changed(const struct table_rules *rules, const struct check_rule *check)
{
    for (size_t k = 0; k < rules->key_count; k++) {
        const struct key_rule *key = &rules->keys[k];

        for (size_t i = 0; i < check->count * key->count; i++) {
            const struct check_token *token = &check->tokens[i / key->count];

            if (token->kind == CHECK_COLUMN && token->column == key->columns[i % key->count] &&
                (key->on_delete != KEY_REFUSE || key->on_update != KEY_REFUSE))
                return true;
        }
    }
    return false;
}

int rules_add_checks(enum target_engine engine, const struct table_rules *rules,
                     const struct schema *like, struct buffer *sql, struct buffer *notes)
{
    size_t left_out = rules->checks_left_out;
    int error = 0;

    for (size_t i = 0; i < rules->check_count && error == 0; i++) {
        if (engine == ENGINE_MYSQL && may_be_changed(rules, &rules->checks[i]))
            left_out++;
        else
            error = add_check(engine, &rules->checks[i], like, sql);
    }
    if (error == 0 && left_out != 0)
        error = notes_add(notes, "%zu CHECK constraint%s not brought along", left_out,
                          left_out == 1 ? " is" : "s are");
    return error;
}

/* ---- Foreign keys ---------------------------------------------------------------------------- */

static const struct key_rule *find_key(const struct table_rules *rules,
                                       const struct foreign_key *key)
{
    for (size_t k = 0; k < rules->key_count; k++) {
        if (rules->keys[k].count == key->count &&
            memcmp(rules->keys[k].columns, key->columns, key->count * sizeof *key->columns) == 0)
            return &rules->keys[k];
    }
    return NULL;
}

static bool may_be_null(const struct schema *like, const struct foreign_key *key)
{
    for (size_t i = 0; i < key->count; i++) {
        if (like->columns[key->columns[i]].not_null)
            return false;
    }
    return true;
}

static int add_act(enum target_engine engine, enum key_act act, const char *event,
                   const struct schema *like, const struct foreign_key *key, struct buffer *sql,
                   struct buffer *notes)
{
    static const char *const words[] = {
        [KEY_CASCADE] = "CASCADE", [KEY_SET_NULL] = "SET NULL", [KEY_SET_DEFAULT] = "SET DEFAULT"};

    if (act == KEY_REFUSE)
        return 0;
    if (engine == ENGINE_MYSQL &&
        (act == KEY_SET_DEFAULT || (act == KEY_SET_NULL && !may_be_null(like, key))))
        return notes_add(notes, "the foreign key to \"%s\" does not %s any more ON %s",
                         key->target_table, words[act], event);
    return buffer_print(sql, " ON %s %s", event, words[act]);
}

int rules_add_acts(enum target_engine engine, const struct table_rules *rules,
                   const struct schema *like, const struct foreign_key *key, struct buffer *sql,
                   struct buffer *notes)
{
    const struct key_rule *rule = find_key(rules, key);
    int error;

    if (rule == NULL)
        return 0;
    error = add_act(engine, rule->on_delete, "DELETE", like, key, sql, notes);
    return error == 0 ? add_act(engine, rule->on_update, "UPDATE", like, key, sql, notes) : error;
}
