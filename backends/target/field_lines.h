/* SPDX-License-Identifier: MIT */
/*
 * Rows as lines of fields: tabs between, \N for NULL, a backslash before what would be mistaken.
 * LOAD DATA and PostgreSQL's COPY read the same form; bytes are hexadecimal digits, behind \x for
 * COPY.
 */
#ifndef CRMFS_TARGET_FIELD_LINES_H
#define CRMFS_TARGET_FIELD_LINES_H

#include <stdbool.h>

#include "backends/source/source.h"
#include "fs/base/buffer.h"

/* Appends a line. 0, -ENOMEM, -EFBIG; after an error LINES ends where it did. */
int field_lines_add(struct buffer *lines, const struct cell *cells, size_t count, bool copy_bytes);

/*
 * Takes a line apart that field_lines_add has made of COUNT cells without copy_bytes; returns what
 * stands behind it. IS_BYTES: the field is digits of bytes. Cells are NULL, bytes or text; their
 * data is appended to VALUES, which must have room for as many bytes as the line has.
 */
const uint8_t *field_lines_take(const uint8_t *line, size_t count, const bool *is_bytes,
                                struct buffer *values, struct cell *ret_cells);

#endif
