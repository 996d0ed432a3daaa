/* SPDX-License-Identifier: MIT */
/* The folders of single rows of a live source or an archive: one a table, kept until the source is
 * closed, so that whoever is in one stays in it from generation to generation. */
#ifndef CRMFS_TREE_LIVE_RECORDS_H
#define CRMFS_TREE_LIVE_RECORDS_H

#include "fs/tree/generation.h"
#include "fs/tree/live.h"
#include "fs/tree/node.h"

struct live_records;

/*
 * The folder called NAME, with a reference, if GENERATION has a table of such files that has a key;
 * -ENOENT, -ENOMEM.
 */
int live_records_find(struct live *live, const struct generation *generation, const char *name,
                      struct node **ret_folder);

/* What stat shows of the folder NAME of the source at PATH. */
uint64_t live_records_inode(const char *path, const char *name);

/* After every other reference to them is given back. NULL is allowed. */
void live_records_free(struct live_records *first);

#endif
