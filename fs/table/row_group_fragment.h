/* SPDX-License-Identifier: MIT */
/* row_group_cut_row with the size of the fragments to choose, for tests. */
#ifndef CRMFS_TABLE_ROW_GROUP_FRAGMENT_H
#define CRMFS_TABLE_ROW_GROUP_FRAGMENT_H

#include "fs/table/row_group.h"

struct row_cut {
    const struct schema *schema;
    struct cursor *cursor; /* NULL: all cells have data */
    const struct cell *cells;
    size_t fragment_bytes; /* a multiple of 3, at least 3 */
    row_group_take *take;
    void *context;
};

int row_group_cut(const struct row_cut *cut, struct failure *failure);

#endif
