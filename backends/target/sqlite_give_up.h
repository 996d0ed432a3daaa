/* SPDX-License-Identifier: MIT */
/*
 * Rows of an SQLite table give up their unique values for such as nobody has, so that they can
 * exchange them: what server_give_up.h is for servers, a row at a time.
 */
#ifndef CRMFS_TARGET_SQLITE_GIVE_UP_H
#define CRMFS_TARGET_SQLITE_GIVE_UP_H

#include "backends/target/sqlite_target.h"

struct sqlite_give_up;

/* All but the result borrowed until it is freed. */
int sqlite_give_up_create(struct sqlite_target *target, const struct table *table,
                          const struct row_work *work, struct sqlite_give_up **ret_give_up,
                          struct failure *failure);
void sqlite_give_up_free(struct sqlite_give_up *give_up); /* NULL is allowed */

/* 1: rows may be given; 0: none has anything to give up; -errno. To be ended in any case. */
int sqlite_give_up_begin(struct sqlite_give_up *give_up, struct failure *failure);

/* The row that has the key of the one that WORK has under way gives up its own. ID: no other's. */
int sqlite_give_up_row(struct sqlite_give_up *give_up, int64_t id, struct failure *failure);

void sqlite_give_up_end(struct sqlite_give_up *give_up);

#endif
