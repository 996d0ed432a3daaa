/* SPDX-License-Identifier: MIT */
/* The inside of a format_plan, for the formats. */
#ifndef CRMFS_TABLE_FORMAT_PLAN_H
#define CRMFS_TABLE_FORMAT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "fs/base/buffer.h"

struct column_plan {
    const uint8_t *key; /* {"id": or ,"name": with BLOCK_SLACK readable bytes after it */
    size_t key_size;
    bool bytes; /* a bytes column */
    bool json;  /* a json column */
};

struct format_plan {
    struct schema *schema;
    size_t column_count;
    struct column_plan *columns;
    size_t keys_size; /* of all keys */
    struct buffer keys;
    struct buffer header; /* CSV's first line */
};

#endif
