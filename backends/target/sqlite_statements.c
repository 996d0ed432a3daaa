/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_statements.h"

#include <errno.h>
#include <stdarg.h>

#include "fs/base/memory.h"

int sqlite_add_name(struct buffer *sql, const char *name)
{
    cleanup_free char *quoted = sql_name(name);

    return quoted != NULL ? buffer_append_text(sql, quoted) : -ENOMEM;
}

int sqlite_add_key(struct buffer *sql, const struct table *table, const size_t *key, size_t count,
                   int first_parameter)
{
    int error = 0;

    for (size_t k = 0; k < count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "" : " AND ");
        if (error == 0)
            error = sqlite_add_name(sql, table->raw_columns[key[k]]);
        if (error == 0)
            error = buffer_print(sql, " IS ?%d", first_parameter + (int)k);
    }
    return error;
}

int sqlite_add_columns(struct buffer *sql, const struct table *table, const struct row_work *work)
{
    int error = 0;

    for (size_t i = 0; i < work->column_count && error == 0; i++) {
        error = buffer_append_text(sql, i == 0 ? "" : ",");
        if (error == 0)
            error = sqlite_add_name(sql, table->raw_columns[work->columns[i]]);
    }
    return error;
}

int sqlite_add_parameters(struct buffer *sql, const struct row_work *work, size_t first)
{
    int error = 0;

    for (size_t i = 0; i < work->column_count && error == 0; i++)
        error = buffer_print(sql, "%s?%zu", i == 0 ? "" : ",", first + i);
    return error;
}

const char *sqlite_affinity(const struct fit *fit)
{
    switch (fit->kind) {
    case FIT_NUMERIC: return " NUMERIC";
    case FIT_REAL: return " REAL";
    case FIT_LOOSE_TEXT: return " TEXT";
    default: return "";
    }
}

int sqlite_add_collation(struct buffer *sql, const struct sqlite_target *target,
                         const struct table *table, size_t column)
{
    const char *collation = "BINARY";
    int error = buffer_append_text(sql, " COLLATE ");

    sqlite3_table_column_metadata(target->connection.database, "main", table->schema->name,
                                  table->raw_columns[column], NULL, &collation, NULL, NULL, NULL);
    return error == 0 ? sqlite_add_name(sql, collation) : error;
}

int sqlite_add_laid_down(struct buffer *sql, const struct row_work *work)
{
    int error = 0;

    for (size_t i = 0; i < work->column_count && error == 0; i++)
        error =
            buffer_print(sql, "%sc%zu%s", i == 0 ? "" : ",", i, sqlite_affinity(&work->fits[i]));
    return error;
}

int sqlite_add_where_key(struct buffer *sql, const struct table *table, const struct row_work *work)
{
    int error = buffer_append_text(sql, " WHERE ");

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "" : " AND ");
        if (error == 0)
            error = sqlite_add_name(sql, table->raw_columns[work->plan.key[k]]);
        if (error == 0)
            error = buffer_print(sql, " = ?%zu", work->key_places[k] + 1);
    }
    return error;
}

int sqlite_add_same_key(struct buffer *sql, const struct table *table, const struct row_work *work,
                        const char *row)
{
    int error = 0;

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_print(sql, "%s%s.", k == 0 ? "" : " AND ", row);
        if (error == 0)
            error = sqlite_add_name(sql, table->raw_columns[work->plan.key[k]]);
        if (error == 0)
            error = buffer_print(sql, " = c%zu", work->key_places[k]);
    }
    return error;
}

int sqlite_add_update(struct buffer *sql, const struct table *table, const struct row_work *work,
                      const bool *changed, bool *ret_any)
{
    int error = buffer_append_text(sql, "UPDATE OR ABORT main.");

    if (error == 0)
        error = sqlite_add_name(sql, table->schema->name);
    *ret_any = false;
    for (size_t i = 0; i < work->column_count && error == 0; i++) {
        if (changed != NULL ? !changed[i] : row_work_is_key(work, i))
            continue;
        error = buffer_append_text(sql, *ret_any ? "," : " SET ");
        if (error == 0)
            error = sqlite_add_name(sql, table->raw_columns[work->columns[i]]);
        if (error == 0)
            error = buffer_print(sql, "=?%zu", i + 1);
        *ret_any = true;
    }
    return error == 0 ? sqlite_add_where_key(sql, table, work) : error;
}

int sqlite_prepare_text(struct sqlite_target *target, const char *table, struct buffer *sql,
                        int error, sqlite3_stmt **ret_statement, struct failure *failure)
{
    if (error == 0) {
        int code =
            sqlite3_prepare_v3(target->connection.database, (const char *)sql->data, (int)sql->size,
                               SQLITE_PREPARE_PERSISTENT, ret_statement, NULL);

        if (code != SQLITE_OK)
            error = sqlite_target_failure(target, code, table, failure);
    }
    buffer_release(sql);
    return error;
}

int sqlite_run(struct sqlite_target *target, const char *table, struct failure *failure,
               const char *format, ...)
{
    va_list arguments;
    char *sql;
    int code = SQLITE_NOMEM;

    va_start(arguments, format);
    sql = sqlite3_vmprintf(format, arguments);
    va_end(arguments);
    if (sql != NULL)
        code = sqlite3_exec(target->connection.database, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? 0 : sqlite_target_failure(target, code, table, failure);
}
