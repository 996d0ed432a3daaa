/* SPDX-License-Identifier: MIT */
/*
 * What is being written into the mount before it is known what becomes of it: bytes at any offset,
 * in pieces in the spool, sealed as all that is there; one piece is in memory. One owner, no locks.
 */
#ifndef CRMFS_TREE_STAGING_H
#define CRMFS_TREE_STAGING_H

#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"

#define STAGING_LIMIT ((uint64_t)64 << 30)

struct staging;

/* SPOOL outlives it. NULL: no memory. */
struct staging *staging_create(struct spool *spool);
void staging_free(struct staging *staging); /* NULL is allowed */

uint64_t staging_size(const struct staging *staging);

/* -EFBIG past STAGING_LIMIT; -ENOSPC, -EIO, -ENOMEM. A gap that is left is zeros. */
int staging_write(struct staging *staging, uint64_t offset, const void *bytes, size_t size,
                  struct failure *failure);
int staging_resize(struct staging *staging, uint64_t size, struct failure *failure);

/* Up to SIZE bytes; fewer only at the end. */
int staging_read(struct staging *staging, uint64_t offset, void *bytes, size_t size,
                 size_t *ret_size, struct failure *failure);

/* Nobody will use it for a while: it takes no memory then, if the spool has room. */
void staging_rest(struct staging *staging);

/* All of it in order, while nothing is written. */
struct staging_stream {
    struct byte_stream stream;
    struct staging *staging;
    uint64_t at;
    uint8_t *piece;
};
int staging_stream_begin(struct staging *staging, struct staging_stream *ret_stream);
void staging_stream_end(struct staging_stream *stream);

#endif
