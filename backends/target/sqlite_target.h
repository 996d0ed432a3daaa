/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases as targets; what its files share. Foreign keys are enforced by SQLite itself,
 * all of them at the end of the transaction; actions of theirs (ON DELETE CASCADE) never happen,
 * since a row that others refer to is not deleted.
 */
#ifndef CRMFS_TARGET_SQLITE_TARGET_H
#define CRMFS_TARGET_SQLITE_TARGET_H

#include "backends/source/sqlite_internal.h"
#include "backends/target/create.h"
#include "backends/target/row_work.h"
#include "backends/target/target.h"

/* A table that this transaction has made, and the statements that it still lacks. */
struct made_table {
    struct table table;
    char *rest; /* SQLite's own words: indexes, triggers; NULL: of another kind, … */
    struct table_extras extras; /* … whose indexes these are */
    bool has_uniques;           /* … of which it has those that are unique */
};

/* Rows laid down for a table whose others will be deleted. All borrowed from the load. */
struct sqlite_staged {
    const struct table *table;
    const char *stage;
    const struct row_work *work;
};

struct sqlite_target {
    struct target target;
    char *path;
    bool create;    /* the file may be made */
    bool unrelated; /* foreign keys are not looked at */
    bool made;      /* … and was */
    bool look_only;
    bool open; /* the transaction is */
    bool committed;
    struct source_options options;
    struct connection connection;
    struct catalogue *catalogue;
    struct made_table **made_tables;
    size_t made_count;
    struct sqlite_staged *staged;
    size_t staged_count;
    struct sqlite_watched *watched; /* foreign keys (sqlite_orphans.h) */
    size_t watched_count;
    size_t looked_count;      /* of which it is known what orphans there were */
    bool changes_rows;        /* and does not only add some */
    unsigned long room_count; /* tables of the transaction's own, each with a name of its own */
    struct cell *cells;       /* of lock_row */
    char (*numbers)[32];
    sqlite3_stmt *locked;
};

void made_table_free(struct made_table *made);

/* Words SQLite's CODE; TABLE may be NULL. */
int sqlite_target_failure(struct sqlite_target *target, int code, const char *table,
                          struct failure *failure);

/* Those that are there, then those made; as target_class's schema has them. */
const struct table *sqlite_nth_table(const struct sqlite_target *target, size_t index);
/* The table that SCHEMA is of. */
const struct table *sqlite_target_table(const struct sqlite_target *target,
                                        const struct schema *schema);

/* Binds a fitted cell, which must stay until the statement is reset. */
int sqlite_bind_cell(sqlite3_stmt *statement, int parameter, const struct cell *cell);

/* Binds the row that WORK has under way, from the parameter FIRST on, to those that there are. */
int sqlite_bind_row(sqlite3_stmt *statement, int first, const struct row_work *work);

/* Runs the statement with that row, and resets it: SQLITE_ROW, SQLITE_DONE, or what went wrong. */
int sqlite_run_row(sqlite3_stmt *statement, const struct row_work *work);

/* The values of COUNT columns of the row that STATEMENT stands on, which NUMBERS has texts of. */
void sqlite_take_cells(sqlite3_stmt *statement, int first, size_t count, struct cell *cells,
                       char (*numbers)[32]);

int sqlite_create_table(struct target *base, const struct schema *like, const char *kind,
                        struct schema **ret_schema, char **ret_notes, struct failure *failure);
/* Makes the unique indexes of new tables that foreign keys refer to: without these, no row goes
 * into either table. */
int sqlite_make_referred(struct sqlite_target *target, struct failure *failure);
/* Makes what new tables still lack. */
int sqlite_complete_tables(struct sqlite_target *target, struct failure *failure);
int sqlite_create_view(struct target *base, const struct schema *like, struct failure *failure);
int sqlite_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                     struct failure *failure);
int sqlite_lock_row(struct target *base, const struct schema *schema, const struct cell *key,
                    const struct cell **ret_cells, struct failure *failure);
int sqlite_update_row(struct target *base, const struct schema *schema, const struct cell *key,
                      size_t count, const size_t *columns, const struct cell *cells,
                      struct failure *failure);
int sqlite_delete_row(struct target *base, const struct schema *schema, const struct cell *key,
                      struct failure *failure);

/* Remembers where the rows of a load are laid down; it stays until the loads are closed. */
int sqlite_note_staged(struct sqlite_target *target, const struct table *table, const char *stage,
                       const struct row_work *work);
/* Has the rows of TABLE that are laid down refer by KEY to what they will. 1: done; 0: cannot be.
 */
int sqlite_repoint(struct sqlite_target *target, const struct table *table,
                   const struct foreign_key *key, struct failure *failure);
/* " AND …": the row ROW of TABLE is laid down, by its key. 1; 0: rows are not replaced; -errno. */
int sqlite_add_stays(const struct sqlite_target *target, const struct table *table, const char *row,
                     struct buffer *sql);

/*
 * Whether rows of other tables, or rows of its own that are laid down, refer to rows of SCHEMA that
 * meet CONDITION, an SQL text about its columns; the parameters of the statement are KEY's. -EBUSY
 * names the table.
 */
int sqlite_check_referrers(struct sqlite_target *target, const struct schema *schema,
                           const char *condition, const struct cell *key, size_t key_count,
                           struct failure *failure);

#endif
