/* SPDX-License-Identifier: MIT */
/*
 * What takes all tables to be known: the statements that made each of them, and
 * which table a foreign key means. SQLite compares names without regard to case.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"

#define STATEMENTS_LIMIT ((size_t)64 << 20) /* of one table */

/* Tables by their names in small letters. */
struct directory {
    struct name_map *map;
    char **names;
    struct buffer *statements; /* one a table */
    size_t count;
};

static void directory_release(struct directory *directory)
{
    name_map_free(directory->map);
    for (size_t i = 0; i < directory->count; i++) {
        free(directory->names[i]);
        buffer_release(&directory->statements[i]);
    }
    free((void *)directory->names);
    free(directory->statements);
}

static char *small_letters(const char *name)
{
    char *copy = strdup(name);

    for (char *at = copy; at != NULL && *at != '\0'; at++)
        *at = ascii_lower(*at);
    return copy;
}

static int directory_create(const struct catalogue *catalogue, struct directory *directory)
{
    directory->names = allocate_array(catalogue->count, sizeof *directory->names);
    directory->statements = allocate_array(catalogue->count, sizeof *directory->statements);
    if (directory->names == NULL || directory->statements == NULL ||
        name_map_create(&directory->map) != 0)
        return SQLITE_NOMEM;
    directory->count = catalogue->count;
    for (size_t i = 0; i < catalogue->count; i++) {
        directory->statements[i] = BUFFER(STATEMENTS_LIMIT);
        directory->names[i] = small_letters(catalogue->tables[i].schema->name);
        if (directory->names[i] == NULL ||
            name_map_add(directory->map, directory->names[i], i) == -ENOMEM)
            return SQLITE_NOMEM;
    }
    return SQLITE_OK;
}

/* The table's index, or -1. */
static ssize_t find(const struct directory *directory, const char *name)
{
    cleanup_free char *small = small_letters(name);
    const size_t *index = small != NULL ? name_map_find(directory->map, small) : NULL;

    return index != NULL ? (ssize_t)*index : -1;
}

/* A comment up to the end would take the semicolon in. */
static bool ends_in_comment(const char *sql)
{
    const char *line = strrchr(sql, '\n');

    return strstr(line != NULL ? line : sql, "--") != NULL;
}

static int gather_statements(struct connection *connection, struct directory *directory)
{
    sqlite3_stmt *statement;
    int code = connection_prepare(
        connection, &statement,
        "SELECT tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL ORDER BY "
        "CASE type WHEN 'table' THEN 0 WHEN 'view' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid");

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *sql = (const char *)sqlite3_column_text(statement, 1);
        ssize_t index = name != NULL ? find(directory, name) : -1;

        if (index < 0 || sql == NULL)
            continue;

        struct buffer *statements = &directory->statements[index];

        if (buffer_print(statements, "%s%s%s;", statements->size != 0 ? "\n" : "", sql,
                         ends_in_comment(sql) ? "\n" : "") != 0) {
            code = SQLITE_NOMEM;
            break;
        }
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Gives NAME the spelling that the thing itself has. */
static int respell(char **name, const char *own)
{
    char *copy;

    if (strcmp(*name, own) == 0)
        return SQLITE_OK;
    copy = strdup(own);
    if (copy == NULL)
        return SQLITE_NOMEM;
    free(*name);
    *name = copy;
    return SQLITE_OK;
}

static int respell_key(struct foreign_key *key, const struct schema *target)
{
    int code = respell(&key->target_table, target->name);

    for (size_t i = 0; i < key->count && key->target_columns != NULL; i++) {
        for (size_t j = 0; j < target->column_count && code == SQLITE_OK; j++) {
            if (ascii_equal(key->target_columns[i], target->columns[j].name))
                code = respell(&key->target_columns[i], target->columns[j].name);
        }
    }
    return code;
}

int catalogue_link(struct connection *connection, struct catalogue *catalogue)
{
    struct directory directory = {.count = 0};
    int code = directory_create(catalogue, &directory);

    if (code == SQLITE_OK)
        code = gather_statements(connection, &directory);
    for (size_t i = 0; i < catalogue->count && code == SQLITE_OK; i++) {
        struct schema *schema = catalogue->tables[i].schema;
        struct buffer *statements = &directory.statements[i];

        schema->ddl =
            strndup(statements->size != 0 ? (const char *)statements->data : "", statements->size);
        buffer_release(statements);
        if (schema->ddl == NULL)
            code = SQLITE_NOMEM;
        for (size_t j = 0; j < schema->foreign_key_count && code == SQLITE_OK; j++) {
            struct foreign_key *key = &schema->foreign_keys[j];
            ssize_t target = find(&directory, key->target_table);

            if (target >= 0)
                code = respell_key(key, catalogue->tables[target].schema);
        }
    }
    directory_release(&directory);
    return code;
}
