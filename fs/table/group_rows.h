/* SPDX-License-Identifier: MIT */
/*
 * The rows of an image's groups again, one after another: for whatever takes rows
 * and not groups. A row in fragments is put together in memory.
 */
#ifndef CRMFS_TABLE_GROUP_ROWS_H
#define CRMFS_TABLE_GROUP_ROWS_H

#include <stddef.h>

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"

struct group_rows;

/* GROUPS (borrowed, as SPOOL is) of a table of COLUMN_COUNT columns. NULL: no memory. */
struct group_rows *group_rows_create(struct spool *spool, size_t column_count,
                                     const struct image_group *groups, size_t group_count);

/* The same of an image's groups, wherever they are kept, from number FIRST on. IMAGE is borrowed.
 */
struct group_rows *group_rows_create_of_image(struct image *image, size_t first);

/* 1 and a row, valid until the next call; 0 at the end; -EIO, -ENOMEM. */
int group_rows_next(struct group_rows *rows, const struct cell **ret_cells,
                    struct failure *failure);
void group_rows_free(struct group_rows *rows); /* NULL is allowed */

#endif
