/* SPDX-License-Identifier: MIT */
/*
 * MySQL and MariaDB as targets; what their files share.
 *
 * Rows go through LOAD DATA LOCAL, from memory, into the table itself where that is empty, else
 * into a temporary table of the same columns, from which they are merged. With LOCAL a server
 * takes errors for warnings; so any warning is one, and the rows that it is about are found by
 * halves. Where LOCAL is not allowed, INSERTs of many rows each take its place. Rows that go into
 * the table itself are read back meanwhile, over a second connection (mysql_follower). Foreign keys
 * are not looked at while rows are written (foreign_key_checks=0), so that nothing cascades; at the
 * end those of the written rows are (mysql_orphans), and those of all other rows to what is not
 * there any more (mysql_gone), of other databases, too.
 *
 * CREATE TABLE commits. So new tables are made and filled under names that no source shows
 * (mysql_unfinished_name), and RENAME TABLE gives all of them their own at once; what an
 * interrupted restore left of such is dropped by the next one. A restore either makes tables or
 * changes some: both could not be one transaction.
 */
#ifndef CRMFS_TARGET_MYSQL_TARGET_H
#define CRMFS_TARGET_MYSQL_TARGET_H

#include <string.h>

#include "backends/source/mysql_internal.h"
#include "backends/target/create.h"
#include "backends/target/mysql_references.h"
#include "backends/target/row_batch.h"
#include "backends/target/row_work.h"
#include "backends/target/target.h"

/* A table of the target: one that is there, or one that is being made. */
struct mysql_place {
    struct schema *schema;     /* under the name that it has, or will have */
    struct mysql_table *table; /* under the name that it has now */
    struct mysql_table made;   /* … when it is being made */
    bool is_made;
    struct table_extras extras; /* of one that is being made */
    bool is_own;                /* … by its own statement */
    char *later;                /* … whose foreign keys these are, a line each */
    bool written;               /* rows were put */
    bool whole;                 /* all its rows were written by us */
    char *stage;                /* the temporary table of the last load; NULL: none */
    size_t *stage_key;          /* the columns that its rows are found by */
    size_t stage_key_count;
    bool *put;  /* for each column, whether the stage's rows have it */
    char *gone; /* the temporary table of what foreign keys referred to; NULL: all is there */
};

struct mysql_target {
    struct target target;
    struct mysql_source *source;
    struct mysql_link *link;
    struct mysql_catalogue catalogue;
    struct mysql_place **places; /* those that are there, then those made */
    size_t place_count;
    size_t made_count;
    bool open;
    bool look_only;
    bool unrelated;       /* what rows refer to need not be there */
    bool locked;          /* no other restore writes to this database */
    unsigned lock_wait_s; /* for rows that others have locked */
    unsigned long stage_count;
    uint64_t rows_in;     /* that were sent, of all loads */
    const uint8_t *lines; /* what LOAD DATA is given */
    size_t lines_left;
    bool no_load_data;  /* LOAD DATA LOCAL was refused: rows go by INSERT */
    struct cell *cells; /* of lock_row */
    char (*numbers)[32];
    MYSQL_RES *rows;
    struct mysql_references own_keys;
    struct mysql_references outside_keys;
};

/* Runs what TEXT holds, which is released. */
int mysql_target_run(struct mysql_target *target, struct buffer *text, struct failure *failure);
/* The same of a statement whose rows are wanted. */
int mysql_target_ask(struct mysql_target *target, struct buffer *text, MYSQL_RES **ret_rows,
                     struct failure *failure);

struct mysql_place *mysql_target_place(const struct mysql_target *target,
                                       const struct schema *schema);

/* Starts the transaction again, where CREATE TABLE has ended it. */
int mysql_target_start(struct mysql_target *target, struct failure *failure);

/* Whether it is a BIT: a text would be taken for its bytes, whatever number it says. */
static inline bool mysql_is_bits(const struct column *column)
{
    return strncmp(column->native_type, "bit", 3) == 0;
}

/* "a.x <=> b.x AND …" of COUNT columns. */
int mysql_add_equal(struct buffer *text, const struct schema *schema, const size_t *columns,
                    size_t count, const char *left, const char *right);

/* -EINVAL in words: a row that was written misses what it refers to; -EACCES: it cannot be seen. */
int mysql_check_keys(struct mysql_target *target, struct failure *failure);
/* -EINVAL in words: a row that was not written misses what it referred to before. */
int mysql_check_gone(struct mysql_target *target, struct failure *failure);

/* The name that the table NAME has now, which may be being made; NULL: there is none. */
const char *mysql_current_name(const struct mysql_target *target, const char *name);

/* The table that KEY is of; NULL: it is another database's. */
struct mysql_place *mysql_child_place(const struct mysql_target *target,
                                      const struct mysql_reference *key);

/* Has LOAD DATA LOCAL read the target's lines, whatever file a statement names. */
void mysql_give_lines(struct mysql_target *target);

/*
 * How long the first line is. SHOW CREATE TABLE gives a line to each definition, and in no string a
 * line end that is not escaped; but a name may hold one.
 */
size_t mysql_definition_length(const char *text);

int mysql_create_table(struct target *base, const struct schema *like, const char *kind,
                       struct schema **ret_schema, char **ret_notes, struct failure *failure);
int mysql_complete_tables(struct mysql_target *target, struct failure *failure);
int mysql_rename_tables(struct mysql_target *target, struct failure *failure);
void mysql_drop_made(struct mysql_target *target);
int mysql_create_view(struct target *base, const struct schema *like, struct failure *failure);
int mysql_open_load(struct target *base, const struct load_plan *plan, struct load **ret_load,
                    struct failure *failure);
int mysql_lock_row(struct target *base, const struct schema *schema, const struct cell *key,
                   const struct cell **ret_cells, struct failure *failure);
int mysql_update_row(struct target *base, const struct schema *schema, const struct cell *key,
                     size_t count, const size_t *columns, const struct cell *cells,
                     struct failure *failure);
int mysql_delete_row(struct target *base, const struct schema *schema, const struct cell *key,
                     struct failure *failure);

#endif
