/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_waiting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/packed_cells.h"
#include "backends/target/sqlite_give_up.h"
#include "backends/target/sqlite_statements.h"
#include "fs/base/memory.h"

#define CELLS_LIMIT ((size_t)1 << 30)
#define REFUSED_MOST 100000 /* that are remembered at a time */

struct refused {
    int64_t id; /* its rowid among those that wait */
    char *why;
};

struct sqlite_waiting {
    struct sqlite_target *target;
    const struct table *table;
    struct row_work *work;
    struct sqlite_give_up *give_up;
    char *name; /* of the table that they wait in */
    sqlite3_stmt *add;
    struct buffer packed; /* of add */
    char (*numbers)[32];
    struct cell *put; /* cell_count of them */
    struct refused *refused;
    size_t refused_count;
};

static const char *table_name(const struct sqlite_waiting *waiting)
{
    return waiting->table->schema->name;
}

static int fail(const struct sqlite_waiting *waiting, int code, struct failure *failure)
{
    return sqlite_target_failure(waiting->target, code, table_name(waiting), failure);
}

/* Runs SQL of a FORMAT with the waiting room's name in it. */
static int run(const struct sqlite_waiting *waiting, const char *format, struct failure *failure)
{
    return sqlite_run(waiting->target, table_name(waiting), failure, format, waiting->name);
}

/* ---- The waiting room ------------------------------------------------------------------------ */

static int create_table(struct sqlite_waiting *waiting, struct failure *failure)
{
    cleanup_buffer struct buffer columns = BUFFER(SQLITE_SQL_LIMIT);
    int error = sqlite_add_laid_down(&columns, waiting->work);

    if (error == 0)
        error = buffer_append(&columns, "", 1);
    return error == 0 ? sqlite_run(waiting->target, table_name(waiting), failure,
                                   "CREATE TABLE main.\"%w\"(id INTEGER PRIMARY KEY, "
                                   "number INTEGER, put BLOB, %s)",
                                   waiting->name, (const char *)columns.data)
                      : error;
}

static int prepare_add(struct sqlite_waiting *waiting, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_print(&sql, "INSERT INTO main.\"%s\" VALUES(NULL,?1,?2,", waiting->name);

    if (error == 0)
        error = sqlite_add_parameters(&sql, waiting->work, 3);
    if (error == 0)
        error = buffer_append_text(&sql, ")");
    return sqlite_prepare_text(waiting->target, table_name(waiting), &sql, error, &waiting->add,
                               failure);
}

int sqlite_waiting_create(struct sqlite_target *target, const struct table *table,
                          struct row_work *work, struct sqlite_waiting **ret_waiting,
                          struct failure *failure)
{
    struct sqlite_waiting *waiting = calloc(1, sizeof *waiting);
    int error;

    if (waiting == NULL)
        return -ENOMEM;
    *waiting = (struct sqlite_waiting){.target = target, .table = table, .work = work};
    waiting->packed = BUFFER(CELLS_LIMIT);
    waiting->name = sqlite3_mprintf("crmfs waiting %llu", (unsigned long long)++target->room_count);
    waiting->numbers = allocate_array(work->column_count, sizeof *waiting->numbers);
    waiting->put = allocate_array(work->plan.cell_count, sizeof *waiting->put);
    waiting->refused = allocate_array(REFUSED_MOST, sizeof *waiting->refused);
    error = waiting->name != NULL && waiting->numbers != NULL && waiting->put != NULL &&
                    waiting->refused != NULL
                ? sqlite_give_up_create(target, table, work, &waiting->give_up, failure)
                : -ENOMEM;
    if (error == 0)
        error = create_table(waiting, failure);
    if (error == 0)
        error = prepare_add(waiting, failure);
    if (error != 0) {
        sqlite_waiting_free(waiting);
        return error;
    }
    *ret_waiting = waiting;
    return 0;
}

int sqlite_waiting_add(struct sqlite_waiting *waiting, const struct cell *cells,
                       struct failure *failure)
{
    const struct row_work *work = waiting->work;
    sqlite3_stmt *add = waiting->add;
    int code = SQLITE_OK;

    buffer_clear(&waiting->packed);
    sqlite3_clear_bindings(add);
    if (cells != NULL) {
        int error = packed_cells_append(&waiting->packed, cells, work->plan.cell_count);

        if (error != 0)
            return error;
        code = sqlite3_bind_int64(add, 1, (sqlite3_int64)work->counts->put);
        if (code == SQLITE_OK)
            code = sqlite3_bind_blob64(add, 2, waiting->packed.data, waiting->packed.size,
                                       SQLITE_STATIC);
    }
    if (code == SQLITE_OK)
        code = sqlite_bind_row(add, 3, work);
    if (code == SQLITE_OK)
        code = sqlite3_step(add);
    sqlite3_reset(add);
    return code == SQLITE_DONE ? 0 : fail(waiting, code, failure);
}

/* ---- Writing --------------------------------------------------------------------------------- */

static int open_rows(struct sqlite_waiting *waiting, sqlite3_stmt **ret_rows)
{
    return connection_prepare(&waiting->target->connection, ret_rows,
                              "SELECT * FROM main.\"%w\" ORDER BY id", waiting->name);
}

