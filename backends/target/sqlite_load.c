/* SPDX-License-Identifier: MIT */
/*
 * Rows on their way into an SQLite table, one prepared statement each. A row is sought by its key
 * first, then updated or inserted: so it goes with any key, unique or not.
 *
 * LOAD_REPLACE lays the rows down in a table of the transaction's own first, for a row that will be
 * deleted may have what another one is to get (a unique column). That table is dropped before the
 * transaction ends, so nobody else ever sees it. A row whose unique value another one still has
 * waits (sqlite_waiting.h).
 *
 * What a table says should be done on a conflict (ON CONFLICT REPLACE, which deletes the other row)
 * is not done: OR ABORT overrides it.
 *
 * What was written is read back: row by row where the table had rows before, else all at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/sqlite_waiting.h"
#include "fs/base/memory.h"

struct sqlite_load {
    struct load load;
    struct sqlite_target *target;
    const struct table *table;
    struct row_work work;
    bool was_empty;
    bool by_rowid; /* rows are read back by their rowid, for want of a key */
    char *stage;   /* the name of the table that rows are laid down in; NULL: none */
    sqlite3_stmt *lay_down;
    sqlite3_stmt *exists;
    sqlite3_stmt *update; /* NULL: there is nothing but the key */
    sqlite3_stmt *insert;
    sqlite3_stmt *read_back;
    char (*numbers)[32];
    struct cell *back;              /* cells as they were read back */
    struct row_sum sum;             /* of what was written into a table that was empty */
    struct sqlite_waiting *waiting; /* NULL: no row does */
    bool settling;                  /* those that wait are being written … */
    bool is_taken;                  /* … and what this one is to have another one has */
};

static int fail(struct sqlite_load *load, int code, struct failure *failure)
{
    return sqlite_target_failure(load->target, code, load->table->schema->name, failure);
}

static const char *column_name(const struct sqlite_load *load, size_t index)
{
    return load->table->raw_columns[load->work.columns[index]];
}

/* ---- Statements ------------------------------------------------------------------------------ */

/* Names with commas; numbered parameters with commas. */
static int add_columns(const struct sqlite_load *load, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        error = buffer_append_text(sql, i == 0 ? "" : ",");
        if (error == 0)
            error = sqlite_add_name(sql, column_name(load, i));
    }
    return error;
}

static int add_parameters(const struct sqlite_load *load, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++)
        error = buffer_print(sql, "%s?%zu", i == 0 ? "" : ",", i + 1);
    return error;
}

/* " WHERE key…": parameters are numbered as the columns that are written. */
static int add_where_key(const struct sqlite_load *load, struct buffer *sql)
{
    const struct row_work *work = &load->work;
    int error = buffer_append_text(sql, " WHERE ");

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "" : " AND ");
        if (error == 0)
            error = sqlite_add_name(sql, load->table->raw_columns[work->plan.key[k]]);
        if (error == 0)
            error = buffer_print(sql, " IS ?%zu", work->key_places[k] + 1);
    }
    return error;
}

/* HEAD, the table's name, and then whatever MORE adds. */
static int begin_statement(const struct sqlite_load *load, const char *head, struct buffer *sql)
{
    int error = buffer_append_text(sql, head);

    return error == 0 ? sqlite_add_name(sql, load->table->schema->name) : error;
}

static int write_insert(const struct sqlite_load *load, struct buffer *sql)
{
    int error = begin_statement(load, "INSERT OR ABORT INTO main.", sql);

    if (load->work.column_count == 0)
        return error == 0 ? buffer_append_text(sql, " DEFAULT VALUES") : error;
    if (error == 0)
        error = buffer_append_text(sql, "(");
    if (error == 0)
        error = add_columns(load, sql);
    if (error == 0)
        error = buffer_append_text(sql, ") VALUES (");
    if (error == 0)
        error = add_parameters(load, sql);
    return error == 0 ? buffer_append_text(sql, ")") : error;
}

/* *ret_any: some column is not of the key. */
static int write_update(const struct sqlite_load *load, struct buffer *sql, bool *ret_any)
{
    int error = begin_statement(load, "UPDATE OR ABORT main.", sql);

    *ret_any = false;
    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (row_work_is_key(&load->work, i))
            continue;
        error = buffer_append_text(sql, *ret_any ? "," : " SET ");
        if (error == 0)
            error = sqlite_add_name(sql, column_name(load, i));
        if (error == 0)
            error = buffer_print(sql, "=?%zu", i + 1);
        *ret_any = true;
    }
    return error == 0 ? add_where_key(load, sql) : error;
}

