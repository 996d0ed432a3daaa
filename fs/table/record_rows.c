/* SPDX-License-Identifier: MIT */
#include "fs/table/record_rows.h"

#include <errno.h>

#include "fs/base/memory.h"

size_t record_rows_begin(const struct image *image, size_t index)
{
    while (index > 0 && image_group_measure(image, index - 1).rows == 0)
        index--;
    return index;
}

size_t record_rows_end(const struct image *image, size_t index)
{
    size_t count = image_group_count(image);

    while (index < count && image_group_measure(image, index).rows == 0)
        index++;
    return index < count ? index + 1 : count;
}

static int open_group(struct record_rows *rows, struct image *image, size_t index,
                      struct failure *failure)
{
    const struct schema *schema = image_schema(image);
    int error = image_group_read(image, index, &rows->scratch, failure);

    if (error == 0)
        error = row_group_open(&rows->scratch.view, schema->column_count,
                               rows->scratch.encoded.data, rows->scratch.encoded.size);
    if (error == -EBADMSG)
        error = failure_set(failure, EIO, "row group %zu of table %s does not read back", index + 1,
                            schema->name);
    return error;
}

/* The place of COLUMN in the opened group; -1: it is not there. */
static ssize_t find_column(const struct row_group_view *view, size_t column)
{
    return column >= view->first_column && column - view->first_column < view->column_count
               ? (ssize_t)(column - view->first_column)
               : -1;
}

/* Its data are not pointed at before all are there. */
static int keep_cell(struct record_rows *rows, size_t index, const struct column_view *column)
{
    static const uint8_t slack[BLOCK_SLACK];
    struct column_cursor cursor = column_cursor_begin(column);
    struct cell_view cell = column_cursor_next(&cursor);
    size_t at = rows->bytes.size;
    int error = buffer_append(&rows->bytes, cell.data, cell.size);

    if (error == 0)
        error = buffer_append(&rows->bytes, slack, sizeof slack);
    rows->cells[index] = (struct cell_view){.size = cell.size, .kind = cell.kind};
    rows->offsets[index] = at;
    return error;
}

/* What the opened fragment has of the key. */
static int keep_cells(struct record_rows *rows, const size_t *columns)
{
    const struct row_group_view *view = &rows->scratch.view;
    int error = 0;

    for (size_t i = 0; i < rows->column_count && error == 0; i++) {
        ssize_t place = find_column(view, columns[i]);

        if (place < 0)
            continue;
        /* A fragment with a piece of a cell holds nothing else. */
        if (view->begins_inside || view->ends_inside)
            rows->whole = false;
        else
            error = keep_cell(rows, i, &view->columns[place]);
    }
    return error;
}

/* Of a row in fragments; the first is opened. */
static int gather(struct record_rows *rows, struct image *image, const size_t *columns,
                  struct failure *failure)
{
    int error = keep_cells(rows, columns);

    for (size_t i = 1; i < rows->group_count && error == 0; i++) {
        error = open_group(rows, image, rows->first_group + i, failure);
        if (error == 0)
            error = keep_cells(rows, columns);
    }
    if (error == -EFBIG) {
        rows->whole = false;
        error = 0;
    }
    for (size_t i = 0; i < rows->column_count && error == 0 && rows->whole; i++)
        rows->cells[i].data = rows->bytes.data + rows->offsets[i];
    return error;
}

static int make_room(struct record_rows *rows, size_t column_count)
{
    if (rows->column_count != column_count) {
        free(rows->cells);
        free(rows->cursors);
        free(rows->offsets);
        rows->offsets = allocate_array(column_count, sizeof *rows->offsets);
        rows->cells = allocate_array(column_count, sizeof *rows->cells);
        rows->cursors = allocate_array(column_count, sizeof *rows->cursors);
        rows->column_count = column_count;
    }
    rows->bytes.limit = RECORD_KEY_LIMIT;
    buffer_clear(&rows->bytes);
    return rows->cells == NULL || rows->cursors == NULL || rows->offsets == NULL ? -ENOMEM : 0;
}

int record_rows_open(struct record_rows *rows, struct image *image, size_t index,
                     const struct record_key *key, struct buffer *ndjson, struct failure *failure)
{
    int error = make_room(rows, key->count);

    if (error == 0 && ndjson != NULL) {
        struct image_part part = image_group_part(image, FORMAT_NDJSON, index);

        error = image_render(image, FORMAT_NDJSON, &part, &rows->scratch, ndjson, failure);
    } else if (error == 0) {
        error = open_group(rows, image, index, failure);
    }
    if (error != 0)
        return error;
    rows->first_group = index;
    rows->group_count = record_rows_end(image, index) - index;
    rows->whole = true;
    rows->next = 0;
    rows->fragment = rows->scratch.view.fragment;
    rows->rows = rows->scratch.view.rows;
    if (rows->fragment)
        return gather(rows, image, key->columns, failure);
    for (size_t i = 0; i < key->count; i++)
        rows->cursors[i] = column_cursor_begin(&rows->scratch.view.columns[key->columns[i]]);
    return 0;
}

bool record_rows_next(struct record_rows *rows)
{
    if (rows->next == rows->rows || !rows->whole)
        return false;
    rows->next++;
    for (size_t i = 0; i < rows->column_count && !rows->fragment; i++)
        rows->cells[i] = column_cursor_next(&rows->cursors[i]);
    return true;
}

void record_rows_release(struct record_rows *rows)
{
    image_scratch_release(&rows->scratch);
    buffer_release(&rows->bytes);
    free(rows->cells);
    free(rows->cursors);
    free(rows->offsets);
    *rows = (struct record_rows){.rows = 0};
}
