/* SPDX-License-Identifier: MIT */
/*
 * What was written into an SQLite table is read back: row by row where the table had rows before,
 * else all at once.
 */
#include <errno.h>

#include "backends/target/sqlite_load.h"
#include "backends/target/sqlite_statements.h"
#include "fs/base/memory.h"

/* ---- The statement --------------------------------------------------------------------------- */

/* All rows, or the one that was written, which is found BY_ROWID or by its key. */
static int write_select(const struct sqlite_load *load, bool by_rowid, struct buffer *sql)
{
    int error = buffer_append_text(sql, "SELECT ");

    if (error == 0)
        error = load->work.column_count != 0 ? sqlite_add_columns(sql, load->table, &load->work)
                                             : buffer_append_text(sql, "1");
    if (error == 0)
        error = buffer_append_text(sql, " FROM main.");
    if (error == 0)
        error = sqlite_add_name(sql, sqlite_load_name(load));
    if (error != 0 || load->was_empty)
        return error;
    return by_rowid ? buffer_print(sql, " WHERE %s = ?1", load->table->rowid)
                    : sqlite_add_where_key(sql, load->table, &load->work);
}

static int prepare(struct sqlite_load *load, bool by_rowid, sqlite3_stmt **ret_statement,
                   struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = write_select(load, by_rowid, &sql);

    return sqlite_prepare_text(load->target, sqlite_load_name(load), &sql, error, ret_statement,
                               failure);
}

/* How a written row is found again. */
int sqlite_read_back_prepare(struct sqlite_load *load, struct failure *failure)
{
    const struct schema *schema = load->table->schema;
    bool has_key = load->work.plan.key_count != 0;
    bool has_rowid = !load->table->without_rowid && load->table->rowid != NULL;
    bool may_be_null = false;
    int error;

    load->numbers = allocate_array(load->work.column_count, sizeof *load->numbers);
    load->back = allocate_array(load->work.column_count, sizeof *load->back);
    if (load->numbers == NULL || load->back == NULL)
        return -ENOMEM;
    for (size_t k = 0; k < load->work.plan.key_count; k++) {
        has_key = has_key && load->work.key_places[k] != SIZE_MAX;
        may_be_null = may_be_null || !schema->columns[load->work.plan.key[k]].not_null;
    }
    load->by_rowid = load->work.plan.mode == LOAD_APPEND && has_rowid;
    if (!load->was_empty && !load->by_rowid && !has_key)
        return 0;
    error = prepare(load, load->by_rowid, &load->read_back, failure);
    if (error == 0 && !load->was_empty && !load->by_rowid && has_rowid && may_be_null)
        error = prepare(load, true, &load->read_new, failure);
    return error;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static int read_cells(struct sqlite_load *load, sqlite3_stmt *statement, struct row_sum *sum)
{
    sqlite_take_cells(statement, 0, load->work.column_count, load->back, load->numbers);
    return row_sum_add(sum, load->work.fits, load->back, load->work.column_count,
                       &load->work.value);
}

static int differs(const struct sqlite_load *load, struct failure *failure)
{
    return failure_set(failure, EIO,
                       "table \"%s\": row %llu does not read back as it was written: a trigger, or "
                       "the declared type of a column, makes something else of it",
                       sqlite_load_name(load), (unsigned long long)load->load.counts.put);
}

/* Reads the row back that was written last, and compares. */
static int compare_row(struct sqlite_load *load, struct failure *failure)
{
    struct row_sum written = {0}, back = {0};
    bool is_new = load->read_new != NULL && !row_work_has_key(&load->work);
    sqlite3_stmt *statement = is_new ? load->read_new : load->read_back;
    int code = load->by_rowid || is_new
                   ? sqlite3_bind_int64(
                         statement, 1, sqlite3_last_insert_rowid(load->target->connection.database))
                   : sqlite_bind_row(statement, 1, &load->work);
    int error = row_work_sum(&load->work, &written);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW && error == 0)
        error = read_cells(load, statement, &back);
    sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_load_fail(load, code, failure);
    if (error == 0 && !row_sum_equal(&written, &back))
        return differs(load, failure);
    return error;
}

int sqlite_read_back_row(struct sqlite_load *load, struct failure *failure)
{
    if (load->was_empty)
        return row_work_sum(&load->work, &load->sum);
    return load->read_back != NULL ? compare_row(load, failure) : 0;
}

int sqlite_read_back_all(struct sqlite_load *load, struct failure *failure)
{
    struct row_sum back = {0};
    int error = 0;
    int code;

    if (!load->was_empty)
        return 0;
    while ((code = sqlite3_step(load->read_back)) == SQLITE_ROW && error == 0)
        error = read_cells(load, load->read_back, &back);
    sqlite3_reset(load->read_back);
    if (error == 0 && code != SQLITE_DONE)
        return sqlite_load_fail(load, code, failure);
    if (error == 0 && !row_sum_equal(&load->sum, &back))
        return failure_set(failure, EIO,
                           "table \"%s\": the %llu rows do not read back as they were written",
                           sqlite_load_name(load), (unsigned long long)back.rows);
    return error;
}
