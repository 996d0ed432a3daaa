/* SPDX-License-Identifier: MIT */
/*
 * A piece of an archive byte for byte, sealed in a spool, to be read at any offset.
 * Written by one thread, then immutable, counted, safe from several threads.
 */
#ifndef CRMFS_TABLE_RAW_BYTES_H
#define CRMFS_TABLE_RAW_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/reading.h"

struct raw_bytes;

/* Empty. SPOOL outlives it. NULL: no memory. */
struct raw_bytes *raw_bytes_create(struct spool *spool);
struct raw_bytes *raw_bytes_reference(struct raw_bytes *raw);
void raw_bytes_release(struct raw_bytes *raw); /* NULL is allowed */

/* Appends. 0, -ENOMEM, or as spool_put. */
int raw_bytes_add(struct raw_bytes *raw, const void *bytes, size_t size, struct failure *failure);

uint64_t raw_bytes_size(const struct raw_bytes *raw);

/* Up to SIZE bytes at OFFSET, fewer only at the end; in memory of their own. -EIO, -ENOMEM. */
int raw_bytes_read(struct raw_bytes *raw, uint64_t offset, size_t size, struct reading *ret_reading,
                   struct failure *failure);

#endif
