/* SPDX-License-Identifier: MIT */
/* Prepared statements on single rows of MySQL's tables: for mysql_row.c and mysql_delete.c. */
#ifndef CRMFS_TARGET_MYSQL_ROW_H
#define CRMFS_TARGET_MYSQL_ROW_H

#include "backends/target/mysql_target.h"

/* Cells bound to the parameters of a statement. */
struct mysql_bound {
    MYSQL_BIND *binds;
    unsigned long *lengths;
    uint64_t *bits; /* of each that is a BIT's */
    size_t count;
    struct buffer scratch;
};

/* Room for COUNT cells, and for what may become of CELLS and KEY; to be released in any case. */
int mysql_bound_create(struct mysql_bound *bound, const struct schema *schema, size_t count,
                       const struct cell *cells, const struct cell *key);
void mysql_bound_release(struct mysql_bound *bound);
int mysql_bind_key(struct mysql_bound *bound, const struct schema *schema, const struct cell *key,
                   struct failure *failure);

/* Prepares and runs; the caller closes *ret_statement. */
int mysql_execute(struct mysql_target *target, const struct schema *schema, struct buffer *text,
                  struct mysql_bound *bound, MYSQL_STMT **ret_statement, struct failure *failure);

/* Whether it gives a row; closes it. 1, 0, -errno: that it had to wait too long is known only now.
 */
int mysql_finds(struct mysql_target *target, const struct schema *schema, MYSQL_STMT *statement,
                struct failure *failure);

/* "HEAD `table` MORE", NUL-terminated. */
int mysql_write_head(const char *head, const struct schema *schema, const char *more,
                     struct buffer *text);

/* Finds the table and locks the row. -ENOENT. */
int mysql_find_row(struct mysql_target *target, const struct schema *schema, const struct cell *key,
                   struct mysql_place **ret_place, struct failure *failure);

/* Runs "HEAD table … WHERE key" with CELLS before the key, of a row that is locked. */
int mysql_change_row(struct mysql_target *target, const struct mysql_place *place, const char *head,
                     size_t count, const size_t *columns, const struct cell *cells,
                     const struct cell *key, struct failure *failure);

#endif
