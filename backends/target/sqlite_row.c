/* SPDX-License-Identifier: MIT */
/*
 * Single rows of SQLite tables. A transaction that may write has the database's only write lock
 * already.
 */
#include <errno.h>
#include <stdlib.h>

#include "backends/target/sqlite_statements.h"
#include "fs/base/memory.h"

/* "HEAD table" and what follows it, then " WHERE key"; the key's parameters begin at FIRST. */
static int prepare_by_key(struct sqlite_target *target, const char *head, const char *more,
                          const struct table *table, int first, sqlite3_stmt **ret_statement,
                          struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_append_text(&sql, head);

    if (error == 0)
        error = sqlite_add_name(&sql, table->schema->name);
    if (error == 0)
        error = buffer_print(&sql, "%s WHERE ", more);
    if (error == 0)
        error = sqlite_add_key(&sql, table, table->schema->primary_key,
                               table->schema->primary_key_count, first);
    return sqlite_prepare_text(target, table->schema->name, &sql, error, ret_statement, failure);
}

/* The cells of a key as the columns have them. The scratch outlives the binding. */
static int bind_fitted(sqlite3_stmt *statement, int parameter, const struct column *column,
                       const struct cell *cell, struct buffer *scratch, const char *table,
                       struct failure *failure)
{
    const struct fit fit = fit_of(ENGINE_SQLITE, column);
    struct fitted fitted;
    int error = fit_cell(&fit, cell, scratch, &fitted);

    if (error == -EINVAL)
        return failure_set(failure, EINVAL, "table \"%s\": column \"%s\": the value %s", table,
                           column->name, fitted.reason);
    if (error == 0 && sqlite_bind_cell(statement, parameter, &fitted.cell) != SQLITE_OK)
        error = -ENOMEM;
    return error;
}

static int bind_key(sqlite3_stmt *statement, int first, const struct schema *table,
                    const struct cell *key, struct buffer *scratch, struct failure *failure)
{
    int error = 0;

    for (size_t k = 0; k < table->primary_key_count && error == 0; k++)
        error = bind_fitted(statement, first + (int)k, &table->columns[table->primary_key[k]],
                            &key[k], scratch, table->name, failure);
    return error;
}

static int find(struct sqlite_target *target, const struct schema *schema,
                const struct table **ret_table, struct failure *failure)
{
    *ret_table = sqlite_target_table(target, schema);
    if (*ret_table == NULL || schema->primary_key_count == 0)
        return failure_set(failure, EINVAL, "table \"%s\" has no primary key", schema->name);
    return 0;
}

int sqlite_lock_row(struct target *base, const struct schema *schema, const struct cell *key,
                    const struct cell **ret_cells, struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    cleanup_buffer struct buffer scratch = BUFFER(SQLITE_SQL_LIMIT);
    const struct table *table;
    int error = find(target, schema, &table, failure);
    int code;

    sqlite3_finalize(target->locked);
    target->locked = NULL;
    if (error == 0)
        error =
            prepare_by_key(target, "SELECT * FROM main.", "", table, 1, &target->locked, failure);
    if (error == 0)
        error = bind_key(target->locked, 1, schema, key, &scratch, failure);
    if (error != 0)
        return error;
    code = sqlite3_step(target->locked);
    if (code == SQLITE_DONE)
        return 0;
    if (code != SQLITE_ROW)
        return sqlite_target_failure(target, code, schema->name, failure);
    free(target->cells);
    free(target->numbers);
    target->cells = allocate_array(schema->column_count, sizeof *target->cells);
    target->numbers = allocate_array(schema->column_count, sizeof *target->numbers);
    if (target->cells == NULL || target->numbers == NULL)
        return -ENOMEM;
    sqlite_take_cells(target->locked, 0, schema->column_count, target->cells, target->numbers);
    *ret_cells = target->cells;
    return 1;
}

/* Runs a statement that changes one row. */
static int change(struct sqlite_target *target, sqlite3_stmt *statement,
                  const struct schema *schema, struct failure *failure)
{
    int code = sqlite3_step(statement);

    if (code != SQLITE_DONE)
        return sqlite_target_failure(target, code, schema->name, failure);
    return sqlite3_changes64(target->connection.database) != 0
               ? 0
               : failure_set(failure, ENOENT, "table \"%s\": there is no such row", schema->name);
}

static int write_settings(const struct table *table, size_t count, const size_t *columns,
                          struct buffer *text)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? " SET " : ",");
        if (error == 0)
            error = sqlite_add_name(text, table->raw_columns[columns[i]]);
        if (error == 0)
            error = buffer_print(text, "=?%zu", i + 1);
    }
    return error == 0 ? buffer_append(text, "", 1) : error;
}

int sqlite_update_row(struct target *base, const struct schema *schema, const struct cell *key,
                      size_t count, const size_t *columns, const struct cell *cells,
                      struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    cleanup_buffer struct buffer settings = BUFFER(SQLITE_SQL_LIMIT);
    cleanup_buffer struct buffer scratch = BUFFER(SQLITE_SQL_LIMIT);
    sqlite3_stmt *statement = NULL;
    const struct table *table;
    int error = find(target, schema, &table, failure);

    if (error == 0)
        error = write_settings(table, count, columns, &settings);
    if (error == 0)
        error = prepare_by_key(target, "UPDATE OR ABORT main.", (const char *)settings.data, table,
                               (int)count + 1, &statement, failure);
    for (size_t i = 0; i < count && error == 0; i++)
        error = bind_fitted(statement, (int)i + 1, &schema->columns[columns[i]], &cells[i],
                            &scratch, schema->name, failure);
    if (error == 0)
        error = bind_key(statement, (int)count + 1, schema, key, &scratch, failure);
    if (error == 0)
        error = change(target, statement, schema, failure);
    sqlite3_finalize(statement);
    return error;
}

int sqlite_delete_row(struct target *base, const struct schema *schema, const struct cell *key,
                      struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    cleanup_buffer struct buffer condition = BUFFER(SQLITE_SQL_LIMIT);
    cleanup_buffer struct buffer scratch = BUFFER(SQLITE_SQL_LIMIT);
    sqlite3_stmt *statement = NULL;
    const struct table *table;
    int error = find(target, schema, &table, failure);

    if (error == 0)
        error =
            sqlite_add_key(&condition, table, schema->primary_key, schema->primary_key_count, 1);
    if (error == 0)
        error = buffer_append(&condition, "", 1);
    if (error == 0)
        error = sqlite_check_referrers(target, schema, (const char *)condition.data, key,
                                       schema->primary_key_count, failure);
    if (error == 0)
        error = prepare_by_key(target, "DELETE FROM main.", "", table, 1, &statement, failure);
    if (error == 0)
        error = bind_key(statement, 1, schema, key, &scratch, failure);
    if (error == 0)
        error = change(target, statement, schema, failure);
    sqlite3_finalize(statement);
    return error;
}
