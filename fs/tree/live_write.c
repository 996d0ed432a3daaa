/* SPDX-License-Identifier: MIT */
#include "fs/tree/live_write.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/record_name.h"
#include "fs/table/row_line.h"
#include "fs/tree/live_internal.h"

/* A database opened for one change. */
struct change {
    struct live *live;
    struct target *target;
    struct schema *table; /* the target's */
    struct record_key key;
    const struct caller *caller;
    bool look; /* nothing will be changed */
    struct failure *failure;
};

static void change_end(struct change *change)
{
    if (change->target != NULL)
        change->target->class->close(change->target);
}

#define cleanup_change __attribute__((__cleanup__(change_end)))

static int change_begin(struct change *change, const char *table)
{
    const struct live_writing *writing = &change->live->writing;
    struct target_options options = {
        .source =
            {
                .busy_timeout_ms = writing->busy_timeout_ms,
                .parallel = 1,
                .cancelled = change->caller->cancelled,
                .password = writing->password,
                .password_command = writing->password_command,
            },
        .check_only = change->look,
    };
    int error = target_open(change->live->url, &options, &change->target, change->failure);

    if (error == 0)
        error = change->target->class->begin(change->target, change->failure);
    if (error != 0)
        return error;
    change->table = target_find_table(change->target, table);
    if (change->table == NULL)
        return failure_set(change->failure, ENOENT, "there is no table %.200s any more", table);
    return 0;
}

/* All constraints hold, and it is durable. */
static int change_commit(struct change *change)
{
    int error = change->target->class->check(change->target, change->failure);

    if (error == 0)
        error = change->target->class->commit(change->target, change->failure);
    if (error == 0)
        live_note_written(change->live, change->caller);
    return error;
}

/* ---- one row ---- */

struct row_change {
    struct change change;
    const char *name; /* of its file */
    struct cell *key; /* a cell for each of the primary key's columns */
    struct buffer key_bytes;
    const struct cell *found; /* the row as it is; NULL: there is none */
};

static void row_change_end(struct row_change *row)
{
    change_end(&row->change);
    free(row->key);
    buffer_release(&row->key_bytes);
}

#define cleanup_row_change __attribute__((__cleanup__(row_change_end)))

/* Whether the columns' values are numbers: then a name of digits is one. */
static bool is_numeric(enum column_type type)
{
    return type == COLUMN_INTEGER || type == COLUMN_DECIMAL || type == COLUMN_FLOAT ||
           type == COLUMN_BOOLEAN || type == COLUMN_ANY;
}

static int take_key(struct row_change *row)
{
    struct change *change = &row->change;
    const struct schema *table = change->table;

    if (table->primary_key_count == 0)
        return failure_set(change->failure, EOPNOTSUPP,
                           "table %.200s has no primary key: single rows of it can only be read",
                           table->name);
    if (record_name_is_cut(row->name))
        return failure_set(change->failure, EOPNOTSUPP,
                           "row %.200s of table %.200s has a key that is too long for a file's "
                           "name: it can only be read. Bring it back with `crmfs restore`, or copy "
                           "a file of rows into .import/",
                           row->name, table->name);
    record_key_of(table, &change->key);
    row->key = allocate_array(change->key.count, sizeof *row->key);
    if (row->key == NULL)
        return -ENOMEM;

    int error = record_name_parse(table, &change->key, row->name, &row->key_bytes, row->key);

    if (error == -EINVAL)
        return failure_set(change->failure, EINVAL,
                           "\"%.200s\" is not the name of a row of table %.200s, which is its "
                           "primary key",
                           row->name, table->name);
    for (size_t i = 0; i < change->key.count && error == 0; i++) {
        if (row->key[i].class == CELL_NUMBER &&
            !is_numeric(table->columns[change->key.columns[i]].type))
            row->key[i].class = CELL_TEXT;
    }
    return error;
}

/* Whether the row found has the file name that is meant: collations may find others. */
static int check_name(const struct row_change *row, bool *ret_same)
{
    const struct change *change = &row->change;
    cleanup_buffer struct buffer name = BUFFER(4 * RECORD_KEY_LIMIT);
    int error = row_line_name(change->table, &change->key, row->found, &name);

    if (error == 0)
        error = buffer_append(&name, "", 1);
    *ret_same = error == 0 && strcmp((const char *)name.data, row->name) == 0;
    return error == -ENODATA ? 0 : error;
}

