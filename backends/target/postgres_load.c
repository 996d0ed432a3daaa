/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

#define WORDS_SIZE 400
#define COLUMN_SIZE 256

struct postgres_load {
    struct load load;
    struct postgres_target *target;
    struct postgres_place *place;
    struct row_work work;
    struct row_batch batch;
    char *stage;     /* the temporary table; NULL: rows go into the table itself */
    char *statement; /* COPY … FROM STDIN */
    struct row_sum sum;
    struct cell *back;
};

static const struct table *table_of(const struct postgres_load *load)
{
    return load->place->table;
}

static int own(struct postgres_load *load, int error, struct failure *failure)
{
    if (error == -ENOMEM || error == -EFBIG)
        return failure_set(failure, ENOMEM, "table \"%s\": %s", table_of(load)->schema->name,
                           strerror(ENOMEM));
    return error;
}

/* Columns with commas, each behind PREFIX. */
static int add_columns(const struct postgres_load *load, const char *prefix, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        error = buffer_print(sql, "%s%s", i == 0 ? "" : ", ", prefix);
        if (error == 0)
            error = postgres_add_column(sql, table_of(load), load->work.columns[i]);
    }
    return error;
}

/* ---- COPY ------------------------------------------------------------------------------------ */

static int write_copy(const struct postgres_load *load, struct buffer *sql)
{
    int error = buffer_append_text(sql, "COPY ");

    if (error == 0)
        error = load->stage != NULL ? buffer_print(sql, "pg_temp.%s", load->stage)
                                    : postgres_add_table(sql, table_of(load));
    if (error == 0)
        error = buffer_append_text(sql, " (");
    if (error == 0)
        error = add_columns(load, "", sql);
    return error == 0 ? buffer_append(sql, ") FROM STDIN", 13) : error;
}

/* What the server says of a row: its words, without what is said of where it stood. */
static void take_words(const PGresult *result, char words[WORDS_SIZE])
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

    snprintf(words, WORDS_SIZE, "%.200s%s%.150s",
             primary != NULL ? primary : "the server refuses it", detail != NULL ? ": " : "",
             detail != NULL ? detail : "");
}

/* Of what the server says of where it was, innermost first ("JSON data, line 1: …"): "COPY …". */
static const char *copy_context(const PGresult *result)
{
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const char *line = context != NULL ? strstr(context, "\nCOPY ") : NULL;

    return context == NULL || strncmp(context, "COPY ", 5) == 0 ? context : line;
}

/* "COPY stage, line 5, column name: …": 5; 0: it does not say. */
static size_t line_of(const PGresult *result)
{
    const char *context = copy_context(result);
    const char *line = context != NULL ? strstr(context, ", line ") : NULL;

    return line != NULL ? strtoul(line + 7, NULL, 10) : 0;
}

/* "COPY stage, line 5, column name: …": the name; the column that a constraint is of; or "". */
static void column_of(const PGresult *result, char name[COLUMN_SIZE])
{
    const char *context = copy_context(result);
    const char *column = context != NULL ? strstr(context, ", column ") : NULL;
    const char *field = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);

    snprintf(name, COLUMN_SIZE, "%.*s",
             column != NULL ? (int)strcspn(column + 9, ":") : COLUMN_SIZE - 1,
             column != NULL  ? column + 9
             : field != NULL ? field
                             : "");
}

/* Whether it is the rows that are wrong. */
static bool is_of_rows(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
                             strcmp(state, "P0001") == 0);
}

/* Why a row is refused. */
struct refusal {
    size_t line; /* of those that were sent, from 1; 0: not known */
    char words[WORDS_SIZE];
    char column[COLUMN_SIZE]; /* "": the row as a whole */
};

/* Sends some rows of the batch. 1: all of them are in; 0: *ret_refusal says why not; -errno. */
static int send_rows(struct postgres_load *load, size_t first, size_t end,
                     struct refusal *ret_refusal, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    size_t size;
    const void *lines = row_batch_lines(&load->batch, first, end, &size);
    int error = postgres_link_send_rows(&load->target->link, load->statement, lines, size, &result,
                                        failure);

    if (error != 0)
        return error;
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        return 1;
    if (!is_of_rows(result))
        return postgres_target_failure(load->target, result, table_of(load)->schema->name, failure);
    take_words(result, ret_refusal->words);
    column_of(result, ret_refusal->column);
    ret_refusal->line = line_of(result);
    return 0;
}

