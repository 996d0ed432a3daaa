/* SPDX-License-Identifier: MIT */
/*
 * Rows written into an SQLite table, one prepared statement each. A row is sought by its key first,
 * then updated or inserted: so it goes with any key, unique or not. One whose unique value another
 * one still has waits (sqlite_waiting.h).
 *
 * What a table says should be done on a conflict (ON CONFLICT REPLACE, which deletes the other row)
 * is not done: OR ABORT overrides it.
 */
#include <errno.h>

#include "backends/target/sqlite_load.h"
#include "backends/target/sqlite_orphans.h"
#include "backends/target/sqlite_statements.h"

/* ---- Statements ------------------------------------------------------------------------------ */

static int prepare_insert(struct sqlite_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    bool any = load->work.column_count != 0;
    int error = buffer_append_text(&sql, "INSERT OR ABORT INTO main.");

    if (error == 0)
        error = sqlite_add_name(&sql, sqlite_load_name(load));
    if (error == 0)
        error = buffer_append_text(&sql, any ? "(" : " DEFAULT VALUES");
    if (error == 0 && any)
        error = sqlite_add_columns(&sql, load->table, &load->work);
    if (error == 0 && any)
        error = buffer_append_text(&sql, ") VALUES (");
    if (error == 0 && any)
        error = sqlite_add_parameters(&sql, &load->work, 1);
    if (error == 0 && any)
        error = buffer_append_text(&sql, ")");
    return sqlite_prepare_text(load->target, sqlite_load_name(load), &sql, error, &load->insert,
                               failure);
}

static int prepare_exists(struct sqlite_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = buffer_append_text(&sql, "SELECT 1 FROM main.");

    if (error == 0)
        error = sqlite_add_name(&sql, sqlite_load_name(load));
    if (error == 0)
        error = sqlite_add_where_key(&sql, load->table, &load->work);
    return sqlite_prepare_text(load->target, sqlite_load_name(load), &sql, error, &load->exists,
                               failure);
}

static int prepare_update(struct sqlite_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    bool any = false;
    int error = sqlite_add_update(&sql, load->table, &load->work, NULL, &any);

    if (error == 0 && any)
        return sqlite_prepare_text(load->target, sqlite_load_name(load), &sql, error, &load->update,
                                   failure);
    buffer_release(&sql);
    return error;
}

int sqlite_write_prepare(struct sqlite_load *load, struct failure *failure)
{
    bool finds = load->work.plan.mode != LOAD_APPEND;
    int error = prepare_insert(load, failure);

    if (error == 0 && finds)
        error = prepare_exists(load, failure);
    if (error == 0 && finds && load->work.plan.mode != LOAD_MISSING)
        error = prepare_update(load, failure);
    return error;
}

/* ---- Rows that SQLite refuses ---------------------------------------------------------------- */

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
        return sqlite_load_fail(load, code, failure);
    if (load->settling) {
        load->is_taken = true;
        return 0;
    }
    if (taken && may_wait(load))
        return let_wait(load, cells, failure);
    return row_work_refuse(&load->work, &bad, taken ? EEXIST : EINVAL, failure);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* A row whose key another one of the load has. */
static int refuse_second(struct sqlite_load *load, const struct cell *cells,
                         struct failure *failure)
{
    const struct bad_row bad = {.cells = cells, .reason = "several rows have this key: it is none"};

    return row_work_refuse(&load->work, &bad, EEXIST, failure);
}

static int open_seen(struct sqlite_load *load, struct failure *failure)
{
    return load->seen == NULL
               ? sqlite_seen_create(load->target, load->table, &load->work, &load->seen, failure)
               : 0;
}

/* 1: no row of its key came before; 0; -errno. */
static int is_first(struct sqlite_load *load, struct failure *failure)
{
    enum load_mode mode = load->work.plan.mode;
    int error;

    /* What waits has come before itself; in a table that was empty, what is there was put. */
    if (load->was_empty || load->settling || mode == LOAD_APPEND || mode == LOAD_MISSING)
        return 1;
    error = open_seen(load, failure);
    return error == 0 ? sqlite_seen_add(load->seen, failure) : error;
}

/* Of LOAD_MISSING those rows count that were inserted. */
static int note_inserted(struct sqlite_load *load, struct failure *failure)
{
    int error = 0;

    if (load->was_empty || load->work.plan.mode != LOAD_MISSING)
        return 0;
    error = open_seen(load, failure);
    if (error == 0)
        error = sqlite_seen_add(load->seen, failure);
    return error < 0 ? error : 0;
}

/* A row that is not missing: it was there before, or another one of the load is it. */
static int keep(struct sqlite_load *load, const struct cell *cells, struct failure *failure)
{
    int second = load->seen != NULL ? sqlite_seen_has(load->seen, failure) : load->was_empty;
    int error = second == 1 ? refuse_second(load, cells, failure) : second;

    if (second == 0)
        load->load.counts.kept++;
    return error != 0 ? error : 1;
}

/* 1: the row was there and is dealt with; 0: it is to be inserted; -errno. */
static int meet(struct sqlite_load *load, const struct cell *cells, struct failure *failure)
{
    bool looks = load->work.plan.mode == LOAD_MISSING || load->update == NULL || load->was_empty;
    sqlite3_stmt *statement = looks ? load->exists : load->update;
    int code = sqlite_run_row(statement, &load->work);
    bool found;

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        int error = refuse(load, cells, code, failure);

        return error != 0 ? error : 1;
    }
    found = statement == load->exists ? code == SQLITE_ROW
                                      : sqlite3_changes64(load->target->connection.database) != 0;
    if (!found)
        return 0;
    if (load->work.plan.mode == LOAD_MISSING)
        return keep(load, cells, failure);
    if (load->was_empty || (!looks && sqlite3_changes64(load->target->connection.database) > 1)) {
        int error = refuse_second(load, cells, failure);

        /* An update cannot be taken back alone. */
        return error != 0 ? error : looks ? 1 : -EEXIST;
    }
    load->load.counts.updated++;

    int error = sqlite_read_back_row(load, failure);

    return error == 0 ? 1 : error;
}

int sqlite_write_row(struct sqlite_load *load, const struct cell *cells, struct failure *failure)
{
    int first = is_first(load, failure);

    if (first <= 0)
        return first < 0 ? first : refuse_second(load, cells, failure);
    if (load->work.plan.mode != LOAD_APPEND) {
        int met = meet(load, cells, failure);

        if (met != 0)
            return met < 0 ? met : 0;
    }

    int code = sqlite_run_row(load->insert, &load->work);

    if (code != SQLITE_DONE)
        return refuse(load, cells, code, failure);
    load->load.counts.inserted++;

    int error = sqlite_note_added(load->target, load->table, failure);

    if (error == 0)
        error = note_inserted(load, failure);
    return error == 0 ? sqlite_read_back_row(load, failure) : error;
}

/* As sqlite_waiting_write. */
static int write_waiting(void *context, struct failure *failure)
{
    struct sqlite_load *load = context;
    int error;

    load->is_taken = false;
    error = sqlite_write_row(load, NULL, failure);
    return error != 0 ? error : !load->is_taken;
}

int sqlite_write_waiting(struct sqlite_load *load, struct failure *failure)
{
    int error;

    if (load->waiting == NULL)
        return 0;
    load->settling = true;
    error = sqlite_waiting_settle(load->waiting, write_waiting, load, &load->load.counts, failure);
    load->settling = false;
    return error;
}
