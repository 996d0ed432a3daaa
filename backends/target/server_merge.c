/* SPDX-License-Identifier: MIT */
/* The stage's rows into the table, and whether they are there. */
#include <errno.h>

#include "backends/target/server_give_up.h"
#include "backends/target/server_refused.h"

#define STATEMENT_LIMIT ((size_t)16 << 20)

/* ---- Statements ------------------------------------------------------------------------------ */

static int add_columns(const struct server_load *load, const char *before, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        error = buffer_print(sql, "%s%s", i == 0 ? "" : ", ", before);
        if (error == 0)
            error = load->class->dialect->add_column(load, load->work.columns[i], sql);
    }
    return error;
}

static int add_key_columns(const struct server_load *load, struct buffer *sql)
{
    int error = 0;

    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "s." : ", s.");
        if (error == 0)
            error = load->class->dialect->add_column(load, load->work.plan.key[k], sql);
    }
    return error;
}

static int add_same_key(const struct server_load *load, struct buffer *sql)
{
    int error = 0;

    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "" : " AND ");
        if (error == 0)
            error = load->class->dialect->add_same_key(load, load->work.plan.key[k], sql);
    }
    return error;
}

static int add_same_values(const struct server_load *load, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        error = buffer_append_text(sql, " AND ");
        if (error == 0)
            error = load->class->dialect->add_same_value(load, load->work.columns[i], sql);
    }
    return error;
}

static int add_assignments(const struct server_load *load, struct buffer *sql)
{
    const struct server_dialect *dialect = load->class->dialect;
    const char *before = "";
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (row_work_is_key(&load->work, i))
            continue;
        error = buffer_print(sql, "%s%s", before, dialect->assigned);
        if (error == 0)
            error = dialect->add_column(load, load->work.columns[i], sql);
        if (error == 0)
            error = buffer_append_text(sql, " = s.");
        if (error == 0)
            error = dialect->add_column(load, load->work.columns[i], sql);
        before = ", ";
    }
    return error;
}

static int add_part(const struct server_load *load, char part, struct buffer *sql)
{
    switch (part) {
    case 't': return buffer_append_text(sql, load->table_sql);
    case 'o': return buffer_append_text(sql, load->own_sql);
    case 's': return buffer_append_text(sql, load->stage_sql);
    case 'k': return add_same_key(load, sql);
    case 'e': return add_same_values(load, sql);
    case 'c': return add_columns(load, "", sql);
    case 'v': return add_columns(load, "s.", sql);
    case 'i': return add_key_columns(load, sql);
    case '1': return load->class->dialect->add_column(load, load->work.plan.key[0], sql);
    case 'u': return add_assignments(load, sql);
    case 'l': return load->work.plan.refuse == NULL ? buffer_append_text(sql, " LIMIT 1") : 0;
    case 'p': return load->part != NULL ? load->class->dialect->add_part(load, sql) : 0;
    case 'g':
    case 'w':
    case 'd': return server_give_up_add_part(load, part, sql);
    default: return -EINVAL;
    }
}

int server_load_write(const struct server_load *load, const char *statement, struct buffer *sql)
{
    int error = 0;

    while (*statement != '\0' && error == 0) {
        size_t plain = strcspn(statement, "%");

        error = buffer_append(sql, statement, plain);
        statement += plain;
        if (error == 0 && *statement == '%') {
            error = add_part(load, statement[1], sql);
            statement += 2;
        }
    }
    return error;
}

/* *ret_number: see server_load_class.run. */
static int run(struct server_load *load, const char *statement, uint64_t *ret_number,
               struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    int error = server_load_write(load, statement, &sql);

    if (error == 0)
        return load->class->run(load, &sql, ret_number, failure);
    buffer_release(&sql);
    return server_load_fail(load, error, failure);
}

/* ---- Merging --------------------------------------------------------------------------------- */

int server_load_remove(struct load *base, struct failure *failure)
{
    struct server_load *load = (struct server_load *)base;

    if (load->work.plan.mode != LOAD_REPLACE || load->stage_sql == NULL)
        return 0;
    return run(load, load->class->dialect->delete_others, &base->counts.deleted, failure);
}

/* A row is a bad one for its key. */
static int refuse_key(struct server_load *load, const char *text, struct failure *failure)
{
    const struct schema *table = load->work.plan.table;
    const struct bad_row bad = {
        .column = table->columns[load->work.plan.key[0]].name, .value = text, .reason = load->why};

    return row_work_refuse(&load->work, &bad, EEXIST, failure);
}

