/* SPDX-License-Identifier: MIT */
#include "fs/table/render_cache.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/table/rendered.h"

#define QUEUED_AHEAD 16

struct render_cache *render_cache_create(size_t limit_bytes, unsigned threads)
{
    struct render_cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL)
        return NULL;
    cache->limit_bytes = limit_bytes;
    pthread_mutex_init(&cache->lock, NULL);
    pthread_cond_init(&cache->loaded, NULL);
    scratch_pool_init(&cache->scratches);
    if (threads > 0) {
        cache->workers = workers_create(threads, QUEUED_AHEAD);
        if (cache->workers == NULL) {
            render_cache_free(cache);
            return NULL;
        }
    }
    return cache;
}

void render_cache_end(struct render_cache *cache)
{
    workers_free(cache->workers);
    cache->workers = NULL;
}

void render_cache_free(struct render_cache *cache)
{
    if (cache == NULL)
        return;
    render_cache_end(cache);
    cache->limit_bytes = 0;
    rendered_shrink(cache);
    scratch_pool_release(&cache->scratches);
    pthread_cond_destroy(&cache->loaded);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static int render(struct render_cache *cache, struct image *image, enum table_format format,
                  const struct image_part *part, struct buffer *bytes, struct failure *failure)
{
    struct image_scratch *scratch = scratch_pool_take(&cache->scratches);

    if (scratch == NULL)
        return -ENOMEM;

    int error = image_render(image, format, part, scratch, bytes, failure);

    scratch_pool_give(&cache->scratches, scratch);
    return error;
}

static struct failure *copy_failure(const struct failure *failure)
{
    struct failure *copy = malloc(sizeof *copy);

    if (copy != NULL)
        *copy = *failure;
    return copy;
}

/*
 * LOADING to READY or FAILED. IMAGE, which is released before anybody hears of it: who has read all
 * of an image and closed it finds that nothing holds it.
 */
static void load(struct render_cache *cache, struct rendered *entry, struct image *image,
                 enum table_format format, const struct image_part *part)
{
    bool large = part->size >= LARGE_PART_BYTES;
    struct failure failure = {0};

    buffer_clear(&entry->bytes);

    int error = large ? buffer_reserve(&entry->bytes, PART_ROOM_BYTES) : 0;

    if (error == 0)
        error = render(cache, image, format, part, &entry->bytes, &failure);
    if (!large)
        buffer_fit(&entry->bytes);
    if (failure.code != 0)
        entry->failure = copy_failure(&failure);
    image_release(image);

    pthread_mutex_lock(&cache->lock);
    if (entry->bytes.size > entry->touched) {
        cache->bytes += entry->bytes.size - entry->touched;
        entry->touched = entry->bytes.size;
    }
    if (error != 0) {
        entry->error = error;
        entry->state = FAILED;
        HASH_DEL(cache->table, entry);
    } else {
        entry->state = READY;
    }
    pthread_cond_broadcast(&cache->loaded);
    rendered_shrink(cache);
    pthread_mutex_unlock(&cache->lock);
}

static struct rendered_key key_of(const struct image *image, enum table_format format,
                                  const struct image_part *part)
{
    return (struct rendered_key){image_number(image), part->number, (uint64_t)format};
}

static int take_once(struct render_cache *cache, struct image *image, enum table_format format,
                     const struct image_part *part, struct rendered **ret_rendered,
                     struct failure *failure)
{
    struct rendered_key key = key_of(image, format, part);
    bool mine;
    int error = 0;

    pthread_mutex_lock(&cache->lock);
    struct rendered *entry = rendered_hold(cache, &key, part->size, &mine);

    if (entry != NULL && mine) {
        pthread_mutex_unlock(&cache->lock);
        load(cache, entry, image_reference(image), format, part);
        pthread_mutex_lock(&cache->lock);
    }
    while (entry != NULL && entry->state == LOADING)
        pthread_cond_wait(&cache->loaded, &cache->lock);
    if (entry == NULL) {
        error = -ENOMEM;
    } else if (entry->state == FAILED) {
        error = entry->error;
        if (failure != NULL && entry->failure != NULL)
            *failure = *entry->failure;
        rendered_drop(cache, entry);
    } else {
        *ret_rendered = entry;
    }
    pthread_mutex_unlock(&cache->lock);
    return error;
}

int render_cache_take(struct render_cache *cache, struct image *image, enum table_format format,
                      const struct image_part *part, struct rendered **ret_rendered,
                      struct failure *failure)
{
    int error;

    do {
        error = take_once(cache, image, format, part, ret_rendered, failure);
    } while (error == -EAGAIN); /* a job to render it ahead was called off */
    return error;
}

const void *rendered_bytes(const struct rendered *rendered)
{
    return rendered->bytes.data;
}

void render_cache_give(struct rendered *rendered)
{
    struct render_cache *cache = rendered->cache;

    pthread_mutex_lock(&cache->lock);
    rendered_drop(cache, rendered);
    pthread_mutex_unlock(&cache->lock);
}

/* A part to render ahead. */
struct ahead {
    struct rendered *entry; /* LOADING, held */
    struct image *image;    /* referenced */
    enum table_format format;
    struct image_part part;
};

static void run_ahead(void *context)
{
    struct ahead *ahead = context;

    load(ahead->entry->cache, ahead->entry, ahead->image, ahead->format, &ahead->part);
    render_cache_give(ahead->entry);
    free(ahead);
}

/* It will not be loaded here: whoever waits for it is told to try again. */
static void discard_ahead(void *context)
{
    struct ahead *ahead = context;
    struct render_cache *cache = ahead->entry->cache;

    image_release(ahead->image);
    pthread_mutex_lock(&cache->lock);
    HASH_DEL(cache->table, ahead->entry);
    ahead->entry->state = FAILED;
    ahead->entry->error = -EAGAIN;
    pthread_cond_broadcast(&cache->loaded);
    rendered_drop(cache, ahead->entry);
    pthread_mutex_unlock(&cache->lock);
    free(ahead);
}

void render_cache_prepare(struct render_cache *cache, struct image *image, enum table_format format,
                          const struct image_part *part)
{
    struct rendered_key key = key_of(image, format, part);
    struct rendered *found;

    if (cache->workers == NULL)
        return;

    struct ahead *ahead = calloc(1, sizeof *ahead);

    if (ahead == NULL)
        return;
    *ahead = (struct ahead){.image = image_reference(image), .format = format, .part = *part};
    pthread_mutex_lock(&cache->lock);
    HASH_FIND(hh, cache->table, &key, sizeof key, found);
    if (found == NULL)
        ahead->entry = rendered_create(cache, &key, part->size);
    pthread_mutex_unlock(&cache->lock);
    if (ahead->entry == NULL) {
        image_release(image);
        free(ahead);
    } else if (!workers_submit(cache->workers, run_ahead, discard_ahead, ahead)) {
        discard_ahead(ahead);
    }
}
