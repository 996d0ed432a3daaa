/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_target.h"
#include "fs/base/memory.h"

struct mysql_load {
    struct load load;
    struct mysql_target *target;
    struct mysql_place *place;
    struct row_work work;
    struct row_batch batch;
    struct mysql_table into; /* that rows go into: the place's table, or one that is like it */
    bool staged;
    char *statement; /* LOAD DATA … */
    struct row_sum sum;
    struct cell *back;
};

static const char *table_name(const struct mysql_load *load)
{
    return load->place->table->schema->name;
}

static int own(struct mysql_load *load, int error, struct failure *failure)
{
    if (error == -ENOMEM || error == -EFBIG)
        return failure_set(failure, ENOMEM, "table \"%s\": %s", load->place->schema->name,
                           strerror(ENOMEM));
    return error;
}

/* ---- LOAD DATA ------------------------------------------------------------------------------- */

static bool is_bits(const struct mysql_load *load, size_t index)
{
    const struct column *column = &load->place->schema->columns[load->work.columns[index]];

    return strncmp(column->native_type, "bit", 3) == 0;
}

/* Whether some field goes through a variable: bytes are digits, bits a number. */
static bool has_variables(const struct mysql_load *load)
{
    for (size_t i = 0; i < load->work.column_count; i++) {
        if (load->work.fits[i].kind == FIT_BYTES || is_bits(load, i))
            return true;
    }
    return false;
}

/*
 * … and then a column that may count by itself goes the same way: MariaDB forgets of any other that
 * it was given, and counts in the place of a 0.
 */
static bool is_converted(const struct mysql_load *load, size_t index)
{
    return load->work.fits[index].kind == FIT_BYTES || is_bits(load, index) ||
           (load->work.fits[index].kind == FIT_INTEGER && has_variables(load));
}

/* What is assigned of the variable. */
static int write_value(const struct mysql_load *load, size_t index, struct buffer *text)
{
    /* MariaDB's UNHEX makes an empty text of a NULL that follows one. */
    if (load->work.fits[index].kind == FIT_BYTES)
        return buffer_print(text, "IF(@v%zu IS NULL, NULL, UNHEX(@v%zu))", index, index);
    return is_bits(load, index) ? buffer_print(text, "CAST(@v%zu AS UNSIGNED)", index)
                                : buffer_print(text, "@v%zu", index);
}

static int write_statement(const struct mysql_load *load, struct buffer *text)
{
    bool first = true;
    int error = buffer_append_text(text, "LOAD DATA LOCAL INFILE 'rows' INTO TABLE ");

    if (error == 0)
        error = mysql_add_name(text, load->into.schema->name);
    if (error == 0)
        error = buffer_append_text(text, " CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' "
                                         "ENCLOSED BY '' ESCAPED BY '\\\\' "
                                         "LINES TERMINATED BY '\\n' (");
    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? "" : ", ");
        if (error == 0)
            error = is_converted(load, i) ? buffer_print(text, "@v%zu", i)
                                          : mysql_add_name(text, row_work_column(&load->work, i));
    }
    if (error == 0)
        error = buffer_append_text(text, ")");
    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (!is_converted(load, i))
            continue;
        error = buffer_append_text(text, first ? " SET " : ", ");
        if (error == 0)
            error = mysql_add_name(text, row_work_column(&load->work, i));
        if (error == 0)
            error = buffer_append_text(text, " = ");
        if (error == 0)
            error = write_value(load, i, text);
        first = false;
    }
    return error == 0 ? buffer_append(text, "", 1) : error;
}

/* What the first warning says; "" when there is none. */
static int first_warning(struct mysql_load *load, char words[200], struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    int error = mysql_ask(load->target->source, load->target->link, "SHOW WARNINGS LIMIT 1", &rows,
                          failure);
    MYSQL_ROW row = error == 0 ? mysql_fetch_row(rows) : NULL;

    snprintf(words, 200, "%s", row != NULL && row[2] != NULL ? row[2] : "");
    /* Behind " at row N" stands where it is in the piece that was sent. */
    if (strstr(words, " at row ") != NULL)
        *strstr(words, " at row ") = '\0';
    return error;
}

/* Sends some rows of the batch. 1: all of them are in; 0: WORDS say why not; -errno. */
static int send_rows(struct mysql_load *load, size_t first, size_t end, char words[200],
                     struct failure *failure)
{
    struct mysql_target *target = load->target;
    MYSQL *handle = target->link->handle;

