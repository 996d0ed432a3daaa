/* SPDX-License-Identifier: MIT */
/*
 * Keys: the primary key, the key that the rows are ordered by, and foreign keys. Both
 * lists come sorted by table and key, so that a key is a run of rows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

/* Reads the next COUNT rows, a key of TABLE. 0 or -ENOMEM. */
typedef int take_run(struct mysql_catalogue *catalogue, struct mysql_table *table, MYSQL_RES *rows,
                     size_t count);

/* How many rows from the current one on agree with it in the first two columns; at least 1. */
static size_t run_length(MYSQL_RES *rows, MYSQL_ROW_OFFSET start, MYSQL_ROW first)
{
    size_t count = 1;
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows)) != NULL && strcmp(row[0], first[0]) == 0 &&
           strcmp(row[1], first[1]) == 0)
        count++;
    mysql_row_seek(rows, start);
    return count;
}

/* Asks the query, and hands each key of a table that is known to TAKE. */
static int read_runs(struct mysql_source *source, struct mysql_link *link,
                     struct mysql_catalogue *catalogue, const char *query, take_run *take,
                     struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask(source, link, query, &rows, failure);
    MYSQL_ROW_OFFSET start;
    MYSQL_ROW row;

    if (error != 0)
        return error;
    while (start = mysql_row_tell(rows), (row = mysql_fetch_row(rows)) != NULL) {
        size_t count = run_length(rows, start, row);
        struct mysql_table *table = mysql_catalogue_find(catalogue, row[0]);

        if (table == NULL)
            for (size_t i = 0; i < count; i++)
                mysql_fetch_row(rows);
        else if (take(catalogue, table, rows, count) != 0)
            return no_memory(failure);
    }
    return 0;
}

/* --- unique keys ------------------------------------------------------------------------------ */

enum { INDEX_TABLE, INDEX_NAME, INDEX_COLUMN, INDEX_PART, INDEX_TYPE };

/*
 * The columns of the next COUNT rows. NULL: no memory, or (*ret_fits false) the key is on
 * an expression, on the beginning of a column or on one that may be NULL, or is no B-tree.
 */
static size_t *take_columns(const struct schema *schema, MYSQL_RES *rows, size_t count,
                            bool is_primary, bool *ret_fits)
{
    size_t *columns = allocate_array(count, sizeof *columns);

    *ret_fits = true;
    for (size_t i = 0; i < count; i++) {
        MYSQL_ROW row = mysql_fetch_row(rows);
        ssize_t column =
            row[INDEX_COLUMN] != NULL ? mysql_find_column(schema, row[INDEX_COLUMN]) : -1;

        if (column < 0 || columns == NULL) {
            *ret_fits = column >= 0 && *ret_fits;
            continue;
        }
        if (!is_primary && (row[INDEX_PART] != NULL || !schema->columns[column].not_null ||
                            strcmp(row[INDEX_TYPE], "BTREE") != 0))
            *ret_fits = false;
        columns[i] = (size_t)column;
    }
    if (*ret_fits)
        return columns;
    free(columns);
    return NULL;
}

static int take_key(struct mysql_catalogue *catalogue, struct mysql_table *table, MYSQL_RES *rows,
                    size_t count)
{
    MYSQL_ROW_OFFSET start = mysql_row_tell(rows);
    bool is_primary = strcmp(mysql_fetch_row(rows)[INDEX_NAME], "PRIMARY") == 0;
    struct schema *schema = table->schema;
    bool fits;

    (void)catalogue;
    mysql_row_seek(rows, start);

    cleanup_free size_t *columns = take_columns(schema, rows, count, is_primary, &fits);

    if (!fits)
        return 0;
    if (columns == NULL)
        return -ENOMEM;
    if (is_primary) {
        size_t *copy = allocate_array(count, sizeof *copy);

        if (copy == NULL)
            return -ENOMEM;
        memcpy(copy, columns, count * sizeof *copy);
        schema->primary_key = copy;
        schema->primary_key_count = count;
    }
    /* The primary key comes first of all (mysql_read_keys asks so); then the shortest. */
    if (schema->order_key_count != 0 &&
        (schema->primary_key_count != 0 ? !is_primary : schema->order_key_count <= count))
        return 0;
    free(schema->order_key);
    schema->order_key = steal_pointer(&columns);
    schema->order_key_count = count;
    return 0;
}

static const char unique_keys[] =
    "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE "
    "FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 "
    "ORDER BY BINARY TABLE_NAME, INDEX_NAME <> 'PRIMARY', BINARY INDEX_NAME, SEQ_IN_INDEX";

static void note_keying(struct mysql_table *table)
{
    const struct schema *schema = table->schema;

    table->by_key = schema->order_key_count != 0;
    for (size_t i = 0; i < schema->order_key_count; i++) {
        if (table->columns[schema->order_key[i]].keying == KEY_NONE)
            table->by_key = false;
    }
}

/* --- foreign keys ----------------------------------------------------------------------------- */

enum { FOREIGN_TABLE, FOREIGN_NAME, FOREIGN_COLUMN, FOREIGN_TARGET, FOREIGN_TARGET_COLUMN };

static int take_foreign_key(struct mysql_catalogue *catalogue, struct mysql_table *table,
                            MYSQL_RES *rows, size_t count)
{
    struct schema *schema = table->schema;
    struct foreign_key *keys =
        reallocarray(schema->foreign_keys, schema->foreign_key_count + 1, sizeof *keys);

    if (keys == NULL)
        return -ENOMEM;
    schema->foreign_keys = keys;

    struct foreign_key *key = &keys[schema->foreign_key_count++];

    *key = (struct foreign_key){
        .count = count,
        .columns = allocate_array(count, sizeof *key->columns),
        .target_columns = allocate_array(count, sizeof(char *)),
    };
    if (key->columns == NULL || key->target_columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        MYSQL_ROW row = mysql_fetch_row(rows);
        ssize_t column = mysql_find_column(schema, row[FOREIGN_COLUMN]);
        const struct mysql_table *target = mysql_catalogue_find(catalogue, row[FOREIGN_TARGET]);
        ssize_t there =
            target != NULL ? mysql_find_column(target->schema, row[FOREIGN_TARGET_COLUMN]) : -1;

        key->columns[i] = column >= 0 ? (size_t)column : 0;
        if (key->target_table == NULL)
            key->target_table = strdup(row[FOREIGN_TARGET]);
        key->target_columns[i] =
            strdup(there >= 0 ? target->schema->columns[there].name : row[FOREIGN_TARGET_COLUMN]);
        if (key->target_columns[i] == NULL || key->target_table == NULL)
            return -ENOMEM;
    }
    return 0;
}

static const char foreign_keys[] =
    "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, "
    "REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE "
    "WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_SCHEMA = DATABASE() "
    "AND REFERENCED_TABLE_NAME IS NOT NULL "
    "ORDER BY BINARY TABLE_NAME, BINARY CONSTRAINT_NAME, ORDINAL_POSITION";

int mysql_read_keys(struct mysql_source *source, struct mysql_link *link,
                    struct mysql_catalogue *catalogue, struct failure *failure)
{
    int error = read_runs(source, link, catalogue, unique_keys, take_key, failure);

    if (error == 0)
        error = read_runs(source, link, catalogue, foreign_keys, take_foreign_key, failure);
    for (size_t i = 0; i < catalogue->count && error == 0; i++)
        note_keying(&catalogue->tables[i]);
    return error;
}
