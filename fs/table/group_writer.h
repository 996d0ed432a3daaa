/* SPDX-License-Identifier: MIT */
/*
 * Rows of one table, in order, as row groups in a spool. Where they are cut is nobody's
 * matter there: where they are full. A store's are cut by their rows' keys (fs/table/cutter.h).
 */
#ifndef CRMFS_TABLE_GROUP_WRITER_H
#define CRMFS_TABLE_GROUP_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"
#include "fs/table/put_queue.h"

void group_array_drop(struct group_array *array, struct spool *spool);

struct group_writer {
    struct spool *spool;
    uint32_t group_bytes;
    struct schema *schema;
    struct row_group_builder *builder;
    struct buffer encoded;
    struct group_array *array;
    struct put_queue *queue; /* NULL: groups are put at once */
};

/*
 * Writes to ARRAY (borrowed), after what is in it. SCHEMA is referenced. GROUP_BYTES: their size,
 * unless one row has more. Whoever then sets QUEUE flushes it before ARRAY's groups are used. 0 or
 * -ENOMEM.
 */
int group_writer_begin(struct group_writer *writer, struct spool *spool, uint32_t group_bytes,
                       struct schema *schema, struct group_array *array);
int group_writer_add(struct group_writer *writer, const struct cell *cells,
                     struct failure *failure);

/* The group under way is finished. */
int group_writer_flush(struct group_writer *writer, struct failure *failure);
void group_writer_end(struct group_writer *writer);

#endif
