/* SPDX-License-Identifier: MIT */
/*
 * The runs of a group_sort: as many rows as are sorted in memory at a time, each run laid down in
 * the spool.
 */
#ifndef CRMFS_TABLE_SORT_RUNS_H
#define CRMFS_TABLE_SORT_RUNS_H

#include "fs/table/group_sort.h"

/* Of the row groups that a run consists of. */
#define RUN_GROUP_BYTES ((uint32_t)64 << 10)

/* Each sorted; they stand in the order in which their rows came. */
struct sort_runs {
    struct group_array *arrays;
    size_t count;
    struct group_twins *twins; /* noted when they are made, and merged */
};

/*
 * Makes runs of the rows in ARRAY, which stays as it is; RUNS is empty. When it fails, RUNS is to
 * be dropped all the same.
 */
int sort_runs_make(const struct group_sort *sort, const struct group_array *array,
                   struct sort_runs *runs, struct failure *failure);

/* One more, empty, owned by RUNS; what was returned before is no longer valid. NULL: no memory. */
struct group_array *sort_runs_add(struct sort_runs *runs);

/* Drops what they have in the spool, too. Twins stay. */
void sort_runs_drop(struct sort_runs *runs, struct spool *spool);

#endif
