/* SPDX-License-Identifier: MIT */
/* The cells of a row as one piece of memory, to be kept beyond the call that they are valid in. */
#ifndef CRMFS_TARGET_PACKED_CELLS_H
#define CRMFS_TARGET_PACKED_CELLS_H

#include "backends/source/source.h"
#include "fs/base/buffer.h"

/* Appends COUNT cells; those without data stay so. 0, -ENOMEM, -EFBIG. */
static inline int packed_cells_append(struct buffer *packed, const struct cell *cells, size_t count)
{
    int error = buffer_append(packed, cells, count * sizeof *cells);

    for (size_t i = 0; i < count && error == 0; i++) {
        if (cells[i].data != NULL)
            error = buffer_append(packed, cells[i].data, cells[i].size);
    }
    return error;
}

/* Gives those that were appended as one; their data stand in PACKED. */
static inline void packed_cells_read(const void *packed, struct cell *ret_cells, size_t count)
{
    const uint8_t *at = (const uint8_t *)packed + count * sizeof *ret_cells;

    memcpy(ret_cells, packed, count * sizeof *ret_cells);
    for (size_t i = 0; i < count; i++) {
        if (ret_cells[i].data == NULL)
            continue;
        ret_cells[i].data = at;
        at += ret_cells[i].size;
    }
}

#endif