static int write_exists(const struct sqlite_load *load, struct buffer *sql)
{
    int error = begin_statement(load, "SELECT 1 FROM main.", sql);

    return error == 0 ? add_where_key(load, sql) : error;
}

static int write_read_back(const struct sqlite_load *load, struct buffer *sql)
{
    int error = buffer_append_text(sql, "SELECT ");

    if (error == 0)
        error =
            load->work.column_count != 0 ? add_columns(load, sql) : buffer_append_text(sql, "1");
    if (error == 0)
        error = begin_statement(load, " FROM main.", sql);
    if (error != 0 || load->was_empty)
        return error;
    return load->by_rowid ? buffer_print(sql, " WHERE %s = ?1", load->table->rowid)
                          : add_where_key(load, sql);
}

static int prepare(struct sqlite_load *load,
                   int (*write)(const struct sqlite_load *, struct buffer *),
                   sqlite3_stmt **ret_statement, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = write(load, &sql);

    if (error != 0) {
        buffer_release(&sql);
        return error;
    }

    int code = sqlite_prepare_text(load->target, &sql, ret_statement);

    return code == SQLITE_OK ? 0 : fail(load, code, failure);
}

static int prepare_update(struct sqlite_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    bool any = false;
    int error = write_update(load, &sql, &any);

    if (error != 0 || !any) {
        buffer_release(&sql);
        return error;
    }

    int code = sqlite_prepare_text(load->target, &sql, &load->update);

    return code == SQLITE_OK ? 0 : fail(load, code, failure);
}

/* Runs SQL of a FORMAT as sqlite3_mprintf has it. */
static int run(struct sqlite_load *load, struct failure *failure, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    char *sql = sqlite3_vmprintf(format, arguments);

    va_end(arguments);
    if (sql == NULL)
        return -ENOMEM;

    int code = sqlite3_exec(load->target->connection.database, sql, NULL, NULL, NULL);

    sqlite3_free(sql);
    return code == SQLITE_OK ? 0 : fail(load, code, failure);
}

/* ---- The stage ------------------------------------------------------------------------------- */

/* Columns c0 … of the affinities of those that are written, so that what is laid down is compared
 * as the column itself is, and an index of it serves. */
static int create_stage(struct sqlite_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_print(&sql, "CREATE TABLE main.\"%s\"(", load->stage);

    for (size_t i = 0; i < load->work.column_count && error == 0; i++)
        error = buffer_print(&sql, "%sc%zu%s", i == 0 ? "" : ",", i,
                             sqlite_affinity(&load->work.fits[i]));
    if (error == 0)
        error = buffer_append(&sql, ")", 2);
    if (error == 0)
        error = run(load, failure, "%s", (const char *)sql.data);
    buffer_clear(&sql);
    if (error == 0)
        error = buffer_print(&sql, "INSERT INTO main.\"%s\" VALUES (", load->stage);
    if (error == 0)
        error = add_parameters(load, &sql);
    if (error == 0)
        error = buffer_append_text(&sql, ")");
    if (error == 0) {
        int code = sqlite_prepare_text(load->target, &sql, &load->lay_down);

        error = code == SQLITE_OK ? 0 : fail(load, code, failure);
    }
    buffer_release(&sql);
    return error;
}

/* So that a key is found among the rows laid down as the table itself compares it. */
static int index_stage(struct sqlite_load *load, struct failure *failure)
{
    const struct row_work *work = &load->work;
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error =
        buffer_print(&sql, "CREATE INDEX main.\"%s key\" ON \"%s\"(", load->stage, load->stage);

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        const char *collation = "BINARY";

        sqlite3_table_column_metadata(
            load->target->connection.database, "main", load->table->schema->name,
            load->table->raw_columns[work->plan.key[k]], NULL, &collation, NULL, NULL, NULL);
        error = buffer_print(&sql, "%sc%zu COLLATE ", k == 0 ? "" : ",", work->key_places[k]);
        if (error == 0)
            error = sqlite_add_name(&sql, collation);
    }
    if (error == 0)
        error = buffer_append(&sql, ")", 2);
    if (error == 0)
        error = run(load, failure, "%s", (const char *)sql.data);
    buffer_release(&sql);
    return error;
}

