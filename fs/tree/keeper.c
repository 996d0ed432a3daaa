/* SPDX-License-Identifier: MIT */
#include "fs/tree/keeper.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fs/base/json_text.h"
#include "fs/table/kept_image.h"

#define NICENESS 10

/* An image that waits to be kept, or a catalogue. */
struct errand {
    struct errand *next;
    struct image_key key;
    struct image *image;     /* referenced; NULL: the catalogue */
    struct buffer catalogue; /* owned */
};

struct keeper {
    struct keeper_options options;
    pthread_t thread;
    pthread_mutex_t lock;   /* guards all below */
    pthread_cond_t changed; /* there is an errand, or one is done */
    struct errand *errands; /* in the order in which they came */
    bool busy;              /* with one that it has taken */
    bool ending;
    struct failure failure; /* of the last that was not kept; code 0: none since one was */
};

static void errand_free(struct errand *errand)
{
    image_release(errand->image);
    buffer_release(&errand->catalogue);
    free(errand);
}

static int do_errand(struct keeper *keeper, const struct errand *errand, struct failure *failure)
{
    struct image_cache *cache = keeper->options.cache;

    return errand->image != NULL
               ? kept_image_write(cache, &errand->key, errand->image, failure)
               : kept_catalogue_write(cache, &errand->key, &errand->catalogue, failure);
}

/* The next one; NULL: there is none any more, and the keeper ends. */
static struct errand *take_errand(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->busy = false;
    pthread_cond_broadcast(&keeper->changed);
    while (keeper->errands == NULL && !keeper->ending)
        pthread_cond_wait(&keeper->changed, &keeper->lock);

    struct errand *errand = keeper->errands;

    if (errand != NULL)
        keeper->errands = errand->next;
    keeper->busy = errand != NULL;
    pthread_mutex_unlock(&keeper->lock);
    return errand;
}

static void *run(void *argument)
{
    struct keeper *keeper = argument;
    struct errand *errand;

    /* Of this thread alone: whoever reads comes first. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
    while ((errand = take_errand(keeper)) != NULL) {
        struct failure failure = {.code = 0};
        int error = do_errand(keeper, errand, &failure);

        if (error != 0 && failure.code == 0)
            failure_set(&failure, -error, "%s", strerror(-error));
        pthread_mutex_lock(&keeper->lock);
        keeper->failure = failure;
        pthread_mutex_unlock(&keeper->lock);
        errand_free(errand);
    }
    return NULL;
}

int keeper_create(const struct keeper_options *options, struct keeper **ret_keeper)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);

    if (keeper == NULL)
        return -ENOMEM;
    keeper->options = *options;
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->changed, NULL);

    int error = -pthread_create(&keeper->thread, NULL, run, keeper);

    if (error != 0) {
        pthread_cond_destroy(&keeper->changed);
        pthread_mutex_destroy(&keeper->lock);
        free(keeper);
        return error;
    }
    *ret_keeper = keeper;
    return 0;
}

void keeper_report(struct keeper *keeper, const char *path, const struct failure *failure)
{
    keeper->options.report(keeper->options.context, path, failure);
}

int keeper_find(struct keeper *keeper, const struct source_identity *identity,
                struct schema *schema, const char *path, struct image **ret_image)
{
    struct image_key key;
    int error = image_cache_key(keeper->options.cache, identity, schema, &key);

    if (error == 0)
        error = kept_image_open(keeper->options.cache, &key, schema, ret_image, NULL);
    if (error == -EBADMSG) {
        struct failure failure;

        failure_set(&failure, EIO,
                    "what was kept of table %s in the store's cache is damaged: it is removed, "
                    "and the table is read from its source again",
                    schema->name);
        keeper_report(keeper, path, &failure);
    }
    return error == 0 || error == -ENOMEM ? error : -ENOENT;
}

/* Adds ERRAND in the place of an older one of the same table, which it returns, or at the end. */
static struct errand *queue(struct keeper *keeper, struct errand *errand)
{
    struct errand **link = &keeper->errands;
    struct errand *older;

    while (*link != NULL &&
           memcmp((*link)->key.table, errand->key.table, sizeof errand->key.table) != 0)
        link = &(*link)->next;
    older = *link;
    errand->next = older != NULL ? older->next : NULL;
    *link = errand;
    return older;
}

static void give(struct keeper *keeper, struct errand *errand)
{
    pthread_mutex_lock(&keeper->lock);
    struct errand *older = queue(keeper, errand);

    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    if (older != NULL)
        errand_free(older);
}

void keeper_keep(struct keeper *keeper, const struct source_identity *identity, struct image *image)
{
    struct errand *errand = calloc(1, sizeof *errand);

    if (errand == NULL)
        return;
    if (image_cache_key(keeper->options.cache, identity, image_schema(image), &errand->key) != 0) {
        free(errand);
        return;
    }
    errand->image = image_reference(image);
    give(keeper, errand);
}

void keeper_keep_catalogue(struct keeper *keeper, const struct source_identity *identity,
                           struct buffer *encoded)
{
    struct errand *errand = calloc(1, sizeof *errand);

    if (errand == NULL)
        return;
    image_cache_catalogue_key(keeper->options.cache, identity, &errand->key);
    errand->catalogue = *encoded;
    *encoded = BUFFER(0);
    give(keeper, errand);
}

void keeper_await(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    while (keeper->busy || keeper->errands != NULL)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
}

struct image_cache *keeper_cache(const struct keeper *keeper)
{
    return keeper->options.cache;
}

int keeper_status(struct keeper *keeper, struct buffer *text)
{
    struct image_cache_usage usage;

    pthread_mutex_lock(&keeper->lock);
    struct failure failure = keeper->failure;
    bool busy = keeper->busy || keeper->errands != NULL;

    pthread_mutex_unlock(&keeper->lock);
    image_cache_usage(keeper->options.cache, &usage);

    int error = buffer_print(
        text, ",\"kept\":{\"tables\":%llu,\"used_bytes\":%llu,\"limit_bytes\":%llu,\"busy\":%s",
        (unsigned long long)usage.count, (unsigned long long)usage.used_bytes,
        (unsigned long long)usage.limit_bytes, busy ? "true" : "false");

    if (error == 0)
        error = buffer_append_text(text, ",\"error\":");
    if (error == 0)
        error = failure.code != 0 ? json_text_append(text, failure.text, strlen(failure.text))
                                  : buffer_append_text(text, "null");
    return error == 0 ? buffer_append_text(text, "}") : error;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper == NULL)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->ending = true;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
    pthread_join(keeper->thread, NULL);
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->lock);
    free(keeper);
}
