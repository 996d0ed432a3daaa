/* SPDX-License-Identifier: MIT */
/*
 * Rows on their way into a server, some megabytes at a time. Each row is kept both as the line
 * that is sent and as the cells that were put, so that one that is refused can be told.
 */
#ifndef CRMFS_TARGET_ROW_BATCH_H
#define CRMFS_TARGET_ROW_BATCH_H

#include "backends/target/row_work.h"
#include "fs/base/buffer.h"

#define ROW_BATCH_BYTES ((size_t)4 << 20)
#define ROW_BATCH_ROWS 100000

struct batch_row {
    size_t line;        /* where it begins in lines */
    size_t cells;       /* … and in kept */
    uint64_t number;    /* as it was put */
    struct row_sum sum; /* of it alone, for when it is refused */
};

struct row_batch {
    struct buffer lines;
    struct buffer kept; /* struct cell of each cell that was put, then the data */
    struct batch_row *rows;
    size_t count;
    struct cell *cells; /* of row_batch_cells */
    size_t cell_count;
};

int row_batch_create(struct row_batch *batch, size_t cell_count);
void row_batch_release(struct row_batch *batch);

/* Adds the row that WORK has under way, of the CELLS that were put, with its SUM. 0, -ENOMEM. */
int row_batch_add(struct row_batch *batch, const struct row_work *work, const struct cell *cells,
                  const struct row_sum *sum, bool copy_bytes);

/* Whether it is to be sent before more is added. */
static inline bool row_batch_is_full(const struct row_batch *batch)
{
    return batch->lines.size + batch->kept.size >= 2 * ROW_BATCH_BYTES ||
           batch->count == ROW_BATCH_ROWS;
}

/* The lines of the rows FIRST to END. */
const uint8_t *row_batch_lines(const struct row_batch *batch, size_t first, size_t end,
                               size_t *ret_size);

/* The cells of a row as they were put; valid until the next call. */
const struct cell *row_batch_cells(struct row_batch *batch, size_t row);
void row_batch_clear(struct row_batch *batch);

#endif
