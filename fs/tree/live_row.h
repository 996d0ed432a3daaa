/* SPDX-License-Identifier: MIT */
/*
 * One row of a live source's table, read and written back into its database in a change of its own
 * (fs/tree/live_change.h).
 */
#ifndef CRMFS_TREE_LIVE_ROW_H
#define CRMFS_TREE_LIVE_ROW_H

#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/tree/live.h"
#include "fs/tree/records_folder.h"
#include "fs/tree/staging.h"

/* One row's file is no larger. */
#define LIVE_RECORD_LIMIT ((size_t)8 << 20)

/*
 * Sets the columns that CONTENT, a JSON object, has of the row with the file name NAME, or adds the
 * row. -EBUSY: it is not what BASE says any more; -EEXIST; -EINVAL: not such an object, a value
 * does not fit, another key. All in words.
 */
int live_write_row(struct live *live, const char *table, const char *name, struct staging *content,
                   const struct record_base *base, const struct caller *caller,
                   struct failure *failure);

/* The row's line of NDJSON as it is now. -ENOENT: there is none; -EFBIG; else as the target. */
int live_read_row(struct live *live, const char *table, const char *name,
                  const struct caller *caller, struct buffer *line);

/* Deletes it. -ENOENT; -EBUSY: the same, or rows of other tables refer to it. */
int live_delete_row(struct live *live, const char *table, const char *name,
                    const struct record_base *base, const struct caller *caller,
                    struct failure *failure);

#endif
