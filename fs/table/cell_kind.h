/* SPDX-License-Identifier: MIT */
/* What a cell is for the formats, from what its source says and its bytes. */
#ifndef CRMFS_TABLE_CELL_KIND_H
#define CRMFS_TABLE_CELL_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/table/row_group.h"

/* A number that JSON can write begins so; its source answers for the rest of it. */
static inline uint8_t number_kind(const uint8_t *text, uint64_t size)
{
    size_t at = size > 1 && text[0] == '-';

    if (at >= size || text[at] < '0' || text[at] > '9')
        return KIND_SPECIAL;
    if (text[at] == '0' && at + 1 < size && text[at + 1] >= '0' && text[at + 1] <= '9')
        return KIND_SPECIAL;
    return KIND_NUMBER;
}

static inline uint8_t boolean_kind(const uint8_t *text, uint64_t size)
{
    return size != 0 && (text[0] == 't' || text[0] == 'T' || text[0] == '1') ? KIND_TRUE
                                                                             : KIND_FALSE;
}

#endif
