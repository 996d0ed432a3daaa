/* SPDX-License-Identifier: MIT */
/* A row that is being changed, shared by live_row.c and live_row_write.c. */
#ifndef CRMFS_TREE_LIVE_ROW_INTERNAL_H
#define CRMFS_TREE_LIVE_ROW_INTERNAL_H

#include "fs/tree/live_change.h"
#include "fs/tree/live_row.h"

struct live_row {
    struct live_change change;
    const char *name; /* of its file */
    struct cell *key; /* a cell for each of the primary key's columns */
    struct buffer key_bytes;
    const struct cell *found; /* the row as it is; NULL: there is none */
};

/* Opens the database, locks the row that has the file name, and sees that it is what BASE says. */
int live_row_begin(struct live_row *row, const char *table, const struct record_base *base);

/* Whether the row found has the file name that is meant: collations may find others. */
int live_row_check_name(const struct live_row *row, bool *ret_same);

void live_row_end(struct live_row *row);

#define cleanup_live_row __attribute__((__cleanup__(live_row_end)))

#endif