/* Has the row that ROWS stands on under way. */
static void take_row(struct sqlite_waiting *waiting, sqlite3_stmt *rows)
{
    sqlite_take_cells(rows, 3, waiting->work->column_count, waiting->work->cells, waiting->numbers);
}

static int give_up_rows(struct sqlite_waiting *waiting, struct failure *failure)
{
    sqlite3_stmt *rows = NULL;
    int code = open_rows(waiting, &rows);
    int error = 0;

    while (code == SQLITE_OK && error == 0 && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        take_row(waiting, rows);
        error = sqlite_give_up_row(waiting->give_up, sqlite3_column_int64(rows, 0), failure);
        code = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    return error != 0 || code == SQLITE_DONE ? error : fail(waiting, code, failure);
}

static int give_up_values(struct sqlite_waiting *waiting, struct failure *failure)
{
    int begun = sqlite_give_up_begin(waiting->give_up, failure);
    int error = begun == 1 ? give_up_rows(waiting, failure) : begun;

    sqlite_give_up_end(waiting->give_up);
    return error;
}

static int note_refused(struct sqlite_waiting *waiting, int64_t id)
{
    struct refused *refused = &waiting->refused[waiting->refused_count];

    *refused = (struct refused){id, strdup(sqlite3_errmsg(waiting->target->connection.database))};
    if (refused->why == NULL)
        return -ENOMEM;
    waiting->refused_count++;
    return 0;
}

static void forget_refused(struct sqlite_waiting *waiting)
{
    for (size_t i = 0; i < waiting->refused_count; i++)
        free(waiting->refused[i].why);
    waiting->refused_count = 0;
}

static int write_rows(struct sqlite_waiting *waiting, sqlite_waiting_write *write, void *context,
                      struct failure *failure)
{
    sqlite3_stmt *rows = NULL;
    int code = open_rows(waiting, &rows);
    int error = 0;

    while (code == SQLITE_OK && error == 0 && waiting->refused_count < REFUSED_MOST &&
           (code = sqlite3_step(rows)) == SQLITE_ROW) {
        take_row(waiting, rows);
        error = write(context, failure);
        if (error == 0)
            error = note_refused(waiting, sqlite3_column_int64(rows, 0));
        else if (error == 1)
            error = 0;
        code = SQLITE_OK;
    }
    sqlite3_finalize(rows);
    return error != 0 || code == SQLITE_DONE || code == SQLITE_OK ? error
                                                                  : fail(waiting, code, failure);
}

/* Tells of a row that what it is to have is taken for good; it waits no more. */
static int refuse_row(struct sqlite_waiting *waiting, const struct refused *refused,
                      struct failure *failure)
{
    sqlite3_stmt *row = NULL;
    struct bad_row bad = {.reason = refused->why};
    int error = 0;
    int code = connection_prepare(&waiting->target->connection, &row,
                                  "DELETE FROM main.\"%w\" WHERE id=%lld RETURNING number, put",
                                  waiting->name, (long long)refused->id);

    if (code == SQLITE_OK)
        code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        const void *packed = sqlite3_column_blob(row, 1);

        if (packed != NULL) {
            packed_cells_read(packed, waiting->put, waiting->work->plan.cell_count);
            bad.cells = waiting->put;
            bad.number = (uint64_t)sqlite3_column_int64(row, 0);
        }
        error = row_work_refuse(waiting->work, &bad, EEXIST, failure);
        code = sqlite3_step(row);
    }
    sqlite3_finalize(row);
    return error != 0 || code == SQLITE_DONE ? error : fail(waiting, code, failure);
}

static int refuse_rows(struct sqlite_waiting *waiting, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < waiting->refused_count && error == 0; i++)
        error = refuse_row(waiting, &waiting->refused[i], failure);
    forget_refused(waiting);
    return error;
}

int sqlite_waiting_settle(struct sqlite_waiting *waiting, sqlite_waiting_write *write,
                          void *context, struct load_counts *counts, struct failure *failure)
{
    bool again = true;
    int error = 0;

    while (again && error == 0) {
        const struct load_counts before = *counts;

        error = run(waiting, "SAVEPOINT \"%w\"", failure);
        if (error == 0)
            error = give_up_values(waiting, failure);
        if (error == 0)
            error = write_rows(waiting, write, context, failure);
        again = waiting->refused_count != 0;
        /* Without those that are refused: what they have they keep. */
        if (error == 0 && again) {
            *counts = before;
            error = run(waiting, "ROLLBACK TO \"%w\"", failure);
        }
        if (error == 0)
            error = run(waiting, "RELEASE \"%w\"", failure);
        if (error == 0)
            error = refuse_rows(waiting, failure);
    }
    return error == 0 ? run(waiting, "DROP TABLE main.\"%w\"", failure) : error;
}

void sqlite_waiting_free(struct sqlite_waiting *waiting)
{
    if (waiting == NULL)
        return;
    if (waiting->refused != NULL)
        forget_refused(waiting);
    sqlite3_finalize(waiting->add);
    sqlite3_free(waiting->name);
    sqlite_give_up_free(waiting->give_up);
    buffer_release(&waiting->packed);
    free(waiting->numbers);
    free(waiting->put);
    free(waiting->refused);
    free(waiting);
}