/* Whoever reads it again sees what it is now. */
static int refuse_changed(const struct row_change *row)
{
    live_note_written(row->change.live, row->change.caller);
    return failure_set(row->change.failure, EBUSY,
                       "row %.200s of table %.200s has been changed since it was read: read it "
                       "again, and make the change to what it is now",
                       row->name, row->change.table->name);
}

/* Locks the row, and sees that it is what BASE says. */
static int lock(struct row_change *row, const struct record_base *base)
{
    struct change *change = &row->change;
    int found = change->target->class->lock_row(change->target, change->table, row->key,
                                                &row->found, change->failure);
    bool same = false;
    uint64_t digest = 0;

    if (found < 0)
        return found;
    if (found == 0) {
        row->found = NULL;
        if (!base->exists)
            return 0;
        live_note_written(change->live, change->caller);
        return failure_set(change->failure, EBUSY,
                           "row %.200s of table %.200s has been deleted since it was read",
                           row->name, change->table->name);
    }

    int error = check_name(row, &same);

    if (error == 0 && (!base->exists || !same))
        return failure_set(change->failure, EEXIST,
                           "table %.200s has a row of that key already; it was not there, or not "
                           "under that name, when the folder was read",
                           change->table->name);
    if (error == 0)
        error = row_line_digest(change->table, row->found, &digest);
    if (error == -EFBIG)
        return failure_set(change->failure, EFBIG,
                           "row %.200s of table %.200s is too large to be written as a file",
                           row->name, change->table->name);
    return error == 0 && digest != base->digest ? refuse_changed(row) : error;
}

static int row_begin(struct row_change *row, const char *table, const struct record_base *base)
{
    int error = change_begin(&row->change, table);

    row->key_bytes = BUFFER(RECORD_KEY_LIMIT);
    if (error == 0)
        error = take_key(row);
    return error == 0 ? lock(row, base) : error;
}

int live_delete_row(struct live *live, const char *table, const char *name,
                    const struct record_base *base, const struct caller *caller,
                    struct failure *failure)
{
    cleanup_row_change struct row_change row = {
        .change = {.live = live, .caller = caller, .failure = failure}, .name = name};
    int error = row_begin(&row, table, base);

    if (error == 0)
        error = row.change.target->class->delete_row(row.change.target, row.change.table, row.key,
                                                     failure);
    return error == 0 ? change_commit(&row.change) : error;
}

int live_read_row(struct live *live, const char *table, const char *name,
                  const struct caller *caller, struct buffer *line)
{
    cleanup_row_change struct row_change row = {
        .change = {.live = live, .caller = caller, .look = true},
        .name = name,
        .key_bytes = BUFFER(RECORD_KEY_LIMIT),
    };
    bool same = false;
    int error = record_name_is_cut(name) ? -EAGAIN : change_begin(&row.change, table);

    if (error == 0)
        error = take_key(&row);

    int found = error == 0 ? row.change.target->class->lock_row(row.change.target, row.change.table,
                                                                row.key, &row.found, NULL)
                           : error;

    if (found <= 0)
        return error == -ENOENT ? -EAGAIN : found == 0 ? -ENOENT : found;
    error = check_name(&row, &same);
    if (error == 0 && !same)
        return -ENOENT;
    return error == 0 ? row_line_append(row.change.table, row.found, line) : error;
}

/* ---- its new content ---- */

/* The object as an array of one, which is read as any file of rows. */
struct object_stream {
    struct byte_stream stream;
    const uint8_t *text;
    size_t size;
    int part;
};

static int next_part(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                     struct failure *failure)
{
    struct object_stream *object = (struct object_stream *)stream;

    (void)failure;
    *ret_size = 1;
    switch (object->part++) {
    case 0: *ret_data = "["; break;
    case 1:
        *ret_data = object->text;
        *ret_size = object->size;
        break;
    case 2: *ret_data = "]"; break;
    default: *ret_size = 0; break;
    }
    return 0;
}