/* "NOT EXISTS (…)" of a row of the table, called doomed, that was not laid down. */
static int write_doomed(const struct sqlite_load *load, struct buffer *sql)
{
    const struct row_work *work = &load->work;
    int error = buffer_print(sql, "NOT EXISTS (SELECT 1 FROM main.\"%s\" WHERE ", load->stage);

    for (size_t k = 0; k < work->plan.key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "doomed." : " AND doomed.");
        if (error == 0)
            error = sqlite_add_name(sql, load->table->raw_columns[work->plan.key[k]]);
        if (error == 0)
            error = buffer_print(sql, " IS c%zu", work->key_places[k]);
    }
    return error == 0 ? buffer_append(sql, ")", 2) : error;
}

static int remove_others(struct load *base, struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;
    struct buffer doomed = BUFFER(SQLITE_SQL_LIMIT);
    int error;

    if (load->stage == NULL)
        return 0;
    error = index_stage(load, failure);
    if (error == 0)
        error = write_doomed(load, &doomed);
    if (error == 0)
        error = sqlite_check_referrers(load->target, load->table->schema, (const char *)doomed.data,
                                       NULL, 0, failure);
    if (error == 0)
        error = run(load, failure, "DELETE FROM main.\"%w\" AS doomed WHERE %s",
                    load->table->schema->name, (const char *)doomed.data);
    if (error == 0)
        base->counts.deleted = (uint64_t)sqlite3_changes64(load->target->connection.database);
    buffer_release(&doomed);
    return error;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static int bind_row(const struct sqlite_load *load, sqlite3_stmt *statement)
{
    int parameters = sqlite3_bind_parameter_count(statement);
    int code = SQLITE_OK;

    for (size_t i = 0; i < load->work.column_count && (int)i < parameters && code == SQLITE_OK; i++)
        code = sqlite_bind_cell(statement, (int)i + 1, &load->work.cells[i]);
    return code;
}

/* Binds the row and runs the statement: SQLITE_ROW, SQLITE_DONE, or what went wrong. */
static int run_row(const struct sqlite_load *load, sqlite3_stmt *statement)
{
    int code = bind_row(load, statement);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        sqlite3_reset(statement);
        return code;
    }
    return sqlite3_reset(statement) == SQLITE_OK ? code : SQLITE_ERROR;
}

/* Whether a unique value that another row has may yet become free: some rows are changed. */
static bool may_wait(const struct sqlite_load *load)
{
    enum load_mode mode = load->work.plan.mode;

    return !load->was_empty && (mode == LOAD_UPSERT || mode == LOAD_REPLACE);
}

static int let_wait(struct sqlite_load *load, const struct cell *cells, struct failure *failure)
{
    int error = load->waiting == NULL ? sqlite_waiting_create(load->target, load->table,
                                                              &load->work, &load->waiting, failure)
                                      : 0;

    return error == 0 ? sqlite_waiting_add(load->waiting, cells, failure) : error;
}

/* A row that SQLite refuses; whatever else goes wrong ends the load. */
static int refuse(struct sqlite_load *load, const struct cell *cells, int code,
                  struct failure *failure)
{
    bool mismatch = (code & 0xff) == SQLITE_MISMATCH;
    const struct bad_row bad = {.cells = cells,
                                .reason = mismatch
                                              ? "an INTEGER PRIMARY KEY takes whole numbers alone"
                                              : sqlite3_errmsg(load->target->connection.database)};
    bool taken = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                 code == SQLITE_CONSTRAINT_ROWID;

    if ((code & 0xff) != SQLITE_CONSTRAINT && !mismatch)
        return fail(load, code, failure);
    if (load->settling) {
        load->is_taken = true;
        return 0;
    }
    if (taken && may_wait(load))
        return let_wait(load, cells, failure);
    return row_work_refuse(&load->work, &bad, taken ? EEXIST : EINVAL, failure);
}

static int read_cells(struct sqlite_load *load, sqlite3_stmt *statement, struct row_sum *sum)
{
    for (size_t i = 0; i < load->work.column_count; i++)
        load->back[i] = sqlite_value_cell(statement, (int)i, load->numbers[i]);
    return row_sum_add(sum, load->work.fits, load->back, load->work.column_count,
                       &load->work.value);
}

static int differs(const struct sqlite_load *load, struct failure *failure)
{
    return failure_set(failure, EIO,
                       "table \"%s\": row %llu does not read back as it was written: a trigger, or "
                       "the declared type of a column, makes something else of it",
                       load->table->schema->name, (unsigned long long)load->load.counts.put);
}

