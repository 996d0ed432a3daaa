/* SPDX-License-Identifier: MIT */
#include "fs/files/content.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/store/file_node.h"

#define ENTRIES_MOST 256
#define SPARES_MOST 4
#define ARRIVALS 16

struct cached_piece {
    uint8_t id[OBJECT_ID_BYTES];
    uint64_t used; /* when, by the cache's count; 0: the place is free */
    struct buffer data;
};

/* A piece that somebody reads, and others wait for. On the reader's stack. */
struct awaited_piece {
    uint8_t id[OBJECT_ID_BYTES];
    struct awaited_piece *next;
};

struct content_cache {
    struct object_reader *reader;

    pthread_mutex_t lock; /* guards all below */
    size_t limit;
    uint64_t clock;
    size_t bytes;
    struct cached_piece pieces[ENTRIES_MOST];
    struct awaited_piece *awaited;
    /* Of pieces with like names: whoever waits for another is not woken. */
    pthread_cond_t arrivals[ARRIVALS];
    struct buffer
        spares[SPARES_MOST]; /* taking fresh memory costs more than to decompress into it */
    size_t spare_count;
};

struct content_cache *content_cache_create(struct object_reader *reader)
{
    struct content_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL)
        return NULL;
    cache->reader = reader;
    pthread_mutex_init(&cache->lock, NULL);
    for (size_t i = 0; i < ARRIVALS; i++)
        pthread_cond_init(&cache->arrivals[i], NULL);
    return cache;
}

static pthread_cond_t *arrival_of(struct content_cache *cache, const uint8_t id[OBJECT_ID_BYTES])
{
    return &cache->arrivals[id[0] % ARRIVALS];
}

static struct cached_piece *find(struct content_cache *cache, const uint8_t id[OBJECT_ID_BYTES])
{
    for (size_t i = 0; i < ENTRIES_MOST; i++) {
        struct cached_piece *piece = &cache->pieces[i];

        if (piece->used != 0 && memcmp(piece->id, id, OBJECT_ID_BYTES) == 0)
            return piece;
    }
    return NULL;
}

static struct cached_piece *oldest(struct content_cache *cache)
{
    struct cached_piece *found = &cache->pieces[0];

    for (size_t i = 1; i < ENTRIES_MOST; i++) {
        if (cache->pieces[i].used != 0 && (found->used == 0 || cache->pieces[i].used < found->used))
            found = &cache->pieces[i];
    }
    return found;
}

/* The lock is held. */
static void spare(struct content_cache *cache, struct buffer *data)
{
    if (cache->spare_count < SPARES_MOST && data->capacity != 0) {
        cache->spares[cache->spare_count++] = *data;
        *data = BUFFER(FILE_CONTENT_LIMIT);
    } else {
        buffer_release(data);
    }
}

static void drop(struct content_cache *cache, struct cached_piece *piece)
{
    cache->bytes -= piece->data.capacity;
    spare(cache, &piece->data);
    piece->used = 0;
}

void content_cache_limit(struct content_cache *cache, size_t limit_bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->limit = limit_bytes;
    while (cache->bytes > cache->limit)
        drop(cache, oldest(cache));
    pthread_mutex_unlock(&cache->lock);
}

/* Takes DATA over. The lock is held. */
static void keep(struct content_cache *cache, const uint8_t id[OBJECT_ID_BYTES],
                 struct buffer *data)
{
    struct cached_piece *place = NULL;

    if (data->capacity > cache->limit || find(cache, id) != NULL)
        return;
    while (cache->bytes + data->capacity > cache->limit)
        drop(cache, oldest(cache));
    for (size_t i = 0; i < ENTRIES_MOST && place == NULL; i++) {
        if (cache->pieces[i].used == 0)
            place = &cache->pieces[i];
    }
    if (place == NULL) {
        place = oldest(cache);
        drop(cache, place);
    }
    memcpy(place->id, id, OBJECT_ID_BYTES);
    place->used = ++cache->clock;
    place->data = *data;
    cache->bytes += data->capacity;
    *data = BUFFER(FILE_CONTENT_LIMIT);
}

static int copy_part(const struct buffer *data, uint32_t from, void *bytes, size_t size,
                     struct failure *failure)
{
    if (from > data->size || size > data->size - from)
        return failure_set(failure, EIO, "the store is damaged: a piece of a file is too short");
    if (size > 0)
        memcpy(bytes, data->data + from, size);
    return 0;
}

static bool is_awaited(const struct content_cache *cache, const uint8_t id[OBJECT_ID_BYTES])
{
    for (const struct awaited_piece *each = cache->awaited; each != NULL; each = each->next) {
        if (memcmp(each->id, id, OBJECT_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static void end_waiting(struct content_cache *cache, const struct awaited_piece *own)
{
    struct awaited_piece **place = &cache->awaited;

    while (*place != own)
        place = &(*place)->next;
    *place = own->next;
    pthread_cond_broadcast(arrival_of(cache, own->id));
}

/* From the store, for all who want it. The lock is held before and after. */
static int load(struct content_cache *cache, const struct object_reference *reference,
                uint32_t from, void *bytes, size_t size, struct failure *failure)
{
    struct awaited_piece own = {.next = cache->awaited};
    struct buffer data = BUFFER(FILE_CONTENT_LIMIT);

    memcpy(own.id, reference->id, sizeof own.id);
    /* cppcheck-suppress autoVariables ; end_waiting() takes it out again */
    cache->awaited = &own;
    if (cache->spare_count > 0)
        data = cache->spares[--cache->spare_count];
    pthread_mutex_unlock(&cache->lock);

    int error = object_read(cache->reader, reference, OBJECT_CONTENT, false, &data, failure);

    if (error == 0)
        error = copy_part(&data, from, bytes, size, failure);
    pthread_mutex_lock(&cache->lock);
    if (error == 0)
        keep(cache, reference->id, &data);
    spare(cache, &data);
    end_waiting(cache, &own);
    return error;
}

int content_read(struct content_cache *cache, const struct object_reference *reference,
                 uint32_t from, void *bytes, size_t size, struct failure *failure)
{
    int error;

    pthread_mutex_lock(&cache->lock);
    while (find(cache, reference->id) == NULL && is_awaited(cache, reference->id))
        pthread_cond_wait(arrival_of(cache, reference->id), &cache->lock);

    struct cached_piece *piece = find(cache, reference->id);

    if (piece != NULL) {
        piece->used = ++cache->clock;
        error = copy_part(&piece->data, from, bytes, size, failure);
    } else {
        error = load(cache, reference, from, bytes, size, failure);
    }
    pthread_mutex_unlock(&cache->lock);
    return error;
}

void content_fetch(struct content_cache *cache, const struct object_reference *reference)
{
    pthread_mutex_lock(&cache->lock);
    if (find(cache, reference->id) == NULL && !is_awaited(cache, reference->id))
        (void)load(cache, reference, 0, NULL, 0, NULL);
    pthread_mutex_unlock(&cache->lock);
}

void content_cache_free(struct content_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < ENTRIES_MOST; i++)
        buffer_release(&cache->pieces[i].data);
    while (cache->spare_count > 0)
        buffer_release(&cache->spares[--cache->spare_count]);
    for (size_t i = 0; i < ARRIVALS; i++)
        pthread_cond_destroy(&cache->arrivals[i]);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}
