/* SPDX-License-Identifier: MIT */
/* The tables of two snapshots, each beside the one of its name in the other. */
#ifndef CRMFS_TOOLS_DIFF_PAIRS_H
#define CRMFS_TOOLS_DIFF_PAIRS_H

#include <stddef.h>

#include "fs/store/tables.h"

/* A table of either snapshot; FROM or TO is NULL when only the other has it. */
struct diff_pair {
    const char *source;
    const char *table;
    const struct stored_table *from;
    const struct stored_table *to;
    const char *kind; /* of the source, the same in both; NULL */
};

/* Zeroed at first; the array is its user's to free, all else is the trees'. */
struct diff_pairs {
    struct diff_pair *items; /* by source, then table */
    size_t count;
};

/* 0, -ENOMEM. */
int diff_pairs_make(const struct stored_tree trees[2], struct diff_pairs *pairs);

#endif