    target->lines = row_batch_lines(&load->batch, first, end, &target->lines_left);
    if (mysql_query(handle, load->statement) != 0)
        return mysql_link_failure(target->source, target->link, load->place->schema->name, failure);
    if (mysql_warning_count(handle) == 0 && mysql_affected_rows(handle) == end - first)
        return 1;

    int error = first_warning(load, words, failure);

    if (error == 0 && words[0] == '\0')
        snprintf(words, 200, "the server leaves it out");
    return error;
}

static int refuse(struct mysql_load *load, size_t row, const char *words, struct failure *failure)
{
    const struct bad_row bad = {.number = load->batch.rows[row].number,
                                .cells = row_batch_cells(&load->batch, row),
                                .reason = words};

    return row_work_refuse(&load->work, &bad, strstr(words, "Duplicate") != NULL ? EEXIST : EINVAL,
                           failure);
}

/* Puts rows in, and finds those that the server refuses by halves; as deep as the batch is long. */
// NOLINTNEXTLINE(misc-no-recursion)
static int put_rows(struct mysql_load *load, size_t first, size_t end, struct failure *failure)
{
    struct mysql_target *target = load->target;
    char words[200];
    int sent;
    int error;

    if (first == end)
        return 0;
    error = mysql_do(target->source, target->link, failure, "SAVEPOINT crmfs_rows");
    if (error != 0)
        return error;
    sent = send_rows(load, first, end, words, failure);
    if (sent != 0)
        return sent < 0 ? sent : 0;
    error = mysql_do(target->source, target->link, failure, "ROLLBACK TO SAVEPOINT crmfs_rows");
    if (error != 0)
        return error;
    if (end - first == 1)
        return refuse(load, first, words, failure);
    error = put_rows(load, first, first + (end - first) / 2, failure);
    return error == 0 ? put_rows(load, first + (end - first) / 2, end, failure) : error;
}

static int flush(struct mysql_load *load, struct failure *failure)
{
    int error = put_rows(load, 0, load->batch.count, failure);

    row_batch_clear(&load->batch);
    return error;
}

static int put(struct load *base, const struct cell *cells, struct cursor *cursor,
               struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    int taken = row_work_take(&load->work, cells, cursor, failure);
    int error = 0;

    if (taken <= 0)
        return own(load, taken, failure);
    load->place->written = true;
    if (row_batch_is_full(&load->batch))
        error = flush(load, failure);
    if (error == 0)
        error = row_batch_add(&load->batch, &load->work, cells, false);
    if (error == 0 && load->work.plan.refuse == NULL)
        error = row_work_sum(&load->work, &load->sum);
    return own(load, error, failure);
}

static int end(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;

    base->counts.digest[0] = load->sum.high;
    base->counts.digest[1] = load->sum.low;
    return flush(load, failure);
}

/* Whether rows can be found again in the table by the key that they were put with. */
static bool has_key(const struct mysql_load *load)
{
    for (size_t k = 0; k < load->work.plan.key_count; k++) {
        if (load->work.key_places[k] == SIZE_MAX)
            return false;
    }
    return load->work.plan.key_count != 0;
}

/* ---- Merging --------------------------------------------------------------------------------- */

/* Names with commas, each behind PREFIX. */
static int add_columns(const struct mysql_load *load, const char *prefix, struct buffer *text)
{
    int error = 0;

    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        error = buffer_print(text, "%s%s", i == 0 ? "" : ", ", prefix);
        if (error == 0)
            error = mysql_add_name(text, row_work_column(&load->work, i));
    }
    return error;
}

static int add_key(const struct mysql_load *load, struct buffer *text)
{
    return mysql_add_equal(text, load->place->schema, load->work.plan.key,
                           load->work.plan.key_count, "t", "s");
}

/* Runs TEXT and says how many rows it changed. */
static int change(struct mysql_load *load, struct buffer *text, int error, uint64_t *ret_rows,
                  struct failure *failure)
{
    if (error == 0)
        error = mysql_target_run(load->target, text, failure);
    buffer_release(text);
    if (error == 0)
        *ret_rows = mysql_affected_rows(load->target->link->handle);
    return own(load, error, failure);
}

