/* SPDX-License-Identifier: MIT */
/* The scratch memory of renderings, kept for the next ones. Safe from several threads at once. */
#ifndef CRMFS_TABLE_SCRATCH_POOL_H
#define CRMFS_TABLE_SCRATCH_POOL_H

#include <pthread.h>

#include "fs/table/image.h"

struct pooled_scratch;

struct scratch_pool {
    pthread_mutex_t lock; /* guards the rest */
    struct pooled_scratch *kept;
    unsigned count; /* of those */
};

void scratch_pool_init(struct scratch_pool *pool);

/* After all was given back. */
void scratch_pool_release(struct scratch_pool *pool);

/* The caller's until it gives it back; NULL: no memory. */
struct image_scratch *scratch_pool_take(struct scratch_pool *pool);
void scratch_pool_give(struct scratch_pool *pool, struct image_scratch *image);

#endif
