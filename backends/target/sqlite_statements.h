/* SPDX-License-Identifier: MIT */
/*
 * How SQL for SQLite is worded and run. Of a load, parameters are numbered from 1 as the columns
 * that are written; a table of the transaction's own, in which rows are laid down, calls these
 * c0, c1 …
 */
#ifndef CRMFS_TARGET_SQLITE_STATEMENTS_H
#define CRMFS_TARGET_SQLITE_STATEMENTS_H

#include "backends/target/sqlite_target.h"

#define SQLITE_SQL_LIMIT ((size_t)16 << 20)

/* ---- Pieces of wording. 0, -ENOMEM or -EFBIG ------------------------------------------------- */

/* Appends NAME quoted. */
int sqlite_add_name(struct buffer *sql, const char *name);

/* 'name IS ?NUMBER' for each column of a key, with AND between. */
int sqlite_add_key(struct buffer *sql, const struct table *table, const size_t *key, size_t count,
                   int first_parameter);

/* "a,b": the columns that are written. */
int sqlite_add_columns(struct buffer *sql, const struct table *table, const struct row_work *work);

/* "?3,?4": a parameter for each of them, from FIRST on. */
int sqlite_add_parameters(struct buffer *sql, const struct row_work *work, size_t first);

/* " TEXT": what a column is declared as, to hold values as one that fits so does; "": anything. */
const char *sqlite_affinity(const struct fit *fit);

/* ' COLLATE "NOCASE"': as the table compares the column. */
int sqlite_add_collation(struct buffer *sql, const struct sqlite_target *target,
                         const struct table *table, size_t column);

/* "c0 TEXT,c1": of their affinities, so that what is laid down is compared as the column itself is,
 * and an index of it serves. */
int sqlite_add_laid_down(struct buffer *sql, const struct row_work *work);

/* " WHERE a = ?1 AND b = ?2": the row that has the key; of one with NULL in it, none. */
int sqlite_add_where_key(struct buffer *sql, const struct table *table,
                         const struct row_work *work);

/* "ROW.a = c0 AND ROW.b = c1": a row of the table has the key of the one that is laid down. */
int sqlite_add_same_key(struct buffer *sql, const struct table *table, const struct row_work *work,
                        const char *row);

/* "UPDATE … SET … WHERE key" of the columns that are CHANGED; NULL: of all that are not of the key.
 * *ret_any: there are such. */
int sqlite_add_update(struct buffer *sql, const struct table *table, const struct row_work *work,
                      const bool *changed, bool *ret_any);

/* ---- What is done with it. The name of a table is for words -----------------------------------
 */

/* Prepares what SQL holds, which is released. ERROR: that of wording it, which is given back. */
int sqlite_prepare_text(struct sqlite_target *target, const char *table, struct buffer *sql,
                        int error, sqlite3_stmt **ret_statement, struct failure *failure);

/* Runs SQL of a FORMAT as sqlite3_mprintf has it. */
int sqlite_run(struct sqlite_target *target, const char *table, struct failure *failure,
               const char *format, ...);

#endif
