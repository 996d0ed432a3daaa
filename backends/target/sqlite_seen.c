/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_seen.h"

#include <errno.h>
#include <stdlib.h>

#include "backends/target/sqlite_statements.h"

struct sqlite_seen {
    struct sqlite_target *target;
    const struct table *table;
    const struct row_work *work;
    char *name;
    sqlite3_stmt *add;
    sqlite3_stmt *has;
};

static const char *table_name(const struct sqlite_seen *seen)
{
    return seen->table->schema->name;
}

static int fail(const struct sqlite_seen *seen, int code, struct failure *failure)
{
    return sqlite_target_failure(seen->target, code, table_name(seen), failure);
}

/* "k0 TEXT COLLATE "NOCASE", k1, PRIMARY KEY(k0,k1)", NUL-terminated. */
static int write_columns(const struct sqlite_seen *seen, struct buffer *sql)
{
    const struct row_work *work = seen->work;
    int error = 0;

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_print(sql, "k%zu%s", k, sqlite_affinity(&work->fits[work->key_places[k]]));
        if (error == 0)
            error = sqlite_add_collation(sql, seen->target, seen->table, work->plan.key[k]);
        if (error == 0)
            error = buffer_append_text(sql, ",");
    }
    for (size_t k = 0; k < work->plan.key_count && error == 0; k++)
        error = buffer_print(sql, "%sk%zu", k == 0 ? "PRIMARY KEY(" : ",", k);
    return error == 0 ? buffer_append(sql, ")", 2) : error;
}

static int prepare_add(struct sqlite_seen *seen, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_print(&sql, "INSERT OR IGNORE INTO main.\"%s\" VALUES", seen->name);

    for (size_t k = 0; k < seen->work->plan.key_count && error == 0; k++)
        error = buffer_print(&sql, "%s?%zu", k == 0 ? "(" : ",", k + 1);
    if (error == 0)
        error = buffer_append_text(&sql, ")");
    return sqlite_prepare_text(seen->target, table_name(seen), &sql, error, &seen->add, failure);
}

static int prepare_has(struct sqlite_seen *seen, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_print(&sql, "SELECT 1 FROM main.\"%s\"", seen->name);

    for (size_t k = 0; k < seen->work->plan.key_count && error == 0; k++)
        error = buffer_print(&sql, "%sk%zu=?%zu", k == 0 ? " WHERE " : " AND ", k, k + 1);
    return sqlite_prepare_text(seen->target, table_name(seen), &sql, error, &seen->has, failure);
}

int sqlite_seen_create(struct sqlite_target *target, const struct table *table,
                       const struct row_work *work, struct sqlite_seen **ret_seen,
                       struct failure *failure)
{
    struct sqlite_seen *seen = calloc(1, sizeof *seen);
    cleanup_buffer struct buffer columns = BUFFER(SQLITE_SQL_LIMIT);
    int error;

    if (seen == NULL)
        return -ENOMEM;
    *seen = (struct sqlite_seen){.target = target, .table = table, .work = work};
    seen->name = sqlite3_mprintf("crmfs seen %llu", (unsigned long long)++target->room_count);
    error = seen->name != NULL ? write_columns(seen, &columns) : -ENOMEM;
    if (error == 0)
        error = sqlite_run(target, table_name(seen), failure,
                           "CREATE TABLE main.\"%w\"(%s) WITHOUT ROWID", seen->name,
                           (const char *)columns.data);
    if (error == 0)
        error = prepare_add(seen, failure);
    if (error == 0)
        error = prepare_has(seen, failure);
    if (error != 0) {
        sqlite_seen_free(seen);
        return error;
    }
    *ret_seen = seen;
    return 0;
}

void sqlite_seen_free(struct sqlite_seen *seen)
{
    if (seen == NULL)
        return;
    sqlite3_finalize(seen->add);
    sqlite3_finalize(seen->has);
    sqlite3_free(seen->name);
    free(seen);
}

/* Binds the key and runs the statement. A key with NULL in it is none. */
static int run_key(const struct sqlite_seen *seen, sqlite3_stmt *statement, bool *ret_is_key)
{
    const struct row_work *work = seen->work;
    int code = SQLITE_OK;

    *ret_is_key = true;
    for (size_t k = 0; k < work->plan.key_count && code == SQLITE_OK; k++) {
        const struct cell *cell = &work->cells[work->key_places[k]];

        *ret_is_key = *ret_is_key && cell->class != CELL_NULL;
        code = sqlite_bind_cell(statement, (int)k + 1, cell);
    }
    if (code == SQLITE_OK && *ret_is_key)
        code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code;
}

int sqlite_seen_add(struct sqlite_seen *seen, struct failure *failure)
{
    bool is_key;
    int code = run_key(seen, seen->add, &is_key);

    if (code != SQLITE_DONE && code != SQLITE_OK)
        return fail(seen, code, failure);
    return !is_key || sqlite3_changes64(seen->target->connection.database) != 0;
}

int sqlite_seen_has(struct sqlite_seen *seen, struct failure *failure)
{
    bool is_key;
    int code = run_key(seen, seen->has, &is_key);

    if (code != SQLITE_DONE && code != SQLITE_OK && code != SQLITE_ROW)
        return fail(seen, code, failure);
    return code == SQLITE_ROW;
}

int sqlite_seen_end(struct sqlite_seen *seen, struct failure *failure)
{
    return sqlite_run(seen->target, table_name(seen), failure, "DROP TABLE main.\"%w\"",
                      seen->name);
}
