/* SPDX-License-Identifier: MIT */
/*
 * Rows that cannot be written yet, since another row has the unique value that one of them is to
 * get: two that exchange theirs, each of which waits for the other. SQLite looks at every row as it
 * is written. So they wait until all others are in; then every one of them that is in the table
 * gives up its unique values, and all are written. Those that still cannot be are bad rows.
 *
 * They wait in a table of the transaction's own, dropped before it ends.
 */
#ifndef CRMFS_TARGET_SQLITE_WAITING_H
#define CRMFS_TARGET_SQLITE_WAITING_H

#include "backends/target/sqlite_target.h"

struct sqlite_waiting;

/* Writes the row that WORK has under way. 1: it is in; 0: what it is to have is taken; -errno. */
typedef int sqlite_waiting_write(void *context, struct failure *failure);

/* All but the result borrowed until it is freed. */
int sqlite_waiting_create(struct sqlite_target *target, const struct table *table,
                          struct row_work *work, struct sqlite_waiting **ret_waiting,
                          struct failure *failure);

/* The row that WORK has under way waits; CELLS: as they were put, for words; NULL: not at hand. */
int sqlite_waiting_add(struct sqlite_waiting *waiting, const struct cell *cells,
                       struct failure *failure);

/*
 * Writes all that wait, by WRITE, whose doings are taken back when it has to begin anew; COUNTS are
 * those of the load, and stand as they should afterwards. WHY: what a value that is taken is
 * refused with. They wait no more.
 */
int sqlite_waiting_settle(struct sqlite_waiting *waiting, sqlite_waiting_write *write,
                          void *context, struct load_counts *counts, struct failure *failure);

void sqlite_waiting_free(struct sqlite_waiting *waiting); /* NULL is allowed */

#endif
