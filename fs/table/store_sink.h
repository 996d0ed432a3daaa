/* SPDX-License-Identifier: MIT */
/*
 * A store as a sink of scans: row groups become objects, each compressed against
 * its predecessor, the group of the same first key in the table's last image.
 * The sink outlives the tables of a snapshot, so that small tables share packs.
 */
#ifndef CRMFS_TABLE_STORE_SINK_H
#define CRMFS_TABLE_STORE_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/table/scan.h"

struct store_sink;

/* A sink into BATCH, which outlives it. NULL: no memory. */
struct store_sink *store_sink_create(struct object_batch *batch);

/* Has it count, as it goes on, the CSV of row groups in *RAW and what is stored in *STORED: atomic.
 */
void store_sink_count(struct store_sink *sink, uint64_t *raw, uint64_t *stored);
struct group_sink *store_sink_base(struct store_sink *sink);

/*
 * The next scan is of a table whose last image consists of these groups (borrowed
 * until the next call; 0 of them: there is none). 0 or -ENOMEM.
 */
int store_sink_begin_table(struct store_sink *sink, const struct image_group *previous,
                           size_t previous_count);

/* Adds an object that is no row group: a page, an image, a schema, the tree. As object_put. */
int store_sink_put(struct store_sink *sink, enum object_type type, const void *data, size_t size,
                   struct object_reference *ret_reference, struct failure *failure);

/* After the last scan; without it the batch is never finished. 0, or what a writer met. */
int store_sink_finish(struct store_sink *sink);
void store_sink_free(struct store_sink *sink); /* NULL is allowed */

#endif
