/* SPDX-License-Identifier: MIT */
/*
 * A target of rows: a database that tables are written back to. One implementation a database,
 * behind struct target_class, as sources are (backends/source/source.h).
 *
 *   target --begin--> its tables --open_load--> load --put put put … end--> rows at hand
 *   (a place)         (schemas)                  --remove--> --merge--> --verify-->
 *          --check--> all constraints hold --commit--> durable, or --rollback--> as before
 *
 * Everything between begin and commit is one transaction. Whatever fails, the caller rolls back
 * (close does it as well) and nothing has changed. Values are never pasted into SQL: they are
 * bound, or go through the database's bulk protocol; names are quoted.
 *
 * Several tables are written in this order, in which no foreign key stands in the way:
 *
 *   for each, parents first   open_load, put …, end
 *   for each, children first  remove           (replace only)
 *   for each, parents first   merge
 *   for each                  verify
 *   once                      check, commit
 *
 * No value is changed on its way. A cell that the column cannot hold as it is (too long, out of
 * range, more digits than it keeps, no such date, a character that its character set lacks) makes
 * its row a bad one; what a database would still change by itself is found by verify.
 *
 * A target is used by one thread at a time.
 */
#ifndef CRMFS_TARGET_TARGET_H
#define CRMFS_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/failure.h"

enum load_mode {
    LOAD_APPEND,  /* all rows are new: one whose key is there already is a bad row */
    LOAD_UPSERT,  /* rows whose key is there are updated, the others inserted */
    LOAD_REPLACE, /* … and rows whose key was not put are deleted */
    LOAD_MISSING, /* rows whose key is there are left as they are, the others inserted */
};

/* A row that cannot be written, and why. All borrowed. */
struct bad_row {
    uint64_t number;          /* as it was put, from 1; 0: not known */
    const struct cell *cells; /* as they were put; NULL: not at hand any more */
    const char *column;       /* NULL: the row as a whole */
    const char *value;        /* the cell, printable and cut short; NULL: none */
    const char *reason;       /* "is longer than 50 characters" … */
};

/* 0: leave the row out and go on. Else the load ends with what it returns. */
typedef int load_refuse(void *context, const struct bad_row *bad);

/* In a load_plan's columns: the cell is not written. */
#define LOAD_LEAVE_OUT SIZE_MAX

struct load_plan {
    struct schema *table; /* the target's own, from schema or create_table; referenced */
    size_t cell_count;    /* of each row that is put */
    /*
     * For each cell the table's column, none twice, none generated; or LOAD_LEAVE_OUT. Columns
     * that no cell is for get their defaults, and stay as they are in an update. Borrowed.
     */
    const size_t *columns;
    enum load_mode mode;
    /* The columns that rows are found by; 0 of them: the table's primary key, else its order key.
     * All modes but LOAD_APPEND need a key, with a cell for each of its columns. Borrowed. */
    size_t key_count;
    const size_t *key;
    /* Told of bad rows; NULL: the first ends the load with -EINVAL (or -EEXIST, the key is there)
     * and words that name table, row, column, value and reason. */
    load_refuse *refuse;
    void *refuse_context;
    bool every_column; /* … and of each column of a bad row that does not fit, not of one alone */
};

struct load_counts {
    uint64_t put;      /* rows, bad ones included */
    uint64_t refused;  /* bad ones that were left out */
    uint64_t inserted; /* known after merge, as the two below */
    uint64_t updated;  /* found by their key, whether or not they differed */
    uint64_t kept;     /* LOAD_MISSING: found by their key, and left alone */
    uint64_t deleted;  /* known after remove */
    /* Of the values that were put into a table that was empty, whatever their order: equal for
     * equal rows of equal columns. Known after end. */
    uint64_t digest[2];
};

/* The rows of one table on their way into it. */
struct load;
struct load_class {
    /*
     * Takes a row: cell_count cells, valid during the call, as a cursor gives them. Those without
     * data are read from CURSOR (may be NULL when there are none), at most twice. 0; -EINVAL,
     * -EEXIST: a bad row, see load_plan; else the target failed.
     */
    int (*put)(struct load *load, const struct cell *cells, struct cursor *cursor,
               struct failure *failure);
    /* There are no more rows. Bad ones may still be found here and in merge. */
    int (*end)(struct load *load, struct failure *failure);
    /*
     * LOAD_REPLACE: deletes the rows whose key was not put. Rows of other tables, and those that
     * stay, are never deleted or changed by it: -EBUSY names the table that refers to one. -EACCES:
     * whether one does cannot be seen.
     */
    int (*remove)(struct load *load, struct failure *failure);
    int (*merge)(struct load *load, struct failure *failure);
    /* Reads back what was written, and compares it with what was put. -EIO in words. */
    int (*verify)(struct load *load, struct failure *failure);
    void (*close)(struct load *load); /* in any state; changes nothing by itself */
};
struct load {
    const struct load_class *class;
    struct load_counts counts;
};