/* Reads the row back that was written last, and compares. */
static int compare_row(struct sqlite_load *load, struct failure *failure)
{
    struct row_sum written = {0}, back = {0};
    sqlite3_stmt *statement = load->read_back;
    int code = load->by_rowid
                   ? sqlite3_bind_int64(
                         statement, 1, sqlite3_last_insert_rowid(load->target->connection.database))
                   : bind_row(load, statement);
    int error = row_work_sum(&load->work, &written);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW && error == 0)
        error = read_cells(load, statement, &back);
    sqlite3_reset(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return fail(load, code, failure);
    if (error == 0 && !row_sum_equal(&written, &back))
        return differs(load, failure);
    return error;
}

/* Remembers what was written, or reads it back at once. */
static int note_written(struct sqlite_load *load, struct failure *failure)
{
    if (load->was_empty)
        return row_work_sum(&load->work, &load->sum);
    return load->read_back != NULL ? compare_row(load, failure) : 0;
}

/* 1: the row was there and is dealt with; 0: it is to be inserted; -errno. */
static int meet(struct sqlite_load *load, const struct cell *cells, struct failure *failure)
{
    sqlite3_stmt *statement =
        load->work.plan.mode == LOAD_MISSING || load->update == NULL ? load->exists : load->update;
    int code = run_row(load, statement);
    bool found;

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        int error = refuse(load, cells, code, failure);

        return error != 0 ? error : 1;
    }
    found = statement == load->exists ? code == SQLITE_ROW
                                      : sqlite3_changes64(load->target->connection.database) != 0;
    if (!found)
        return 0;
    if (load->work.plan.mode == LOAD_MISSING) {
        load->load.counts.kept++;
        return 1;
    }
    if (load->was_empty ||
        (statement == load->update && sqlite3_changes64(load->target->connection.database) > 1)) {
        const struct bad_row bad = {.cells = cells,
                                    .reason = "several rows have this key: it is none"};
        int error = row_work_refuse(&load->work, &bad, EEXIST, failure);

        /* An update cannot be taken back alone. */
        return error != 0 ? error : -EEXIST;
    }
    load->load.counts.updated++;

    int error = note_written(load, failure);

    return error == 0 ? 1 : error;
}

/* CELLS: as they were put, for words; NULL: not at hand. */
static int write_row(struct sqlite_load *load, const struct cell *cells, struct failure *failure)
{
    if (load->work.plan.mode != LOAD_APPEND) {
        int met = meet(load, cells, failure);

        if (met != 0)
            return met < 0 ? met : 0;
    }

    int code = run_row(load, load->insert);

    if (code != SQLITE_DONE)
        return refuse(load, cells, code, failure);
    load->load.counts.inserted++;
    return note_written(load, failure);
}

static int put(struct load *base, const struct cell *cells, struct cursor *cursor,
               struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;
    int taken = row_work_take(&load->work, cells, cursor, failure);

    if (taken <= 0)
        return taken;
    if (load->stage == NULL)
        return write_row(load, cells, failure);

    int code = run_row(load, load->lay_down);

    return code == SQLITE_DONE ? 0 : fail(load, code, failure);
}

static int end(struct load *base, struct failure *failure)
{
    const struct sqlite_load *load = (const struct sqlite_load *)base;

    (void)failure;
    base->counts.digest[0] = load->sum.high;
    base->counts.digest[1] = load->sum.low;
    return 0;
}

/* As sqlite_waiting_write. */
static int write_waiting(void *context, struct failure *failure)
{
    struct sqlite_load *load = context;
    int error;

    load->is_taken = false;
    error = write_row(load, NULL, failure);
    return error != 0 ? error : !load->is_taken;
}

static int settle(struct sqlite_load *load, struct failure *failure)
{
    int error;

    if (load->waiting == NULL)
        return 0;
    load->settling = true;
    error = sqlite_waiting_settle(load->waiting, write_waiting, load, &load->load.counts, failure);
    load->settling = false;
    return error;
}

