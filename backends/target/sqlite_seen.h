/* SPDX-License-Identifier: MIT */
/*
 * The keys that a load has written rows of, as the table itself tells them apart: a second row of
 * one of them would take the first one's place, and nobody would hear of it. They stand in a table
 * of the transaction's own, dropped before it ends.
 */
#ifndef CRMFS_TARGET_SQLITE_SEEN_H
#define CRMFS_TARGET_SQLITE_SEEN_H

#include "backends/target/sqlite_target.h"

struct sqlite_seen;

/* All but the result borrowed until it is freed. */
int sqlite_seen_create(struct sqlite_target *target, const struct table *table,
                       const struct row_work *work, struct sqlite_seen **ret_seen,
                       struct failure *failure);
void sqlite_seen_free(struct sqlite_seen *seen); /* NULL is allowed */

/* Adds the key of the row under way. 1; 0: it is among them already; or -errno. */
int sqlite_seen_add(struct sqlite_seen *seen, struct failure *failure);

/* Whether it is among them. 1, 0 or -errno. */
int sqlite_seen_has(struct sqlite_seen *seen, struct failure *failure);

/* There are no more. */
int sqlite_seen_end(struct sqlite_seen *seen, struct failure *failure);

#endif
