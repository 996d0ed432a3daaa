/* SPDX-License-Identifier: MIT */
#include "fs/tree/live_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/record_name.h"
#include "fs/table/row_line.h"
#include "fs/tree/live_internal.h"
#include "fs/tree/live_row_internal.h"

void live_row_end(struct live_row *row)
{
    live_change_end(&row->change);
    free(row->key);
    buffer_release(&row->key_bytes);
}

/* Whether the columns' values are numbers: then a name of digits is one. */
static bool is_numeric(enum column_type type)
{
    return type == COLUMN_INTEGER || type == COLUMN_DECIMAL || type == COLUMN_FLOAT ||
           type == COLUMN_BOOLEAN || type == COLUMN_ANY;
}

static int take_key(struct live_row *row)
{
    struct live_change *change = &row->change;
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

int live_row_check_name(const struct live_row *row, bool *ret_same)
{
    const struct live_change *change = &row->change;
    cleanup_buffer struct buffer name = BUFFER(4 * RECORD_KEY_LIMIT);
    int error = row_line_name(change->table, &change->key, row->found, &name);

    if (error == 0)
        error = buffer_append(&name, "", 1);
    *ret_same = error == 0 && strcmp((const char *)name.data, row->name) == 0;
    return error == -ENODATA ? 0 : error;
}

/* Whoever reads it again sees what it is now. */
static int refuse_changed(const struct live_row *row)
{
    live_note_written(row->change.live, row->change.caller);
    return failure_set(row->change.failure, EBUSY,
                       "row %.200s of table %.200s has been changed since it was read: read it "
                       "again, and make the change to what it is now",
                       row->name, row->change.table->name);
}

/* Locks the row, and sees that it is what BASE says. */
static int lock(struct live_row *row, const struct record_base *base)
{
    struct live_change *change = &row->change;
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

    int error = live_row_check_name(row, &same);

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

int live_row_begin(struct live_row *row, const char *table, const struct record_base *base)
{
    int error = live_change_begin(&row->change, table);

    row->key_bytes = BUFFER(RECORD_KEY_LIMIT);
    if (error == 0)
        error = take_key(row);
    return error == 0 ? lock(row, base) : error;
}

int live_delete_row(struct live *live, const char *table, const char *name,
                    const struct record_base *base, const struct caller *caller,
                    struct failure *failure)
{
    cleanup_live_row struct live_row row = {
        .change = {.live = live, .caller = caller, .failure = failure}, .name = name};
    int error = live_row_begin(&row, table, base);

    if (error == 0)
        error = row.change.target->class->delete_row(row.change.target, row.change.table, row.key,
                                                     failure);
    return error == 0 ? live_change_commit(&row.change) : error;
}

int live_read_row(struct live *live, const char *table, const char *name,
                  const struct caller *caller, struct buffer *line)
{
    cleanup_live_row struct live_row row = {
        .change = {.live = live, .caller = caller, .look = true},
        .name = name,
        .key_bytes = BUFFER(RECORD_KEY_LIMIT),
    };
    bool same = false;
    int error = record_name_is_cut(name) ? -EAGAIN : live_change_begin(&row.change, table);

    if (error == 0)
        error = take_key(&row);

    int found = error == 0 ? row.change.target->class->lock_row(row.change.target, row.change.table,
                                                                row.key, &row.found, NULL)
                           : error;

    if (found <= 0)
        return error == -ENOENT ? -EAGAIN : found == 0 ? -ENOENT : found;
    error = live_row_check_name(&row, &same);
    if (error == 0 && !same)
        return -ENOENT;
    return error == 0 ? row_line_append(row.change.table, row.found, line) : error;
}
