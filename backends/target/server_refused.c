/* SPDX-License-Identifier: MIT */
#include "backends/target/server_refused.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/server_give_up.h"
#include "fs/base/memory.h"

#define STATEMENT_LIMIT ((size_t)16 << 20)
#define REFUSED_MOST 10000 /* that are remembered at a time */

struct refused_row {
    uint64_t number; /* in the stage */
    char *why;
};

struct refusing {
    struct server_load *load;
    const char *statement;
    struct refused_row *rows;
    size_t count;
    uint64_t changed; /* rows, by the statement */
};

bool server_may_refuse(const struct server_load *load, int error)
{
    return load->work.plan.refuse != NULL && server_load_has_key(load) &&
           (error == -EEXIST || error == -EINVAL);
}

/* ---- Statements ------------------------------------------------------------------------------ */

/* Writes a statement for the rows FIRST to END of the stage. */
static int write_part(struct server_load *load, const char *statement, uint64_t first, uint64_t end,
                      struct buffer *sql)
{
    const struct stage_part part = {.first = first, .end = end};
    int error;

    load->part = &part;
    error = server_load_write(load, statement, sql);
    load->part = NULL;
    if (error != 0)
        buffer_release(sql);
    return error;
}

static int run_part(struct server_load *load, const char *statement, uint64_t first, uint64_t end,
                    uint64_t *ret_number, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    int error = write_part(load, statement, first, end, &sql);

    return error == 0 ? load->class->run(load, &sql, ret_number, failure) : error;
}

/* "SAVEPOINT crmfs_part" with WHAT before it: within the one that server_load_savepoint sets. */
static int savepoint(struct server_load *load, const char *what, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    uint64_t ignored;
    int error = buffer_print(&sql, "%s SAVEPOINT crmfs_part", what);

    return error == 0 ? load->class->run(load, &sql, &ignored, failure) : error;
}

/* ---- Which rows ------------------------------------------------------------------------------ */

/* What SAID says behind the table's name. */
static const char *reason_of(const struct server_load *load, const struct failure *said)
{
    char table[FAILURE_TEXT_SIZE];
    size_t size =
        (size_t)snprintf(table, sizeof table, "table \"%s\": ", load->work.plan.table->name);

    return size < sizeof table && strncmp(said->text, table, size) == 0 ? said->text + size
                                                                        : said->text;
}

static int note(struct refusing *refusing, uint64_t number, const struct failure *said)
{
    struct refused_row *row = &refusing->rows[refusing->count];

    *row = (struct refused_row){.number = number, .why = strdup(reason_of(refusing->load, said))};
    if (row->why == NULL)
        return -ENOMEM;
    refusing->count++;
    return 0;
}

static void forget(struct refusing *refusing)
{
    for (size_t i = 0; i < refusing->count; i++)
        free(refusing->rows[i].why);
    refusing->count = 0;
}

/* 1: the part is in; 0: the server refuses it and none of it is, *said says why; -errno. */
static int try_part(struct refusing *refusing, uint64_t first, uint64_t end, struct failure *said,
                    struct failure *failure)
{
    struct server_load *load = refusing->load;
    uint64_t number = 0;
    int error = savepoint(load, "", failure);
    int run;

    if (error != 0)
        return error;
    run = run_part(load, refusing->statement, first, end, &number, said);
    if (run != 0 && !server_may_refuse(load, run))
        return failure_set(failure, -run, "%s", failure_text(said, run));
    if (run != 0)
        error = savepoint(load, "ROLLBACK TO", failure);
    if (error == 0)
        error = savepoint(load, "RELEASE", failure);
    refusing->changed += run == 0 ? number : 0;
    return error != 0 ? error : run == 0;
}

