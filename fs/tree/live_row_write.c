/* SPDX-License-Identifier: MIT */
/* The new content of a row: a JSON object. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/export_rows.h"
#include "backends/target/create.h"
#include "backends/target/row_compare.h"
#include "fs/base/memory.h"
#include "fs/table/row_line.h"
#include "fs/tree/live_row_internal.h"

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
static int check_key(const struct live_row *row, const size_t *columns, size_t count,
                     const struct cell *cells)
{
    const struct live_change *change = &row->change;
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

static int add_given(struct given *given, size_t most, size_t column, const struct cell *cell)
{
    if (given->columns == NULL) {
        given->columns = allocate_array(most, sizeof *given->columns);
        given->cells = allocate_array(most, sizeof *given->cells);
    }
    if (given->columns == NULL || given->cells == NULL)
        return -ENOMEM;
    given->columns[given->count] = column;
    given->cells[given->count++] = *cell;
    return 0;
}

static void release_given(struct given *given)
{
    free(given->columns);
    free(given->cells);
}

/* What is to be in the row: nothing generated, and the key of a new one alone. */
static int choose(const struct live_row *row, const size_t *columns, size_t count,
                  const struct cell *cells, struct given *wanted)
{
    const struct live_change *change = &row->change;
    size_t most = count + change->key.count;
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        if (!change->table->columns[columns[i]].generated &&
            key_place(&change->key, columns[i]) < 0)
            error = add_given(wanted, most, columns[i], &cells[i]);
    }
    for (size_t i = 0; i < change->key.count && row->found == NULL && error == 0; i++)
        error = add_given(wanted, most, change->key.columns[i], &row->key[i]);
    return error;
}

/* … that is not so already. */
static int choose_changes(const struct live_row *row, const struct given *wanted,
                          struct given *changes)
{
    int error = 0;

    for (size_t i = 0; i < wanted->count && error == 0; i++) {
        if (!same_cell(&row->found[wanted->columns[i]], &wanted->cells[i]))
            error = add_given(changes, wanted->count, wanted->columns[i], &wanted->cells[i]);
    }
    return error;
}

static int set(struct live_row *row, const struct given *given)
{
    struct live_change *change = &row->change;

    return change->target->class->update_row(change->target, change->table, row->key, given->count,
                                             given->columns, given->cells, change->failure);
}

/* 1: the row is as it is to be; 0: *ret_column is not. */
static int look(struct live_row *row, const struct given *wanted, size_t *ret_column)
{
    struct live_change *change = &row->change;
    int found = change->target->class->lock_row(change->target, change->table, row->key,
                                                &row->found, change->failure);

    if (found <= 0)
        return found < 0 ? found
                         : failure_set(change->failure, EINVAL,
                                       "row %.200s of table %.200s is not there any more when it "
                                       "has been written: a trigger moves it?",
                                       row->name, change->table->name);
    return row_has(target_engine_of(change->target->class->kind), change->table, row->found,
                   wanted->count, wanted->columns, wanted->cells, ret_column);
}

/*
 * Sets what is not so already, and reads it back. A column that changes with any update (MySQL's
 * ON UPDATE CURRENT_TIMESTAMP) is as the file has it when that is said.
 */
static int update(struct live_row *row, const struct given *wanted)
{
    struct live_change *change = &row->change;
    struct given changes = {.count = 0};
    size_t column = 0;
    int error = choose_changes(row, wanted, &changes);
    int is_so = changes.count == 0;

    if (error == 0 && !is_so)
        error = set(row, &changes);
    release_given(&changes);
    if (error == 0 && !is_so)
        is_so = look(row, wanted, &column);
    if (error == 0 && is_so == 0) {
        error = set(row, wanted);
        is_so = error == 0 ? look(row, wanted, &column) : error;
    }
    if (error != 0 || is_so != 0)
        return error != 0 ? error : is_so < 0 ? is_so : 0;
    return failure_set(change->failure, EINVAL,
                       "row %.200s of table %.200s: column %.200s does not read back as it was "
                       "written: the database makes another value of it, by a trigger, or as its "
                       "type has it; leave it out of the file",
                       row->name, change->table->name, change->table->columns[column].name);
}

/* A new row, as a load of one. */
static int insert(struct live_change *change, const struct given *given)
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
static int check_new_name(struct live_row *row)
{
    struct live_change *change = &row->change;
    bool same = false;
    int error = change->target->class->lock_row(change->target, change->table, row->key,
                                                &row->found, change->failure);

    if (error < 0)
        return error;
    error = error == 1 ? live_row_check_name(row, &same) : 0;
    return error != 0 || same ? error
                              : failure_set(change->failure, EINVAL,
                                            "a row with the key %.200s would be called otherwise: "
                                            "call the file as the row's key is kept (7, not 007)",
                                            row->name);
}

static int write_given(struct live_row *row, const size_t *columns, size_t count,
                       const struct cell *cells)
{
    struct live_change *change = &row->change;
    struct given wanted = {.count = 0};
    bool is_new = row->found == NULL;
    int error = check_key(row, columns, count, cells);

    if (error == 0)
        error = choose(row, columns, count, cells, &wanted);
    if (error == 0)
        error = is_new ? insert(change, &wanted) : update(row, &wanted);
    if (error == 0 && is_new)
        error = check_new_name(row);
    release_given(&wanted);
    return error;
}

/* The one object in the file. */
static int write_object(struct live_row *row, struct export_rows *rows)
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
    cleanup_live_row struct live_row row = {
        .change = {.live = live, .caller = caller, .failure = failure}, .name = name};
    cleanup_buffer struct buffer text = BUFFER(LIVE_RECORD_LIMIT + 1);
    struct export_rows *rows = NULL;
    int error = read_text(content, &text, failure);

    if (error == 0)
        error = live_row_begin(&row, table, base);
    if (error != 0)
        return error;

    struct object_stream stream = {{&class}, text.data, text.size, 0};
    struct export_options options = {.format = EXPORT_JSON, .schema = row.change.table};

    error = export_rows_create(&stream.stream, &options, &rows);
    if (error == 0)
        error = write_object(&row, rows);
    export_rows_free(rows);
    return error == 0 ? live_change_commit(&row.change) : error;
}