struct target;
struct target_class {
    const char *kind; /* as its source_class has it */
    /*
     * CREATE TABLE is part of the transaction. Where it is not (MySQL), new tables are made and
     * filled under other names, and get their own at commit, all at once.
     */
    bool creates_within;
    /*
     * Begins the transaction, one that sees no other's later commits where the database has such,
     * and reads the catalogue. -EBUSY: locked by others.
     */
    int (*begin)(struct target *target, struct failure *failure);
    /* What stands there: tables and views, known since begin. Borrowed until the target is closed.
     */
    size_t (*table_count)(const struct target *target);
    struct schema *(*schema)(const struct target *target, size_t index);
    /* Bytes that its disk has room for. 0 or -errno: not known. NULL: it never is, it is elsewhere.
     */
    int (*room)(const struct target *target, uint64_t *ret_bytes);
    /*
     * Makes the table that LIKE describes, of a source of KIND, for this database: columns with
     * types that hold every value of the source's, the primary key, and the defaults and checks
     * that mean the same here. Indexes and foreign keys follow in check, when the rows are there.
     * *ret_schema: what it has become, with a reference; *ret_notes: what could not be kept, in
     * lines, the caller's, NULL: nothing.
     */
    int (*create_table)(struct target *target, const struct schema *like, const char *kind,
                        struct schema **ret_schema, char **ret_notes, struct failure *failure);
    /*
     * Makes the view that LIKE describes, of a source of this kind, by its own statement: after
     * check, or after commit where CREATE TABLE is not part of the transaction. -EINVAL in words:
     * the database refuses it, and everything else stands.
     */
    int (*create_view)(struct target *target, const struct schema *like, struct failure *failure);
    int (*open_load)(struct target *target, const struct load_plan *plan, struct load **ret_load,
                     struct failure *failure);
    /*
     * After the last load: makes the indexes and foreign keys of new tables, has every foreign key
     * of and to the tables that were written hold (-EINVAL names the table, the row and what it
     * misses), and moves sequences and auto-increments behind the rows.
     */
    int (*check)(struct target *target, struct failure *failure);
    int (*commit)(struct target *target, struct failure *failure); /* 0: it is durable */
    void (*rollback)(struct target *target);                       /* idempotent */

    /* ---- Single rows; KEY has a cell for each column of the table's primary key ---- */

    /*
     * Reads the row and locks it until the transaction ends, so that whoever compares it with what
     * it was before can be sure of it; a target that only looks locks nothing, waits for nobody,
     * and is no change to the database. 1 and its cells in the schema's order, valid until the next
     * call on the target; 0: there is none.
     */
    int (*lock_row)(struct target *target, const struct schema *table, const struct cell *key,
                    const struct cell **ret_cells, struct failure *failure);
    /* Sets COUNT columns of it. -ENOENT; -EINVAL: a value does not fit, in words. */
    int (*update_row)(struct target *target, const struct schema *table, const struct cell *key,
                      size_t count, const size_t *columns, const struct cell *cells,
                      struct failure *failure);
    /* -ENOENT; -EBUSY: other rows refer to it, and would go or change with it; -EACCES: whether
     * there are such cannot be seen. */
    int (*delete_row)(struct target *target, const struct schema *table, const struct cell *key,
                      struct failure *failure);
    void (*close)(struct target *target); /* after all its loads; rolls back what is open */
};
struct target {
    const struct target_class *class;
    bool in_doubt; /* commit failed, and nobody knows whether all of it was committed, or nothing */
};

struct target_options {
    struct source_options source; /* busy timeout, passwords, cancelled: as for a source; parallel:
                                     from 2 on, rows may be read back over a second connection */
    bool create;                  /* an SQLite file that is not there is made */
    bool look_only;               /* nothing will be written: lock_row is all, and locks nothing */
    bool unrelated;               /* tables and rows may come without those that they refer to;
                                     PostgreSQL has foreign keys of new tables NOT VALID then */
};

/*
 * Opens what URL names for writing: an SQLite file, mysql://…, postgresql://… -EINVAL: archives
 * and directories are no targets; else as source_open.
 */
int target_open(const char *url, const struct target_options *options, struct target **ret_target,
                struct failure *failure);

/* The table NAME (letters alike if there is just one such); NULL: there is none. Borrowed. */
struct schema *target_find_table(const struct target *target, const char *name);

#endif
