/* SPDX-License-Identifier: MIT */
/*
 * Rows that miss what they refer to. SQLite counts those that a transaction makes, and while there
 * are any, it counts off those that it settles: one that was there before, and now finds its row,
 * would hide a new one. So it is looked at what orphans there are before that can happen. Where
 * there are none, as nearly always, SQLite's count is right; else they are remembered, and the rows
 * themselves tell.
 *
 * Looking takes reading the tables. As long as rows are only added, and none of them misses
 * anything, it need not be done: it waits for the first one that does.
 */
#ifndef CRMFS_TARGET_SQLITE_ORPHANS_H
#define CRMFS_TARGET_SQLITE_ORPHANS_H

#include "backends/target/sqlite_target.h"

/* A foreign key of, or to, a table that is written. */
struct sqlite_watched {
    const struct table *child;
    const struct table *parent;
    const struct foreign_key *key;
    char *kept; /* the table that has the orphans of before; NULL: there were none */
};

/* Has an eye on the foreign keys of and to TABLE, of which no row has been written yet; ADDS_ONLY:
 * and none will be changed. */
int sqlite_watch_orphans(struct sqlite_target *target, const struct table *table, bool adds_only,
                         struct failure *failure);

/* A row was just inserted into TABLE. */
int sqlite_note_added(struct sqlite_target *target, const struct table *table,
                      struct failure *failure);

/* Whether it is not for SQLite's count to say if there are new ones. */
bool sqlite_had_orphans(const struct sqlite_target *target);

/* -EINVAL names a row that has become one. Forgets those of before. */
int sqlite_find_new_orphan(struct sqlite_target *target, struct failure *failure);

void sqlite_watched_release(struct sqlite_target *target);

#endif
