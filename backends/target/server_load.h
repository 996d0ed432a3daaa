/* SPDX-License-Identifier: MIT */
/*
 * What the loads of all servers have in common. Rows go in batches into the table itself, or into
 * a stage, a temporary table, from which one statement each deletes, updates and inserts. A server
 * gives a struct server_load_class: how rows are sent and read back, and its SQL.
 *
 *   put put put …  fill a batch; a full one is sent by a thread as the next is filled
 *   end            the last one is sent; from here on all is the caller's thread's
 *   remove, merge  the stage's rows into the table
 *   verify         what is read back has the sum of what was put
 */
#ifndef CRMFS_TARGET_SERVER_LOAD_H
#define CRMFS_TARGET_SERVER_LOAD_H

#include "backends/target/batch_sender.h"
#include "backends/target/row_work.h"
#include "backends/target/target.h"

#define REFUSAL_WORDS 400
#define REFUSAL_COLUMN 256

/* Why the server refuses rows. */
struct refusal {
    size_t line; /* of those that were sent, from 1; 0: not known */
    char words[REFUSAL_WORDS];
    char column[REFUSAL_COLUMN]; /* "": the row as a whole, or not known */
};

struct server_load;

/* Told of each row of an answer: its first column's text. 0, or -errno to end with. */
typedef int server_load_take(struct server_load *load, const char *text, struct failure *failure);

/*
 * The server's SQL. In a statement stand for
 *   %t  the table, called t             %s  the stage, called s
 *   %o  the same table, for rows of its own and none of those that inherit from it
 *   %k  the rows' keys are the same     %e  AND so are their values
 *   %c  the columns that are written    %v  the same, of the stage
 *   %i  the key's columns of the stage  %1  the first of them, without s
 *   %u  assignments to all that are not of the key
 *   %l  LIMIT 1, where the first row that is told of ends the load
 *   %p  a condition, or a join, to a part of the stage's rows; nothing: all of them
 * and in give_up (server_give_up.h)
 *   %g  assignments of what unique values are given up for
 *   %w  ", (SELECT …) w", or nothing     %d  the unique values are the same
 */
struct server_dialect {
    const char *count_met;     /* rows of the stage whose key is in the table */
    const char *show_met;      /* their keys, as a text each */
    const char *forget_met;    /* deletes them from the stage */
    const char *show_second;   /* the same of rows whose key one before them in the stage has; */
    const char *forget_second; /* NULL: the stage takes no such row */
    const char *update_met;    /* the table's by them */
    const char *insert_all;    /* of the stage into the table */
    const char *insert_rest;   /* those whose key is not in the table */
    const char *delete_others; /* the table's rows whose key is not in the stage */
    const char *count_same;    /* rows of the stage that the table has as they are */
    const char *give_up;       /* … whose unique values will be others give theirs up */
    const char *assigned;      /* stands before a column that is assigned to */
    const char *show_part;     /* the keys of a part of the stage, as a text each */
    const char *forget_part;   /* deletes it from the stage */
    int (*add_column)(const struct server_load *load, size_t column, struct buffer *sql);
    /* t.column and s.column are the same key (NULLs are), or the very same value. */
    int (*add_same_key)(const struct server_load *load, size_t column, struct buffer *sql);
    int (*add_same_value)(const struct server_load *load, size_t column, struct buffer *sql);
    /* A query for the columns of all unique indexes: "1 name", "2 name" … of each. */
    int (*add_unique_query)(const struct server_load *load, struct buffer *sql);
    /* A query for the columns that foreign keys refer to; NULL: these do nothing meanwhile. */
    int (*add_referred_query)(const struct server_load *load, struct buffer *sql);
    /*
     * What unique values are given up for: a UUID that no row has; of a text, which COLUMN says in
     * SQL, itself behind a hash of it and SALT, of MOST_CHARS at most (0: any). The hash comes
     * first, since an index may be of a text's beginning alone.
     */
    const char *new_uuid;
    int (*add_new_text)(const char *column, const char *salt, uint64_t most_chars,
                        struct buffer *sql);
    /* Has the rows of the stage numbered; all numbers are less than *ret_end. */
    int (*number_stage)(struct server_load *load, uint64_t *ret_end, struct failure *failure);
    int (*add_part)(const struct server_load *load, struct buffer *sql);
};

