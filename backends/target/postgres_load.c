/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/postgres_load.h"
#include "backends/target/postgres_refusal.h"
#include "fs/base/memory.h"

/* ---- Statements ------------------------------------------------------------------------------ */

static int query(struct postgres_load *load, struct buffer *sql, PGresult **ret_result,
                 struct failure *failure)
{
    int error = postgres_target_run(load->target, sql, ret_result, failure);

    buffer_release(sql);
    if (error != 0 && failure != NULL && failure->code == -error)
        failure_prefix(failure, -error, "table \"%s\"", postgres_load_table(load)->schema->name);
    return error;
}

static int run(struct server_load *base, struct buffer *sql, uint64_t *ret_number,
               struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = query((struct postgres_load *)base, sql, &result, failure);

    if (error != 0)
        return error;
    *ret_number = strtoull(PQresultStatus(result) == PGRES_TUPLES_OK ? PQgetvalue(result, 0, 0)
                                                                     : PQcmdTuples(result),
                           NULL, 10);
    return 0;
}

static int run_text(struct postgres_load *load, const char *text, PGresult **ret_result,
                    struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(&sql, text);

    return error == 0 ? query(load, &sql, ret_result, failure) : error;
}

static int declare(struct postgres_load *load, struct buffer *select, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(&sql, "DECLARE crmfs_rows NO SCROLL CURSOR FOR ");

    if (error == 0)
        error = buffer_append(&sql, select->data, select->size);
    buffer_release(select);
    if (error == 0)
        return query(load, &sql, NULL, failure);
    buffer_release(&sql);
    return error;
}

/* As many rows as there are need not be held in memory: they come some at a time. */
static int ask(struct server_load *base, struct buffer *sql, server_load_take *take,
               struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    int error = declare(load, sql, failure);
    bool more = true;

    while (error == 0 && more) {
        cleanup_result PGresult *result = NULL;

        error = run_text(load, "FETCH 1000 FROM crmfs_rows", &result, failure);
        more = error == 0 && PQntuples(result) != 0;
        for (int i = 0; error == 0 && i < PQntuples(result); i++)
            error = take(base, PQgetvalue(result, i, 0), failure);
    }
    return error == 0 ? run_text(load, "CLOSE crmfs_rows", NULL, failure) : error;
}

/* ---- COPY ------------------------------------------------------------------------------------ */

/* What COPY refuses it refuses at the first such line, and takes none of the others. */
static int send_rows(struct server_load *base, const struct row_batch *batch, size_t first,
                     size_t end, struct refusal *ret_refusal, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    cleanup_result PGresult *result = NULL;
    size_t size;
    const void *lines = row_batch_lines(batch, first, end, &size);
    int error =
        postgres_link_send_rows(&load->target->link, load->copy, lines, size, &result, failure);

    if (error != 0)
        return error;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        return 1;
    if (postgres_refusal_read(result, ret_refusal))
        return 0;
    return postgres_target_failure(load->target, result, postgres_load_table(load)->schema->name,
                                   failure);
}

/* Rows that are set aside have to meet the key as they come. */
static int expect_many(struct server_load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;

    return load->place->is_made && base->work.plan.refuse == NULL
               ? postgres_put_off_key(load->target, load->place, failure)
               : 0;
}

/* ---- Reading back ---------------------------------------------------------------------------- */

static int read_rows(struct server_load *base, const char *copy, struct row_sum *sum,
                     struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = server_load_write(base, copy, &sql);

    if (error == 0)
        error = buffer_append(&sql, "", 1);
    return error == 0 ? postgres_read_back(load->target, postgres_load_table(load), &base->work,
                                           (const char *)sql.data, sum, failure)
                      : error;
}

static int read_table(struct server_load *base, struct row_sum *sum, struct failure *failure)
{
    return read_rows(base, "COPY (SELECT %c FROM %o) TO STDOUT", sum, failure);
}

static int read_back(struct server_load *base, struct row_sum *sum, struct failure *failure)
{
    return base->stage_sql != NULL
               ? read_rows(base, "COPY (SELECT %c FROM %s) TO STDOUT", sum, failure)
               : read_table(base, sum, failure);
}

/* ---- The load -------------------------------------------------------------------------------- */

static const struct server_load_class server_class = {
    .dialect = &postgres_dialect,
    .names_lines = true,
    .send = send_rows,
    .expect_many = expect_many,
    .run = run,
    .ask = ask,
    .read_back = read_back,
    .read_table = read_table,
};

static int end(struct load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    int error = server_load_end(base, failure);

    load->place->written = base->counts.put != base->counts.refused;
    if (error == 0)
        error = postgres_make_late_key(load->target, load->place, failure);
    if (error == -EEXIST)
        failure_prefix(failure, EEXIST, "table \"%s\"", postgres_load_table(load)->schema->name);
    return server_load_fail(&load->base, error, failure);
}