static int refuse(struct postgres_load *load, size_t row, const struct refusal *refusal,
                  struct failure *failure)
{
    const struct bad_row bad = {.number = load->batch.rows[row].number,
                                .cells = row_batch_cells(&load->batch, row),
                                .column = refusal->column[0] != '\0' ? refusal->column : NULL,
                                .reason = refusal->words};

    return row_work_refuse(&load->work, &bad,
                           strstr(refusal->words, "duplicate key") != NULL ? EEXIST : EINVAL,
                           failure);
}

/*
 * Puts rows in. Where bad ones are to be left out, the line that the server names is, and what
 * stands around it is sent again; that is as deep as there are bad rows at most.
 */
static int put_rows(struct postgres_load *load, size_t first, size_t end, struct failure *failure)
{
    struct link *link = &load->target->link;
    bool may_refuse = load->work.plan.refuse != NULL;

    while (first < end) {
        struct refusal refusal = {.line = 0};
        size_t line;
        int sent = 0;
        int error = may_refuse ? postgres_link_do(link, "SAVEPOINT crmfs_rows", failure) : 0;

        if (error == 0)
            sent = send_rows(load, first, end, &refusal, failure);
        if (error != 0 || sent < 0)
            return error != 0 ? error : sent;
        if (sent == 1)
            return may_refuse ? postgres_link_do(link, "RELEASE SAVEPOINT crmfs_rows", failure) : 0;
        line = refusal.line;
        if (line == 0 || line > end - first)
            return failure_set(failure, EINVAL, "table \"%s\": %s", table_of(load)->schema->name,
                               refusal.words);
        error = refuse(load, first + line - 1, &refusal, failure);
        if (error == 0)
            error = postgres_link_do(link, "ROLLBACK TO SAVEPOINT crmfs_rows", failure);
        /* What stood before it is good, as far as the server came. */
        if (error == 0 && line > 1)
            error = put_rows(load, first, first + line - 1, failure);
        if (error != 0)
            return error;
        first += line;
    }
    return 0;
}

static int flush(struct postgres_load *load, struct failure *failure)
{
    int error = put_rows(load, 0, load->batch.count, failure);

    row_batch_clear(&load->batch);
    return error;
}

static int put(struct load *base, const struct cell *cells, struct cursor *cursor,
               struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    int taken = row_work_take(&load->work, cells, cursor, failure);
    int error = 0;

    if (taken <= 0)
        return own(load, taken, failure);
    load->place->written = true;
    if (row_batch_is_full(&load->batch))
        error = flush(load, failure);
    if (error == 0)
        error = row_batch_add(&load->batch, &load->work, cells, true);
    if (error == 0 && load->work.plan.refuse == NULL)
        error = row_work_sum(&load->work, &load->sum);
    return own(load, error, failure);
}

static int end(struct load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;

    base->counts.digest[0] = load->sum.high;
    base->counts.digest[1] = load->sum.low;
    return flush(load, failure);
}

/* ---- Merging --------------------------------------------------------------------------------- */

/* "t.k = s.k AND …". A key that may be NULL is compared so that NULLs are the same. */
static int add_key(const struct postgres_load *load, struct buffer *sql)
{
    const struct table *table = table_of(load);
    int error = 0;

    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        size_t column = load->work.plan.key[k];

        error = buffer_append_text(sql, k == 0 ? "t." : " AND t.");
        if (error == 0)
            error = postgres_add_column(sql, table, column);
        if (error == 0)
            error = buffer_append_text(sql, table->schema->columns[column].not_null
                                                ? " = s."
                                                : " IS NOT DISTINCT FROM s.");
        if (error == 0)
            error = postgres_add_column(sql, table, column);
    }
    return error;
}

static bool has_key(const struct postgres_load *load)
{
    for (size_t k = 0; k < load->work.plan.key_count; k++) {
        if (load->work.key_places[k] == SIZE_MAX)
            return false;
    }
    return load->work.plan.key_count != 0;
}

/* Runs SQL and says how many rows it changed, or found. */
static int change(struct postgres_load *load, struct buffer *sql, int error, uint64_t *ret_rows,
                  struct failure *failure)
{
    cleanup_result PGresult *result = NULL;

