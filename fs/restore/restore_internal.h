/* SPDX-License-Identifier: MIT */
/*
 * What the files of restore share: restore_plan (which tables), restore_columns (which columns),
 * restore_order (parents before children), restore_parents (rows that others need), restore_widen
 * (types for columns whose source has none to rely on), restore_run.
 */
#ifndef CRMFS_RESTORE_RESTORE_INTERNAL_H
#define CRMFS_RESTORE_RESTORE_INTERNAL_H

#include "fs/base/buffer.h"
#include "fs/restore/key_set.h"
#include "fs/restore/restore.h"
#include "fs/restore/row_filter.h"

/*
 * ERROR is what TABLE (NULL: all of it) cannot be restored for: it itself, or 0 where that is noted
 * for somebody who wants to hear of all; IS_WHOLE: nothing of the table is restored then.
 */
int restore_refuse(const struct restore_plan *plan, const char *table, bool is_whole, int error,
                   const struct failure *failure);

/* Puts the plan's tables into an order in which those that others refer to come first. */
int restore_order(struct restore_plan *plan, struct failure *failure);

/*
 * Adds the tables that the selected rows' foreign keys lead to, with the keys that are needed.
 * Reads the rows that are to be restored once.
 */
int restore_add_parents(struct restore_plan *plan, struct failure *failure);

/* Adds table SOURCE_TABLE of the dataset, and finds its counterpart. */
int restore_plan_add(struct restore_plan *plan, size_t source_table, struct failure *failure);

/* The plan's table of that name, or NULL. */
struct restore_table *restore_plan_find(const struct restore_plan *plan, const char *name);

/*
 * Whether every column that options name is one of a table of the plan. -ENOENT: it was meant to
 * keep something from being overwritten.
 */
int restore_check_words(const struct restore_plan *plan, struct failure *failure);

/* The column NAME; letters alike, if just one is called so. SIZE_MAX: there is none. */
size_t restore_find_column(const struct schema *schema, const char *name);

/* Finds the columns of table->target for those of table->source. -EINVAL: they do not fit. */
int restore_match_columns(const struct restore_plan *plan, struct restore_table *table,
                          struct failure *failure);

/*
 * A schema to make a table like, with types that hold every value that the source has now, where
 * its declared types do not see to that. NULL in *ret_like: they do. NOTES gets a line for each
 * column of which a value will be written in other words.
 */
int restore_widen(struct restore_plan *plan, const struct restore_table *table,
                  struct schema **ret_like, struct buffer *notes, struct failure *failure);

bool restore_has_view(const struct restore_plan *plan, const char *name);
/* Of what is no table that rows are written to: a view, a virtual table. 0, -ENOMEM. */
int restore_plan_add_view(struct restore_plan *plan, struct schema *schema);
/* Makes those that can be made; *why of the others says why not. */
int restore_make_views(struct restore_plan *plan, struct failure *failure);
void restore_views_release(struct restore_plan *plan);

/* -ENOSPC in words: the target's disk has certainly no room for the rows. */
int restore_check_room(const struct restore_plan *plan, struct failure *failure);

/*
 * DDL, which ends with a NUL and is taken over, is what makes TABLE's like from now on. 0, -ENOMEM.
 */
int restore_make_by(struct restore_table *table, struct buffer *ddl);

/* Between PostgreSQL databases, where tables are to be made: reads all statements. 0, -ENOMEM. */
int restore_read_statements(struct restore_plan *plan);
/*
 * Between PostgreSQL databases: has what TABLE is made like bring all statements that it needs, and
 * none that are another table's. 0, -ENOMEM.
 */
int restore_gather_statements(struct restore_plan *plan, struct restore_table *table);
/* Adds a line for each table that TABLE, or a partition of it, is not tied to, as it is not there.
 */
int restore_note_ties(const struct restore_plan *plan, const struct restore_table *table,
                      struct buffer *notes);

/* Has what TABLE is made like say all that the source says of its foreign keys. 0, -ENOMEM. */
int restore_gather_keys(struct restore_plan *plan, struct restore_table *table);

/* Adds to the notes of a table that was made which of its foreign keys were not. */
int restore_note_keys(const struct restore_plan *plan, struct restore_table *table);

/* What is done with each row that is meant. Not 0 ends the reading. */
typedef int restore_row(void *context, const struct cell *cells, struct cursor *cursor,
                        struct failure *failure);

/* Reads the rows of a table that are meant. */
int restore_read(const struct restore_plan *plan, const struct restore_table *table,
                 restore_row *take, void *context, struct failure *failure);

#endif
