/* SPDX-License-Identifier: MIT */
/*
 * The inside of an intake: what it takes (intake_take.c), in what order (intake_order.c), what
 * becomes of it (intake.c), and tables whose columns were not all known at first
 * (intake_reshape.c).
 */
#ifndef CRMFS_TABLE_INTAKE_INTERNAL_H
#define CRMFS_TABLE_INTAKE_INTERNAL_H

#include <pthread.h>

#include "fs/base/buffer.h"
#include "fs/table/group_writer.h"
#include "fs/table/intake.h"
#include "fs/table/key_compare.h"

/* Groups that were made under another schema, which had fewer columns or other types. */
struct intake_era {
    struct schema *schema; /* referenced */
    size_t groups_end;     /* in the table's array */
};

struct intake_table {
    struct schema *schema; /* referenced */
    size_t era_count;
    struct intake_era *eras;
    size_t term_count;
    struct key_term *terms;
    bool nulls_last;
    enum same_key same_key;
    bool has_more_keys;
    bool twins_told;          /* that there are rows of one key */
    struct group_array array; /* until the image is made */
    struct failure *failure;  /* NULL: none */
    bool dropped;
    /* The order in which rows came: */
    bool unordered;    /* some row stood before the one it should stand behind … */
    bool misplaced;    /* … for sure, and not only as far as anybody knows the collation */
    struct cell *last; /* term_count of them; NULL: none was looked at */
    struct buffer last_bytes;
    bool has_last;
    size_t largest_row;
    bool finished; /* guarded by the intake's lock: it may be settled before the end */
    /* Guarded by the intake's settling: */
    bool settled;
    struct image_group *groups; /* of the image; group_count of them */
    size_t group_count;
    struct image *image;
};

struct intake_member {
    struct stream_member told;
    struct raw_bytes *bytes; /* NULL: they were not given */
};

struct intake {
    struct row_taker taker;
    struct intake_options options;
    struct intake_table **tables; /* before the end others look at it under the lock */
    size_t count;
    size_t capacity;
    size_t *shown; /* after the end: tables by name */
    size_t shown_count;
    struct intake_member *members;
    size_t member_count;
    size_t member_capacity;
    struct raw_bytes *next_bytes; /* of the member that comes next; NULL: none came */
    struct failure *troubles;
    size_t trouble_count;
    size_t untold;            /* troubles beyond those that are kept … */
    bool untold_lack;         /* … and not all are such of which nothing is missed */
    bool has_passing_trouble; /* … that will not be there at the next reading */
    const char *kind; /* of the database that the tables are of; static; NULL: nobody has said … */
    bool many_kinds;  /* … or they have said different things */
    bool has_moment;
    struct timespec moment; /* the newest that was said */

    bool writing; /* a group writer is open, for table current */
    size_t current;
    struct group_writer writer;
    struct put_queue *queue; /* of its groups, and of those of writers before */
    uint64_t rows;           /* not yet told */

    pthread_mutex_t lock;
    pthread_cond_t told;      /* a table was finished, or the end has come */
    bool ended;               /* guarded by the lock: the stream, or whoever reads it, is through */
    pthread_mutex_t settling; /* one table is sorted at a time, so that memory stays bounded */
};

/* What the stream is given. */
extern const struct row_taker_class intake_taker_class;

/* The table is about to get the schema NEXT: notes what its groups so far are made under. */
int intake_note_era(struct intake_table *table, const struct schema *next);
void intake_forget_eras(struct intake_table *table);

/* Makes all groups anew under the table's schema, if some are not. 0, -ENOSPC, -ECANCELED … */
int intake_reshape(struct intake *intake, struct intake_table *table, struct failure *failure);

/* Finishes the group under way; and has all groups put. */
int intake_close_writer(struct intake *intake, struct failure *failure);
int intake_flush(struct intake *intake, struct failure *failure);

/* As intake_image; settling is held. */
int intake_table_image(struct intake *intake, struct intake_table *table, struct image **ret_image,
                       struct failure *failure);

/* A finished table takes more after all: what was made of it is undone. */
int intake_reopen(struct intake *intake, struct intake_table *table, struct failure *failure);

/* Counts rows that were taken. -ECANCELED: no more are wanted. */
int intake_tell_rows(struct intake *intake);

/* Whether what failed so will fail so again. */
bool intake_is_lasting_code(int code);

/* Keeps it, and tells of it; whoever settles a table does so while others are taken. */
void intake_note_trouble(struct intake *intake, const struct failure *why);

/* Two rows of the table have one key, and both show. */
void intake_tell_twins(struct intake *intake, struct intake_table *table);

#define KEY_BYTES_MOST ((size_t)64 << 10) /* of a longer key the order is not looked at */

/* A row comes: whether it stands where it should. 0 or -ENOMEM. */
int intake_note_order(struct intake *intake, struct intake_table *table, const struct cell *cells);

void intake_forget_terms(struct intake_table *table);

/* Whether the order of the table's rows can be told, and by what. */
bool intake_is_sortable(const struct intake_table *table);
struct key_rule intake_rule(const struct intake_table *table);

/* Whether rows of one key are one row. */
bool intake_makes_one(const struct intake_table *table);

#endif