static int differs(const struct server_load *load, struct failure *failure)
{
    return failure_set(
        failure, EIO,
        "table \"%s\": the rows do not read back as they were written: the server "
        "makes another value of one, by a trigger, or as its type has it (the letters "
        "of an ENUM, the order of a SET, a time's zone)",
        load->work.plan.table->name);
}

int server_load_check_stage(struct server_load *load, struct failure *failure)
{
    struct row_sum back = {0};
    int error = load->class->read_back(load, &back, failure);

    return error == 0 && !row_sum_equal(&back, &load->sum) ? differs(load, failure) : error;
}

/* What was put is in the stage; from here on the sum is that of the rows that stay in it. */
static int forget(struct server_load *load, const char *statement, struct failure *failure)
{
    uint64_t ignored;
    int error = server_load_check_stage(load, failure);

    if (error == 0)
        error = run(load, statement, &ignored, failure);
    load->sum = (struct row_sum){0};
    return error == 0 ? load->class->read_back(load, &load->sum, failure) : error;
}

/* Refuses the rows of the stage whose keys SHOW selects, and has FORGET delete them. */
static int refuse_keys(struct server_load *load, const char *show, const char *why,
                       const char *statement, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    uint64_t refused = load->load.counts.refused;
    int error = server_load_write(load, show, &sql);

    load->why = why;
    if (error == 0)
        error = load->class->ask(load, &sql, refuse_key, failure);
    else
        buffer_release(&sql);
    load->why = NULL;
    if (error == 0 && refused != load->load.counts.refused)
        error = forget(load, statement, failure);
    return server_load_fail(load, error, failure);
}

/* Rows to be appended whose key is there already are bad ones, as is a second row of a key. */
static int refuse_bad_keys(struct server_load *load, struct failure *failure)
{
    const struct server_dialect *dialect = load->class->dialect;

    if (!server_load_has_key(load))
        return 0;
    if (load->work.plan.mode == LOAD_APPEND)
        return refuse_keys(load, dialect->show_met, "is there already", dialect->forget_met,
                           failure);
    return load->work.plan.refuse != NULL && dialect->show_second != NULL
               ? refuse_keys(load, dialect->show_second, "several rows have this key: it is none",
                             dialect->forget_second, failure)
               : 0;
}

/* Whether there is anything but the key. */
static bool has_values(const struct server_load *load)
{
    for (size_t i = 0; i < load->work.column_count; i++) {
        if (!row_work_is_key(&load->work, i))
            return true;
    }
    return false;
}

/* Without rows that are refused, and are to be set aside. ERROR is what SAID words. */
static int run_without(struct server_load *load, const char *statement, bool give_up, int error,
                       const struct failure *said, uint64_t *ret_number, struct failure *failure)
{
    if (!server_may_refuse(load, error))
        return failure_set(failure, -error, "%s", failure_text(said, error));
    error = server_load_savepoint(load, "ROLLBACK TO", failure);
    if (error == 0)
        error = server_load_savepoint(load, "RELEASE", failure);
    return error == 0 ? server_run_without_refused(load, statement, give_up, ret_number, failure)
                      : error;
}

/* Rows that exchange unique values with each other have to give them up before. */
static int update_met(struct server_load *load, struct failure *failure)
{
    const char *statement = load->class->dialect->update_met;
    struct failure said = {.code = 0};
    uint64_t ignored;
    bool give_up = false;
    int error = server_load_savepoint(load, "", failure);

    if (error != 0)
        return error;
    error = run(load, statement, &ignored, &said);
    if (error == -EEXIST) {
        give_up = true;
        error = server_load_savepoint(load, "ROLLBACK TO", &said);
        if (error == 0)
            error = server_give_up(load, &said);
        if (error == 0)
            error = run(load, statement, &ignored, &said);
    }
    return error == 0 ? server_load_savepoint(load, "RELEASE", failure)
                      : run_without(load, statement, give_up, error, &said, &ignored, failure);
}

static int insert(struct server_load *load, struct failure *failure)
{
    const struct server_dialect *dialect = load->class->dialect;
    const char *statement =
        load->work.plan.mode == LOAD_APPEND ? dialect->insert_all : dialect->insert_rest;
    uint64_t *inserted = &load->load.counts.inserted;
    struct failure said = {.code = 0};
    int error;

    if (load->work.plan.refuse == NULL)
        return run(load, statement, inserted, failure);
    error = server_load_savepoint(load, "", failure);
    if (error != 0)
        return error;
    error = run(load, statement, inserted, &said);
    return error == 0 ? server_load_savepoint(load, "RELEASE", failure)
                      : run_without(load, statement, false, error, &said, inserted, failure);
}

