/* SPDX-License-Identifier: MIT */
#include "fs/table/put_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/table/row_group.h"

#define PLACES 3

struct place {
    struct buffer encoded;
    struct group_array *array;
    size_t index;           /* of the group in the array */
    struct image_group put; /* its digest and place */
};

struct put_queue {
    struct spool *spool;
    struct place places[PLACES];
    size_t first; /* of those that are not free; the user's own, as is what is to be collected */
    size_t used;
    bool has_more; /* one group has been put */
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    size_t waiting; /* of those used, the last ones: the thread's */
    bool ending;
    int error; /* of the first that failed; no more are put then */
    struct failure failure;
};

struct put_queue *put_queue_create(struct spool *spool)
{
    struct put_queue *queue = calloc(1, sizeof *queue);

    if (queue == NULL)
        return NULL;
    queue->spool = spool;
    for (size_t i = 0; i < PLACES; i++)
        queue->places[i].encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    return queue;
}

static int put(const struct put_queue *queue, struct place *place, struct failure *failure)
{
    const struct buffer *encoded = &place->encoded;
    XXH128_canonical_t digest;

    XXH128_canonicalFromHash(&digest, XXH3_128bits(encoded->data, encoded->size));
    memcpy(place->put.digest, digest.digest, sizeof place->put.digest);
    return spool_put(queue->spool, encoded->data, encoded->size, &place->put.place.blob, failure);
}

/* --- the thread --------------------------------------------------------------------------- */

static void *run(void *argument)
{
    struct put_queue *queue = argument;
    size_t next = 0;

    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->waiting == 0 && !queue->ending)
            pthread_cond_wait(&queue->changed, &queue->lock);
        if (queue->waiting == 0)
            break;

        struct failure failure = {.code = 0};
        int error = queue->error;

        pthread_mutex_unlock(&queue->lock);
        if (error == 0)
            error = put(queue, &queue->places[next], &failure);
        pthread_mutex_lock(&queue->lock);
        if (queue->error == 0 && error != 0) {
            queue->error = error;
            queue->failure = failure;
        }
        next = (next + 1) % PLACES;
        queue->waiting--;
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* --- its user ----------------------------------------------------------------------------- */

/* Waits until no more than MOST places are used, and has the arrays have what was put. */
static int collect(struct put_queue *queue, size_t most, struct failure *failure)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->waiting > most)
        pthread_cond_wait(&queue->changed, &queue->lock);

    size_t waiting = queue->waiting;
    int error = queue->error;

    if (error != 0 && failure != NULL && queue->failure.code != 0)
        *failure = queue->failure;
    pthread_mutex_unlock(&queue->lock);
    for (; queue->used > waiting; queue->used--) {
        struct place *place = &queue->places[queue->first];
        struct image_group *group = &place->array->groups[place->index];

        group->place = place->put.place;
        memcpy(group->digest, place->put.digest, sizeof group->digest);
        queue->first = (queue->first + 1) % PLACES;
    }
    return error;
}

/* The first group is put at once: most tables of an archive have no second one. False: it is so
 * done, or there is no thread to be had. */
static bool start(struct put_queue *queue)
{
    if (!queue->has_more) {
        queue->has_more = true;
        return false;
    }
    if (!queue->has_thread)
        queue->has_thread = pthread_create(&queue->thread, NULL, run, queue) == 0;
    return queue->has_thread;
}

int put_queue_add(struct put_queue *queue, struct buffer *encoded, struct group_array *array,
                  struct failure *failure)
{
    int error = collect(queue, PLACES - 1, failure);

    if (error != 0)
        return error;

    struct place *place = &queue->places[(queue->first + queue->used) % PLACES];
    struct buffer free = place->encoded;

    place->encoded = *encoded;
    *encoded = free;
    buffer_clear(encoded);
    place->array = array;
    place->index = array->count - 1;
    place->put = (struct image_group){.first_key = 0};
    if (!start(queue)) {
        error = put(queue, place, failure);
        array->groups[place->index].place = place->put.place;
        memcpy(array->groups[place->index].digest, place->put.digest, sizeof place->put.digest);
        return error;
    }
    queue->used++;
    pthread_mutex_lock(&queue->lock);
    queue->waiting++;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return 0;
}

int put_queue_flush(struct put_queue *queue, struct failure *failure)
{
    return collect(queue, 0, failure);
}

void put_queue_free(struct put_queue *queue)
{
    if (queue == NULL)
        return;
    collect(queue, 0, NULL);
    if (queue->has_thread) {
        pthread_mutex_lock(&queue->lock);
        queue->ending = true;
        pthread_cond_signal(&queue->changed);
        pthread_mutex_unlock(&queue->lock);
        pthread_join(queue->thread, NULL);
    }
    for (size_t i = 0; i < PLACES; i++)
        buffer_release(&queue->places[i].encoded);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}
