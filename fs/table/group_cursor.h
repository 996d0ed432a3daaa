/* SPDX-License-Identifier: MIT */
/*
 * A cursor over the rows of an image's groups: what a dataset answers whose tables are images
 * already. It is not cut into ranges.
 */
#ifndef CRMFS_TABLE_GROUP_CURSOR_H
#define CRMFS_TABLE_GROUP_CURSOR_H

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/table/group_rows.h"
#include "fs/table/image.h"

/* The only plan there is: one range, from the first row to the last. 0, -ENOMEM. */
int group_cursor_plan(struct range_plan *ret_plan);

/* ROWS (NULL: there was no memory for them) and IMAGE become the cursor's, also on failure. 0,
 * -ENOMEM. */
int group_cursor_create(struct image *image, struct group_rows *rows, struct cursor **ret_cursor);

#endif
