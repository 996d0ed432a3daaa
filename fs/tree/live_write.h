/* SPDX-License-Identifier: MIT */
/*
 * Rows written back into the database of a live source: one row, or a file of them, each in one
 * transaction of a target (backends/target/target.h). 0: it is durable, and whoever looks next sees
 * it; else nothing has changed.
 */
#ifndef CRMFS_TREE_LIVE_WRITE_H
#define CRMFS_TREE_LIVE_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/source/export_rows.h"
#include "backends/target/target.h"
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

/* Loads a file of rows. *RESULT gets what it came to, in words. */
struct live_import {
    const char *table;
    enum load_mode mode;
    enum export_format format;
    struct staging *content;
    bool whole; /* it is known to be all there */
};
int live_write_rows(struct live *live, const struct live_import *import,
                    const struct caller *caller, struct buffer *result, struct failure *failure);

#endif
