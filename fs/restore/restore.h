/* SPDX-License-Identifier: MIT */
/*
 * Tables of a dataset written back into a target: a snapshot's, an archive's, a live source's.
 *
 *   restore_plan   what goes where, and whether it can; touches nothing but an open transaction
 *   restore_run    all of it in one transaction, read back and checked, then committed
 *
 * Whatever fails, the target is as it was before.
 */
#ifndef CRMFS_RESTORE_RESTORE_H
#define CRMFS_RESTORE_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "backends/target/target.h"
#include "fs/base/failure.h"
#include "fs/restore/refusals.h"

struct restore_plan;

struct restore_options {
    enum load_mode mode;
    const char *const *tables; /* names of those that are restored; 0 of them: all */
    size_t table_count;
    const char *const *excluded; /* … but these */
    size_t excluded_count;
    const char *where; /* an SQL condition in SQLite's words on a row's columns; NULL: all rows */
    /* Keys of rows, "42,43"; of a key of several columns one each, "7,de" (percent-encoded). */
    const char *const *keys;
    size_t key_count;
    bool with_parents; /* rows that foreign keys need are restored as well, if they are missing */
    bool no_create;    /* a table that is not there is refused */
    bool must_create;  /* a table that is there already is refused */
    bool unrelated;    /* as the target was opened: what is referred to need not be there */
    bool dry_run;      /* everything is done, and taken back */
    /* With dry_run: what stands in the way is noted, and all else tried; NULL: the first ends it.
     */
    struct refusals *refusals;
    const char *const *maps; /* "old=new", "table.old=new": columns that have another name */
    size_t map_count;
    const char *const *ignored; /* "column", "table.column": are not written */
    size_t ignored_count;
    /* Told of bad rows, which are left out then; NULL: the first ends the restore. */
    int (*bad_row)(void *context, const struct schema *table, const struct bad_row *bad);
    void *bad_row_context;
    /* Called when all is written, read back and checked; not 0: it is rolled back. NULL: none. */
    int (*before_commit)(void *context, const struct restore_plan *plan, struct failure *failure);
    void *before_commit_context;
    const bool *cancelled; /* atomic; NULL: none */
    uint64_t *rows_done;   /* atomic; NULL: nobody asks */
};

/* One table of a plan. */
struct restore_table {
    size_t source_table;   /* the dataset's number for it */
    struct schema *source; /* borrowed from the dataset */
    struct schema *target; /* with a reference; NULL: to be made */
    struct schema *like;   /* what it is made like; NULL: the source's own schema will do */
    bool created;
    bool parents; /* only rows that others need, in LOAD_MISSING */
    enum load_mode mode;
    size_t *columns; /* of the target, for each of the source's; LOAD_LEAVE_OUT */
    size_t key_count;
    char *notes; /* what differs, in lines; NULL: nothing */
    struct load_counts counts;
    struct row_filter *filter; /* NULL: all rows */
    struct key_set *wanted;    /* parents: the keys that are needed; NULL: not this way */
    struct key_set *present;   /* … those that are needed, but there already; NULL: none is */
    struct load *load;
};

/* A view, or what else is no table. */
struct restore_view {
    struct schema *schema; /* borrowed from the dataset */
    bool tried;
    bool made;
    char *why; /* why it is not, in words; NULL: it is, or it may be yet */
};

struct statement_list;

struct restore_plan {
    struct dataset *dataset;
    const char *kind; /* of the source */
    struct target *target;
    const struct restore_options *options; /* borrowed */
    size_t count;
    struct restore_table *tables; /* parents first */
    size_t view_count;
    struct restore_view *views;
    size_t failed; /* which table restore_run ended at; SIZE_MAX: at none of them */
    struct statement_list *statements; /* of the source; NULL: not read */
};

/*
 * TARGET has begun. All that can be known without looking at rows is looked at: -ENOENT (no such
 * table), -EINVAL with words that say what does not fit, and how it can be made to.
 */
int restore_plan(struct dataset *dataset, const char *kind, struct target *target,
                 const struct restore_options *options, struct restore_plan *ret_plan,
                 struct failure *failure);

/*
 * Does it, and commits, or rolls back on failure and after a dry run; counts stand in the tables.
 * Views are part of the transaction where the database can, else they follow it.
 * -ECANCELED: it was called off.
 */
int restore_run(struct restore_plan *plan, struct failure *failure);

void restore_plan_release(struct restore_plan *plan); /* zeroed: nothing happens */

#endif
