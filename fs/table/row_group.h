/* SPDX-License-Identifier: MIT */
/*
 * A row group: consecutive rows of one table, column by column, in the form in
 * which it is compressed, sealed and kept. A builder takes rows and counts what
 * they will be in each format; a view reads an encoded group without copying.
 *
 * A row too large for one group is cut into fragments: groups of one row and a
 * run of columns, whose first cell may have begun and whose last cell may go on
 * in the neighbouring fragment. Rendering fragments one after another gives the
 * row's bytes exactly.
 *
 * The encoded form, all integers little-endian (a stored format: FORMAT.md):
 *
 *   0   4  "CRG1"
 *   4   4  rows (1 …)
 *   8   4  columns in this group
 *  12   4  first column (0 but in a fragment)
 *  16   1  flags: 1 fragment, 2 the first cell began earlier, 4 the last cell goes on
 *  17   1  kind of the cell that began earlier or goes on, 0 when there is none (enum cell_kind)
 *  18   1  1: that cell is quoted in CSV
 *  19   1  1: that cell is text in base64 in CSV
 *  20   …  per column: 1 kind for all rows (or 0xff: one byte a row follows),
 *          1 bytes per length (0: all cells have the one length that follows as 4 bytes; 1, 2, 4),
 *          1 column flags: 1 some cell is not its own CSV field (quotes, a prefix, base64),
 *          2 some text needs escapes in JSON or some document has line breaks,
 *          1 zero, 4 bytes of data in all
 *   …   …  per column: kinds (rows bytes, when 0xff), lengths, data
 *   …  32  zeros, so that cells may be read in whole blocks
 *
 * NULL cells have length 0. A fragment with a cell that began earlier or goes on
 * holds that cell alone.
 */
#ifndef CRMFS_TABLE_ROW_GROUP_H
#define CRMFS_TABLE_ROW_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/buffer.h"

/* What a cell is for the formats: the source's class, refined once when the group is built. */
enum cell_kind {
    KIND_NULL,
    KIND_NUMBER,
    KIND_SPECIAL,  /* Infinity, -Infinity, NaN, or a number that JSON has no word for */
    KIND_TEXT,     /* valid UTF-8 */
    KIND_RAW_TEXT, /* text, but not valid UTF-8 */
    KIND_BYTES,
    KIND_DOCUMENT, /* a json column's text that stands in JSON as it is */
    KIND_TRUE,     /* booleans; the data is the database's own form */
    KIND_FALSE,
    KIND_COUNT
};

#define ROW_GROUP_TARGET_BYTES ((uint32_t)384 << 10) /* mean size of a group's cells */
#define ROW_GROUP_LARGEST_BYTES ((size_t)1 << 20)    /* cells of one group, but for a single row */
#define ROW_GROUP_ENCODED_LIMIT ((size_t)8 << 20)    /* a decoder refuses more */
#define ROW_GROUP_ROWS_LIMIT ((uint32_t)1 << 17)

/* A group's bytes in CSV and in NDJSON are each no more than this (a column's name aside). */
#define ROW_GROUP_RENDERED_LIMIT ((size_t)4 << 20)

/* What a group is when rendered. JSON is ndjson_bytes plus one a row (fs/table/README.md). */
struct row_group_measure {
    uint32_t rows; /* a row in fragments counts in its last one only */
    uint64_t csv_bytes;
    uint64_t ndjson_bytes;
};

struct row_group_builder;

/* A reusable builder for SCHEMA (referenced). NULL: no memory. */
struct row_group_builder *row_group_builder_create(struct schema *schema);
void row_group_builder_free(struct row_group_builder *builder);

/*
 * Adds a row. 0, -ENOMEM, or -EFBIG when the group cannot hold it too, and
 * nothing is changed: finish the group and add the row to the next. One that an
 * empty builder refuses (a cell came without data, or the row is too large by
 * itself) is for row_group_cut_row. -EINVAL: the schema has no columns.
 */
int row_group_builder_add(struct row_group_builder *builder, const struct cell *cells);

/* Bytes of the cells so far, and rows. */
size_t row_group_builder_bytes(const struct row_group_builder *builder);
uint32_t row_group_builder_rows(const struct row_group_builder *builder);

/*
 * Appends the encoded group to ENCODED (cleared first), says what it measures,
 * and empties the builder for the next group. 0, -ENOMEM, -EFBIG; -EINVAL: no rows.
 */
int row_group_builder_finish(struct row_group_builder *builder, struct buffer *encoded,
                             struct row_group_measure *ret_measure);

/*
 * A row that an empty builder refuses: cut into fragments of at most
 * ROW_GROUP_FRAGMENT_BYTES of cells, each handed to TAKE as a finished group in
 * order. Cells without data are read through CURSOR, at most twice (the data of
 * the row's other cells must stay valid meanwhile); CURSOR may be NULL when there
 * are none. Returns what TAKE returned when not 0; else 0 or -errno.
 */
#define ROW_GROUP_FRAGMENT_BYTES ((size_t)510 << 10) /* a multiple of 3, as base64 wants it */

typedef int row_group_take(void *context, const struct buffer *encoded,
                           const struct row_group_measure *measure, struct failure *failure);
int row_group_cut_row(const struct schema *schema, struct cursor *cursor, const struct cell *cells,
                      row_group_take *take, void *context, struct failure *failure);

/* One column of an opened group. */
struct column_view {
    const uint8_t *kinds; /* NULL: all rows are of kind */
    uint8_t kind;
    uint8_t length_bytes; /* 0: all cells are of length */
    bool quotes;          /* some cell is not its own CSV field */
    bool escapes;         /* some text needs escapes in JSON, some document has line breaks */
    uint32_t length;
    const uint8_t *lengths; /* one a row, or the one of all rows */
    const uint8_t *data;
    uint32_t data_size;
};

struct row_group_view {
    uint32_t rows;
    uint32_t first_column;
    uint32_t column_count;
    bool fragment;
    bool begins_inside; /* the first cell began in the fragment before */
    bool ends_inside;   /* the last cell goes on in the next fragment */
    enum cell_kind inside_kind;
    bool inside_quoted;          /* in CSV */
    bool inside_base64;          /* text that is base64 in CSV */
    struct column_view *columns; /* column_count; the view's own memory */
    size_t columns_capacity;
};

/*
 * Checks every length and kind of an encoded group of a table of SCHEMA_COLUMNS
 * columns, and points VIEW (zeroed, or used before) into it. 0, -EBADMSG when
 * malformed, -ENOMEM. The bytes must outlive the view's use.
 */
int row_group_open(struct row_group_view *view, size_t schema_columns, const void *encoded,
                   size_t size);
void row_group_view_release(struct row_group_view *view);

#endif
