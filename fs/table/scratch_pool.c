/* SPDX-License-Identifier: MIT */
#include "fs/table/scratch_pool.h"

#include <stdlib.h>

#define SCRATCHES_KEPT 4

struct pooled_scratch {
    struct image_scratch image; /* which is what is handed out */
    struct pooled_scratch *next;
};

static void destroy(struct pooled_scratch *scratch)
{
    image_scratch_release(&scratch->image);
    free(scratch);
}

void scratch_pool_init(struct scratch_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pool->kept = NULL;
    pool->count = 0;
}

void scratch_pool_release(struct scratch_pool *pool)
{
    while (pool->kept != NULL) {
        struct pooled_scratch *scratch = pool->kept;

        pool->kept = scratch->next;
        destroy(scratch);
    }
    pthread_mutex_destroy(&pool->lock);
}

struct image_scratch *scratch_pool_take(struct scratch_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct pooled_scratch *scratch = pool->kept;

    if (scratch != NULL) {
        pool->kept = scratch->next;
        pool->count--;
    }
    pthread_mutex_unlock(&pool->lock);
    if (scratch == NULL)
        scratch = calloc(1, sizeof *scratch);
    return scratch != NULL ? &scratch->image : NULL;
}

void scratch_pool_give(struct scratch_pool *pool, struct image_scratch *image)
{
    struct pooled_scratch *scratch = (struct pooled_scratch *)image;

    pthread_mutex_lock(&pool->lock);
    if (pool->count < SCRATCHES_KEPT) {
        scratch->next = pool->kept;
        pool->kept = scratch;
        pool->count++;
        scratch = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    if (scratch != NULL)
        destroy(scratch);
}
