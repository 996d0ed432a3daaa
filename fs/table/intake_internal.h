/* SPDX-License-Identifier: MIT */
/*
 * The inside of an intake: what it takes (intake_take.c), what becomes of it (intake.c), and
 * tables whose columns were not all known at first (intake_reshape.c).
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
    struct group_array array; /* until the image is made */
    struct failure *failure;  /* NULL: none */
    bool dropped;
    /* The order in which rows came: */
    bool unordered; /* some row stood before the one it should stand behind */
    struct cell last[KEY_COLUMNS_MOST];
    struct buffer last_bytes;
    bool has_last;
    size_t largest_row;
    /* Guarded by the intake's lock after the end: */
    bool settled;
    struct image_group *groups; /* of the image; group_count of them */
    size_t group_count;
    struct image *image;
};

struct intake_member {
    struct stream_member told;
    struct raw_bytes *bytes; /* NULL; guarded by the intake's lock after the end */
};

struct intake {
    struct row_taker taker;
    struct intake_options options;
    struct intake_table *tables;
    size_t count;
    size_t capacity;
    size_t *shown; /* after the end: tables by name */
    size_t shown_count;
    struct intake_member *members;
    size_t member_count;
    size_t member_capacity;
    struct raw_bytes *next_bytes; /* of the member that comes next; NULL: none came */
    bool has_moment;
    struct timespec moment; /* the newest that was said */

    bool writing; /* a group writer is open, for table current */
    size_t current;
    struct group_writer writer;
    uint64_t rows; /* not yet told */

    pthread_mutex_t lock;
};

/* What the stream is given. */
extern const struct row_taker_class intake_taker_class;

/* The table is about to get the schema NEXT: notes what its groups so far are made under. */
int intake_note_era(struct intake_table *table, const struct schema *next);
void intake_forget_eras(struct intake_table *table);

/* Makes all groups anew under the table's schema, if some are not. 0, -ENOSPC, -ECANCELED … */
int intake_reshape(struct intake *intake, struct intake_table *table, struct failure *failure);

/* Finishes the group under way. */
int intake_close_writer(struct intake *intake, struct failure *failure);

/* Counts rows that were taken. -ECANCELED: no more are wanted. */
int intake_tell_rows(struct intake *intake);

/* Whether the order of the table's rows can be told, and by what. */
bool intake_is_sortable(const struct intake_table *table);
struct key_rule intake_rule(const struct intake_table *table);

bool intake_is_later(struct timespec one, struct timespec other);

#endif
