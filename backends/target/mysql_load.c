/* SPDX-License-Identifier: MIT */
#include "backends/target/mysql_load.h"

#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_follower.h"
#include "backends/target/mysql_read_back.h"
#include "fs/base/memory.h"

static const char *table_name(const struct mysql_load *load)
{
    return load->place->table->schema->name;
}

/* ---- Statements ------------------------------------------------------------------------------ */

/* What is the rows' own fault, or a trigger finds to be, in the server's words. 0: it is not. */
static int rows_failure(const struct mysql_load *load, MYSQL *handle, struct failure *failure)
{
    unsigned number = mysql_errno(handle);
    int code = number == ER_DUP_ENTRY                                               ? EEXIST
               : number == ER_SIGNAL_EXCEPTION || number == ER_NO_DEFAULT_FOR_FIELD ? EINVAL
                                                                                    : 0;

    return code == 0 ? 0
                     : failure_set(failure, code, "table \"%s\": %.400s (%u)", table_name(load),
                                   mysql_error(handle), number);
}

/* The error of the last call, in words; 0: it had none. */
static int query_failure(const struct mysql_load *load, struct failure *failure)
{
    struct mysql_target *target = load->target;
    MYSQL *handle = target->link->handle;
    int error = mysql_errno(handle) != 0 ? rows_failure(load, handle, failure) : 0;

    if (error != 0 || mysql_errno(handle) == 0)
        return error;
    return mysql_link_failure(target->source, target->link, NULL, failure);
}

/*
 * Runs what SQL holds, which is released. *ret_rows: NULL when it gives none; they come with
 * mysql_fetch_row, whose end is an error's, too.
 */
static int query(struct mysql_load *load, struct buffer *sql, MYSQL_RES **ret_rows,
                 struct failure *failure)
{
    struct mysql_link *link = load->target->link;
    MYSQL *handle = link->handle;

    mysql_link_wait_begins(link);

    bool done = mysql_real_query(handle, (const char *)sql->data, sql->size) == 0;

    mysql_link_wait_ends(link);
    buffer_release(sql);
    *ret_rows = done ? mysql_use_result(handle) : NULL;
    return *ret_rows != NULL ? 0 : query_failure(load, failure);
}

static int run(struct server_load *base, struct buffer *sql, uint64_t *ret_number,
               struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = query(load, sql, &rows, failure);
    MYSQL_ROW row = rows != NULL ? mysql_link_fetch(load->target->link, rows) : NULL;

    if (error == 0 && rows != NULL && row == NULL)
        error = query_failure(load, failure);
    if (error == 0)
        *ret_number = row != NULL && row[0] != NULL
                          ? strtoull(row[0], NULL, 10)
                          : mysql_affected_rows(load->target->link->handle);
    return error;
}

static int ask(struct server_load *base, struct buffer *sql, server_load_take *take,
               struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = query(load, sql, &rows, failure);
    MYSQL_ROW row;

    while (error == 0 && rows != NULL && (row = mysql_link_fetch(load->target->link, rows)) != NULL)
        error = take(base, row[0] != NULL ? row[0] : "", failure);
    return error == 0 && rows != NULL ? query_failure(load, failure) : error;
}

/* ---- Reading back ---------------------------------------------------------------------------- */

static int read_rows(struct mysql_load *load, const struct mysql_table *table, struct row_sum *sum,
                     struct failure *failure)
{
    const struct mysql_part all = {.unordered = true};
    struct mysql_read_back back;
    int error = mysql_read_back_create(&back, load, table, load->target->link);

    if (error == 0)
        error = mysql_read_back_part(&back, &all, NULL, failure);
    row_sum_append(sum, &back.sum);
    mysql_read_back_release(&back);
    return error;
}

static int read_table(struct server_load *base, struct row_sum *sum, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;

    return read_rows(load, load->place->table, sum, failure);
}

static int read_back(struct server_load *base, struct row_sum *sum, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;

    if (load->follower != NULL && mysql_follower_agrees(load->follower, &base->sum)) {
        row_sum_append(sum, &base->sum);
        return 0;
    }
    return read_rows(load, &load->into, sum, failure);
}

static int expect_many(struct server_load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;

    (void)failure;
    load->follower = mysql_follower_begin(load);
    return 0;
}

static void are_in(struct server_load *base, uint64_t rows)
{
    struct mysql_load *load = (struct mysql_load *)base;

    load->target->rows_in += rows;
    if (load->follower != NULL)
        mysql_follower_tell(load->follower, rows);
}

