/* SPDX-License-Identifier: MIT */
/*
 * What a snapshot being taken is compressed against: for each table its image in
 * the newest snapshot that has one.
 */
#ifndef CRMFS_TREE_TAKE_BASE_H
#define CRMFS_TREE_TAKE_BASE_H

#include "fs/store/log.h"
#include "fs/store/tables.h"

#define TAKE_BASES_MOST 4 /* snapshots looked into, newest first */

struct take_bases {
    size_t count;
    struct stored_tree trees[TAKE_BASES_MOST];
};

/* Reads the trees of the newest snapshots. What cannot be read is passed over. 0 or -ENOMEM. */
int take_bases_read(struct object_reader *reader, const struct log_state *state,
                    struct take_bases *ret_bases);

/* The image of a source's table, borrowed; NULL: none of them has it. */
const struct object_reference *take_bases_find(const struct take_bases *bases, const char *source,
                                               const char *table);

void take_bases_release(struct take_bases *bases);

#endif
