/* SPDX-License-Identifier: MIT */
/*
 * Two rows that exchange the values of a unique column: a server looks at each row as it is
 * updated, and refuses the first. So rows that are to be updated give up their unique values first:
 * for NULL where a column of the index may be that, and no foreign key follows it, else for a value
 * that no row has.
 */
#ifndef CRMFS_TARGET_SERVER_GIVE_UP_H
#define CRMFS_TARGET_SERVER_GIVE_UP_H

#include "backends/target/server_load.h"

#define GIVE_UP_SALT_SIZE 17

enum giving_up {
    KEEPS, /* the column is left as it is */
    GIVES_NULL,
    GIVES_NUMBER, /* one beyond all that the column has */
    GIVES_TEXT,   /* itself behind a hash of it and the salt */
    GIVES_UUID,   /* a new one */
};

struct server_give_up {
    enum giving_up *columns; /* of those that are written */
    bool *unique;            /* … whether it is in an index of which a column is given up */
    bool *referred;          /* … whether foreign keys refer to it, and would change with it */
    char salt[GIVE_UP_SALT_SIZE];
};

/*
 * Has the rows of the table that the stage will change give their unique values up. -EEXIST in
 * words: a value in between is not taken.
 */
int server_give_up(struct server_load *load, struct failure *failure);

/* What stands for %g (assignments), %w (numbers to add) and %d (unique values stay) in a dialect.
 */
int server_give_up_add_part(const struct server_load *load, char part, struct buffer *sql);

#endif
