/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_load.h"

#include <errno.h>
#include <stdlib.h>

#include "backends/target/sqlite_orphans.h"

static int put(struct load *base, const struct cell *cells, struct cursor *cursor,
               struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;
    int taken = row_work_take(&load->work, cells, cursor, failure);

    if (taken <= 0)
        return taken;
    return load->stage == NULL
               ? sqlite_write_row(load, row_work_as_put(&load->work, cells), failure)
               : sqlite_stage_add(load->stage, failure);
}

static int end(struct load *base, struct failure *failure)
{
    const struct sqlite_load *load = (const struct sqlite_load *)base;

    (void)failure;
    base->counts.digest[0] = load->sum.high;
    base->counts.digest[1] = load->sum.low;
    return 0;
}

static int remove_others(struct load *base, struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;

    return load->stage != NULL
               ? sqlite_stage_remove_others(load->stage, &base->counts.deleted, failure)
               : 0;
}

/* As sqlite_stage_write. */
static int write_laid_down(void *context, struct failure *failure)
{
    return sqlite_write_row(context, NULL, failure);
}

static int merge(struct load *base, struct failure *failure)
{
    struct sqlite_load *load = (struct sqlite_load *)base;
    int error =
        load->stage != NULL ? sqlite_stage_merge(load->stage, write_laid_down, load, failure) : 0;

    if (error == 0)
        error = sqlite_write_waiting(load, failure);
    return error == 0 && load->seen != NULL ? sqlite_seen_end(load->seen, failure) : error;
}

static int verify(struct load *base, struct failure *failure)
{
    return sqlite_read_back_all((struct sqlite_load *)base, failure);
}

static void close_load(struct load *base)
{
    struct sqlite_load *load = (struct sqlite_load *)base;

    sqlite3_finalize(load->exists);
    sqlite3_finalize(load->update);
    sqlite3_finalize(load->insert);
    sqlite3_finalize(load->read_back);
    sqlite3_finalize(load->read_new);
    sqlite_seen_free(load->seen);
    sqlite_stage_free(load->stage);
    sqlite_waiting_free(load->waiting);
    row_work_release(&load->work);
    free(load->numbers);
    free(load->back);
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
                                  "SELECT 1 FROM main.\"%w\" LIMIT 1", sqlite_load_name(load));

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    load->was_empty = code == SQLITE_DONE;
    sqlite3_finalize(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW ? 0 : sqlite_load_fail(load, code, failure);
}

static int prepare(struct sqlite_load *load, struct failure *failure)
{
    int error = look_whether_empty(load, failure);

    if (error == 0)
        error = sqlite_write_prepare(load, failure);
    if (error == 0)
        error = sqlite_read_back_prepare(load, failure);
    if (error == 0 && load->work.plan.mode == LOAD_REPLACE && !load->was_empty)
        error = sqlite_stage_create(load->target, load->table, &load->work, &load->stage, failure);
    return error;
}

int sqlite_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                     struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    const struct table *table = sqlite_target_table(target, plan->table);
    struct sqlite_load *load;
    int error;

    if (table == NULL || plan->table->kind != RELATION_TABLE)
        return failure_set(failure, EINVAL, "\"%s\" is no table that can be written",
                           plan->table->name);
    load = calloc(1, sizeof *load);
    if (load == NULL)
        return -ENOMEM;
    /* While a row is being read, no table can be dropped again. */
    sqlite3_finalize(target->locked);
    target->locked = NULL;
    load->load.class = &class;
    load->target = target;
    load->table = table;
    error = row_work_create(&load->work, ENGINE_SQLITE, plan, &load->load.counts, failure);
    if (error == 0 && !target->unrelated)
        error = sqlite_make_referred(target, failure);
    if (error == 0 && !target->unrelated)
        error = sqlite_watch_orphans(
            target, table, plan->mode == LOAD_APPEND || plan->mode == LOAD_MISSING, failure);
    if (error == 0)
        error = prepare(load, failure);
    if (error != 0) {
        close_load(&load->load);
        return error;
    }
    *ret_load = &load->load;
    return 0;
}
