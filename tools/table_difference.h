/* SPDX-License-Identifier: MIT */
/*
 * How two images of a table in a store differ. What they share is not read: first their
 * digests are compared, then the names of their pages, then of the row groups of the
 * pages that they do not share.
 */
#ifndef CRMFS_TOOLS_TABLE_DIFFERENCE_H
#define CRMFS_TOOLS_TABLE_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/tables.h"

struct table_difference {
    bool rows;   /* the rows are not the same */
    bool schema; /* columns, keys or DDL are not: see schema_differs() */
    /* Row groups that only one of them has, and what those are as CSV. */
    uint64_t groups_gone;
    uint64_t groups_new;
    uint64_t bytes_gone;
    uint64_t bytes_new;
};

/*
 * KIND: that of the sources of both, or NULL. Of a view of which one of them has only the
 * statement, rows are not compared. 0, -EIO, -ENOMEM.
 */
int table_difference(struct object_reader *reader, const struct stored_table *from,
                     const struct stored_table *to, const char *kind,
                     struct table_difference *ret_difference, struct failure *failure);

#endif