    if (error == 0)
        error = postgres_target_run(load->target, sql, &result, failure);
    buffer_release(sql);
    if (error == 0)
        *ret_rows = strtoull(PQresultStatus(result) == PGRES_TUPLES_OK ? PQgetvalue(result, 0, 0)
                                                                       : PQcmdTuples(result),
                             NULL, 10);
    if (error != 0 && failure != NULL && failure->code == -error)
        failure_prefix(failure, -error, "table \"%s\"", table_of(load)->schema->name);
    return own(load, error, failure);
}

static int remove_others(struct load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    cleanup_buffer struct buffer doomed = BUFFER(POSTGRES_SQL_LIMIT);
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error;

    if (load->work.plan.mode != LOAD_REPLACE || load->stage == NULL)
        return 0;
    error = buffer_print(&doomed, "NOT EXISTS (SELECT FROM pg_temp.%s s WHERE ", load->stage);
    if (error == 0)
        error = add_key(load, &doomed);
    if (error == 0)
        error = buffer_append(&doomed, ")", 2);
    if (error == 0)
        error = postgres_check_referrers(load->target, table_of(load), (const char *)doomed.data,
                                         NULL, 0, failure);
    if (error == 0)
        error = buffer_append_text(&sql, "DELETE FROM ");
    if (error == 0)
        error = postgres_add_table(&sql, table_of(load));
    if (error == 0)
        error = buffer_print(&sql, " t WHERE %s", (const char *)doomed.data);
    return change(load, &sql, error, &base->counts.deleted, failure);
}

/* SELECT … of the rows of the stage whose key is in the table. */
static int write_met(const struct postgres_load *load, const char *what, struct buffer *sql)
{
    int error = buffer_print(sql, "SELECT %s FROM pg_temp.%s s JOIN ", what, load->stage);

    if (error == 0)
        error = postgres_add_table(sql, table_of(load));
    if (error == 0)
        error = buffer_append_text(sql, " t ON ");
    return error == 0 ? add_key(load, sql) : error;
}

/* Rows to be appended whose key is there already are bad ones. */
static int refuse_met(struct postgres_load *load, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    struct buffer what = BUFFER(POSTGRES_SQL_LIMIT);
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    const struct table *table = table_of(load);
    uint64_t ignored;
    int error = buffer_append_text(&what, "pg_catalog.concat_ws(', '");

    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        error = buffer_append_text(&what, ", s.");
        if (error == 0)
            error = postgres_add_column(&what, table, load->work.plan.key[k]);
    }
    if (error == 0)
        error = buffer_append(&what, ")", 2);
    if (error == 0)
        error = write_met(load, (const char *)what.data, &sql);
    if (error == 0)
        error = postgres_target_run(load->target, &sql, &result, failure);
    buffer_release(&what);
    buffer_release(&sql);
    if (error != 0 || PQntuples(result) == 0)
        return own(load, error, failure);
    for (int i = 0; i < PQntuples(result) && error == 0; i++) {
        const struct bad_row bad = {.column = table->schema->columns[load->work.plan.key[0]].name,
                                    .value = PQgetvalue(result, i, 0),
                                    .reason = "is there already"};

        error = row_work_refuse(&load->work, &bad, EEXIST, failure);
    }
    if (error != 0)
        return error;
    error = buffer_print(&sql, "DELETE FROM pg_temp.%s s USING ", load->stage);
    if (error == 0)
        error = postgres_add_table(&sql, table);
    if (error == 0)
        error = buffer_append_text(&sql, " t WHERE ");
    if (error == 0)
        error = add_key(load, &sql);
    return change(load, &sql, error, &ignored, failure);
}

static int update_met(struct postgres_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    uint64_t ignored;
    bool any = false;
    int error = buffer_append_text(&sql, "UPDATE ");

    if (error == 0)
        error = postgres_add_table(&sql, table_of(load));
    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (row_work_is_key(&load->work, i))
            continue;
        error = buffer_append_text(&sql, any ? ", " : " t SET ");
        if (error == 0)
            error = postgres_add_column(&sql, table_of(load), load->work.columns[i]);
        if (error == 0)
            error = buffer_append_text(&sql, " = s.");
        if (error == 0)
            error = postgres_add_column(&sql, table_of(load), load->work.columns[i]);
        any = true;
    }
    if (error == 0 && !any) {
        buffer_release(&sql);
        return 0;
    }
    if (error == 0)
        error = buffer_print(&sql, " FROM pg_temp.%s s WHERE ", load->stage);
    if (error == 0)
        error = add_key(load, &sql);
    return change(load, &sql, error, &ignored, failure);
}

