/* SPDX-License-Identifier: MIT */
#include "backends/target/server_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define SAVEPOINT_LIMIT ((size_t)100)

int server_load_fail(const struct server_load *load, int error, struct failure *failure)
{
    if (error == -ENOMEM || error == -EFBIG)
        return failure_set(failure, ENOMEM, "table \"%s\": %s", load->work.plan.table->name,
                           strerror(ENOMEM));
    return error;
}

bool server_load_has_key(const struct server_load *load)
{
    for (size_t k = 0; k < load->work.plan.key_count; k++) {
        if (load->work.key_places[k] == SIZE_MAX)
            return false;
    }
    return load->work.plan.key_count != 0;
}

/* ---- Sending --------------------------------------------------------------------------------- */

/* A server that does not name the line that is wrong is asked again, with fewer lines. */
static bool takes_back(const struct server_load *load)
{
    return load->work.plan.refuse != NULL || !load->class->names_lines;
}

int server_load_savepoint(struct server_load *load, const char *what, struct failure *failure)
{
    struct buffer sql = BUFFER(SAVEPOINT_LIMIT);
    uint64_t ignored;
    int error = buffer_print(&sql, "%s SAVEPOINT crmfs_rows", what);

    return error == 0 ? load->class->run(load, &sql, &ignored, failure) : error;
}

/* 1: they are in; 0: none of them is, and *ret_refusal says why; -errno. */
static int try_rows(struct server_load *load, const struct row_batch *batch, size_t first,
                    size_t end, struct refusal *ret_refusal, struct failure *failure)
{
    int error = takes_back(load) ? server_load_savepoint(load, "", failure) : 0;
    int sent;

    if (error != 0)
        return error;
    *ret_refusal = (struct refusal){.line = 0};
    sent = load->class->send(load, batch, first, end, ret_refusal, failure);
    if (sent < 0 || !takes_back(load))
        return sent;
    if (sent == 0)
        error = server_load_savepoint(load, "ROLLBACK TO", failure);
    if (error == 0)
        error = server_load_savepoint(load, "RELEASE", failure);
    return error == 0 ? sent : error;
}

static int refuse(struct server_load *load, struct row_batch *batch, size_t row,
                  const struct refusal *refusal, struct failure *failure)
{
    bool is_there = strstr(refusal->words, "duplicate key") != NULL ||
                    strstr(refusal->words, "Duplicate") != NULL;
    const struct bad_row bad = {.number = batch->rows[row].number,
                                .cells = row_batch_cells(batch, row),
                                .column = refusal->column[0] != '\0' ? refusal->column : NULL,
                                .reason = refusal->words};

    int error = row_work_refuse(&load->work, &bad, is_there ? EEXIST : EINVAL, failure);

    if (error == 0)
        row_sum_subtract(&load->sum, &batch->rows[row].sum);
    return error;
}

static int put_rows(struct server_load *load, struct row_batch *batch, size_t first, size_t end,
                    struct failure *failure);

/*
 * Of rows that are not in, since one of them is refused: says which, or puts a part of them in in
 * which it is not; *first moves behind what is dealt with.
 */
// NOLINTNEXTLINE(misc-no-recursion)
static int sift(struct server_load *load, struct row_batch *batch, size_t *first, size_t end,
                const struct refusal *refusal, struct failure *failure)
{
    size_t from = *first;
    size_t line = end - from == 1 ? 1 : refusal->line;
    int error;

    if (line == 0 && !load->class->names_lines) {
        *first = from + (end - from) / 2;
        return put_rows(load, batch, from, *first, failure);
    }
    if (line == 0 || line > end - from)
        return failure_set(failure, EINVAL, "table \"%s\": %s", load->work.plan.table->name,
                           refusal->words);
    *first = from + line;
    error = refuse(load, batch, from + line - 1, refusal, failure);
    return error == 0 ? put_rows(load, batch, from, from + line - 1, failure) : error;
}

