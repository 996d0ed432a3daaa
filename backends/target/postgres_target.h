/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL as a target; what its files share.
 *
 * Rows go through COPY FROM STDIN: into the table itself where this transaction has made it, else
 * into a temporary table of the columns that are written, from which one statement each updates
 * and inserts. All of it, new tables included, is one transaction at REPEATABLE READ; a row that
 * another program has changed meanwhile ends it. Foreign keys are the server's to look at; rows
 * that others refer to are not deleted, so that nothing cascades. Only the positions of sequences
 * are not part of the transaction: they are moved at its end, and never back.
 */
#ifndef CRMFS_TARGET_POSTGRES_TARGET_H
#define CRMFS_TARGET_POSTGRES_TARGET_H

#include "backends/source/postgres_internal.h"
#include "backends/target/create.h"
#include "backends/target/row_batch.h"
#include "backends/target/row_work.h"
#include "backends/target/target.h"

/* A table of the target. */
struct postgres_place {
    const struct table *table; /* of one of the catalogues */
    bool is_made;
    bool written;
    struct schema *like; /* whose foreign keys are added when all tables are there; NULL: none */
    struct table_extras extras; /* … with what they do, and its indexes */
    char *later;                /* statements for when the rows are there, each ended by a NUL */
    size_t later_size;
    char *late_key; /* adds the primary key that was put off; NULL: none was */
};

/* Rows laid down for a table. All borrowed from the load. */
struct postgres_staged {
    const struct table *table;
    const char *stage; /* quoted, with its schema */
    const struct row_work *work;
};

struct postgres_target {
    struct target target;
    struct postgres_source *source;
    struct link link;
    struct catalogue **catalogues; /* read one after another; all live as long as the target */
    size_t catalogue_count;
    struct postgres_place **places;
    size_t place_count;
    unsigned long stage_count;
    struct postgres_staged *staged;
    size_t staged_count;
    struct buffer afterwards; /* statements for when all foreign keys hold */
    bool open;
    bool look_only;
    bool unrelated;     /* what rows of new tables refer to need not be there */
    bool row_changed;   /* by itself, and what waiting triggers make of it has not been seen */
    struct buffer line; /* of lock_row */
    struct cell *cells;
    char (*numbers)[DOUBLE_TEXT_SIZE];
};

/* Runs what SQL holds, which is released. *ret_result may be NULL: nobody wants it. */
int postgres_target_run(struct postgres_target *target, struct buffer *sql, PGresult **ret_result,
                        struct failure *failure);

/* Words what RESULT refused: -EINVAL, -EEXIST (a key is there), -EBUSY (others write), … */
int postgres_target_failure(struct postgres_target *target, const PGresult *result,
                            const char *table, struct failure *failure);

struct postgres_place *postgres_target_place(const struct postgres_target *target,
                                             const struct schema *schema);

/* Reads the catalogue as it is now. */
int postgres_target_read(struct postgres_target *target, struct catalogue **ret_catalogue,
                         struct failure *failure);

/* Appends "schema"."table"; a column's name. */
int postgres_add_table(struct buffer *sql, const struct table *table);
int postgres_add_column(struct buffer *sql, const struct table *table, size_t column);

/* Drops the primary key of a table that is being made, and makes it again, if that was done. */
int postgres_put_off_key(struct postgres_target *target, struct postgres_place *place,
                         struct failure *failure);
int postgres_make_late_key(struct postgres_target *target, struct postgres_place *place,
                           struct failure *failure);

/* Adds up the rows that COPY … TO STDOUT gives of TABLE: the columns that WORK has written. */
int postgres_read_back(struct postgres_target *target, const struct table *table,
                       const struct row_work *work, const char *copy, struct row_sum *sum,
                       struct failure *failure);

/*
 * Remembers where the rows of a load are laid down; it stays until the loads are closed. Tables
 * come parents first: the foreign key of one to one that comes later is deferred.
 */
int postgres_note_staged(struct postgres_target *target, const struct table *table,
                         const char *stage, const struct row_work *work, struct failure *failure);
bool postgres_is_staged(const struct postgres_target *target, const struct table *table);
/* " AND …": the row ROW of TABLE is laid down, by its key. 1; 0: rows are not replaced; -errno. */
int postgres_add_stays(const struct postgres_target *target, const struct table *table,
                       const char *row, struct buffer *sql);
