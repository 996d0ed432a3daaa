/* SPDX-License-Identifier: MIT */
/* How two rows of a group_sort stand to each other: which comes first, and whether they are one. */
#ifndef CRMFS_TABLE_SORT_ORDER_H
#define CRMFS_TABLE_SORT_ORDER_H

#include <stdbool.h>

#include "fs/table/group_sort.h"

/* As strcmp; 0: they stay as they came. Rows that may be one stand side by side. */
int sort_order_compare(const struct group_sort *sort, const struct cell *left,
                       const struct cell *right);

/*
 * LEFT and RIGHT stand side by side: whether one is to be left out. What they are to each other is
 * added to TWINS.
 */
bool sort_order_are_one(const struct group_sort *sort, const struct cell *left,
                        const struct cell *right, struct group_twins *twins);

#endif