/* ---- The load -------------------------------------------------------------------------------- */

static const struct server_load_class server_class = {
    .dialect = &mysql_dialect,
    .names_lines = false,
    .send = mysql_load_send,
    .expect_many = expect_many,
    .are_in = are_in,
    .run = run,
    .ask = ask,
    .read_back = read_back,
    .read_table = read_table,
};

static int end(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    int error = server_load_end(base, failure);

    load->place->written = base->counts.put != base->counts.refused;
    return error;
}

static int remove_others(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    int error = load->base.work.plan.mode == LOAD_REPLACE ? mysql_note_gone(load, failure) : 0;

    return error == 0 ? server_load_remove(base, failure) : error;
}

static int merge(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    int error = load->base.work.plan.mode == LOAD_UPSERT ? mysql_note_gone(load, failure) : 0;

    if (error == 0)
        error = server_load_merge(base, failure);
    return error == -EIO ? failure_prefix(failure, EINVAL, "nothing was changed") : error;
}

static void close_load(struct load *base)
{
    struct mysql_load *load = (struct mysql_load *)base;

    mysql_follower_free(load->follower);
    if (load->base.stage_sql != NULL)
        schema_release(load->into.schema);
    server_load_release(&load->base);
    mysql_insert_free(load->insert);
    free(load->load_data);
    free(load);
}

static const struct load_class load_class = {
    .put = server_load_put,
    .end = end,
    .remove = remove_others,
    .merge = merge,
    .verify = server_load_verify,
    .close = close_load,
};

/* ---- Opening --------------------------------------------------------------------------------- */

static int look_whether_empty(struct mysql_load *load, bool *ret_empty, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer sql = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = server_load_write(&load->base, "SELECT 1 FROM %t LIMIT 1 FOR UPDATE", &sql);

    if (error == 0)
        error = mysql_target_ask(load->target, &sql, &rows, failure);
    buffer_release(&sql);
    if (error == 0)
        *ret_empty = mysql_num_rows(rows) == 0;
    return error;
}

static int check_place(struct mysql_target *target, const struct mysql_place *place,
                       const struct load_plan *plan, struct failure *failure)
{
    const char *engine = place != NULL && !place->is_made ? place->table->engine : "InnoDB";

    if (place == NULL || plan->table->kind != RELATION_TABLE)
        return failure_set(failure, EINVAL, "\"%s\" is no table that can be written",
                           plan->table->name);
    if (strcasecmp(engine, "InnoDB") != 0)
        return failure_set(
            failure, EINVAL,
            "table \"%s\" is of the engine %s, which has no transactions: what failed "
            "could not be taken back. ALTER TABLE … ENGINE=InnoDB, or restore into "
            "another database",
            plan->table->name, engine);
    if (target->made_count != 0 && !place->is_made)
        return failure_set(
            failure, EINVAL,
            "this would make tables and change others (\"%s\"), which MySQL cannot do "
            "at once: restore the tables that are missing first, with --table",
            plan->table->name);
    return 0;
}

static int prepare(struct mysql_load *load, struct failure *failure)
{
    struct buffer name = BUFFER(MYSQL_STATEMENT_LIMIT);
    bool empty = load->place->is_made;
    int error = mysql_add_name(&name, table_name(load));

    if (error == 0)
        error = buffer_append(&name, "", 1);
    load->base.table_sql = (char *)steal_pointer(&name.data);
    load->base.own_sql = load->base.table_sql;
    if (error == 0)
        error = mysql_target_start(load->target, failure);
    if (error == 0 && !empty)
        error = look_whether_empty(load, &empty, failure);
    load->into = *load->place->table;
    load->place->whole = empty;
    if (error == 0 && !empty)
        error = mysql_load_create_stage(load, failure);
    return error == 0 ? mysql_load_prepare(load, failure) : error;
}

int mysql_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                    struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    struct mysql_place *place = mysql_target_place(target, plan->table);
    struct mysql_load *load;
    int error = check_place(target, place, plan, failure);

    if (error != 0)
        return error;
    load = calloc(1, sizeof *load);
    if (load == NULL)
        return -ENOMEM;
    load->target = target;
    load->place = place;
    error =
        server_load_create(&load->base, &load_class, &server_class, ENGINE_MYSQL, plan, failure);
    if (error == 0)
        error = server_load_fail(&load->base, prepare(load, failure), failure);
    if (error != 0) {
        close_load(&load->base.load);
        return error;
    }
    *ret_load = &load->base.load;
    return 0;
}