/* Rows that others refer to are not deleted, so that nothing cascades. */
static int remove_others(struct load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    cleanup_buffer struct buffer doomed = BUFFER(POSTGRES_SQL_LIMIT);
    int error;

    if (load->base.work.plan.mode != LOAD_REPLACE || load->base.stage_sql == NULL)
        return 0;
    error = server_load_write(&load->base, POSTGRES_DOOMED, &doomed);
    if (error == 0)
        error = buffer_append(&doomed, "", 1);
    if (error == 0)
        error = postgres_check_referrers(load->target, postgres_load_table(load),
                                         (const char *)doomed.data, NULL, 0, failure);
    return error == 0 ? server_load_remove(base, failure)
                      : server_load_fail(&load->base, error, failure);
}

static int verify(struct load *base, struct failure *failure)
{
    int error = postgres_fire_deferred(((struct postgres_load *)base)->target, failure);

    return error == 0 ? server_load_verify(base, failure) : error;
}

static void close_load(struct load *base)
{
    struct postgres_load *load = (struct postgres_load *)base;

    server_load_release(&load->base);
    free(load->copy);
    free(load);
}

static const struct load_class load_class = {
    .put = server_load_put,
    .end = end,
    .remove = remove_others,
    .merge = server_load_merge,
    .verify = verify,
    .close = close_load,
};

/* ---- Opening --------------------------------------------------------------------------------- */

/* A temporary table of the columns that are written, and nothing else. */
static int create_stage(struct postgres_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    unsigned long number = ++load->target->stage_count;
    int error = buffer_print(
        &sql, "CREATE TEMPORARY TABLE crmfs_stage_%lu ON COMMIT DROP AS SELECT ", number);

    if (asprintf(&load->base.stage_sql, "pg_temp.crmfs_stage_%lu", number) < 0) {
        load->base.stage_sql = NULL;
        error = -ENOMEM;
    }
    if (error == 0)
        error = server_load_write(&load->base, "%c FROM %t WITH NO DATA", &sql);
    if (error == 0)
        error = postgres_target_run(load->target, &sql, NULL, failure);
    buffer_release(&sql);
    if (error != 0)
        return error;
    return postgres_note_staged(load->target, postgres_load_table(load), load->base.stage_sql,
                                &load->base.work, failure);
}

/* SQL as a string of its own; what it holds is taken or released. */
static int take_text(struct buffer *sql, int error, char **ret_text)
{
    if (error == 0)
        error = buffer_append(sql, "", 1);
    if (error == 0)
        *ret_text = (char *)steal_pointer(&sql->data);
    buffer_release(sql);
    return error;
}

/*
 * Rows of a table that this transaction has made are written as frozen: nobody who began before can
 * see the table, so nobody need be told which rows are too new for them. It saves looking that up
 * as they are read back, and writing every page once more later. A savepoint would make the table
 * another transaction's.
 */
static const char *copy_statement(const struct postgres_load *load)
{
    if (load->base.stage_sql != NULL)
        return "COPY %s (%c) FROM STDIN";
    return postgres_load_table(load)->kind == 'r' && load->base.work.plan.refuse == NULL
               ? "COPY %t (%c) FROM STDIN WITH (FREEZE)"
               : "COPY %t (%c) FROM STDIN";
}

static int prepare(struct postgres_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    struct server_load *base = &load->base;
    int error =
        take_text(&sql, postgres_add_table(&sql, postgres_load_table(load)), &base->table_sql);

    base->own_sql = postgres_load_table(load)->from;
    if (error == 0 && !load->place->is_made)
        error = create_stage(load, failure);
    if (error != 0)
        return error;
    return take_text(&sql, server_load_write(base, copy_statement(load), &sql), &load->copy);
}

int postgres_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                       struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    struct postgres_place *place = postgres_target_place(target, plan->table);
    struct postgres_load *load;
    int error;

    if (place == NULL || strchr("rp", place->table->kind) == NULL)
        return failure_set(failure, EINVAL, "\"%s\" is no table that can be written",
                           plan->table->name);
    load = calloc(1, sizeof *load);
    if (load == NULL)
        return -ENOMEM;
    load->target = target;
    load->place = place;
    error =
        server_load_create(&load->base, &load_class, &server_class, ENGINE_POSTGRES, plan, failure);
    if (error == 0)
        error = server_load_fail(&load->base, prepare(load, failure), failure);
    if (error != 0) {
        close_load(&load->base.load);
        return error;
    }
    *ret_load = &load->base.load;
    return 0;
}
