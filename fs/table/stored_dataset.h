/* SPDX-License-Identifier: MIT */
/* A source's tables in a snapshot, or an archive's that is indexed, as a dataset. */
#ifndef CRMFS_TABLE_STORED_DATASET_H
#define CRMFS_TABLE_STORED_DATASET_H

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/tables.h"

/*
 * SOURCE is borrowed, and READER; both outlive the dataset. Rows come from one cursor a table;
 * all their cells have data. 0, -EIO, -ENOMEM.
 */
int stored_dataset_create(struct object_reader *reader, const struct stored_source *source,
                          struct dataset **ret_dataset, struct failure *failure);

/* Whether it is such a dataset. */
bool stored_dataset_is(const struct dataset *dataset);

/*
 * A cursor from about where the row stands whose primary key is the number KEY: some rows before
 * it, perhaps, but never behind it. Where that cannot be told it begins with the table.
 */
int stored_dataset_seek(struct dataset *base, size_t table, const struct cell *key,
                        struct cursor **ret_cursor, struct failure *failure);

#endif
