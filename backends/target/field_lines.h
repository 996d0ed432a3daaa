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

#endif
