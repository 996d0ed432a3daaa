/* SPDX-License-Identifier: MIT */
#include "fs/store/parent_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/base/hash.h"

struct kept {
    struct parent_data public; /* first: what callers hold */
    unsigned users;
    bool refused; /* fs/base/hash.h */
    struct kept *prev;
    struct kept *next;
    UT_hash_handle hh; /* by id */
};

struct parent_cache {
    size_t limit_bytes;
    pthread_mutex_t lock; /* guards all below */
    size_t bytes;         /* allocated by all that is kept */
    struct kept *by_id;
    struct kept *by_use; /* the last used first */
};

struct parent_cache *parent_cache_create(size_t limit_bytes)
{
    struct parent_cache *cache = calloc(1, sizeof *cache);

    if (cache != NULL) {
        cache->limit_bytes = limit_bytes;
        pthread_mutex_init(&cache->lock, NULL);
    }
    return cache;
}

static struct kept *find(struct parent_cache *cache, const uint8_t *id)
{
    struct kept *kept;

    HASH_FIND(hh, cache->by_id, id, OBJECT_ID_BYTES, kept);
    return kept;
}

const struct parent_data *parent_cache_take(struct parent_cache *cache,
                                            const uint8_t id[OBJECT_ID_BYTES])
{
    pthread_mutex_lock(&cache->lock);
    struct kept *kept = find(cache, id);

    if (kept != NULL) {
        kept->users++;
        DL_DELETE(cache->by_use, kept);
        DL_PREPEND(cache->by_use, kept);
    }
    pthread_mutex_unlock(&cache->lock);
    return kept != NULL ? &kept->public : NULL;
}

void parent_cache_give(struct parent_cache *cache, const struct parent_data *data)
{
    struct kept *kept = (struct kept *)(uintptr_t)data;

    pthread_mutex_lock(&cache->lock);
    kept->users--;
    pthread_mutex_unlock(&cache->lock);
}

/* The lock is held. */
static void evict(struct parent_cache *cache, struct kept *kept)
{
    HASH_DELETE(hh, cache->by_id, kept);
    DL_DELETE(cache->by_use, kept);
    cache->bytes -= kept->public.data.capacity;
}

/*
 * Evicts until WANTED more bytes fit; the last one's memory goes to SPARE. False:
 * what is in use leaves no room. The lock is held.
 */
static bool make_room(struct parent_cache *cache, size_t wanted, struct buffer *spare)
{
    while (cache->bytes + wanted > cache->limit_bytes) {
        struct kept *oldest = cache->by_use != NULL ? cache->by_use->prev : NULL;

        while (oldest != NULL && oldest->users != 0)
            oldest = oldest != cache->by_use ? oldest->prev : NULL;
        if (oldest == NULL)
            return false;
        evict(cache, oldest);
        buffer_release(spare);
        *spare = oldest->public.data;
        free(oldest);
    }
    return true;
}

void parent_cache_put(struct parent_cache *cache, const struct object_reference *reference,
                      const struct object_head *head, struct buffer *data)
{
    struct kept *kept = calloc(1, sizeof *kept);
    struct buffer spare = BUFFER(data->limit);
    bool added = false;

    if (kept == NULL)
        return;
    kept->public = (struct parent_data){*reference, *head, *data};
    pthread_mutex_lock(&cache->lock);
    if (data->capacity <= cache->limit_bytes && find(cache, reference->id) == NULL &&
        make_room(cache, data->capacity, &spare)) {
        HASH_ADD(hh, cache->by_id, public.reference.id, OBJECT_ID_BYTES, kept);
        added = !kept->refused;
    }
    if (added) {
        DL_PREPEND(cache->by_use, kept);
        cache->bytes += data->capacity;
    }
    pthread_mutex_unlock(&cache->lock);
    if (added) {
        spare.limit = data->limit;
        spare.size = 0;
        *data = spare;
    } else {
        buffer_release(&spare);
        free(kept);
    }
}

void parent_cache_free(struct parent_cache *cache)
{
    struct kept *kept;
    struct kept *next;

    if (cache == NULL)
        return;
    HASH_CLEAR(hh, cache->by_id);
    DL_FOREACH_SAFE (cache->by_use, kept, next) {
        buffer_release(&kept->public.data);
        free(kept);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