static int insert_rest(struct postgres_load *load, bool all, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(&sql, "INSERT INTO ");

    if (error == 0)
        error = postgres_add_table(&sql, table_of(load));
    if (error == 0)
        error = buffer_append_text(&sql, " (");
    if (error == 0)
        error = add_columns(load, "", &sql);
    if (error == 0)
        error = buffer_append_text(&sql, ") OVERRIDING SYSTEM VALUE SELECT ");
    if (error == 0)
        error = add_columns(load, "s.", &sql);
    if (error == 0)
        error = buffer_print(&sql, " FROM pg_temp.%s s", load->stage);
    if (error == 0 && !all) {
        error = buffer_append_text(&sql, " WHERE NOT EXISTS (SELECT FROM ");
        if (error == 0)
            error = postgres_add_table(&sql, table_of(load));
        if (error == 0)
            error = buffer_append_text(&sql, " t WHERE ");
        if (error == 0)
            error = add_key(load, &sql);
        if (error == 0)
            error = buffer_append_text(&sql, ")");
    }
    return change(load, &sql, error, &load->load.counts.inserted, failure);
}

static int merge(struct load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    struct load_counts *counts = &base->counts;
    uint64_t met = 0;
    int error = 0;

    if (load->stage == NULL) {
        counts->inserted = counts->put - counts->refused;
        return 0;
    }
    if (load->work.plan.mode == LOAD_APPEND)
        error = has_key(load) ? refuse_met(load, failure) : 0;
    else
        error = change(load, &sql, write_met(load, "pg_catalog.count(*)", &sql), &met, failure);
    if (error == 0 && met != 0 && load->work.plan.mode != LOAD_MISSING)
        error = update_met(load, failure);
    if (error == 0)
        error = insert_rest(load, load->work.plan.mode == LOAD_APPEND, failure);
    if (load->work.plan.mode == LOAD_MISSING)
        counts->kept = met;
    else
        counts->updated = met;
    return error;
}

/* ---- Reading back ---------------------------------------------------------------------------- */

/* The columns that were written, as COPY TO gives them; each of its own table_column. */
static int describe_back(const struct postgres_load *load, struct table *ret_back)
{
    const struct table *table = table_of(load);

    ret_back->schema = schema_create("", load->work.column_count);
    ret_back->columns = allocate_array(load->work.column_count, sizeof *ret_back->columns);
    if (ret_back->schema == NULL || ret_back->columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < load->work.column_count; i++)
        ret_back->columns[i] = table->columns[load->work.columns[i]];
    return 0;
}

static int write_read_back(const struct postgres_load *load, struct buffer *sql)
{
    int error = buffer_append_text(sql, "COPY (SELECT ");

    if (error == 0)
        error = add_columns(load, "", sql);
    if (error == 0)
        error = buffer_append_text(sql, " FROM ");
    if (error == 0)
        error = load->stage != NULL ? buffer_print(sql, "pg_temp.%s", load->stage)
                                    : postgres_add_table(sql, table_of(load));
    return error == 0 ? buffer_append(sql, ") TO STDOUT", 12) : error;
}

static int sum_rows(struct postgres_load *load, struct row_sum *sum, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    char(*numbers)[DOUBLE_TEXT_SIZE] = allocate_array(load->work.column_count, sizeof *numbers);
    struct table back = {.oid = 0};
    struct row_place place;
    int error = numbers != NULL ? describe_back(load, &back) : -ENOMEM;

    if (error == 0)
        error = write_read_back(load, &sql);
    if (error == 0)
        error = postgres_link_copy_begin(&load->target->link, (const char *)sql.data, failure);
    while (error == 0) {
        char *row = NULL;
        ssize_t size = postgres_link_copy_row(&load->target->link, &row, failure);

        if (size <= 0) {
            error = (int)size;
            break;
        }
        error = postgres_row_read(&back, row, (size_t)size, false, load->back, numbers, &place);
        if (error == 0)
            error = row_sum_add(sum, load->work.fits, load->back, load->work.column_count,
                                &load->work.value);
        PQfreemem(row);
    }
    schema_release(back.schema);
    free(back.columns);
    free(numbers);
    return own(load, error, failure);
}

