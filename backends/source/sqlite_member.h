/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases within archives: all tables and views handed to a taker, as
 * sqlite.h reads those of a file, with nothing laid down in between but what the taker
 * holds. A view may take SQLITE_MEMBER_VIEW_S, then it fails.
 */
#ifndef CRMFS_SOURCE_SQLITE_MEMBER_H
#define CRMFS_SOURCE_SQLITE_MEMBER_H

#include <stdbool.h>

#include "backends/source/held_bytes.h"
#include "backends/source/stream.h"
#include "fs/base/failure.h"

#define SQLITE_MEMBER_VIEW_S 60

/*
 * BYTES are the database, whole; NAME is what messages call it; CANCELLED: atomic, NULL: none. 0,
 * or what TAKER gave, -ENOMEM, -ECANCELED; -EILSEQ, -EIO with words: as a whole it cannot be read.
 */
int sqlite_member_read(struct held_bytes *bytes, const char *name, const bool *cancelled,
                       struct row_taker *taker, struct failure *failure);

#endif
