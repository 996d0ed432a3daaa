/* SPDX-License-Identifier: MIT */
#include "backends/target/row_work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/memory.h"

#define SCRATCH_LIMIT ((size_t)1 << 31)
#define SHOWN_VALUE ((size_t)80) /* bytes */

void row_work_release(struct row_work *work)
{
    schema_release(work->plan.table);
    free(without_const(work->plan.columns));
    free(without_const(work->plan.key));
    free(work->columns);
    free(work->from);
    free(work->fits);
    free(work->cells);
    free(work->as_put);
    free(work->key_places);
    buffer_release(&work->scratch);
    buffer_release(&work->large);
    buffer_release(&work->value);
    *work = (struct row_work){.engine = work->engine};
}

static size_t *copy_indexes(const size_t *indexes, size_t count)
{
    size_t *copy = allocate_array(count, sizeof *copy);

    if (copy != NULL && count != 0)
        memcpy(copy, indexes, count * sizeof *copy);
    return copy;
}

/* The plan's own key, or the table's. */
static int set_key(struct row_work *work, const struct load_plan *plan, struct failure *failure)
{
    const struct schema *table = plan->table;
    const size_t *key = plan->key;
    size_t count = plan->key_count;

    if (count == 0) {
        key = table->primary_key_count != 0 ? table->primary_key : table->order_key;
        count = table->primary_key_count != 0 ? table->primary_key_count : table->order_key_count;
    }
    work->plan.key = copy_indexes(key, count);
    work->plan.key_count = count;
    if (work->plan.key == NULL)
        return -ENOMEM;
    if (count == 0 && plan->mode != LOAD_APPEND)
        return failure_set(failure, EINVAL,
                           "table \"%s\" has no key by which its rows could be found: append is "
                           "all that can be done",
                           table->name);
    return 0;
}

static int set_columns(struct row_work *work, const struct load_plan *plan, struct failure *failure)
{
    const struct schema *table = plan->table;

    for (size_t i = 0; i < plan->cell_count; i++) {
        size_t column = plan->columns[i];

        if (column == LOAD_LEAVE_OUT)
            continue;
        if (column >= table->column_count || table->columns[column].generated)
            return failure_set(failure, EINVAL, "table \"%s\": column %zu cannot be written",
                               table->name, column);
        work->columns[work->column_count] = column;
        work->from[work->column_count] = i;
        work->fits[work->column_count] = fit_of(work->engine, &table->columns[column]);
        work->column_count++;
    }
    for (size_t k = 0; k < work->plan.key_count; k++) {
        work->key_places[k] = SIZE_MAX;
        for (size_t i = 0; i < work->column_count; i++) {
            if (work->columns[i] == work->plan.key[k])
                work->key_places[k] = i;
        }
        if (work->key_places[k] == SIZE_MAX && plan->mode != LOAD_APPEND)
            return failure_set(failure, EINVAL,
                               "table \"%s\": the rows have no column \"%s\", which is of the key "
                               "that they are found by",
                               table->name, table->columns[work->plan.key[k]].name);
    }
    return 0;
}

int row_work_create(struct row_work *work, enum target_engine engine, const struct load_plan *plan,
                    struct load_counts *counts, struct failure *failure)
{
    *work = (struct row_work){
        .plan = *plan,
        .engine = engine,
        .counts = counts,
        .scratch = BUFFER(SCRATCH_LIMIT),
        .large = BUFFER(SCRATCH_LIMIT),
        .value = BUFFER(SCRATCH_LIMIT),
    };
    work->plan.table = schema_reference(plan->table);
    work->plan.key = NULL;
    work->plan.columns = copy_indexes(plan->columns, plan->cell_count);
    work->columns = allocate_array(plan->cell_count, sizeof *work->columns);
    work->from = allocate_array(plan->cell_count, sizeof *work->from);
    work->fits = allocate_array(plan->cell_count, sizeof *work->fits);
    work->cells = allocate_array(plan->cell_count, sizeof *work->cells);
    work->as_put = allocate_array(plan->cell_count, sizeof *work->as_put);

    int error = work->plan.columns == NULL || work->columns == NULL || work->from == NULL ||
                        work->fits == NULL || work->cells == NULL || work->as_put == NULL
                    ? -ENOMEM
                    : set_key(work, plan, failure);