/* It goes as deep as the rows can be halved. */
// NOLINTNEXTLINE(misc-no-recursion)
static int sift(struct refusing *refusing, uint64_t first, uint64_t end, struct failure *failure)
{
    struct failure said = {.code = 0};
    uint64_t middle = first + (end - first) / 2;
    int done;

    if (refusing->count == REFUSED_MOST || first == end)
        return 0;
    done = try_part(refusing, first, end, &said, failure);
    if (done != 0)
        return done < 0 ? done : 0;
    if (end - first == 1)
        return note(refusing, first, &said);

    int error = sift(refusing, first, middle, failure);

    return error == 0 ? sift(refusing, middle, end, failure) : error;
}

/* A statement that is refused for no row at all is at fault itself. */
static int check_statement(struct refusing *refusing, struct failure *failure)
{
    struct failure said = {.code = 0};
    int done = try_part(refusing, 0, 0, &said, failure);

    return done == 0 ? failure_set(failure, EINVAL, "%s", said.text) : done < 0 ? done : 0;
}

/* ---- Setting aside --------------------------------------------------------------------------- */

static int tell(struct server_load *load, const char *text, struct failure *failure)
{
    const struct schema *table = load->work.plan.table;
    const struct bad_row bad = {
        .column = table->columns[load->work.plan.key[0]].name, .value = text, .reason = load->why};

    return row_work_refuse(&load->work, &bad, EEXIST, failure);
}

static int set_aside(struct server_load *load, const struct refused_row *row,
                     struct failure *failure)
{
    const struct server_dialect *dialect = load->class->dialect;
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    uint64_t ignored;
    int error = write_part(load, dialect->show_part, row->number, row->number + 1, &sql);

    load->why = row->why;
    if (error == 0)
        error = load->class->ask(load, &sql, tell, failure);
    load->why = NULL;
    return error == 0 ? run_part(load, dialect->forget_part, row->number, row->number + 1, &ignored,
                                 failure)
                      : error;
}

/* What was put is in the stage; afterwards the sum is that of the rows that stay in it. */
static int set_all_aside(struct refusing *refusing, struct failure *failure)
{
    struct server_load *load = refusing->load;
    int error = server_load_check_stage(load, failure);

    for (size_t i = 0; i < refusing->count && error == 0; i++)
        error = set_aside(load, &refusing->rows[i], failure);
    load->sum = (struct row_sum){0};
    return error == 0 ? load->class->read_back(load, &load->sum, failure) : error;
}

/* ---- All of it ------------------------------------------------------------------------------- */

/* 1: all rows of the stage are in. 0: some were refused, and are set aside; all are as before. */
static int attempt(struct refusing *refusing, uint64_t end, bool *give_up, struct failure *failure)
{
    struct server_load *load = refusing->load;
    int error = server_load_savepoint(load, "", failure);
    bool again;

    refusing->changed = 0;
    if (error == 0 && *give_up) {
        error = server_give_up(load, failure);
        /* It takes no value in between: then each row has to stand by itself. */
        if (error == -EEXIST) {
            *give_up = false;
            error = server_load_savepoint(load, "ROLLBACK TO", failure);
        }
    }
    if (error == 0)
        error = sift(refusing, 0, end, failure);
    again = refusing->count != 0;
    if (error == 0 && again)
        error = server_load_savepoint(load, "ROLLBACK TO", failure);
    if (error == 0)
        error = server_load_savepoint(load, "RELEASE", failure);
    if (error == 0 && again)
        error = set_all_aside(refusing, failure);
    forget(refusing);
    return error != 0 ? error : !again;
}

int server_run_without_refused(struct server_load *load, const char *statement, bool give_up,
                               uint64_t *ret_number, struct failure *failure)
{
    struct refusing refusing = {.load = load, .statement = statement};
    uint64_t end = 0;
    int error = load->class->dialect->number_stage(load, &end, failure);

    if (error == 0)
        error = check_statement(&refusing, failure);
    refusing.rows = allocate_array(REFUSED_MOST, sizeof *refusing.rows);
    if (error == 0 && refusing.rows == NULL)
        error = -ENOMEM;
    while (error == 0)
        error = attempt(&refusing, end, &give_up, failure);
    free(refusing.rows);
    *ret_number = refusing.changed;
    return error == 1 ? 0 : server_load_fail(load, error, failure);
}
