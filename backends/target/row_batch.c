/* SPDX-License-Identifier: MIT */
#include "backends/target/row_batch.h"

#include <errno.h>
#include <string.h>

#include "backends/target/field_lines.h"
#include "backends/target/packed_cells.h"
#include "fs/base/memory.h"

#define BATCH_LIMIT ((size_t)3 << 30) /* a single row may be large */

int row_batch_create(struct row_batch *batch, size_t cell_count)
{
    *batch = (struct row_batch){.lines = BUFFER(BATCH_LIMIT), .kept = BUFFER(BATCH_LIMIT)};
    batch->rows = allocate_array(ROW_BATCH_ROWS + 1, sizeof *batch->rows);
    batch->cells = allocate_array(cell_count, sizeof *batch->cells);
    batch->cell_count = cell_count;
    return batch->rows != NULL && batch->cells != NULL ? 0 : -ENOMEM;
}

void row_batch_release(struct row_batch *batch)
{
    buffer_release(&batch->lines);
    buffer_release(&batch->kept);
    free(batch->rows);
    free(batch->cells);
}

int row_batch_add(struct row_batch *batch, const struct row_work *work, const struct cell *cells,
                  const struct row_sum *sum, bool copy_bytes)
{
    struct batch_row *row = &batch->rows[batch->count];
    int error;

    *row = (struct batch_row){batch->lines.size, batch->kept.size, work->counts->put, *sum};
    error = field_lines_add(&batch->lines, work->cells, work->column_count, copy_bytes);
    if (error == 0)
        error = packed_cells_append(&batch->kept, cells, batch->cell_count);
    batch->count += error == 0;
    return error;
}

const uint8_t *row_batch_lines(const struct row_batch *batch, size_t first, size_t end,
                               size_t *ret_size)
{
    size_t begin = batch->rows[first].line;

    *ret_size = (end < batch->count ? batch->rows[end].line : batch->lines.size) - begin;
    return batch->lines.data + begin;
}

const struct cell *row_batch_cells(struct row_batch *batch, size_t row)
{
    packed_cells_read(batch->kept.data + batch->rows[row].cells, batch->cells, batch->cell_count);
    return batch->cells;
}

void row_batch_clear(struct row_batch *batch)
{
    buffer_clear(&batch->lines);
    buffer_clear(&batch->kept);
    batch->count = 0;
}
