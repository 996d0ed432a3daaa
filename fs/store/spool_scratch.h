/* SPDX-License-Identifier: MIT */
/*
 * What one put or get of a spool needs besides its caller's memory: two buffers and zstd's
 * contexts. A few are kept for the next ones, but none that has grown large. Safe from several
 * threads.
 */
#ifndef CRMFS_STORE_SPOOL_SCRATCH_H
#define CRMFS_STORE_SPOOL_SCRATCH_H

#include <pthread.h>
#include <zstd.h>

#include "fs/base/buffer.h"

struct scratch {
    struct scratch *next;
    struct buffer sealed;
    struct buffer packed;
    ZSTD_CCtx *compressor; /* NULL at first, as the other; made by whoever needs it */
    ZSTD_DCtx *decompressor;
};

struct scratches {
    size_t sealed_bytes_most; /* the buffers' limits */
    size_t packed_bytes_most;
    pthread_mutex_t lock; /* guards all below */
    struct scratch *first;
    unsigned count;
};

void scratches_init(struct scratches *scratches, size_t sealed_bytes_most,
                    size_t packed_bytes_most);
void scratches_release(struct scratches *scratches);

struct scratch *scratch_take(struct scratches *scratches);               /* NULL: no memory */
void scratch_give(struct scratches *scratches, struct scratch *scratch); /* NULL is allowed */

#endif
