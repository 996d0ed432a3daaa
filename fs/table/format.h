/* SPDX-License-Identifier: MIT */
/*
 * The formats of a table's files: pure functions from a schema and row groups
 * to bytes, by the rules of this folder's README. Measuring and rendering agree
 * to the byte; the reader of an image checks that they did.
 *
 * A file is: head, its groups rendered in order, tail.
 */
#ifndef CRMFS_TABLE_FORMAT_H
#define CRMFS_TABLE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "fs/base/buffer.h"
#include "fs/table/row_group.h"

enum table_format { FORMAT_CSV, FORMAT_JSON, FORMAT_NDJSON, FORMAT_COUNT };

/* "csv", "json", "ndjson" */
const char *table_format_extension(enum table_format format);

/* What of SCHEMA the formats need at every row, made once: quoted names, JSON keys. NULL: no
 * memory. */
struct format_plan;
struct format_plan *format_plan_create(struct schema *schema);
void format_plan_free(struct format_plan *plan);
const struct schema *format_plan_schema(const struct format_plan *plan); /* borrowed */

/* How many bytes format_head gives, without a plan. 0 or -ENOMEM. */
int format_head_bytes(const struct schema *schema, enum table_format format, uint64_t *ret_bytes);

/* The bytes before the first group, borrowed from the plan, and after the last. */
const void *format_head(const struct format_plan *plan, enum table_format format, size_t *ret_size);
const void *format_tail(enum table_format format, size_t *ret_size);

/*
 * Renders an opened group, appending to OUTPUT. LAST: no row comes after (the
 * JSON array's last object has no comma). 0, -ENOMEM, or -EFBIG past OUTPUT's limit.
 * A buffer with room for the measured size and FORMAT_SLACK does not grow.
 */
#define FORMAT_SLACK 8192
int format_render(const struct format_plan *plan, enum table_format format,
                  const struct row_group_view *view, bool last, struct buffer *output);

#endif