    if (error == 0) {
        work->key_places = allocate_array(work->plan.key_count, sizeof *work->key_places);
        error = work->key_places != NULL ? set_columns(work, plan, failure) : -ENOMEM;
    }
    if (error != 0)
        row_work_release(work);
    return error;
}

const char *row_work_column(const struct row_work *work, size_t index)
{
    return work->plan.table->columns[work->columns[index]].name;
}

bool row_work_is_key(const struct row_work *work, size_t index)
{
    for (size_t k = 0; k < work->plan.key_count; k++) {
        if (work->key_places[k] == index)
            return true;
    }
    return false;
}

bool row_work_has_key(const struct row_work *work)
{
    for (size_t k = 0; k < work->plan.key_count; k++) {
        if (work->key_places[k] == SIZE_MAX || work->cells[work->key_places[k]].class == CELL_NULL)
            return false;
    }
    return true;
}

/* ---- A row ----------------------------------------------------------------------------------- */

/* Cells without data are put one after another into work->large, which has room for all. */
static int fetch_large(struct row_work *work, const struct cell *cells, struct cursor *cursor,
                       struct failure *failure)
{
    uint64_t bytes = 0;
    int error = 0;

    for (size_t i = 0; i < work->column_count; i++) {
        const struct cell *cell = &cells[work->from[i]];

        work->cells[i] = *cell;
        if (cell->data == NULL && cell->size != 0)
            bytes += cell->size;
    }
    work->has_large = bytes != 0;
    if (bytes == 0)
        return 0;
    if (bytes > ROW_CELL_LIMIT || cursor == NULL)
        return failure_set(failure, EFBIG,
                           "table \"%s\": row %llu has more than 1 GiB, which is the most that can "
                           "be written",
                           work->plan.table->name, (unsigned long long)work->counts->put);
    buffer_clear(&work->large);
    error = buffer_reserve(&work->large, (size_t)bytes);
    for (size_t i = 0; i < work->column_count && error == 0; i++) {
        struct cell *cell = &work->cells[i];

        if (cell->data != NULL || cell->size == 0)
            continue;
        cell->data = work->large.data + work->large.size;
        error =
            cursor->class->read_cell(cursor, work->from[i], 0, work->large.data + work->large.size,
                                     (size_t)cell->size, failure);
        work->large.size += (size_t)cell->size;
    }
    return error;
}

const struct cell *row_work_as_put(struct row_work *work, const struct cell *cells)
{
    const uint8_t *at = work->large.data;

    if (!work->has_large || work->plan.refuse == NULL)
        return cells;
    memcpy(work->as_put, cells, work->plan.cell_count * sizeof *cells);
    for (size_t i = 0; i < work->column_count; i++) {
        struct cell *cell = &work->as_put[work->from[i]];

        if (cell->data != NULL || cell->size == 0)
            continue;
        cell->data = at;
        at += cell->size;
    }
    return work->as_put;
}

static bool needs_room(enum fit_kind kind)
{
    return kind == FIT_INTEGER || kind == FIT_SINGLE || kind == FIT_MOMENT || kind == FIT_TIME ||
           kind == FIT_DATE;
}

static int reserve_scratch(struct row_work *work)
{
    size_t room = 0;

    for (size_t i = 0; i < work->column_count; i++) {
        if (needs_room(work->fits[i].kind))
            room += fit_room(work->cells[i].size);
    }
    buffer_clear(&work->scratch);
    return buffer_reserve(&work->scratch, room);
}

/* "\x00ff", as PostgreSQL writes them. */
static const char *shown_bytes(const struct cell *cell, char text[4 * SHOWN_VALUE])
{
    const uint8_t *bytes = cell->data;
    size_t size = cell->size < SHOWN_VALUE ? (size_t)cell->size : SHOWN_VALUE;
    char *to = stpcpy(text, "\\x");

    for (size_t i = 0; i < size; i++)
        to += sprintf(to, "%02x", bytes[i]);
    if (cell->size > size)
        memcpy(to, "...", sizeof "...");
    return text;
}

