/* SPDX-License-Identifier: MIT */
#include "fs/table/row_group_encode.h"

#include <endian.h>

#include "fs/table/block.h"

_Static_assert(ROW_GROUP_TRAILER_SIZE >= BLOCK_SLACK, "cells are read in whole blocks");

static void put_word(uint8_t *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof(value));
}

static uint8_t bytes_of_length(uint32_t longest)
{
    if (longest <= UINT8_MAX)
        return 1;
    return longest <= UINT16_MAX ? 2 : 4;
}

/* One kind for all cells, or ROW_GROUP_MIXED_KINDS; and the column's flags. */
static uint8_t common_kind(const struct column_part *column, uint32_t rows, uint8_t *ret_flags)
{
    uint8_t first = column->kinds[0] & CELL_KIND_MASK;
    uint8_t different = 0;
    uint8_t all = 0;

    for (uint32_t row = 0; row < rows; row++) {
        different |= (uint8_t)(column->kinds[row] ^ first);
        all |= column->kinds[row];
    }
    *ret_flags = (uint8_t)(((all & CELL_QUOTES) != 0 ? COLUMN_FLAG_QUOTES : 0) |
                           ((all & CELL_ESCAPES) != 0 ? COLUMN_FLAG_ESCAPES : 0));
    return (different & CELL_KIND_MASK) != 0 ? ROW_GROUP_MIXED_KINDS : first;
}

/* 0 when all lengths are equal. */
static uint8_t common_length_bytes(const struct column_part *column, uint32_t rows)
{
    uint32_t longest = column->lengths[0];
    uint32_t shortest = longest;

    for (uint32_t row = 0; row < rows; row++) {
        uint32_t length = column->lengths[row];

        longest = length > longest ? length : longest;
        shortest = length < shortest ? length : shortest;
    }
    return shortest == longest ? 0 : bytes_of_length(longest);
}

static uint8_t *put_kinds(uint8_t *to, const struct column_part *column, uint32_t rows)
{
    for (uint32_t row = 0; row < rows; row++)
        to[row] = column->kinds[row] & CELL_KIND_MASK;
    return to + rows;
}

static uint8_t *put_lengths(uint8_t *to, const struct column_part *column, uint32_t rows,
                            uint8_t length_bytes)
{
    const uint32_t *lengths = column->lengths;

    switch (length_bytes) {
    case 0: put_word(to, lengths[0]); return to + 4;
    case 1:
        for (uint32_t row = 0; row < rows; row++)
            to[row] = (uint8_t)lengths[row];
        break;
    case 2:
        for (size_t row = 0; row < rows; row++) {
            to[2 * row] = (uint8_t)lengths[row];
            to[2 * row + 1] = (uint8_t)(lengths[row] >> 8);
        }
        break;
    default:
        for (uint32_t row = 0; row < rows; row++)
            put_word(to + (size_t)4 * row, lengths[row]);
    }
    return to + (size_t)rows * length_bytes;
}

static int put_column(const struct column_part *column, uint32_t rows, struct buffer *encoded,
                      size_t header_offset)
{
    uint8_t flags;
    uint8_t kind = common_kind(column, rows, &flags);
    uint8_t length_bytes = common_length_bytes(column, rows);
    size_t room = (size_t)rows * (1u + length_bytes) + 4 + column->data_size;
    int error = buffer_reserve(encoded, room);

    if (error != 0)
        return error;

    uint8_t *header = encoded->data + header_offset;
    uint8_t *to = encoded->data + encoded->size;

    header[0] = kind;
    header[1] = length_bytes;
    header[2] = flags;
    header[3] = 0;
    put_word(header + 4, column->data_size);
    if (kind == ROW_GROUP_MIXED_KINDS)
        to = put_kinds(to, column, rows);
    to = put_lengths(to, column, rows, length_bytes);
    if (column->data_size != 0)
        memcpy(to, column->data, column->data_size);
    encoded->size = (size_t)(to - encoded->data) + column->data_size;
    return 0;
}

static int put_header(const struct group_part *group, struct buffer *encoded)
{
    size_t size = ROW_GROUP_HEADER_SIZE + (size_t)group->column_count * ROW_GROUP_COLUMN_SIZE;
    int error = buffer_reserve(encoded, size);

    if (error != 0)
        return error;

    uint8_t *header = encoded->data;

    memcpy(header, ROW_GROUP_MAGIC, 4);
    put_word(header + 4, group->rows);
    put_word(header + 8, group->column_count);
    put_word(header + 12, group->first_column);
    header[16] = group->flags;
    header[17] = group->inside_kind;
    header[18] = group->inside_quoted;
    header[19] = group->inside_base64;
    encoded->size = size;
    return 0;
}

int row_group_encode(const struct group_part *group, struct buffer *encoded)
{
    static const uint8_t trailer[ROW_GROUP_TRAILER_SIZE];
    int error;

    buffer_clear(encoded);
    error = put_header(group, encoded);
    for (uint32_t i = 0; i < group->column_count && error == 0; i++)
        error = put_column(&group->columns[i], group->rows, encoded,
                           ROW_GROUP_HEADER_SIZE + (size_t)i * ROW_GROUP_COLUMN_SIZE);
    return error == 0 ? buffer_append(encoded, trailer, sizeof(trailer)) : error;
}