static void tell(struct server_load *load, size_t rows)
{
    if (load->class->are_in != NULL)
        load->class->are_in(load, rows);
}

/* Puts rows in but for those that are refused. It goes as deep as a batch can be halved. */
// NOLINTNEXTLINE(misc-no-recursion)
static int put_rows(struct server_load *load, struct row_batch *batch, size_t first, size_t end,
                    struct failure *failure)
{
    int error = 0;

    while (first < end && error == 0) {
        struct refusal refusal;
        int sent = try_rows(load, batch, first, end, &refusal, failure);

        if (sent == 1)
            tell(load, end - first);
        if (sent != 0)
            return sent < 0 ? sent : 0;
        error = sift(load, batch, &first, end, &refusal, failure);
    }
    return error;
}

/* The thread's part. */
static int send_batch(void *context, struct row_batch *batch, struct failure *failure)
{
    struct server_load *load = context;

    return try_rows(load, batch, 0, batch->count, &load->refusal, failure);
}

/* Waits for the batch under way, and deals with what is refused of it. */
static int settle(struct server_load *load, struct failure *failure)
{
    int sent = batch_sender_await(&load->sender, failure);
    struct row_batch *batch = batch_sender_given(&load->sender);
    size_t first = 0;
    int error;

    if (sent == 1)
        tell(load, batch->count);
    if (sent != 0)
        return sent < 0 ? sent : 0;
    error = sift(load, batch, &first, batch->count, &load->refusal, failure);
    return error == 0 ? put_rows(load, batch, first, batch->count, failure) : error;
}

/* Has the batch that is full sent, when the one before is in. */
static int pass_on(struct server_load *load, struct failure *failure)
{
    int error = settle(load, failure);

    if (error == 0 && !load->many && load->class->expect_many != NULL)
        error = load->class->expect_many(load, failure);
    if (error != 0)
        return error;
    load->many = true;
    batch_sender_give(&load->sender);
    return 0;
}

int server_load_put(struct load *base, const struct cell *cells, struct cursor *cursor,
                    struct failure *failure)
{
    struct server_load *load = (struct server_load *)base;
    bool copy_bytes = load->work.engine == ENGINE_POSTGRES;
    struct row_sum own = {0};
    int taken = row_work_take(&load->work, cells, cursor, failure);
    int error;

    if (taken <= 0)
        return server_load_fail(load, taken, failure);
    error = row_work_sum(&load->work, &own);
    if (error == 0 && row_batch_is_full(batch_sender_filling(&load->sender)))
        error = pass_on(load, failure);
    if (error == 0)
        error = row_batch_add(batch_sender_filling(&load->sender), &load->work,
                              row_work_as_put(&load->work, cells), &own, copy_bytes);
    if (error == 0)
        row_sum_append(&load->sum, &own);
    return server_load_fail(load, error, failure);
}

int server_load_end(struct load *base, struct failure *failure)
{
    struct server_load *load = (struct server_load *)base;
    struct row_batch *last = batch_sender_filling(&load->sender);
    int error = settle(load, failure);

    if (error == 0)
        error = put_rows(load, last, 0, last->count, failure);
    row_batch_clear(last);
    base->counts.digest[0] = load->sum.high;
    base->counts.digest[1] = load->sum.low;
    return server_load_fail(load, error, failure);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

int server_load_create(struct server_load *load, const struct load_class *load_class,
                       const struct server_load_class *class, enum target_engine engine,
                       const struct load_plan *plan, struct failure *failure)
{
    int error = row_work_create(&load->work, engine, plan, &load->load.counts, failure);

    load->load.class = load_class;
    load->class = class;
    if (error != 0)
        return error;
    error = batch_sender_create(&load->sender, plan->cell_count, send_batch, load);
    return server_load_fail(load, error, failure);
}

void server_load_release(struct server_load *load)
{
    batch_sender_release(&load->sender);
    row_work_release(&load->work);
    free(load->table_sql);
    free(load->stage_sql);
}
