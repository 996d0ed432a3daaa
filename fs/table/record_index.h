/* SPDX-License-Identifier: MIT */
/*
 * In which row group of an image a row's name is, whatever order its rows stand in: hashes of all
 * names, in buckets in the spool, sealed as all that is there. Made by one pass over the image in
 * bounded memory; asked by reading one bucket. Immutable, safe from several threads.
 */
#ifndef CRMFS_TABLE_RECORD_INDEX_H
#define CRMFS_TABLE_RECORD_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"
#include "fs/table/record_name.h"

struct record_index;

/* CANCELLED: atomic, NULL: never. 0, -ECANCELED, -ENOSPC, -EIO, -ENOMEM. */
int record_index_create(struct image *image, const struct record_key *key, struct spool *spool,
                        const bool *cancelled, struct record_index **ret_index,
                        struct failure *failure);
void record_index_free(struct record_index *index); /* NULL is allowed */

/* Groups that may have the name, in their order: more than one if hashes are equal. */
#define RECORD_INDEX_MOST 8

/* How many there are, or -EIO, -ENOMEM. */
ssize_t record_index_find(struct record_index *index, uint64_t name_hash,
                          size_t ret_groups[RECORD_INDEX_MOST], struct failure *failure);

#endif