static int read_text(struct staging *content, struct buffer *text, struct failure *failure)
{
    uint64_t size = staging_size(content);
    size_t got;

    if (size > LIVE_RECORD_LIMIT)
        return failure_set(failure, EFBIG, "the row's file is larger than %zu MiB",
                           LIVE_RECORD_LIMIT >> 20);

    int error = buffer_reserve(text, (size_t)size + 1);

    if (error == 0)
        error = staging_read(content, 0, text->data, (size_t)size, &got, failure);
    if (error == 0)
        text->size = got;
    return error;
}

static bool same_cell(const struct cell *left, const struct cell *right)
{
    if (left->class == CELL_NULL || right->class == CELL_NULL)
        return left->class == right->class;
    return left->class == right->class && left->size == right->size && left->data != NULL &&
           right->data != NULL &&
           (left->size == 0 || memcmp(left->data, right->data, (size_t)left->size) == 0);
}

/* What of the file is written. */
struct given {
    size_t count;
    size_t *columns; /* the table's */
    struct cell *cells;
};

static ssize_t key_place(const struct record_key *key, size_t column)
{
    for (size_t i = 0; i < key->count; i++) {
        if (key->columns[i] == column)
            return (ssize_t)i;
    }
    return -1;
}

/* The row that CELLS are of has the file's name. */
static int check_key(const struct row_change *row, const size_t *columns, size_t count,
                     const struct cell *cells)
{
    const struct change *change = &row->change;
    cleanup_free struct cell *whole = allocate_array(change->table->column_count, sizeof *whole);
    cleanup_buffer struct buffer name = BUFFER(4 * RECORD_KEY_LIMIT);
    bool given = false;

    if (whole == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < change->key.count; i++)
        whole[change->key.columns[i]] = row->key[i];
    for (size_t i = 0; i < count; i++) {
        if (key_place(&change->key, columns[i]) >= 0) {
            whole[columns[i]] = cells[i];
            given = true;
        }
    }
    if (!given)
        return 0;

    int error = row_line_name(change->table, &change->key, whole, &name);

    if (error == 0)
        error = buffer_append(&name, "", 1);
    if (error == 0 && strcmp((const char *)name.data, row->name) == 0)
        return 0;
    return error != 0 && error != -ENODATA
               ? error
               : failure_set(change->failure, EINVAL,
                             "the key in the file is not that of its name, %.200s: a row's key is "
                             "not changed; write a new row, and delete the old one",
                             row->name);
}

/* Chooses what is written: no key of a row that is there, nothing generated, nothing that is so
 * already. */
static int choose(const struct row_change *row, const size_t *columns, size_t count,
                  const struct cell *cells, struct given *given)
{
    const struct change *change = &row->change;
    size_t most = count + change->key.count;

    given->columns = allocate_array(most, sizeof *given->columns);
    given->cells = allocate_array(most, sizeof *given->cells);
    if (given->columns == NULL || given->cells == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        size_t column = columns[i];

        if (change->table->columns[column].generated || key_place(&change->key, column) >= 0 ||
            (row->found != NULL && same_cell(&row->found[column], &cells[i])))
            continue;
        given->columns[given->count] = column;
        given->cells[given->count++] = cells[i];
    }
    for (size_t i = 0; i < change->key.count && row->found == NULL; i++) {
        given->columns[given->count] = change->key.columns[i];
        given->cells[given->count++] = row->key[i];
    }
    return 0;
}

/* A new row, as a load of one. */
static int insert(struct change *change, const struct given *given)
{
    const struct load_plan plan = {
        .table = change->table,
        .cell_count = given->count,
        .columns = given->columns,
        .mode = LOAD_APPEND,
    };
    struct load *load;
    int error = change->target->class->open_load(change->target, &plan, &load, change->failure);

    if (error != 0)
        return error;
    error = load->class->put(load, given->cells, NULL, change->failure);
    if (error == 0)
        error = load->class->end(load, change->failure);
    if (error == 0)
        error = load->class->merge(load, change->failure);
    if (error == 0)
        error = load->class->verify(load, change->failure);
    load->class->close(load);
    return error;
}

