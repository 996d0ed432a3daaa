/* SPDX-License-Identifier: MIT */
#include "fs/table/rendered.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define PART_BYTES_LIMIT ((size_t)64 << 20)

size_t render_cache_bytes(struct render_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    size_t bytes = cache->bytes;

    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

/* Frees an entry that is in no list and no table. The lock is held. */
static void rendered_free(struct render_cache *cache, struct rendered *entry)
{
    cache->bytes -= entry->touched + sizeof *entry;
    free(entry->failure);
    buffer_release(&entry->bytes);
    free(entry);
}

/* Takes the oldest idle entry out of the cache. The lock is held. */
static struct rendered *take_oldest(struct render_cache *cache)
{
    struct rendered *entry = cache->idle;

    assert(cache->table != NULL); /* which the idle ones are in, too */
    DL_DELETE(cache->idle, entry);
    HASH_DEL(cache->table, entry);
    return entry;
}

/* What may be kept now. */
static size_t limit_now(const struct render_cache *cache)
{
    size_t most = cache->limit_bytes / 4 * 3;
    size_t reserved = cache->reserved_bytes > 0 ? (size_t)cache->reserved_bytes : 0;

    return cache->limit_bytes - (reserved < most ? reserved : most);
}

void rendered_shrink(struct render_cache *cache)
{
    while (cache->bytes > limit_now(cache) && cache->idle != NULL)
        rendered_free(cache, take_oldest(cache));
}

void render_cache_reserve(struct render_cache *cache, int64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->reserved_bytes += bytes;
    rendered_shrink(cache);
    pthread_mutex_unlock(&cache->lock);
}

/* Goes on with the memory of the oldest large entry when the cache is full. The lock is held. */
static void inherit_room(struct render_cache *cache, struct rendered *heir)
{
    while (cache->idle != NULL && cache->bytes + PART_ROOM_BYTES > limit_now(cache)) {
        struct rendered *oldest = take_oldest(cache);

        if (oldest->bytes.capacity >= PART_ROOM_BYTES) {
            heir->bytes = oldest->bytes;
            heir->touched = oldest->touched;
            cache->bytes -= sizeof *oldest;
            free(oldest->failure);
            free(oldest);
            return;
        }
        rendered_free(cache, oldest);
    }
}

struct rendered *rendered_create(struct render_cache *cache, const struct rendered_key *key,
                                 uint64_t part_bytes)
{
    struct rendered *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return NULL;
    entry->key = *key;
    entry->cache = cache;
    entry->state = LOADING;
    entry->holders = 1;
    cache->bytes += sizeof *entry;
    if (part_bytes >= LARGE_PART_BYTES)
        inherit_room(cache, entry);
    entry->bytes.limit = PART_BYTES_LIMIT;
    HASH_ADD(hh, cache->table, key, sizeof entry->key, entry);
    if (entry->refused) {
        rendered_free(cache, entry);
        return NULL;
    }
    return entry;
}

struct rendered *rendered_hold(struct render_cache *cache, const struct rendered_key *key,
                               uint64_t part_bytes, bool *ret_mine)
{
    struct rendered *entry;

    HASH_FIND(hh, cache->table, key, sizeof *key, entry);
    *ret_mine = entry == NULL;
    if (entry == NULL)
        return rendered_create(cache, key, part_bytes);
    if (entry->state == READY && entry->holders == 0)
        DL_DELETE(cache->idle, entry);
    entry->holders++;
    return entry;
}

void rendered_drop(struct render_cache *cache, struct rendered *entry)
{
    if (--entry->holders != 0)
        return;
    if (entry->state == FAILED) {
        rendered_free(cache, entry);
    } else {
        DL_APPEND(cache->idle, entry);
        rendered_shrink(cache);
    }
}