/* Rows that are there already are none that is written: the stage's are compared in the end. */
static int forget_kept(struct server_load *load, uint64_t met, struct failure *failure)
{
    int error = forget(load, load->class->dialect->forget_met, failure);

    load->forgotten = met;
    return server_load_fail(load, error, failure);
}

/* A trigger may leave rows out in silence. */
static int check_counts(const struct server_load *load, struct failure *failure)
{
    const struct load_counts *counts = &load->load.counts;
    uint64_t all = counts->put - counts->refused;
    uint64_t in = counts->inserted + counts->updated + counts->kept;

    if (in == all)
        return 0;
    return failure_set(failure, EIO,
                       "table \"%s\": the server takes %llu rows of %llu, and says nothing of the "
                       "others: a trigger or a rule leaves them out, or puts them elsewhere",
                       load->work.plan.table->name, (unsigned long long)in,
                       (unsigned long long)all);
}

/* All of a stage without a key is in the table, which had BEFORE, and nothing else is new. */
static int check_appended(struct server_load *load, struct row_sum *before, struct failure *failure)
{
    struct row_sum after = {0};
    int error = check_counts(load, failure);

    if (error == 0)
        error = load->class->read_table(load, &after, failure);
    row_sum_append(before, &load->sum);
    return error == 0 && !row_sum_equal(&after, before) ? differs(load, failure) : error;
}

/* The stage's rows that the table does not have. */
static int insert_checked(struct server_load *load, struct failure *failure)
{
    struct row_sum before = {0};
    bool by_sum = !server_load_has_key(load) && load->work.column_count != 0;
    int error = by_sum ? load->class->read_table(load, &before, failure) : 0;

    if (error == 0)
        error = insert(load, failure);
    if (error == 0 && by_sum)
        error = check_appended(load, &before, failure);
    return server_load_fail(load, error, failure);
}

int server_load_merge(struct load *base, struct failure *failure)
{
    struct server_load *load = (struct server_load *)base;
    const struct server_dialect *dialect = load->class->dialect;
    enum load_mode mode = load->work.plan.mode;
    struct load_counts *counts = &base->counts;
    bool any_new;
    uint64_t refused;
    uint64_t met = 0;
    int error = 0;

    if (load->stage_sql == NULL) {
        counts->inserted = counts->put - counts->refused;
        return 0;
    }
    error = refuse_bad_keys(load, failure);
    if (error == 0 && mode != LOAD_APPEND)
        error = run(load, dialect->count_met, &met, failure);
    refused = counts->refused;
    if (error == 0 && met != 0 && mode != LOAD_MISSING && has_values(load))
        error = update_met(load, failure);
    met -= counts->refused - refused;
    /* Without a new row none can lack what only new rows need. */
    any_new = mode == LOAD_APPEND || met != counts->put - counts->refused;
    if (error == 0 && mode == LOAD_MISSING && met != 0 && any_new)
        error = forget_kept(load, met, failure);
    if (error == 0 && any_new)
        error = insert_checked(load, failure);
    if (error != 0)
        return error;
    if (mode == LOAD_MISSING)
        counts->kept = met;
    else
        counts->updated = met;
    return check_counts(load, failure);
}

/* ---- Reading back ---------------------------------------------------------------------------- */

int server_load_verify(struct load *base, struct failure *failure)
{
    struct server_load *load = (struct server_load *)base;
    uint64_t written = base->counts.put - base->counts.refused - load->forgotten;
    struct row_sum back = {0};
    uint64_t same = written;
    int error;

    if (load->work.column_count == 0)
        return 0;
    error = load->class->read_back(load, &back, failure);
    /* Rows that are kept are not forgotten where there is nothing but them. */
    if (error == 0 && load->stage_sql != NULL && server_load_has_key(load) &&
        base->counts.kept == load->forgotten)
        error = run(load, load->class->dialect->count_same, &same, failure);
    if (error != 0)
        return server_load_fail(load, error, failure);
    return back.rows == written && same == written && row_sum_equal(&back, &load->sum)
               ? 0
               : differs(load, failure);
}