/* The new row is called as its file is: a key may be kept as another text ("007" as 7). */
static int check_new_name(struct row_change *row)
{
    struct change *change = &row->change;
    bool same = false;
    int error = change->target->class->lock_row(change->target, change->table, row->key,
                                                &row->found, change->failure);

    if (error < 0)
        return error;
    error = error == 1 ? check_name(row, &same) : 0;
    return error != 0 || same ? error
                              : failure_set(change->failure, EINVAL,
                                            "a row with the key %.200s would be called otherwise: "
                                            "call the file as the row's key is kept (7, not 007)",
                                            row->name);
}

static int write_given(struct row_change *row, const size_t *columns, size_t count,
                       const struct cell *cells)
{
    struct change *change = &row->change;
    struct given given = {.count = 0};
    int error = check_key(row, columns, count, cells);

    if (error == 0)
        error = choose(row, columns, count, cells, &given);
    if (error == 0 && row->found == NULL)
        error = insert(change, &given);
    else if (error == 0 && given.count != 0)
        error =
            change->target->class->update_row(change->target, change->table, row->key, given.count,
                                              given.columns, given.cells, change->failure);
    if (error == 0 && row->found == NULL)
        error = check_new_name(row);
    free(given.columns);
    free(given.cells);
    return error;
}

/* The one object in the file. */
static int write_object(struct row_change *row, struct export_rows *rows)
{
    struct failure *failure = row->change.failure;
    const size_t *columns = NULL;
    const struct cell *cells = NULL;
    const struct cell *more;
    size_t count = 0;
    int found = export_rows_columns(rows, &columns, &count, failure);

    if (found == 0)
        found = export_rows_next(rows, &cells, failure);
    if (found == 0)
        return failure_set(failure, EINVAL, "the file has to be one JSON object");
    if (found < 0 || cells == NULL)
        return found;

    int error = write_given(row, columns, count, cells);

    if (error != 0)
        return error;
    found = export_rows_next(rows, &more, failure);
    return found == 1 ? failure_set(failure, EINVAL, "the file has to be one JSON object") : found;
}

int live_write_row(struct live *live, const char *table, const char *name, struct staging *content,
                   const struct record_base *base, const struct caller *caller,
                   struct failure *failure)
{
    static const struct byte_stream_class class = {next_part};
    cleanup_row_change struct row_change row = {
        .change = {.live = live, .caller = caller, .failure = failure}, .name = name};
    cleanup_buffer struct buffer text = BUFFER(LIVE_RECORD_LIMIT + 1);
    struct export_rows *rows = NULL;
    int error = read_text(content, &text, failure);

    if (error == 0)
        error = row_begin(&row, table, base);
    if (error != 0)
        return error;

    struct object_stream stream = {{&class}, text.data, text.size, 0};
    struct export_options options = {.format = EXPORT_JSON, .schema = row.change.table};

    error = export_rows_create(&stream.stream, &options, &rows);
    if (error == 0)
        error = write_object(&row, rows);
    export_rows_free(rows);
    return error == 0 ? change_commit(&row.change) : error;
}

/* ---- a file of rows ---- */

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
        if (caller->cancelled != NULL && __atomic_load_n(caller->cancelled, __ATOMIC_RELAXED))
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

static int load_rows(struct change *change, struct load *load, struct export_rows *rows,
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

static int load_file(struct change *change, const struct live_import *import,
                     struct export_rows *rows, struct buffer *result)
{
    cleanup_free size_t *written = NULL;
    struct load_plan plan = {.table = change->table, .mode = import->mode};
    struct load *load;
    const size_t *columns;
    int error = export_rows_columns(rows, &columns, &plan.cell_count, change->failure);

    if (error != 0)
        return error;
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
        error = change_commit(change);
    return error == 0 ? write_result(&counts, result) : error;
}

int live_write_rows(struct live *live, const struct live_import *import,
                    const struct caller *caller, struct buffer *result, struct failure *failure)
{
    cleanup_change struct change change = {.live = live, .caller = caller, .failure = failure};
    struct staging_stream stream;
    struct export_rows *rows = NULL;
    int error = change_begin(&change, import->table);

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