/* Rows of the stage that the table has as they are. */
static int count_same(struct postgres_load *load, uint64_t *ret_count, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = write_met(load, "pg_catalog.count(*)", &sql);

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (load->work.plan.mode == LOAD_MISSING)
            break;
        error = buffer_append_text(&sql, " AND t.");
        if (error == 0)
            error = postgres_add_column(&sql, table_of(load), load->work.columns[i]);
        if (error == 0)
            error = buffer_append_text(&sql, "::text IS NOT DISTINCT FROM s.");
        if (error == 0)
            error = postgres_add_column(&sql, table_of(load), load->work.columns[i]);
        if (error == 0)
            error = buffer_append_text(&sql, "::text");
    }
    return change(load, &sql, error, ret_count, failure);
}

static int verify(struct load *base, struct failure *failure)
{
    struct postgres_load *load = (struct postgres_load *)base;
    uint64_t written = base->counts.put - base->counts.refused;
    struct row_sum back = {0};
    uint64_t same = written;
    int error = load->work.column_count != 0 ? sum_rows(load, &back, failure) : 0;

    if (error == 0 && load->stage != NULL && has_key(load))
        error = count_same(load, &same, failure);
    if (error != 0 || load->work.column_count == 0)
        return error;
    /* Of rows that were set aside, no sum was made. */
    if (back.rows != written || same != written ||
        (load->work.plan.refuse == NULL && !row_sum_equal(&back, &load->sum)))
        return failure_set(failure, EIO,
                           "table \"%s\": the rows do not read back as they were written",
                           table_of(load)->schema->name);
    return 0;
}

static void close_load(struct load *base)
{
    struct postgres_load *load = (struct postgres_load *)base;

    row_work_release(&load->work);
    row_batch_release(&load->batch);
    free(load->stage);
    free(load->statement);
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

/* A temporary table of the columns that are written, and nothing else. */
static int create_stage(struct postgres_load *load, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error;

    if (asprintf(&load->stage, "crmfs_stage_%lu", ++load->target->stage_count) < 0) {
        load->stage = NULL;
        return -ENOMEM;
    }
    error = buffer_print(&sql, "CREATE TEMPORARY TABLE %s ON COMMIT DROP AS SELECT ", load->stage);
    if (error == 0)
        error = add_columns(load, "", &sql);
    if (error == 0)
        error = buffer_append_text(&sql, " FROM ");
    if (error == 0)
        error = postgres_add_table(&sql, table_of(load));
    if (error == 0)
        error = buffer_append_text(&sql, " WITH NO DATA");
    if (error == 0)
        error = postgres_target_run(load->target, &sql, NULL, failure);
    return error == 0 ? postgres_note_staged(load->target, table_of(load), load->stage, &load->work,
                                             failure)
                      : error;
}

static int prepare(struct postgres_load *load, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = row_batch_create(&load->batch, load->work.plan.cell_count);

    load->batch.keep = true;
    load->back = allocate_array(load->work.column_count, sizeof *load->back);
    if (load->back == NULL)
        error = -ENOMEM;
    if (error == 0 && !load->place->is_made)
        error = create_stage(load, failure);
    if (error == 0)
        error = write_copy(load, &sql);
    if (error == 0)
        load->statement = (char *)steal_pointer(&sql.data);
    return own(load, error, failure);
}

int postgres_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                       struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    struct postgres_load *load = calloc(1, sizeof *load);
    int error;

    if (load == NULL)
        return -ENOMEM;
    load->load.class = &class;
    load->target = target;
    load->place = postgres_target_place(target, plan->table);
    error = load->place == NULL || strchr("rp", load->place->table->kind) == NULL
                ? failure_set(failure, EINVAL, "\"%s\" is no table that can be written",
                              plan->table->name)
                : row_work_create(&load->work, ENGINE_POSTGRES, plan, &load->load.counts, failure);
    if (error == 0)
        error = prepare(load, failure);
    if (error != 0) {
        close_load(&load->load);
        return error;
    }
    *ret_load = &load->load;
    return 0;
}
