/* SPDX-License-Identifier: MIT */
#include "fs/table/group_cursor.h"

#include <errno.h>
#include <stdlib.h>

struct group_cursor {
    struct cursor cursor;
    struct image *image; /* referenced: keeps the groups */
    struct group_rows *rows;
    struct row row;
};

static int next(struct cursor *base, const struct row **ret_row, struct failure *failure)
{
    struct group_cursor *cursor = (struct group_cursor *)base;
    int got = group_rows_next(cursor->rows, &cursor->row.cells, failure);

    if (got > 0)
        *ret_row = &cursor->row;
    return got;
}

static int read_cell(struct cursor *cursor, size_t column, uint64_t offset, void *buffer,
                     size_t size, struct failure *failure)
{
    (void)cursor;
    (void)column;
    (void)offset;
    (void)buffer;
    (void)size;
    return failure_set(failure, EINVAL, "this cell came with its data");
}

static void close_cursor(struct cursor *base)
{
    struct group_cursor *cursor = (struct group_cursor *)base;

    group_rows_free(cursor->rows);
    image_release(cursor->image);
    free(cursor);
}

static const struct cursor_class cursor_class = {next, read_cell, close_cursor};

int group_cursor_plan(struct range_plan *ret_plan)
{
    int64_t *starts = malloc(sizeof *starts);

    if (starts == NULL)
        return -ENOMEM;
    starts[0] = INT64_MIN;
    *ret_plan = (struct range_plan){.count = 1, .starts = starts};
    return 0;
}

int group_cursor_create(struct image *image, struct group_rows *rows, struct cursor **ret_cursor)
{
    struct group_cursor *cursor = rows != NULL ? malloc(sizeof *cursor) : NULL;

    if (cursor == NULL) {
        group_rows_free(rows);
        image_release(image);
        return -ENOMEM;
    }
    *cursor = (struct group_cursor){.cursor.class = &cursor_class, .image = image, .rows = rows};
    *ret_cursor = &cursor->cursor;
    return 0;
}
