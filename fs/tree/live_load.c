/* SPDX-License-Identifier: MIT */
#include "fs/tree/live_load.h"

#include <errno.h>
#include <inttypes.h>

#include "fs/base/called_off.h"
#include "fs/base/memory.h"
#include "fs/tree/live_change.h"

static size_t *all_columns(const struct schema *table)
{
    size_t *columns = allocate_array(table->column_count, sizeof *columns);

    for (size_t i = 0; columns != NULL && i < table->column_count; i++)
        columns[i] = table->columns[i].generated ? LOAD_LEAVE_OUT : i;
    return columns;
}

/* What is generated is not written. NULL: no memory. */
static size_t *written_columns(const struct schema *table, const size_t *columns, size_t count)
{
    size_t *written = allocate_array(count, sizeof *written);

    for (size_t i = 0; written != NULL && i < count; i++)
        written[i] = table->columns[columns[i]].generated ? LOAD_LEAVE_OUT : columns[i];
    return written;
}

static int put_rows(struct load *load, struct export_rows *rows, const struct caller *caller,
                    struct failure *failure)
{
    const struct cell *cells;
    int found = 1;

    while (found == 1) {
        if (called_off(caller->cancelled))
            return -ECANCELED;
        found = export_rows_next(rows, &cells, failure);
        if (found != 1)
            break;

        int error = load->class->put(load, cells, NULL, failure);

        if (error == -EINVAL || error == -EEXIST)
            return failure_prefix(failure, -error, "line %" PRIu64, export_rows_line(rows));
        if (error != 0)
            return error;
    }
    return found;
}

static int load_rows(struct live_change *change, struct load *load, struct export_rows *rows,
                     enum load_mode mode)
{
    struct failure *failure = change->failure;
    int error = put_rows(load, rows, change->caller, failure);

    if (error == 0)
        error = load->class->end(load, failure);
    if (error == 0 && mode == LOAD_REPLACE)
        error = load->class->remove(load, failure);
    if (error == 0)
        error = load->class->merge(load, failure);
    if (error == 0)
        error = load->class->verify(load, failure);
    return error;
}

static int write_result(const struct load_counts *counts, struct buffer *result)
{
    buffer_clear(result);
    return buffer_print(result,
                        "applied: %" PRIu64 " rows: %" PRIu64 " inserted, %" PRIu64
                        " updated, %" PRIu64 " left alone, %" PRIu64 " deleted\n",
                        counts->put, counts->inserted, counts->updated, counts->kept,
                        counts->deleted);
}

static int load_file(struct live_change *change, const struct live_import *import,
                     struct export_rows *rows, struct buffer *result)
{
    cleanup_free size_t *written = NULL;
    struct load_plan plan = {.table = change->table, .mode = import->mode};
    struct load *load;
    const size_t *columns;
    int error = export_rows_columns(rows, &columns, &plan.cell_count, change->failure);

    if (error != 0)
        return error;
    /* What a program leaves that failed before its first row would delete all of the table's. */
    if (plan.cell_count == 0 && import->format == EXPORT_NDJSON && import->mode == LOAD_REPLACE)
        return failure_set(change->failure, EINVAL,
                           "the file is empty, and may be what a program left that failed; to "
                           "delete all rows, write [] as %.200s.json, or the header line as .csv",
                           import->table);
    /* JSON without a row has no columns. */
    if (plan.cell_count != 0) {
        written = written_columns(change->table, columns, plan.cell_count);
    } else {
        plan.cell_count = change->table->column_count;
        written = all_columns(change->table);
    }
    plan.columns = written;
    if (written == NULL)
        return -ENOMEM;
    error = change->target->class->open_load(change->target, &plan, &load, change->failure);
    if (error != 0)
        return error;
    error = load_rows(change, load, rows, import->mode);

    struct load_counts counts = load->counts;

    load->class->close(load);
    if (error == 0)
        error = live_change_commit(change);
    /* It is applied, whether or not there is memory to say so. */
    if (error == 0)
        (void)!write_result(&counts, result);
    return error;
}

int live_load(struct live *live, const struct live_import *import, const struct caller *caller,
              struct buffer *result, struct failure *failure)
{
    cleanup_live_change struct live_change change = {
        .live = live, .caller = caller, .failure = failure};
    struct staging_stream stream;
    struct export_rows *rows = NULL;
    int error = live_change_begin(&change, import->table);

    if (error != 0)
        return error;
    error = staging_stream_begin(import->content, &stream);
    if (error != 0)
        return error;

    struct export_options options = {
        .format = import->format, .schema = change.table, .whole = import->whole};

    error = export_rows_create(&stream.stream, &options, &rows);
    if (error == 0)
        error = load_file(&change, import, rows, result);
    export_rows_free(rows);
    staging_stream_end(&stream);
    return error;
}