/* Writes the rows that were laid down. */
static int merge_stage(struct sqlite_load *load, struct failure *failure)
{
    sqlite3_stmt *rows = NULL;
    int error = 0;
    int code;

    if (load->stage == NULL)
        return 0;
    code = connection_prepare(&load->target->connection, &rows, "SELECT * FROM main.\"%w\"",
                              load->stage);
    while (code == SQLITE_OK && error == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        for (size_t i = 0; i < load->work.column_count; i++)
            load->work.cells[i] = sqlite_value_cell(rows, (int)i, load->numbers[i]);
        error = write_row(load, NULL, failure);
        code = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    if (error == 0 && code != SQLITE_DONE)
        error = fail(load, code, failure);
    return error == 0 ? run(load, failure, "DROP TABLE main.\"%w\"", load->stage) : error;
}

static int merge(struct load *base, struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;
    int error = merge_stage(load, failure);

    return error == 0 ? settle(load, failure) : error;
}

static int verify(struct load *base, struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;
    struct row_sum back = {0};
    int error = 0;
    int code;

    if (!load->was_empty)
        return 0;
    while ((code = sqlite3_step(load->read_back)) == SQLITE_ROW && error == 0)
        error = read_cells(load, load->read_back, &back);
    sqlite3_reset(load->read_back);
    if (error == 0 && code != SQLITE_DONE)
        return fail(load, code, failure);
    if (error == 0 && !row_sum_equal(&load->sum, &back))
        return failure_set(failure, EIO,
                           "table \"%s\": the %llu rows do not read back as they were written",
                           load->table->schema->name, (unsigned long long)back.rows);
    return error;
}

static void close_load(struct load *base)
{
    struct sqlite_load *load = (struct sqlite_load *)base;

    sqlite3_finalize(load->lay_down);
    sqlite3_finalize(load->exists);
    sqlite3_finalize(load->update);
    sqlite3_finalize(load->insert);
    sqlite3_finalize(load->read_back);
    sqlite_waiting_free(load->waiting);
    row_work_release(&load->work);
    free(load->numbers);
    free(load->back);
    sqlite3_free(load->stage);
    free(load);
}

static const struct load_class class = {
    .put = put,
    .end = end,
    .remove = remove_others,
    .merge = merge,
    .verify = verify,
    .close = close_load,
};

/* ---- Opening --------------------------------------------------------------------------------- */

static int look_whether_empty(struct sqlite_load *load, struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    int code = connection_prepare(&load->target->connection, &statement,
                                  "SELECT 1 FROM main.\"%w\" LIMIT 1", load->table->schema->name);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    load->was_empty = code == SQLITE_DONE;
    sqlite3_finalize(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : fail(load, code, failure);
}

/* How a written row is found again. */
static int prepare_read_back(struct sqlite_load *load, struct failure *failure)
{
    bool has_key = load->work.plan.key_count != 0;

    for (size_t k = 0; k < load->work.plan.key_count; k++)
        has_key = has_key && load->work.key_places[k] != SIZE_MAX;
    load->by_rowid = load->work.plan.mode == LOAD_APPEND && !load->table->without_rowid &&
                     load->table->rowid != NULL;
    if (!load->was_empty && !load->by_rowid && !has_key)
        return 0;
    return prepare(load, write_read_back, &load->read_back, failure);
}

static int prepare_all(struct sqlite_load *load, struct failure *failure)
{
    bool finds = load->work.plan.mode != LOAD_APPEND;
    int error = prepare(load, write_insert, &load->insert, failure);

    if (error == 0 && finds)
        error = prepare(load, write_exists, &load->exists, failure);
    if (error == 0 && finds && load->work.plan.mode != LOAD_MISSING)
        error = prepare_update(load, failure);
    if (error == 0)
        error = prepare_read_back(load, failure);
    return error;
}

int sqlite_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                     struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    const struct table *table = sqlite_target_table(target, plan->table);
    struct sqlite_load *load;

    if (table == NULL || plan->table->kind != RELATION_TABLE)
        return failure_set(failure, EINVAL, "\"%s\" is no table that can be written",
                           plan->table->name);
    load = calloc(1, sizeof *load);
    if (load == NULL)
        return -ENOMEM;
    load->load.class = &class;
    load->target = target;
    load->table = table;

    int error = row_work_create(&load->work, ENGINE_SQLITE, plan, &load->load.counts, failure);

    if (error == 0) {
        load->numbers = allocate_array(load->work.column_count, sizeof *load->numbers);
        load->back = allocate_array(load->work.column_count, sizeof *load->back);
        error = load->numbers == NULL || load->back == NULL ? -ENOMEM
                                                            : look_whether_empty(load, failure);
    }
    if (error == 0)
        error = prepare_all(load, failure);
    if (error == 0 && plan->mode == LOAD_REPLACE && !load->was_empty) {
        load->stage =
            sqlite3_mprintf("crmfs restore %llu", (unsigned long long)target->staged_count + 1);
        error = load->stage != NULL ? create_stage(load, failure) : -ENOMEM;
        if (error == 0)
            error = sqlite_note_staged(target, table, load->stage, &load->work);
    }
    if (error != 0) {
        close_load(&load->load);
        return error;
    }
    *ret_load = &load->load;
    return 0;
}
