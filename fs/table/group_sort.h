/* SPDX-License-Identifier: MIT */
/*
 * Row groups in the order of a key: an external merge sort (Knuth, The Art of
 * Computer Programming 3, 5.4) whose runs lie in the spool, sealed as everything
 * there. Rows with equal keys stay in the order in which they came, or become one.
 */
#ifndef CRMFS_TABLE_GROUP_SORT_H
#define CRMFS_TABLE_GROUP_SORT_H

#include "fs/table/group_writer.h"
#include "fs/table/key_compare.h"

/* A run is so many bytes of rows, unless one row has more. */
#define GROUP_SORT_RUN_BYTES ((size_t)8 << 20)

struct group_sort {
    struct spool *spool;
    struct schema *schema; /* borrowed */
    const struct key_rule *rule;
    const bool *cancelled; /* atomic, NULL: none */
    size_t largest_row;    /* bytes: how many runs can be merged at once */
    enum same_key same_key;
    bool only_twins; /* the order is as good as this one, if no row is taken out */
};

/* What rows of the same key there were. */
struct group_twins {
    bool taken_out; /* of two that are one row, one was */
    bool kept;      /* both are there, which the database would not have … */
    bool alike;     /* … or perhaps not: they differ in capital letters alone */
};

/* Replaces what is in ARRAY. When it fails, the array is as it was. */
int group_sort(const struct group_sort *sort, struct group_array *array,
               struct group_twins *ret_twins, struct failure *failure);

#endif
