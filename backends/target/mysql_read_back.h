/* SPDX-License-Identifier: MIT */
/* Rows that were loaded, read back over some connection and added up. */
#ifndef CRMFS_TARGET_MYSQL_READ_BACK_H
#define CRMFS_TARGET_MYSQL_READ_BACK_H

#include "backends/target/mysql_load.h"

struct mysql_read_back {
    const struct mysql_load *load;   /* of which nothing but what stays as it is */
    const struct mysql_table *table; /* that is read; borrowed */
    struct mysql_link *link;         /* borrowed */
    struct cell *row;                /* all of a row's */
    struct cell *written;            /* those that were written */
    char (*numbers)[32];
    struct buffer value; /* of row_sum_add */
    struct row_sum sum;
};

/* TABLE is the load's, or its stage. 0, -ENOMEM; to be released in both cases. */
int mysql_read_back_create(struct mysql_read_back *back, const struct mysql_load *load,
                           const struct mysql_table *table, struct mysql_link *link);
void mysql_read_back_release(struct mysql_read_back *back);

/*
 * Adds the rows of PART to the sum. With LAST (else NULL) PART has a limit, and that many rows must
 * be there: the key of the last of them is put there. -ENODATA: there are fewer.
 */
int mysql_read_back_part(struct mysql_read_back *back, const struct mysql_part *part,
                         struct buffer *last, struct failure *failure);

#endif
