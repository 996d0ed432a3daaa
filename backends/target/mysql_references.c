/* SPDX-License-Identifier: MIT */
#include "backends/target/mysql_references.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_target.h"
#include "fs/base/memory.h"

enum {
    KEY_CHILD_DATABASE,
    KEY_CHILD,
    KEY_NAME,
    KEY_PARENT_DATABASE,
    KEY_PARENT,
    KEY_COLUMN,
    KEY_PARENT_COLUMN,
};

#define QUESTION(which)                                                                    \
    "SELECT NULLIF(TABLE_SCHEMA, DATABASE()), TABLE_NAME, CONSTRAINT_NAME, "               \
    "NULLIF(REFERENCED_TABLE_SCHEMA, DATABASE()), REFERENCED_TABLE_NAME, COLUMN_NAME, "    \
    "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE "                     \
    "WHERE REFERENCED_TABLE_NAME IS NOT NULL AND " which " ORDER BY BINARY TABLE_SCHEMA, " \
    "BINARY TABLE_NAME, BINARY CONSTRAINT_NAME, ORDINAL_POSITION"

static const char own_question[] = QUESTION("TABLE_SCHEMA = DATABASE()");
static const char outside_question[] =
    QUESTION("REFERENCED_TABLE_SCHEMA = DATABASE() AND TABLE_SCHEMA <> DATABASE()");

/* ---- Asking ---------------------------------------------------------------------------------- */

static void release(struct mysql_reference *key)
{
    for (size_t i = 0; i < key->count; i++) {
        free(key->columns[i]);
        free(key->parent_columns[i]);
    }
    free(key->child_database);
    free(key->child);
    free(key->parent_database);
    free(key->parent);
    free((void *)key->columns);
    free((void *)key->parent_columns);
}

void mysql_references_release(struct mysql_references *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        release(&keys->items[i]);
    free(keys->items);
    *keys = (struct mysql_references){.items = NULL};
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool is_of_one_key(MYSQL_ROW row, MYSQL_ROW other)
{
    return is_same_text(row[KEY_CHILD_DATABASE], other[KEY_CHILD_DATABASE]) &&
           strcmp(row[KEY_CHILD], other[KEY_CHILD]) == 0 &&
           strcmp(row[KEY_NAME], other[KEY_NAME]) == 0;
}

/* A copy of TEXT, which may be NULL. */
static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret_copy != NULL ? 0 : -ENOMEM;
}

static int add_column(struct mysql_reference *key, MYSQL_ROW row)
{
    char **columns = reallocarray((void *)key->columns, key->count + 1, sizeof(char *));
    char **parents;
    int error;

    if (columns == NULL)
        return -ENOMEM;
    key->columns = columns;
    parents = reallocarray((void *)key->parent_columns, key->count + 1, sizeof(char *));
    if (parents == NULL)
        return -ENOMEM;
    key->parent_columns = parents;
    parents[key->count] = NULL;
    error = copy_text(row[KEY_COLUMN], &columns[key->count]);
    if (error == 0)
        error = copy_text(row[KEY_PARENT_COLUMN], &parents[key->count]);
    key->count++;
    return error;
}

static int begin_key(struct mysql_references *keys, MYSQL_ROW row)
{
    struct mysql_reference *items = reallocarray(keys->items, keys->count + 1, sizeof *items);
    struct mysql_reference *key;
    int error;

    if (items == NULL)
        return -ENOMEM;
    keys->items = items;
    key = &items[keys->count++];
    *key = (struct mysql_reference){.count = 0};
    error = copy_text(row[KEY_CHILD_DATABASE], &key->child_database);
    if (error == 0)
        error = copy_text(row[KEY_CHILD], &key->child);
    if (error == 0)
        error = copy_text(row[KEY_PARENT_DATABASE], &key->parent_database);
    return error == 0 ? copy_text(row[KEY_PARENT], &key->parent) : error;
}

static int ask(struct mysql_target *target, const char *question, struct mysql_references *keys,
               struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL_ROW before = NULL;
    MYSQL_ROW row;
    int error = keys->known ? 0 : mysql_ask(target->source, target->link, question, &rows, failure);

    if (error != 0 || keys->known)
        return error;
    while (error == 0 && (row = mysql_fetch_row(rows)) != NULL) {
        if (before == NULL || !is_of_one_key(row, before))
            error = begin_key(keys, row);
        if (error == 0)
            error = add_column(&keys->items[keys->count - 1], row);
        before = row;
    }
    keys->known = error == 0;
    if (error != 0)
        mysql_references_release(keys);
    return error;
}

int mysql_own_references(struct mysql_target *target, const struct mysql_references **ret_keys,
                         struct failure *failure)
{
    *ret_keys = &target->own_keys;
    return ask(target, own_question, &target->own_keys, failure);
}

int mysql_outside_references(struct mysql_target *target, const struct mysql_references **ret_keys,
                             struct failure *failure)
{
    *ret_keys = &target->outside_keys;
    return ask(target, outside_question, &target->outside_keys, failure);
}

/* ---- In SQL ---------------------------------------------------------------------------------- */

bool mysql_refers_to(const struct mysql_reference *key, const char *name)
{
    return key->parent_database == NULL && strcmp(key->parent, name) == 0;
}

int mysql_add_table(struct buffer *text, const char *database, const char *table)
{
    int error = database != NULL ? mysql_add_name(text, database) : 0;

    if (error == 0 && database != NULL)
        error = buffer_append_text(text, ".");
    return error == 0 ? mysql_add_name(text, table) : error;
}

int mysql_add_match(struct buffer *text, const struct mysql_reference *key, const char *parent)
{
    int error = 0;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_print(text, "%s%s.", i == 0 ? "" : " AND ", parent);
        if (error == 0)
            error = mysql_add_name(text, key->parent_columns[i]);
        if (error == 0)
            error = buffer_append_text(text, " = c.");
        if (error == 0)
            error = mysql_add_name(text, key->columns[i]);
    }
    return error;
}

int mysql_add_child_columns(struct buffer *text, const struct mysql_reference *key,
                            const char *first, const char *next, const char *after)
{
    int error = 0;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        error = buffer_print(text, "%sc.", i == 0 ? first : next);
        if (error == 0)
            error = mysql_add_name(text, key->columns[i]);
        if (error == 0)
            error = buffer_append_text(text, after);
    }
    return error;
}
