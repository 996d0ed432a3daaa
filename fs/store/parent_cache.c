/* SPDX-License-Identifier: MIT */
#include "fs/store/parent_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 64 /* few enough to be looked through */

struct place {
    struct parent_data public; /* first: what callers hold. data.capacity 0: the place is free */
    unsigned users;
    uint64_t used; /* when, in calls */
};

struct parent_cache {
    size_t limit_bytes;
    pthread_mutex_t lock; /* guards all below */
    size_t bytes;         /* allocated by all that is kept */
    uint64_t calls;
    struct place places[PLACES];
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

/* The lock is held. */
static struct place *find(struct parent_cache *cache, const uint8_t *id)
{
    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &cache->places[i];

        if (place->public.data.capacity > 0 &&
            memcmp(place->public.reference.id, id, OBJECT_ID_BYTES) == 0)
            return place;
    }
    return NULL;
}

const struct parent_data *parent_cache_take(struct parent_cache *cache,
                                            const uint8_t id[OBJECT_ID_BYTES])
{
    pthread_mutex_lock(&cache->lock);
    struct place *place = find(cache, id);

    if (place != NULL) {
        place->users++;
        place->used = ++cache->calls;
    }
    pthread_mutex_unlock(&cache->lock);
    return place != NULL ? &place->public : NULL;
}

void parent_cache_give(struct parent_cache *cache, const struct parent_data *data)
{
    struct place *place = (struct place *)data;

    pthread_mutex_lock(&cache->lock);
    place->users--;
    pthread_mutex_unlock(&cache->lock);
}

/* Of those that nobody holds, the one unused for longest, or (EMPTY allowed) a free one. */
static struct place *oldest(struct parent_cache *cache, bool empty)
{
    struct place *found = NULL;

    for (size_t i = 0; i < PLACES; i++) {
        struct place *place = &cache->places[i];
        bool is_empty = place->public.data.capacity == 0;

        if (is_empty && empty)
            return place;
        if (!is_empty && place->users == 0 && (found == NULL || place->used < found->used))
            found = place;
    }
    return found;
}

/* Its memory goes to SPARE. The lock is held. */
static void evict(struct parent_cache *cache, struct place *place, struct buffer *spare)
{
    cache->bytes -= place->public.data.capacity;
    buffer_release(spare);
    *spare = place->public.data;
    *place = (struct place){.users = 0};
}

/*
 * A free place for WANTED bytes; what had to go for it leaves its memory in SPARE.
 * NULL: what is held leaves no room. The lock is held.
 */
static struct place *make_room(struct parent_cache *cache, size_t wanted, struct buffer *spare)
{
    while (cache->bytes + wanted > cache->limit_bytes) {
        struct place *place = oldest(cache, false);

        if (place == NULL)
            return NULL;
        evict(cache, place, spare);
    }

    struct place *place = oldest(cache, true);

    if (place != NULL && place->public.data.capacity > 0)
        evict(cache, place, spare);
    return place;
}

void parent_cache_put(struct parent_cache *cache, const struct object_reference *reference,
                      const struct object_head *head, struct buffer *data)
{
    struct buffer spare = BUFFER(data->limit);
    struct place *place = NULL;

    pthread_mutex_lock(&cache->lock);
    if (data->capacity > 0 && data->capacity <= cache->limit_bytes &&
        find(cache, reference->id) == NULL)
        place = make_room(cache, data->capacity, &spare);
    if (place != NULL) {
        place->public = (struct parent_data){*reference, *head, *data};
        place->used = ++cache->calls;
        cache->bytes += data->capacity;
    }
    pthread_mutex_unlock(&cache->lock);
    if (place == NULL) {
        buffer_release(&spare);
        return;
    }
    spare.limit = data->limit;
    spare.size = 0;
    *data = spare;
}

void parent_cache_free(struct parent_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < PLACES; i++)
        buffer_release(&cache->places[i].public.data);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
