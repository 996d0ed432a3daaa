/* SPDX-License-Identifier: MIT */
#include "fs/table/group_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/render.h"
#include "fs/table/row_group.h"

#define ROW_LIMIT ((size_t)1 << 30) /* bytes of one that is put together in memory */

struct group_rows {
    struct image *image; /* NULL: the groups are of the spool */
    struct image_scratch scratch;
    struct spool *spool;
    const struct image_group *groups;
    size_t group_count;
    size_t next_group;
    size_t column_count;
    struct buffer encoded;
    struct row_group_view view;
    struct column_cursor *cursors; /* column_count of them */
    uint32_t rows_left;            /* in the view */
    struct cell *cells;
    size_t *offsets;         /* of a row's cells in assembled */
    struct buffer assembled; /* a row in fragments */
};

struct group_rows *group_rows_create(struct spool *spool, size_t column_count,
                                     const struct image_group *groups, size_t group_count)
{
    struct group_rows *rows = calloc(1, sizeof *rows);

    if (rows == NULL)
        return NULL;
    rows->spool = spool;
    rows->groups = groups;
    rows->group_count = group_count;
    rows->column_count = column_count;
    rows->encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT);
    rows->assembled = BUFFER(ROW_LIMIT);
    rows->cursors = allocate_array(column_count, sizeof *rows->cursors);
    rows->cells = allocate_array(column_count, sizeof *rows->cells);
    rows->offsets = allocate_array(column_count, sizeof *rows->offsets);
    if (rows->cursors == NULL || rows->cells == NULL || rows->offsets == NULL) {
        group_rows_free(rows);
        return NULL;
    }
    return rows;
}

struct group_rows *group_rows_create_of_image(struct image *image, size_t first)
{
    struct group_rows *rows =
        group_rows_create(NULL, image_schema(image)->column_count, NULL, image_group_count(image));

    if (rows != NULL) {
        rows->image = image;
        rows->next_group = first;
    }
    return rows;
}

void group_rows_free(struct group_rows *rows)
{
    if (rows == NULL)
        return;
    image_scratch_release(&rows->scratch);
    buffer_release(&rows->encoded);
    buffer_release(&rows->assembled);
    row_group_view_release(&rows->view);
    free(rows->cursors);
    free(rows->cells);
    free(rows->offsets);
    free(rows);
}

static enum cell_class class_of(uint8_t kind)
{
    switch (kind) {
    case KIND_NULL: return CELL_NULL;
    case KIND_NUMBER:
    case KIND_SPECIAL: return CELL_NUMBER;
    case KIND_BYTES: return CELL_BYTES;
    case KIND_TRUE:
    case KIND_FALSE: return CELL_BOOLEAN;
    default: return CELL_TEXT;
    }
}

/* The next group's bytes, in a buffer of ours. */
static int fetch_group(struct group_rows *rows, const struct buffer **ret_encoded,
                       struct failure *failure)
{
    size_t index = rows->next_group++;

    if (rows->image != NULL) {
        *ret_encoded = &rows->scratch.encoded;
        return image_group_read(rows->image, index, &rows->scratch, failure);
    }
    *ret_encoded = &rows->encoded;
    return spool_get(rows->spool, &rows->groups[index].place.blob, &rows->encoded, failure);
}

static int open_group(struct group_rows *rows, struct failure *failure)
{
    const struct buffer *encoded;
    int error = fetch_group(rows, &encoded, failure);

    if (error == 0)
        error = row_group_open(&rows->view, rows->column_count, encoded->data, encoded->size);
    if (error != 0)
        return error;
    for (uint32_t i = 0; i < rows->view.column_count; i++)
        rows->cursors[i] = column_cursor_begin(&rows->view.columns[i]);
    rows->rows_left = rows->view.rows;
    return 0;
}

/* Where a row in fragments goes on. */
struct assembly {
    uint32_t next_column;
    bool inside; /* it, not behind it: the cell has begun */
};

/* Adds a fragment's cells to the row; their data is told when it is whole. -EBADMSG: another part
 * of a row was to come. */
static int add_fragment(struct group_rows *rows, struct assembly *assembly)
{
    const struct row_group_view *view = &rows->view;

    if (!view->fragment || view->first_column != assembly->next_column ||
        view->begins_inside != assembly->inside)
        return -EBADMSG;
    assembly->inside = view->ends_inside;
    assembly->next_column = view->first_column + view->column_count - view->ends_inside;
    for (uint32_t i = 0; i < view->column_count; i++) {
        struct cell_view part = column_cursor_next(&rows->cursors[i]);
        struct cell *cell = &rows->cells[view->first_column + i];
        bool goes_on = i == 0 && view->begins_inside;

        if (!goes_on) {
            bool inside = view->ends_inside || view->begins_inside;

            *cell =
                (struct cell){.class = class_of(inside ? (uint8_t)view->inside_kind : part.kind)};
            rows->offsets[view->first_column + i] = rows->assembled.size;
        }
        int error = buffer_append(&rows->assembled, part.data, part.size);

        if (error != 0)
            return error;
        cell->size += part.size;
    }
    return 0;
}

/* The view is a row's first fragment: takes the others. */
static int assemble(struct group_rows *rows, struct failure *failure)
{
    struct assembly assembly = {.next_column = 0};
    int error = 0;

    buffer_clear(&rows->assembled);
    for (;;) {
        error = add_fragment(rows, &assembly);
        if (error != 0 ||
            (rows->view.first_column + rows->view.column_count == rows->column_count &&
             !rows->view.ends_inside))
            break;
        if (rows->next_group == rows->group_count)
            error = -EBADMSG;
        else
            error = open_group(rows, failure);
        if (error != 0)
            break;
    }
    rows->rows_left = 0;
    for (size_t i = 0; i < rows->column_count && error == 0; i++)
        rows->cells[i].data = rows->assembled.data + rows->offsets[i];
    return error;
}

int group_rows_next(struct group_rows *rows, const struct cell **ret_cells, struct failure *failure)
{
    int error = 0;

    while (rows->rows_left == 0 && error == 0) {
        if (rows->next_group == rows->group_count)
            return 0;
        error = open_group(rows, failure);
        if (error == 0 && rows->view.fragment) {
            error = assemble(rows, failure);
            if (error != 0)
                break;
            *ret_cells = rows->cells;
            return 1;
        }
    }
    if (error == -EFBIG)
        return failure_set(
            failure, EFBIG,
            "a row has more than %zu MiB, which is the most that is put together; leave "
            "its table out",
            ROW_LIMIT >> 20);
    if (error == -EBADMSG)
        return failure_set(failure, EIO,
                           "a row group does not read back as it was written: "
                           "please report this");
    if (error != 0)
        return error;
    for (size_t i = 0; i < rows->column_count; i++) {
        struct cell_view cell = column_cursor_next(&rows->cursors[i]);

        rows->cells[i] = (struct cell){class_of(cell.kind), cell.size, cell.data};
    }
    rows->rows_left--;
    *ret_cells = rows->cells;
    return 1;
}
