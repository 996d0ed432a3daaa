/* SPDX-License-Identifier: MIT */
/*
 * --skip-bad FILE: rows that a target refuses, set aside as NDJSON, one a line: table, row number,
 * column, reason, and the row's values, but for those above a MiB of columns that are not written.
 */
#ifndef CRMFS_TOOLS_BAD_ROWS_H
#define CRMFS_TOOLS_BAD_ROWS_H

#include "fs/base/failure.h"
#include "fs/restore/restore.h"

struct bad_rows;

/* The file must not be there yet; only its owner may read it. */
int bad_rows_create(const char *path, struct bad_rows **ret_rows, struct failure *failure);

/* As struct restore_options has it; CONTEXT: the bad_rows. */
int bad_rows_add(void *context, const struct schema *table, const struct bad_row *bad);

/* Makes them durable: before the other rows are committed, for then these are nowhere else. */
int bad_rows_keep(struct bad_rows *rows, struct failure *failure);

/* A file without rows is removed, as is one that is NOT_WANTED. */
int bad_rows_end(struct bad_rows *rows, bool not_wanted, struct failure *failure);

#endif