static int remove_others(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error;

    if (load->work.plan.mode != LOAD_REPLACE || !load->staged)
        return 0;
    error = buffer_append_text(&text, "DELETE t FROM ");
    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_print(&text, " t LEFT JOIN `%s` s ON ", load->into.schema->name);
    if (error == 0)
        error = add_key(load, &text);
    if (error == 0)
        error = buffer_append_text(&text, " WHERE s.");
    if (error == 0)
        error = mysql_add_name(&text, load->place->schema->columns[load->work.plan.key[0]].name);
    if (error == 0)
        error = buffer_append_text(&text, " IS NULL");
    error = change(load, &text, error, &base->counts.deleted, failure);
    load->place->deleted += base->counts.deleted;
    return error;
}

/*
 * So that rows are found, and found missing, as they are now and stay until the transaction ends:
 * INSERT, UPDATE and DELETE go by that, too, and not by the moment that it began.
 */
static const char for_good[] = " FOR UPDATE";

/* Counts the rows of the stage whose key is in the table. */
static int count_met(struct mysql_load *load, uint64_t *ret_count, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_print(&text, "SELECT COUNT(*) FROM `%s` s JOIN ", load->into.schema->name);

    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_append_text(&text, " t ON ");
    if (error == 0)
        error = add_key(load, &text);
    if (error == 0)
        error = buffer_append_text(&text, for_good);
    if (error == 0)
        error = mysql_target_ask(load->target, &text, &rows, failure);
    buffer_release(&text);
    if (error == 0)
        *ret_count = strtoull(mysql_fetch_row(rows)[0], NULL, 10);
    return own(load, error, failure);
}

/* Rows to be appended whose key is there already are bad ones. */
static int refuse_met(struct mysql_load *load, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    const struct column *column = &load->place->schema->columns[load->work.plan.key[0]];
    MYSQL_ROW row;
    uint64_t ignored;
    int error = buffer_append_text(&text, "SELECT CONCAT_WS(', '");

    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        error = buffer_append_text(&text, ", s.");
        if (error == 0)
            error =
                mysql_add_name(&text, load->place->schema->columns[load->work.plan.key[k]].name);
    }
    if (error == 0)
        error = buffer_print(&text, ") FROM `%s` s JOIN ", load->into.schema->name);
    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_append_text(&text, " t ON ");
    if (error == 0)
        error = add_key(load, &text);
    if (error == 0)
        error = buffer_append_text(&text, for_good);
    if (error == 0)
        error = mysql_target_ask(load->target, &text, &rows, failure);
    buffer_release(&text);
    if (error != 0 || mysql_num_rows(rows) == 0)
        return own(load, error, failure);
    while (error == 0 && (row = mysql_fetch_row(rows)) != NULL) {
        const struct bad_row bad = {.column = column->name,
                                    .value = row[0] != NULL ? row[0] : "",
                                    .reason = "is there already"};

        error = row_work_refuse(&load->work, &bad, EEXIST, failure);
    }
    if (error != 0)
        return error;
    error = buffer_print(&text, "DELETE s FROM `%s` s JOIN ", load->into.schema->name);
    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_append_text(&text, " t ON ");
    if (error == 0)
        error = add_key(load, &text);
    return change(load, &text, error, &ignored, failure);
}

static int update_met(struct mysql_load *load, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    uint64_t ignored;
    bool any = false;
    int error = buffer_append_text(&text, "UPDATE ");

    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_print(&text, " t JOIN `%s` s ON ", load->into.schema->name);
    if (error == 0)
        error = add_key(load, &text);
    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        if (row_work_is_key(&load->work, i))
            continue;
        error = buffer_append_text(&text, any ? ", t." : " SET t.");
        if (error == 0)
            error = mysql_add_name(&text, row_work_column(&load->work, i));
        if (error == 0)
            error = buffer_append_text(&text, " = s.");
        if (error == 0)
            error = mysql_add_name(&text, row_work_column(&load->work, i));
        any = true;
    }
    if (error == 0 && !any) {
        buffer_release(&text);
        return 0;
    }
    return change(load, &text, error, &ignored, failure);
}

