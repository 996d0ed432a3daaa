/* SPDX-License-Identifier: MIT */
#include "fs/table/render_cache.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/base/hash.h"
#include "fs/base/memory.h"
#include "fs/base/workers.h"
#include "fs/table/scratch_pool.h"

#define QUEUED_AHEAD 16
/*
 * Fresh pages cost more than rendering into them, so a full cache goes on with the memory of what
 * it evicts. For that, large parts all get the same room, which any of them fits into; what counts
 * is how much of it was ever touched. Eviction begins a part below the limit, so that the limit
 * itself, where memory is given back to the system, is seldom reached.
 */
#define PART_ROOM_BYTES ((size_t)2 << 20)
#define LARGE_PART_BYTES ((size_t)64 << 10)
#define PART_BYTES_LIMIT ((size_t)64 << 20)

enum state {
    LOADING,
    READY,
    FAILED,
};

struct key {
    uint64_t image;
    uint64_t part;
    uint64_t format;
};

struct rendered {
    struct key key;
    UT_hash_handle hh;            /* in the cache's table unless FAILED */
    struct rendered *prev, *next; /* READY and not held: the list by use, oldest first */
    struct render_cache *cache;
    enum state state;
    bool refused;
    unsigned holders;
    struct buffer bytes;
    size_t touched;          /* bytes of its memory that were ever written to */
    int error;               /* FAILED */
    struct failure *failure; /* FAILED; NULL: no words, or no memory for them */
};

struct render_cache {
    size_t limit_bytes;
    struct workers *workers; /* NULL: none */
    struct scratch_pool scratches;

    pthread_mutex_t lock; /* guards all below and the entries' fields */
    int64_t reserved_bytes;
    pthread_cond_t loaded;
    struct rendered *table;
    struct rendered *idle; /* READY and not held, oldest first */
    size_t bytes;          /* of all entries */
};

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

size_t render_cache_bytes(struct render_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    size_t bytes = cache->bytes;

    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

/* Frees an entry that is in no list and no table. The lock is held. */
static void entry_free(struct render_cache *cache, struct rendered *entry)
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

static void shrink(struct render_cache *cache)
{
    while (cache->bytes > limit_now(cache) && cache->idle != NULL)
        entry_free(cache, take_oldest(cache));
}

void render_cache_reserve(struct render_cache *cache, int64_t bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->reserved_bytes += bytes;
    shrink(cache);
    pthread_mutex_unlock(&cache->lock);
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
    shrink(cache);
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
        entry_free(cache, oldest);
    }
}

/* A new LOADING entry, held once by the caller, who is to load it. The lock is held. */
static struct rendered *entry_create(struct render_cache *cache, const struct key *key,
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
        entry_free(cache, entry);
        return NULL;
    }
    return entry;
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
    shrink(cache);
    pthread_mutex_unlock(&cache->lock);
}

/* Gives one hold back. The lock is held. */
static void drop_hold(struct render_cache *cache, struct rendered *entry)
{
    if (--entry->holders != 0)
        return;
    if (entry->state == FAILED) {
        entry_free(cache, entry);
    } else {
        DL_APPEND(cache->idle, entry);
        shrink(cache);
    }
}

static struct key key_of(const struct image *image, enum table_format format,
                         const struct image_part *part)
{
    return (struct key){image_number(image), part->number, (uint64_t)format};
}

/* The entry of a key, held; LOADING if *RET_MINE, for the caller to load. NULL: no memory. */
static struct rendered *hold_entry(struct render_cache *cache, const struct key *key,
                                   uint64_t part_bytes, bool *ret_mine)
{
    struct rendered *entry;

    HASH_FIND(hh, cache->table, key, sizeof *key, entry);
    *ret_mine = entry == NULL;
    if (entry == NULL)
        return entry_create(cache, key, part_bytes);
    if (entry->state == READY && entry->holders == 0)
        DL_DELETE(cache->idle, entry);
    entry->holders++;
    return entry;
}

static int take_once(struct render_cache *cache, struct image *image, enum table_format format,
                     const struct image_part *part, struct rendered **ret_rendered,
                     struct failure *failure)
{
    struct key key = key_of(image, format, part);
    bool mine;
    int error = 0;

    pthread_mutex_lock(&cache->lock);
    struct rendered *entry = hold_entry(cache, &key, part->size, &mine);

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
        drop_hold(cache, entry);
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
    drop_hold(cache, rendered);
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
    drop_hold(cache, ahead->entry);
    pthread_mutex_unlock(&cache->lock);
    free(ahead);
}

void render_cache_prepare(struct render_cache *cache, struct image *image, enum table_format format,
                          const struct image_part *part)
{
    struct key key = key_of(image, format, part);
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
        ahead->entry = entry_create(cache, &key, part->size);
    pthread_mutex_unlock(&cache->lock);
    if (ahead->entry == NULL) {
        image_release(image);
        free(ahead);
    } else if (!workers_submit(cache->workers, run_ahead, discard_ahead, ahead)) {
        discard_ahead(ahead);
    }
}
