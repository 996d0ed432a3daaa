/* SPDX-License-Identifier: MIT */
/* From cells laid out by column to the encoded form that row_group.h describes. */
#ifndef CRMFS_TABLE_ROW_GROUP_ENCODE_H
#define CRMFS_TABLE_ROW_GROUP_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/table/row_group.h"

#define ROW_GROUP_MAGIC "CRG1"
#define ROW_GROUP_HEADER_SIZE 20
#define ROW_GROUP_COLUMN_SIZE 8
#define ROW_GROUP_TRAILER_SIZE 32
#define ROW_GROUP_MIXED_KINDS 0xff

#define ROW_GROUP_FRAGMENT 1
#define ROW_GROUP_BEGINS_INSIDE 2
#define ROW_GROUP_ENDS_INSIDE 4

#define COLUMN_FLAG_QUOTES 1
#define COLUMN_FLAG_ESCAPES 2

/* What stands beside a cell's kind in a column_part: it sets its column's flags. */
#define CELL_KIND_MASK 0x0f
#define CELL_QUOTES 0x40
#define CELL_ESCAPES 0x80

struct column_part {
    uint8_t *kinds;    /* a row: the kind, CELL_QUOTES, CELL_ESCAPES */
    uint32_t *lengths; /* a row */
    const uint8_t *data;
    uint32_t data_size;
};

struct group_part {
    uint32_t rows;
    uint32_t column_count;
    uint32_t first_column;
    uint8_t flags;
    uint8_t inside_kind;
    bool inside_quoted;
    bool inside_base64;
    const struct column_part *columns; /* column_count; borrowed */
};

/* Puts the encoded group into ENCODED, cleared first. 0, -ENOMEM, -EFBIG. */
int row_group_encode(const struct group_part *group, struct buffer *encoded);

#endif
