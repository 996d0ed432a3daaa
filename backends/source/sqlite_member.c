/* SPDX-License-Identifier: MIT */
#include "backends/source/sqlite_member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/buffer.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"

/* The tables of one database on their way to a taker. */
struct transfer {
    struct dataset *dataset;
    struct row_taker *taker;
    struct cell *cells;
    struct buffer large;  /* cells of one row that came without data */
    uint64_t deadline_ns; /* of the view that is read; 0: none */
};

static int look(void *context)
{
    const struct transfer *transfer = context;

    return transfer->deadline_ns != 0 && clock_now_ns() >= transfer->deadline_ns ? -ETIMEDOUT : 0;
}

/* --- rows --------------------------------------------------------------------------------- */

static bool is_large(const struct cell *cell)
{
    return cell->class != CELL_NULL && cell->size != 0 && cell->data == NULL;
}

static int check_size(const struct schema *schema, const struct row *row, struct failure *failure)
{
    uint64_t size = 0;

    for (size_t i = 0; i < schema->column_count; i++) {
        if (row->cells[i].class != CELL_NULL)
            size += row->cells[i].size;
    }
    return size <= STREAM_ROW_LIMIT
               ? 0
               : failure_set(failure, EIO,
                             "a row of table %s is larger than the %zu MiB that crmfs takes of an "
                             "archive: copy the database out of raw/, and mount the copy",
                             schema->name, STREAM_ROW_LIMIT >> 20);
}

/* Large cells are read into memory, in which the row's whole size has room. */
static int complete_row(struct transfer *transfer, struct cursor *cursor, const struct row *row,
                        const struct schema *schema, struct failure *failure)
{
    int error = check_size(schema, row, failure);
    size_t needed = 0;

    for (size_t i = 0; i < schema->column_count; i++) {
        transfer->cells[i] = row->cells[i];
        needed += is_large(&row->cells[i]) ? (size_t)row->cells[i].size : 0;
    }
    buffer_clear(&transfer->large);
    if (error == 0 && needed != 0)
        error = buffer_reserve(&transfer->large, needed);
    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        struct cell *cell = &transfer->cells[i];

        if (!is_large(cell))
            continue;

        uint8_t *to = transfer->large.data + transfer->large.size;

        error = cursor->class->read_cell(cursor, i, 0, to, (size_t)cell->size, failure);
        cell->data = to;
        transfer->large.size += (size_t)cell->size;
    }
    return error;
}

/* *ret_taken: what failed is the taker's matter, not the table's. */
static int give_rows(struct transfer *transfer, struct cursor *cursor, const struct schema *schema,
                     size_t number, bool *ret_taken, struct failure *failure)
{
    const struct row *row;
    int got;

    *ret_taken = false;
    while ((got = cursor->class->next(cursor, &row, failure)) > 0) {
        got = complete_row(transfer, cursor, row, schema, failure);
        if (got != 0)
            return got;
        got = transfer->taker->class->row(transfer->taker, number, transfer->cells, failure);
        *ret_taken = got != 0;
        if (got != 0)
            return got;
    }
    return got;
}

/* --- tables ------------------------------------------------------------------------------- */

static int fail(struct transfer *transfer, const struct schema *schema, size_t number, int error,
                const struct failure *own)
{
    struct failure why = *own;

    if (error == -ETIMEDOUT)
        failure_set(&why, EIO, "view %s takes longer than %d s to read", schema->name,
                    SQLITE_MEMBER_VIEW_S);
    else if (why.code == 0)
        failure_set(&why, EIO, "table %s cannot be read: %s", schema->name, strerror(-error));
    return transfer->taker->class->fail_table(transfer->taker, number, &why);
}

