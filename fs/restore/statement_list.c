/* SPDX-License-Identifier: MIT */
#include "fs/restore/statement_list.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/ddl.h"
#include "fs/base/memory.h"

void statement_list_free(struct statement_list *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].text);
        free(list->items[i].name);
        free(list->items[i].parent);
    }
    for (size_t i = 0; list->made != NULL && i < list->table_count; i++)
        free(list->made[i]);
    for (size_t i = 0; i < list->partition_count; i++)
        free(list->partitions[i].name);
    free(list->partitions);
    free((void *)list->made);
    free(list->items);
    free(list);
}

size_t statement_list_table(const struct statement_list *list, const char *name)
{
    for (size_t i = 0; i < list->table_count; i++) {
        if (list->made[i] != NULL && strcmp(list->made[i], name) == 0)
            return i;
    }
    for (size_t i = 0; i < list->partition_count; i++) {
        if (strcmp(list->partitions[i].name, name) == 0)
            return list->partitions[i].table;
    }
    return SIZE_MAX;
}

/* ---- One statement --------------------------------------------------------------------------- */

/* Behind WORDS, which TEXT begins with; NULL: it does not. */
static const char *behind(const char *text, const char *words)
{
    size_t length = strlen(words);

    return strncmp(text, words, length) == 0 ? text + length : NULL;
}

/* The name that TEXT begins with: "schema.name", each in quotes perhaps. NULL: no memory. */
static char *spelled_name(const char *text)
{
    bool quoted = false;
    size_t length = 0;

    for (; text[length] != '\0' && (quoted || strchr(" \t\r\n(;", text[length]) == NULL); length++)
        quoted ^= text[length] == '"';
    return strndup(text, length);
}

/* The name of what tables need, if TEXT makes such; else NULL. */
static const char *thing_of(const char *text, enum stated_kind *ret_kind)
{
    static const struct {
        const char *begin;
        enum stated_kind kind;
    } begins[] = {{"CREATE SCHEMA ", STATED_SCHEMA},
                  {"CREATE TYPE ", STATED_TYPE},
                  {"CREATE DOMAIN ", STATED_TYPE},
                  {"CREATE SEQUENCE ", STATED_SEQUENCE}};

    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        const char *name = behind(text, begins[i].begin);

        *ret_kind = begins[i].kind;
        if (name != NULL)
            return name;
    }
    return NULL;
}

/* The name of the table that TEXT ties to *ret_parent, if it does; else NULL. */
static const char *tie_of(const char *text, enum stated_kind *ret_kind, const char **ret_parent)
{
    static const char refers[] = " REFERENCES ", inherits[] = " INHERIT ";
    const char *name = behind(text, "ALTER TABLE ");
    const char *only = name != NULL ? behind(name, "ONLY ") : NULL;
    const char *key = name != NULL ? strstr(name, " FOREIGN KEY ") : NULL;
    const char *parent = key != NULL ? strstr(key, refers) : NULL;
    const char *heir = name != NULL && parent == NULL ? strstr(name, inherits) : NULL;

    if (parent == NULL && heir == NULL)
        return NULL;
    *ret_kind = parent != NULL ? STATED_KEY : STATED_HEIR;
    *ret_parent = parent != NULL ? parent + strlen(refers) : heir + strlen(inherits);
    return only != NULL ? only : name;
}

/* 1: *ret_item is what TEXT says, but for the text; 0: it is one table's alone; -ENOMEM. */
static int take_apart(const struct statement_list *list, const char *text, struct stated *ret_item)
{
    struct stated item = {.kind = STATED_SCHEMA};
    const char *parent = NULL;
    const char *name = thing_of(text, &item.kind);
    int taken = 1;

    if (name == NULL)
        name = tie_of(text, &item.kind, &parent);
    if (name == NULL)
        return 0;
    item.name = spelled_name(name);
    item.parent = parent != NULL ? spelled_name(parent) : NULL;
    if (item.name == NULL || (parent != NULL && item.parent == NULL))
        taken = -ENOMEM;
    else if (parent != NULL && statement_list_table(list, item.name) == SIZE_MAX)
        taken = 0;
    if (taken == 1) {
        *ret_item = item;
        return 1;
    }
    free(item.name);
    free(item.parent);
    return taken;
}