/*
 * Has the rows of TABLE that are laid down refer by KEY to what they will, of PARENT, as far as
 * that is there. 1: done; 0: cannot be.
 */
int postgres_repoint(struct postgres_target *target, const struct table *table,
                     const struct table *parent, const struct foreign_key *key,
                     struct failure *failure);

/*
 * Has the foreign keys of CHILD to PARENT be looked at when the transaction ends. 1: done; 0: they
 * do more than refuse, and nobody said WHATEVER_IT_DOES.
 */
int postgres_defer(struct postgres_target *target, const struct table *child,
                   const struct table *parent, bool whatever_it_does, struct failure *failure);

/* What postgres_ask_references gives of each. */
enum {
    REFERENCE_CHILD,   /* the oid of the table that refers */
    REFERENCE_COLUMNS, /* the numbers of its columns, "1 2" */
    REFERENCE_PARENT,  /* the oid of what it refers to */
    REFERENCE_CHANGES, /* 't': a deletion deletes or changes its rows */
    REFERENCE_HIDDEN,  /* 't': row-level security hides some of them, perhaps */
    REFERENCE_FROM,    /* its table, to stand behind FROM */
    REFERENCE_NAME,    /* … to be shown */
    REFERENCE_MATCH,   /* the condition that a row of it refers to one of the parent */
};

/*
 * The foreign keys that lead to PARENT or a partition of it. In their conditions the rows are
 * called PARENT_ROW and CHILD_ROW. *ret_rows is the caller's.
 */
int postgres_ask_references(struct postgres_target *target, const struct table *parent,
                            const char *parent_row, const char *child_row, PGresult **ret_rows,
                            struct failure *failure);
/* Appends a query for the names of the columns of PARENT that foreign keys refer to. */
int postgres_add_referred_query(struct buffer *sql, const struct table *parent);
/* The condition of KEY, borrowed from ROWS; NULL: it is not among them. */
const char *postgres_reference_match(const PGresult *rows, const struct table *child,
                                     const struct table *parent, const struct foreign_key *key);
/* Whether ROW is one of the foreign keys to PARENT that the schemas of the target's tables have. */
bool postgres_reference_is_known(const struct postgres_target *target, const PGresult *rows,
                                 int row, const struct table *parent);

/*
 * Whether rows of other tables refer to rows of TABLE, called t, that meet CONDITION, or rows of
 * its own that are laid down for a replace. -EBUSY names that table; -EACCES: it cannot be looked
 * at, and a deletion would change it.
 */
int postgres_check_referrers(struct postgres_target *target, const struct table *table,
                             const char *condition, const char *const *values, size_t value_count,
                             struct failure *failure);

/*
 * Runs SQL, which makes something. 1: that is there already, which is no failure where it
 * MAY_BE_THERE; 0; -errno.
 */
int postgres_try_statement(struct postgres_target *target, const char *sql, bool may_be_there,
                           struct failure *failure);

/*
 * The same; where an index of SQL's, or a constraint that has one, finds its name taken by another,
 * it gets one that is free.
 */
int postgres_make(struct postgres_target *target, const char *sql, bool may_be_there,
                  struct failure *failure);

/*
 * What has no schema in its name is public's: so it is shown, and found again. Until the catalogue
 * is read the next time, or postgres_find_as_usual.
 */
int postgres_find_in_public(struct postgres_target *target, struct failure *failure);
int postgres_find_as_usual(struct postgres_target *target, struct failure *failure);

int postgres_create_table(struct target *base, const struct schema *like, const char *kind,
                          struct schema **ret_schema, char **ret_notes, struct failure *failure);
/* Has the triggers that wait for the end of the transaction do what they do to its rows. */
int postgres_fire_deferred(struct postgres_target *target, struct failure *failure);
int postgres_complete_tables(struct postgres_target *target, struct failure *failure);
int postgres_create_view(struct target *base, const struct schema *like, struct failure *failure);
int postgres_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                       struct failure *failure);
int postgres_lock_row(struct target *base, const struct schema *schema, const struct cell *key,
                      const struct cell **ret_cells, struct failure *failure);
int postgres_update_row(struct target *base, const struct schema *schema, const struct cell *key,
                        size_t count, const size_t *columns, const struct cell *cells,
                        struct failure *failure);
int postgres_delete_row(struct target *base, const struct schema *schema, const struct cell *key,
                        struct failure *failure);

#endif
