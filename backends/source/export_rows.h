/* SPDX-License-Identifier: MIT */
/*
 * Rows out of files that stand as crmfs writes them: the inverse of the formats
 * (fs/table/README.md), to the cell's class, given the table's columns. What the formats tell apart
 * comes back as it was: NULL and the empty text, numbers to the digit, bytes, text that is not
 * UTF-8, documents. CSV alone does not tell 5 from '5': there the column's type says which.
 *
 * Columns may be fewer than the table's, and in any order: a CSV's header line names them, JSON's
 * first object does, and all others have the same. CSV may have CR LF for line ends and a byte
 * order mark, JSON any blanks. Everything else is refused, with the line: a field too many or too
 * few, a stray or unclosed quote, an unknown column, wrong base64, what is not UTF-8, an end within
 * a row, no line end behind the last one.
 */
#ifndef CRMFS_SOURCE_EXPORT_ROWS_H
#define CRMFS_SOURCE_EXPORT_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/failure.h"

enum export_format { EXPORT_CSV, EXPORT_JSON, EXPORT_NDJSON, EXPORT_FORMATS };

/* "csv", "json", "ndjson". */
const char *export_format_extension(enum export_format format);

struct export_options {
    enum export_format format;
    struct schema *schema; /* of the table; borrowed, outlives the rows */
    /* The file is known to be all there, though no line end stands behind its last row. */
    bool whole;
};

struct export_rows;

/* STREAM outlives it. 0 or -ENOMEM. */
int export_rows_create(struct byte_stream *stream, const struct export_options *options,
                       struct export_rows **ret_rows);
void export_rows_free(struct export_rows *rows); /* NULL is allowed */

/*
 * The file's columns, as indexes of the schema's, in the order of the cells; known before the first
 * row is taken. None: JSON without a row. Borrowed. -EINVAL in words, or as the stream; -ENOMEM.
 */
int export_rows_columns(struct export_rows *rows, const size_t **ret_columns, size_t *ret_count,
                        struct failure *failure);

/*
 * The next row, a cell for each of these columns, all with data; valid until the next call. 1, or 0
 * behind the last of a file that is whole. -EINVAL: it is not, or not such a file; -EFBIG: a row is
 * larger than STREAM_ROW_LIMIT; or as the stream, -ENOMEM.
 */
int export_rows_next(struct export_rows *rows, const struct cell **ret_cells,
                     struct failure *failure);

/* The line that the row begins in that was given last, from 1. */
uint64_t export_rows_line(const struct export_rows *rows);

#endif