static int insert_rest(struct mysql_load *load, bool all, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_append_text(&text, "INSERT INTO ");

    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_append_text(&text, " (");
    if (error == 0)
        error = add_columns(load, "", &text);
    if (error == 0)
        error = buffer_append_text(&text, ") SELECT ");
    if (error == 0)
        error = add_columns(load, "s.", &text);
    if (error == 0)
        error = buffer_print(&text, " FROM `%s` s", load->into.schema->name);
    if (error == 0 && !all) {
        error = buffer_append_text(&text, " WHERE NOT EXISTS (SELECT 1 FROM ");
        if (error == 0)
            error = mysql_add_name(&text, table_name(load));
        if (error == 0)
            error = buffer_append_text(&text, " t WHERE ");
        if (error == 0)
            error = add_key(load, &text);
        if (error == 0)
            error = buffer_append_text(&text, ")");
    }
    return change(load, &text, error, &load->load.counts.inserted, failure);
}

static int merge(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    struct load_counts *counts = &base->counts;
    uint64_t met = 0;
    int error = 0;

    if (!load->staged) {
        counts->inserted = counts->put - counts->refused;
        return 0;
    }
    if (load->work.plan.mode == LOAD_APPEND)
        error = has_key(load) ? refuse_met(load, failure) : 0;
    else
        error = count_met(load, &met, failure);
    if (error == 0 && met != 0 && load->work.plan.mode != LOAD_MISSING)
        error = update_met(load, failure);
    if (error == 0)
        error = insert_rest(load, load->work.plan.mode == LOAD_APPEND, failure);
    if (error != 0)
        return error == -EIO ? failure_prefix(failure, EINVAL, "nothing was changed") : error;
    if (load->work.plan.mode == LOAD_MISSING)
        counts->kept = met;
    else
        counts->updated = met;
    return 0;
}

/* ---- Reading back ---------------------------------------------------------------------------- */

/* Reads all rows of the table that rows went into. */
static int sum_table(struct mysql_load *load, struct row_sum *sum, struct failure *failure)
{
    const size_t count = load->into.schema->column_count;
    const struct mysql_part part = {.limit = 0};
    struct mysql_table unordered = load->into;
    struct mysql_cursor cursor = {.table = &unordered};
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    cleanup_rows MYSQL_RES *rows = NULL;
    MYSQL *handle = load->target->link->handle;
    MYSQL_ROW row;
    int error = mysql_write_query(&unordered, false, &part, &text);

    cursor.cells = allocate_array(count, sizeof *cursor.cells);
    cursor.numbers = allocate_array(count, sizeof *cursor.numbers);
    if (cursor.cells == NULL || cursor.numbers == NULL)
        error = -ENOMEM;
    if (error == 0 && (mysql_real_query(handle, (const char *)text.data, text.size) != 0 ||
                       (rows = mysql_use_result(handle)) == NULL))
        error = mysql_link_failure(load->target->source, load->target->link,
                                   load->place->schema->name, failure);
    while (error == 0 && (row = mysql_fetch_row(rows)) != NULL) {
        mysql_fill_cells(&cursor, row, mysql_fetch_lengths(rows));
        for (size_t i = 0; i < load->work.column_count; i++)
            load->back[i] = cursor.cells[load->work.columns[i]];
        error = row_sum_add(sum, load->work.fits, load->back, load->work.column_count,
                            &load->work.value);
    }
    if (error == 0 && mysql_errno(handle) != 0)
        error = mysql_link_failure(load->target->source, load->target->link,
                                   load->place->schema->name, failure);
    free(cursor.cells);
    free(cursor.numbers);
    return own(load, error, failure);
}

/* Rows of the stage that the table has as they are. */
static int count_same(struct mysql_load *load, uint64_t *ret_count, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_print(&text, "SELECT COUNT(*) FROM `%s` s JOIN ", load->into.schema->name);

    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_append_text(&text, " t ON ");
    if (error == 0)
        error = add_key(load, &text);
    for (size_t i = 0; i < load->work.column_count && error == 0; i++) {
        bool is_text = load->place->table->columns[load->work.columns[i]].is_text;

        if (load->work.plan.mode == LOAD_MISSING)
            break;
        error = buffer_print(&text, " AND %st.", is_text ? "BINARY " : "");
        if (error == 0)
            error = mysql_add_name(&text, row_work_column(&load->work, i));
        if (error == 0)
            error = buffer_print(&text, " <=> %ss.", is_text ? "BINARY " : "");
        if (error == 0)
            error = mysql_add_name(&text, row_work_column(&load->work, i));
    }
    if (error == 0)
        error = buffer_append_text(&text, for_good);
    if (error == 0)
        error = mysql_target_ask(load->target, &text, &rows, failure);
    buffer_release(&text);
    if (error == 0)
        *ret_count = strtoull(mysql_fetch_row(rows)[0], NULL, 10);
    return own(load, error, failure);
}