static const char *shown_value(const struct cell *cell, char text[4 * SHOWN_VALUE])
{
    char raw[SHOWN_VALUE + 4];
    size_t size = cell->size < SHOWN_VALUE ? (size_t)cell->size : SHOWN_VALUE;
    size_t used = 0;

    if (cell->class == CELL_BYTES)
        return shown_bytes(cell, text);
    if (size > 0)
        memcpy(raw, cell->data, size);
    memcpy(raw + size, "...", 4);
    size += cell->size <= SHOWN_VALUE ? 0 : 3;
    raw[size] = '\0';
    /* From NUL to NUL. */
    for (size_t at = 0; at <= size; at += strlen(raw + at) + 1) {
        printable_copy(text + used, 4 * SHOWN_VALUE - used, raw + at);
        used += strlen(text + used);
        if (at + strlen(raw + at) < size)
            used += (size_t)snprintf(text + used, 4 * SHOWN_VALUE - used, "\\x00");
        if (used >= 4 * SHOWN_VALUE - 1)
            break;
    }
    return text;
}

/* The value does not fit column INDEX. 0: the row is left out. */
static int refuse_value(struct row_work *work, const struct cell *cells, size_t index,
                        const char *reason, bool is_first, struct failure *failure)
{
    char text[4 * SHOWN_VALUE];
    const struct bad_row bad = {.number = work->counts->put,
                                .cells = row_work_as_put(work, cells),
                                .column = row_work_column(work, index),
                                .value = shown_value(&work->cells[index], text),
                                .reason = reason};

    return is_first ? row_work_refuse(work, &bad, EINVAL, failure)
                    : work->plan.refuse(work->plan.refuse_context, &bad);
}

int row_work_take(struct row_work *work, const struct cell *cells, struct cursor *cursor,
                  struct failure *failure)
{
    bool is_bad = false;

    work->counts->put++;

    int error = fetch_large(work, cells, cursor, failure);

    if (error == 0)
        error = reserve_scratch(work);
    for (size_t i = 0; i < work->column_count && error == 0; i++) {
        struct fitted fitted;

        error = fit_cell(&work->fits[i], &work->cells[i], &work->scratch, &fitted);
        if (error == -EINVAL) {
            error = refuse_value(work, cells, i, fitted.reason, !is_bad, failure);
            if (error != 0 || !work->plan.every_column)
                return error;
            is_bad = true;
        }
        work->cells[i] = fitted.cell;
    }
    return error != 0 ? error : !is_bad;
}

int row_work_sum(struct row_work *work, struct row_sum *sum)
{
    return row_sum_add(sum, work->fits, work->cells, work->column_count, &work->value);
}

/* ---- Bad ones -------------------------------------------------------------------------------- */

/* " (id 42, part 7)", of the cells that were put. */
static void write_key(const struct row_work *work, const struct cell *cells, char *text,
                      size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t k = 0; cells != NULL && k < work->plan.key_count && used < size; k++) {
        char value[4 * SHOWN_VALUE];
        const struct cell *cell;

        if (work->key_places[k] == SIZE_MAX)
            return;
        cell = &cells[work->from[work->key_places[k]]];
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s %s", k == 0 ? " (" : ", ",
                             work->plan.table->columns[work->plan.key[k]].name,
                             cell->class == CELL_NULL                ? "NULL"
                             : cell->data == NULL && cell->size != 0 ? "(large)"
                                                                     : shown_value(cell, value));
    }
    if (used != 0 && used + 1 < size)
        memcpy(text + used, ")", 2);
}

int row_work_refuse(struct row_work *work, const struct bad_row *bad, int code,
                    struct failure *failure)
{
    struct bad_row told = *bad;
    char key[4 * SHOWN_VALUE];
    char row[32] = "";
    int error = -code;

    if (told.number == 0 && told.cells != NULL)
        told.number = work->counts->put;
    if (work->plan.refuse != NULL)
        error = work->plan.refuse(work->plan.refuse_context, &told);
    if (error == 0) {
        work->counts->refused++;
        return 0;
    }
    write_key(work, told.cells, key, sizeof key);
    if (told.number != 0)
        snprintf(row, sizeof row, ": row %llu", (unsigned long long)told.number);
    return failure_set(failure, -error, "table \"%s\"%s%s: %s%s%s%s%s%s%s", work->plan.table->name,
                       row, key, told.column != NULL ? "column \"" : "",
                       told.column != NULL ? told.column : "", told.column != NULL ? "\": " : "",
                       told.value != NULL ? "\"" : "", told.value != NULL ? told.value : "",
                       told.value != NULL ? "\" " : "", told.reason);
}
