/* SPDX-License-Identifier: MIT */
/*
 * A table in a store: its image, schema and pages as objects (fs/store/tables.h),
 * written after a scan into a store's sink, and opened again as an image.
 */
#ifndef CRMFS_TABLE_STORED_TABLE_H
#define CRMFS_TABLE_STORED_TABLE_H

#include <stddef.h>

#include "backends/source/schema.h"
#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/tables.h"
#include "fs/table/image.h"
#include "fs/table/store_sink.h"

/*
 * Puts schema, pages and image of a table whose groups SINK has kept. Fills in
 * all of ret_table but its name. 0, or as object_put.
 */
int stored_table_write(struct store_sink *sink, struct schema *schema,
                       const struct image_group *groups, size_t group_count,
                       struct stored_table *ret_table, struct failure *failure);

/* The groups of a stored image in order, the caller's to free. 0, -EIO, -ENOMEM. */
int stored_table_groups(struct object_reader *reader, const struct object_reference *image,
                        struct image_group **ret_groups, size_t *ret_count,
                        struct failure *failure);

/* The schema of a stored image, with a reference. 0, -EIO, -ENOMEM. */
int stored_table_schema(struct object_reader *reader, const struct object_reference *image,
                        struct schema **ret_schema, struct failure *failure);

/* The table, to be read; READER outlives the image. 0, -EIO, -ENOMEM. */
int stored_table_open(struct object_reader *reader, const struct object_reference *image,
                      struct image **ret_image, struct failure *failure);

/* Length of the table's file in FORMAT, without opening the table. */
uint64_t stored_table_bytes(const struct stored_table *table, enum table_format format);

/* Whether IMAGE, the table's, is what the snapshot's tree promises of it in FORMAT. 0, -EIO. */
int stored_table_check(const struct stored_table *table, const struct image *image,
                       enum table_format format, struct failure *failure);

#endif
