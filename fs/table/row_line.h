/* SPDX-License-Identifier: MIT */
/* A single row that is in no image: its file's name, and its line of NDJSON. */
#ifndef CRMFS_TABLE_ROW_LINE_H
#define CRMFS_TABLE_ROW_LINE_H

#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/table/record_name.h"

/* Appends the line, as it stands in an image of the table. CELLS have data. -EFBIG: the row is
 * larger than a row group; -ENOMEM. */
int row_line_append(struct schema *schema, const struct cell *cells, struct buffer *line);

/* What struct record calls its digest. */
int row_line_digest(struct schema *schema, const struct cell *cells, uint64_t *ret_digest);

/* As record_name_append. */
int row_line_name(struct schema *schema, const struct record_key *key, const struct cell *cells,
                  struct buffer *name);

#endif
