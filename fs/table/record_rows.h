/* SPDX-License-Identifier: MIT */
/*
 * The keys of the rows of an image, row by row, beginning at any row group: for whoever looks
 * for a row by its key. A row in fragments comes as one, alone.
 */
#ifndef CRMFS_TABLE_RECORD_ROWS_H
#define CRMFS_TABLE_RECORD_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/table/image.h"
#include "fs/table/record_name.h"
#include "fs/table/render.h"

struct record_rows {
    struct image_scratch scratch; /* with its first group read and opened */
    size_t first_group;
    size_t group_count; /* more than 1: one row in fragments */
    uint32_t rows;      /* that they hold */
    bool fragment;
    bool whole;              /* false: the key itself is in fragments, and not to be had */
    struct cell_view *cells; /* the key; valid until the next call */
    uint32_t next;
    struct column_cursor *cursors;
    struct buffer bytes; /* of a fragmented row's cells, */
    size_t *offsets;     /* where each begins in them */
    size_t column_count;
};

/* The group that the row begins in which group INDEX goes on with; most begin their own. */
size_t record_rows_begin(const struct image *image, size_t index);

/* The group after the row that begins in, or the rows of, group INDEX. */
size_t record_rows_end(const struct image *image, size_t index);

/*
 * Opens the rows that begin in group INDEX (record_rows_begin). ROWS is zeroed, or used before.
 * NDJSON: NULL, or what that group is rendered as. 0, -EIO, -ENOMEM.
 */
int record_rows_open(struct record_rows *rows, struct image *image, size_t index,
                     const struct record_key *key, struct buffer *ndjson, struct failure *failure);

/* Moves on to the next row, whose cells then stand in rows->cells; false: there is none. */
bool record_rows_next(struct record_rows *rows);
void record_rows_release(struct record_rows *rows);

#endif