static int next_statement(struct sql_lexer *lexer, char **ret_text)
{
    struct sql_token token = sql_next(lexer);
    const char *begin;

    while (sql_is(&token, ";"))
        token = sql_next(lexer);
    begin = token.at;
    *ret_text = NULL;
    if (token.type == SQL_END)
        return 0;
    while (token.type != SQL_END && !sql_is(&token, ";"))
        token = sql_next(lexer);
    *ret_text = strndup(begin, (size_t)(token.at - begin));
    return *ret_text != NULL ? 0 : -ENOMEM;
}

int statement_list_next(const struct statement_list *list, struct sql_lexer *lexer, char **ret_text,
                        bool *ret_is_own)
{
    cleanup_free char *text = NULL;
    struct stated item = {0};
    int error = next_statement(lexer, &text);
    int taken = error == 0 && text != NULL ? take_apart(list, text, &item) : error;

    if (taken < 0)
        return taken;
    if (taken == 1) {
        free(item.name);
        free(item.parent);
    }
    *ret_is_own = taken == 0;
    *ret_text = steal_pointer(&text);
    return 0;
}

/* ---- All of them ----------------------------------------------------------------------------- */

/* Takes NAME over. */
static int add_partition(struct statement_list *list, size_t table, char *name)
{
    struct stated_partition *partitions =
        name != NULL ? reallocarray(list->partitions, list->partition_count + 1, sizeof *partitions)
                     : NULL;

    if (partitions == NULL) {
        free(name);
        return -ENOMEM;
    }
    list->partitions = partitions;
    partitions[list->partition_count++] = (struct stated_partition){name, table};
    return 0;
}

/* What the table, and its partitions, are called by the statements that make them. */
static int find_made(struct statement_list *list, size_t table, const char *ddl)
{
    static const char *const begins[] = {"CREATE TABLE ", "CREATE UNLOGGED TABLE "};
    struct sql_lexer lexer = ddl_lexer(ENGINE_POSTGRES, ddl);

    for (;;) {
        cleanup_free char *text = NULL;
        int error = next_statement(&lexer, &text);

        if (error != 0 || text == NULL)
            return error;
        for (size_t i = 0; i < sizeof begins / sizeof *begins && error == 0; i++) {
            const char *begin = behind(text, begins[i]);
            char *name = begin != NULL ? spelled_name(begin) : NULL;

            if (begin == NULL)
                continue;
            if (name != NULL && list->made[table] == NULL)
                list->made[table] = name;
            else
                error = add_partition(list, table, name);
        }
        if (error != 0)
            return error;
    }
}

/* Takes TEXT over. */
static int add_statement(struct statement_list *list, size_t table, char *text)
{
    struct stated *items;
    struct stated item;
    int taken = take_apart(list, text, &item);

    if (taken <= 0) {
        free(text);
        return taken;
    }
    item.table = table;
    item.text = text;
    items = reallocarray(list->items, list->count + 1, sizeof *items);
    if (items == NULL) {
        free(item.name);
        free(item.parent);
        free(text);
        return -ENOMEM;
    }
    list->items = items;
    items[list->count++] = item;
    return 0;
}

static int read_table(struct statement_list *list, size_t table, const char *ddl)
{
    struct sql_lexer lexer = ddl_lexer(ENGINE_POSTGRES, ddl);
    char *text = NULL;
    int error = 0;

    do {
        error = next_statement(&lexer, &text);
        if (error == 0 && text != NULL)
            error = add_statement(list, table, text);
    } while (error == 0 && text != NULL);
    return error;
}

int statement_list_read(const struct dataset *dataset, struct statement_list **ret_list)
{
    size_t count = dataset->class->table_count(dataset);
    struct statement_list *list = calloc(1, sizeof *list);
    int error;

    if (list == NULL)
        return -ENOMEM;
    list->made = allocate_array(count, sizeof(char *));
    list->table_count = list->made != NULL ? count : 0;
    error = list->made != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && error == 0; i++)
        error = find_made(list, i, dataset->class->schema(dataset, i)->ddl);
    for (size_t i = 0; i < count && error == 0; i++)
        error = read_table(list, i, dataset->class->schema(dataset, i)->ddl);
    if (error != 0) {
        statement_list_free(list);
        return error;
    }
    *ret_list = list;
    return 0;
}
