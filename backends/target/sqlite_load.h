/* SPDX-License-Identifier: MIT */
/*
 * A load into SQLite; what its files share.
 *
 *   sqlite_load       the load itself: puts rows into the table, or onto the stage (sqlite_stage)
 *   sqlite_write      a row sought by its key, updated or inserted, refused or left waiting
 *                     (sqlite_waiting)
 *   sqlite_seen       whether rows of the same key came before
 *   sqlite_read_back  whether the table has what was written
 */
#ifndef CRMFS_TARGET_SQLITE_LOAD_H
#define CRMFS_TARGET_SQLITE_LOAD_H

#include "backends/target/sqlite_seen.h"
#include "backends/target/sqlite_stage.h"
#include "backends/target/sqlite_target.h"
#include "backends/target/sqlite_waiting.h"

struct sqlite_load {
    struct load load;
    struct sqlite_target *target;
    const struct table *table;
    struct row_work work;
    bool was_empty;
    struct sqlite_stage *stage; /* NULL: rows go into the table itself */

    sqlite3_stmt *exists;
    sqlite3_stmt *update; /* NULL: there is nothing but the key */
    sqlite3_stmt *insert;
    struct sqlite_seen *seen;       /* NULL: it was empty, or no row was there before */
    struct sqlite_waiting *waiting; /* NULL: no row does */
    bool settling;                  /* those that wait are being written … */
    bool is_taken;                  /* … and what this one is to have another one has */

    bool by_rowid; /* rows are read back by their rowid, for want of a key */
    sqlite3_stmt *read_back;
    sqlite3_stmt *read_new; /* … by its rowid, as a key with NULL in it finds none */
    struct cell *back;      /* cells as they were read back */
    char (*numbers)[32];
    struct row_sum sum; /* of what was written into a table that was empty */
};

static inline const char *sqlite_load_name(const struct sqlite_load *load)
{
    return load->table->schema->name;
}

static inline int sqlite_load_fail(const struct sqlite_load *load, int code,
                                   struct failure *failure)
{
    return sqlite_target_failure(load->target, code, sqlite_load_name(load), failure);
}

int sqlite_write_prepare(struct sqlite_load *load, struct failure *failure);

/* Writes the row that is under way. CELLS: as they were put, for words; NULL: not at hand. */
int sqlite_write_row(struct sqlite_load *load, const struct cell *cells, struct failure *failure);

/* Writes those that wait. */
int sqlite_write_waiting(struct sqlite_load *load, struct failure *failure);

/* What it allocates goes with the load, also when it fails. */
int sqlite_read_back_prepare(struct sqlite_load *load, struct failure *failure);

/* Remembers the row that was just written, or reads it back at once. -EIO in words: it differs. */
int sqlite_read_back_row(struct sqlite_load *load, struct failure *failure);

/* The same of all rows that were remembered. */
int sqlite_read_back_all(struct sqlite_load *load, struct failure *failure);

#endif