static int verify(struct load *base, struct failure *failure)
{
    struct mysql_load *load = (struct mysql_load *)base;
    uint64_t written = base->counts.put - base->counts.refused;
    struct row_sum back = {0};
    uint64_t same = written;
    int error = sum_table(load, &back, failure);

    if (error == 0 && load->staged && has_key(load))
        error = count_same(load, &same, failure);
    if (error != 0)
        return error;
    /* Of rows that were set aside, no sum was made. */
    if (back.rows != written || same != written ||
        (load->work.plan.refuse == NULL && !row_sum_equal(&back, &load->sum)))
        return failure_set(failure, EIO,
                           "table \"%s\": the rows do not read back as they were written",
                           load->place->schema->name);
    return 0;
}

static void close_load(struct load *base)
{
    struct mysql_load *load = (struct mysql_load *)base;

    if (load->staged)
        schema_release(load->into.schema);
    row_work_release(&load->work);
    row_batch_release(&load->batch);
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

static int look_whether_empty(struct mysql_load *load, bool *ret_empty, struct failure *failure)
{
    cleanup_rows MYSQL_RES *rows = NULL;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = buffer_append_text(&text, "SELECT 1 FROM ");

    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = buffer_append_text(&text, " LIMIT 1 FOR UPDATE");
    if (error == 0)
        error = mysql_target_ask(load->target, &text, &rows, failure);
    buffer_release(&text);
    if (error == 0)
        *ret_empty = mysql_num_rows(rows) == 0;
    return own(load, error, failure);
}

/* A temporary table like the one that is written. */
static int create_stage(struct mysql_load *load, struct failure *failure)
{
    struct mysql_place *place = load->place;
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error;

    free(place->stage);
    free(place->stage_key);
    place->stage = NULL;
    place->stage_key_count = has_key(load) ? load->work.plan.key_count : 0;
    place->stage_key = allocate_array(load->work.plan.key_count, sizeof *place->stage_key);
    if (place->stage_key == NULL ||
        asprintf(&place->stage, "crmfs_stage_%lu", ++load->target->stage_count) < 0)
        return -ENOMEM;
    if (load->work.plan.key_count != 0)
        memcpy(place->stage_key, load->work.plan.key,
               load->work.plan.key_count * sizeof *place->stage_key);
    error = buffer_print(&text, "CREATE TEMPORARY TABLE `%s` LIKE ", place->stage);
    if (error == 0)
        error = mysql_add_name(&text, table_name(load));
    if (error == 0)
        error = mysql_target_run(load->target, &text, failure);
    buffer_release(&text);
    if (error != 0)
        return own(load, error, failure);
    load->into = *place->table;
    load->into.schema = schema_copy(place->table->schema);
    if (load->into.schema == NULL)
        return -ENOMEM;
    load->staged = true;
    free(load->into.schema->name);
    load->into.schema->name = strdup(place->stage);
    return load->into.schema->name != NULL ? 0 : -ENOMEM;
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
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    bool empty = load->place->is_made;
    int error = row_batch_create(&load->batch, load->work.plan.cell_count);

    load->batch.keep = true;
    load->back = allocate_array(load->work.column_count, sizeof *load->back);
    if (load->back == NULL)
        error = -ENOMEM;
    if (error == 0)
        error = mysql_target_start(load->target, failure);
    if (error == 0 && !empty)
        error = look_whether_empty(load, &empty, failure);
    load->into = *load->place->table;
    load->place->whole = empty;
    if (error == 0 && !empty)
        error = create_stage(load, failure);
    if (error == 0)
        error = write_statement(load, &text);
    load->statement = (char *)steal_pointer(&text.data);
    return own(load, error, failure);
}

int mysql_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                    struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    struct mysql_load *load = calloc(1, sizeof *load);
    int error;

    if (load == NULL)
        return -ENOMEM;
    load->load.class = &class;
    load->target = target;
    load->place = mysql_target_place(target, plan->table);
    error = check_place(target, load->place, plan, failure);
    if (error == 0)
        error = row_work_create(&load->work, ENGINE_MYSQL, plan, &load->load.counts, failure);
    if (error == 0)
        error = prepare(load, failure);
    if (error != 0) {
        close_load(&load->load);
        return error;
    }
    *ret_load = &load->load;
    return 0;
}
