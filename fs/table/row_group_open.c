/* SPDX-License-Identifier: MIT */
/*
 * Nothing is taken on trust: whoever reads a view that was opened here need not
 * check a length, a kind or a bound again.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/render.h"
#include "fs/table/row_group.h"
#include "fs/table/row_group_encode.h"

/* The encoded bytes that have not been taken yet. */
struct rest {
    const uint8_t *at;
    size_t size;
};

static uint32_t word_at(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

/* The next SIZE bytes; NULL when there are not so many. */
static const uint8_t *take(struct rest *rest, size_t size)
{
    const uint8_t *at = rest->at;

    if (size > rest->size)
        return NULL;
    rest->at += size;
    rest->size -= size;
    return at;
}

static bool inside_makes_sense(const struct row_group_view *view, const uint8_t *header)
{
    if (!view->begins_inside && !view->ends_inside)
        return header[17] == 0 && header[18] == 0 && header[19] == 0;
    if (!view->fragment || view->column_count != 1 || header[18] > 1 || header[19] > 1)
        return false;
    if (view->inside_base64)
        return !view->inside_quoted &&
               (view->inside_kind == KIND_TEXT || view->inside_kind == KIND_RAW_TEXT);
    return header[17] != KIND_NULL && header[17] < KIND_COUNT;
}

static bool open_header(struct row_group_view *view, size_t schema_columns, const uint8_t *header)
{
    uint8_t flags = header[16];

    if (memcmp(header, ROW_GROUP_MAGIC, 4) != 0 ||
        flags > (ROW_GROUP_FRAGMENT | ROW_GROUP_BEGINS_INSIDE | ROW_GROUP_ENDS_INSIDE))
        return false;
    view->rows = word_at(header + 4);
    view->column_count = word_at(header + 8);
    view->first_column = word_at(header + 12);
    view->fragment = (flags & ROW_GROUP_FRAGMENT) != 0;
    view->begins_inside = (flags & ROW_GROUP_BEGINS_INSIDE) != 0;
    view->ends_inside = (flags & ROW_GROUP_ENDS_INSIDE) != 0;
    view->inside_kind = header[17];
    view->inside_quoted = header[18] != 0;
    view->inside_base64 = header[19] != 0;
    if (view->rows == 0 || view->rows > ROW_GROUP_ROWS_LIMIT || view->column_count == 0 ||
        (uint64_t)view->first_column + view->column_count > schema_columns)
        return false;
    if (view->fragment ? view->rows != 1 : view->column_count != schema_columns)
        return false;
    return inside_makes_sense(view, header);
}

static uint64_t sum_of_lengths(const struct column_view *column, uint32_t rows)
{
    const uint8_t *lengths = column->lengths;
    uint64_t sum = 0;

    switch (column->length_bytes) {
    case 0: return (uint64_t)column->length * rows;
    case 1:
        for (uint32_t row = 0; row < rows; row++)
            sum += lengths[row];
        return sum;
    case 2:
        for (size_t row = 0; row < rows; row++)
            sum += lengths[2 * row] | (uint32_t)lengths[2 * row + 1] << 8;
        return sum;
    default:
        for (uint32_t row = 0; row < rows; row++)
            sum += word_at(lengths + (size_t)4 * row);
        return sum;
    }
}

/* Every kind is one, and NULL cells have no bytes. */
static bool kinds_good(const struct column_view *column, uint32_t rows)
{
    struct column_cursor cursor = column_cursor_begin(column);
    bool good = true;

    if (column->kinds == NULL)
        return column->kind < KIND_COUNT && (column->kind != KIND_NULL || column->data_size == 0);
    for (uint32_t row = 0; row < rows; row++) {
        struct cell_view cell = column_cursor_next(&cursor);

        good &= cell.kind < KIND_COUNT && (cell.kind != KIND_NULL || cell.size == 0);
    }
    return good;
}

static bool open_column(struct column_view *column, uint32_t rows, const uint8_t *header,
                        struct rest *rest)
{
    bool mixed = header[0] == ROW_GROUP_MIXED_KINDS;
    uint8_t length_bytes = header[1];

    if ((length_bytes > 2 && length_bytes != 4) || header[3] != 0 ||
        header[2] > (COLUMN_FLAG_QUOTES | COLUMN_FLAG_ESCAPES))
        return false;
    *column = (struct column_view){
        .kind = mixed ? KIND_NULL : header[0],
        .length_bytes = length_bytes,
        .quotes = (header[2] & COLUMN_FLAG_QUOTES) != 0,
        .escapes = (header[2] & COLUMN_FLAG_ESCAPES) != 0,
        .data_size = word_at(header + 4),
    };
    if (mixed && (column->kinds = take(rest, rows)) == NULL)
        return false;
    column->lengths = take(rest, length_bytes == 0 ? 4 : (size_t)rows * length_bytes);
    if (column->lengths == NULL)
        return false;
    if (length_bytes == 0)
        column->length = word_at(column->lengths);
    column->data = take(rest, column->data_size);
    return column->data != NULL && sum_of_lengths(column, rows) == column->data_size &&
           kinds_good(column, rows);
}

static int reserve_columns(struct row_group_view *view)
{
    if (view->column_count <= view->columns_capacity)
        return 0;

    struct column_view *columns = reallocarray(view->columns, view->column_count, sizeof(*columns));

    if (columns == NULL)
        return -ENOMEM;
    view->columns = columns;
    view->columns_capacity = view->column_count;
    return 0;
}

int row_group_open(struct row_group_view *view, size_t schema_columns, const void *encoded,
                   size_t size)
{
    static const uint8_t trailer[ROW_GROUP_TRAILER_SIZE];
    struct rest rest = {.at = encoded, .size = size};

    if (size < ROW_GROUP_HEADER_SIZE + sizeof(trailer) || size > ROW_GROUP_ENCODED_LIMIT)
        return -EBADMSG;
    rest.size -= sizeof(trailer);
    if (memcmp(rest.at + rest.size, trailer, sizeof(trailer)) != 0 ||
        !open_header(view, schema_columns, take(&rest, ROW_GROUP_HEADER_SIZE)))
        return -EBADMSG;

    const uint8_t *headers = take(&rest, (size_t)view->column_count * ROW_GROUP_COLUMN_SIZE);

    if (headers == NULL)
        return -EBADMSG;
    if (reserve_columns(view) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < view->column_count; i++)
        if (!open_column(&view->columns[i], view->rows, headers + (size_t)i * ROW_GROUP_COLUMN_SIZE,
                         &rest))
            return -EBADMSG;
    if (view->begins_inside || view->ends_inside)
        if (view->columns[0].kind != view->inside_kind)
            return -EBADMSG;
    return rest.size == 0 ? 0 : -EBADMSG;
}

void row_group_view_release(struct row_group_view *view)
{
    free(view->columns);
    *view = (struct row_group_view){0};
}
