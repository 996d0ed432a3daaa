/* SPDX-License-Identifier: MIT */
/*
 * All that stands in a restore's way, gathered so that it can be said at once: what does not fit of
 * tables and columns, and of rows, these counted where column and reason are the same.
 */
#ifndef CRMFS_RESTORE_REFUSALS_H
#define CRMFS_RESTORE_REFUSALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/target/target.h"
#include "fs/base/failure.h"

struct restore_refusal {
    char *table;   /* NULL: of no single one */
    char *column;  /* NULL: of the row, or the table, as a whole */
    char *value;   /* of the first row; NULL: none */
    char *reason;  /* in words that name the table, where no row is refused */
    uint64_t row;  /* the first; 0: not known */
    uint64_t rows; /* that are refused; 0: the table itself is, or a column */
    bool is_whole; /* the table takes no part in the restore */
};

struct refusals {
    struct restore_refusal *items;
    size_t count;
};

/*
 * -ERROR with the words of FAILURE hinders TABLE (NULL: all). 0: it is noted, -ENOMEM; ERROR itself
 * where it is none of the data's: the restore cannot go on.
 */
int refusals_note(struct refusals *refusals, const char *table, bool is_whole, int error,
                  const struct failure *failure);

/* The row is bad. 0, -ENOMEM. */
int refusals_note_row(struct refusals *refusals, const char *table, const struct bad_row *bad);

/* Forgets all but the tables that take no part: the restore is tried again without these. */
void refusals_keep_whole(struct refusals *refusals);

void refusals_release(struct refusals *refusals); /* zeroed: nothing happens */

#endif
