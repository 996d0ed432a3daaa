/* SPDX-License-Identifier: MIT */
/* A file of rows, written into the database of a live source in one change. */
#ifndef CRMFS_TREE_LIVE_LOAD_H
#define CRMFS_TREE_LIVE_LOAD_H

#include <stdbool.h>

#include "backends/source/export_rows.h"
#include "backends/target/target.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/tree/live.h"
#include "fs/tree/staging.h"

/* Loads a file of rows. *RESULT gets what it came to, in words. */
struct live_import {
    const char *table;
    enum load_mode mode;
    enum export_format format;
    struct staging *content;
    bool whole; /* it is known to be all there */
};
int live_load(struct live *live, const struct live_import *import, const struct caller *caller,
              struct buffer *result, struct failure *failure);

#endif