static int read_table(struct transfer *transfer, size_t index, struct failure *failure)
{
    struct dataset *dataset = transfer->dataset;
    const struct row_taker_class *class = transfer->taker->class;
    struct schema *schema = dataset->class->schema(dataset, index);
    struct range_plan plan = {.count = 1, .starts = (int64_t[]){INT64_MIN}};
    struct failure own = {.code = 0};
    struct cursor *cursor;
    bool taken = false;
    size_t number;
    int error = class->begin_table(transfer->taker, &(struct stream_table){.schema = schema},
                                   &number, failure);

    if (error != 0)
        return error;
    if (class->kind != NULL)
        class->kind(transfer->taker, "sqlite");
    transfer->cells = allocate_array(schema->column_count, sizeof *transfer->cells);
    transfer->deadline_ns =
        schema->kind == RELATION_VIEW ? clock_now_ns() + SQLITE_MEMBER_VIEW_S * NS_PER_SECOND : 0;
    error = transfer->cells != NULL
                ? dataset->class->open_cursor(dataset, index, &plan, 0, &cursor, &own)
                : -ENOMEM;
    if (error == 0) {
        error = give_rows(transfer, cursor, schema, number, &taken, &own);
        cursor->class->close(cursor);
    }
    free(transfer->cells);
    transfer->cells = NULL;
    if (error == 0)
        return class->finish_table != NULL ? class->finish_table(transfer->taker, number, failure)
                                           : 0;
    if (!taken && error != -ENOMEM && error != -ECANCELED)
        return fail(transfer, schema, number, error, &own);
    if (failure != NULL && own.code != 0)
        *failure = own;
    return error;
}

/* Views last: they may take their time. */
static int read_tables(struct transfer *transfer, bool views, struct failure *failure)
{
    struct dataset *dataset = transfer->dataset;
    int error = 0;

    for (size_t i = 0; i < dataset->class->table_count(dataset) && error == 0; i++) {
        if ((dataset->class->schema(dataset, i)->kind == RELATION_VIEW) == views)
            error = read_table(transfer, i, failure);
    }
    return error;
}

/* --- the database ------------------------------------------------------------------------- */

static int begin(struct sqlite_dataset *dataset, struct held_bytes *bytes, struct failure *failure)
{
    struct connection *connection = &dataset->connections[0];
    int error = connection_open_held(connection, dataset->place.path, bytes,
                                     &dataset->source->options, failure);

    if (error != 0)
        return error;
    connection->bound = &dataset->dataset.bound;
    dataset->connection_count = 1;

    int code = connection_start(connection);

    if (code != SQLITE_OK)
        return sqlite_failure(failure, connection, code, NULL);
    error = connection_ready(connection, failure);
    return error == 0 ? catalogue_read(connection, NULL, &dataset->catalogue, failure) : error;
}

static int read_database(struct sqlite_source *source, struct held_bytes *bytes,
                         struct row_taker *taker, struct failure *failure)
{
    struct sqlite_dataset *dataset = sqlite_dataset_create(source, 1);

    if (dataset == NULL)
        return -ENOMEM;
    dataset->moment = MOMENT_HELD;
    dataset->place.path = strdup(source->path);

    struct transfer transfer = {
        .dataset = &dataset->dataset,
        .taker = taker,
        .large = BUFFER(STREAM_ROW_LIMIT),
    };
    int error = dataset->place.path != NULL ? begin(dataset, bytes, failure) : -ENOMEM;

    dataset->dataset.bound = (struct source_bound){look, &transfer};
    if (error == 0)
        error = read_tables(&transfer, false, failure);
    if (error == 0)
        error = read_tables(&transfer, true, failure);
    buffer_release(&transfer.large);
    dataset->dataset.class->release(&dataset->dataset);
    return error;
}

int sqlite_member_read(struct held_bytes *bytes, const char *name, const bool *cancelled,
                       struct row_taker *taker, struct failure *failure)
{
    struct sqlite_source source = {
        .path = strdup(name),
        .options = {.parallel = 1, .cancelled = cancelled},
    };

    if (source.path == NULL)
        return -ENOMEM;
    pthread_mutex_init(&source.lock, NULL);

    int error = read_database(&source, bytes, taker, failure);

    pthread_mutex_destroy(&source.lock);
    free(source.path);
    return error;
}
