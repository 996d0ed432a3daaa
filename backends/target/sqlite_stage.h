/* SPDX-License-Identifier: MIT */
/*
 * The stage of LOAD_REPLACE: rows are laid down in a table of the transaction's own first, for a
 * row that will be deleted may have what another one is to get (a unique column). That table is
 * dropped before the transaction ends, so nobody else ever sees it.
 */
#ifndef CRMFS_TARGET_SQLITE_STAGE_H
#define CRMFS_TARGET_SQLITE_STAGE_H

#include "backends/target/sqlite_target.h"

struct sqlite_stage;

/* Writes the row that WORK has under way. */
typedef int sqlite_stage_write(void *context, struct failure *failure);

/* All but the result borrowed until it is freed. The target notes it (sqlite_note_staged). */
int sqlite_stage_create(struct sqlite_target *target, const struct table *table,
                        struct row_work *work, struct sqlite_stage **ret_stage,
                        struct failure *failure);
void sqlite_stage_free(struct sqlite_stage *stage); /* NULL is allowed */

/* Lays down the row that WORK has under way. */
int sqlite_stage_add(struct sqlite_stage *stage, struct failure *failure);

/* Deletes the rows of the table whose keys were not laid down. */
int sqlite_stage_remove_others(struct sqlite_stage *stage, uint64_t *ret_deleted,
                               struct failure *failure);

/* Has WRITE write all rows that were laid down, and drops the stage. */
int sqlite_stage_merge(struct sqlite_stage *stage, sqlite_stage_write *write, void *context,
                       struct failure *failure);

#endif