/* Rows of the stage by their numbers, from FIRST to before END. */
struct stage_part {
    uint64_t first, end;
};

struct server_load_class {
    const struct server_dialect *dialect;
    /* Whether refusal.line is known whenever rows are refused: that of the first. */
    bool names_lines;
    /*
     * Sends the rows FIRST to END of a batch: called by any thread, one at a time. 1: all of them
     * are in; 0: *ret_refusal says why not; -errno. What is in of rows that are refused is taken
     * back by a savepoint, or ends the load.
     */
    int (*send)(struct server_load *load, const struct row_batch *batch, size_t first, size_t end,
                struct refusal *ret_refusal, struct failure *failure);
    /* Before the first of several batches is sent; NULL: nothing is to be done. */
    int (*expect_many)(struct server_load *load, struct failure *failure);
    /* So many more rows are in, and stay so until the load ends. NULL: nobody is told. */
    void (*are_in)(struct server_load *load, uint64_t rows);
    /* Runs SQL, which is released. *ret_number: rows that it changed, or the number it selects.
     * -EEXIST: a unique value is there already. */
    int (*run)(struct server_load *load, struct buffer *sql, uint64_t *ret_number,
               struct failure *failure);
    int (*ask)(struct server_load *load, struct buffer *sql, server_load_take *take,
               struct failure *failure);
    /* Adds up the rows that were written: the stage's, or the table's. */
    int (*read_back)(struct server_load *load, struct row_sum *sum, struct failure *failure);
    /* Adds up all rows of the table, wherever rows were put. */
    int (*read_table)(struct server_load *load, struct row_sum *sum, struct failure *failure);
};

struct server_load {
    struct load load;
    const struct server_load_class *class;
    struct row_work work;
    char *table_sql;     /* its name, quoted */
    const char *own_sql; /* what stands for %o; borrowed */
    char *stage_sql;     /* NULL: rows go into the table itself */
    struct row_sum sum;
    uint64_t forgotten; /* rows of the stage that are in it no more, since the table has them */
    bool many;          /* there are several batches */
    struct batch_sender sender;
    struct refusal refusal; /* of the batch that was given; the sender's, as that is */
    const struct server_give_up *give_up; /* while unique values are given up; else NULL */
    struct listing *listing;              /* … and the indexes are listed */
    const struct stage_part *part;        /* while a part of the stage is written; else NULL */
    const char *why;                      /* … and rows of it are set aside for */
};

/*
 * Makes a zeroed load ready for PLAN, but for table_sql and stage_sql. To be released in any case.
 */
int server_load_create(struct server_load *load, const struct load_class *load_class,
                       const struct server_load_class *class, enum target_engine engine,
                       const struct load_plan *plan, struct failure *failure);
void server_load_release(struct server_load *load); /* waits for what is being sent */

/* Words -ENOMEM and -EFBIG; other errors have theirs. */
int server_load_fail(const struct server_load *load, int error, struct failure *failure);

/* Whether rows can be found again by the key that they were put with. */
bool server_load_has_key(const struct server_load *load);

/* "SAVEPOINT" of the name that all loads use, with WHAT before it: "", "ROLLBACK TO", "RELEASE". */
int server_load_savepoint(struct server_load *load, const char *what, struct failure *failure);

/* Appends a statement of a dialect. */
int server_load_write(const struct server_load *load, const char *statement, struct buffer *sql);

/* -EIO in words: what is in the stage is not what was put. */
int server_load_check_stage(struct server_load *load, struct failure *failure);

/* The functions of a load_class. */
int server_load_put(struct load *base, const struct cell *cells, struct cursor *cursor,
                    struct failure *failure);
int server_load_end(struct load *base, struct failure *failure);
int server_load_remove(struct load *base, struct failure *failure);
int server_load_merge(struct load *base, struct failure *failure);
int server_load_verify(struct load *base, struct failure *failure);

#endif
