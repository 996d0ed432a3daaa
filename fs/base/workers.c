/* SPDX-License-Identifier: MIT */
#include "fs/base/workers.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
    void (*run)(void *context);
    void (*discard)(void *context);
    void *context;
};

struct workers {
    pthread_t *threads;
    unsigned thread_count;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool ending;
    struct job *jobs; /* a ring */
    size_t capacity;
    size_t first;
    size_t waiting;
};

static void *work(void *argument)
{
    struct workers *workers = argument;

    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (workers->waiting == 0 && !workers->ending)
            pthread_cond_wait(&workers->changed, &workers->lock);
        if (workers->ending)
            break;

        struct job job = workers->jobs[workers->first];

        workers->first = (workers->first + 1) % workers->capacity;
        workers->waiting--;
        pthread_mutex_unlock(&workers->lock);
        job.run(job.context);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

struct workers *workers_create(unsigned threads, size_t queue)
{
    struct workers *workers = calloc(1, sizeof *workers);

    if (workers == NULL)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->capacity = queue;
    workers->jobs = calloc(queue, sizeof *workers->jobs);
    workers->threads = calloc(threads, sizeof *workers->threads);
    if (workers->jobs == NULL || workers->threads == NULL) {
        workers_free(workers);
        return NULL;
    }
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&workers->threads[i], NULL, work, workers) != 0) {
            workers_free(workers);
            return NULL;
        }
        workers->thread_count++;
    }
    return workers;
}

bool workers_submit(struct workers *workers, void (*run)(void *context),
                    void (*discard)(void *context), void *context)
{
    bool taken = false;

    pthread_mutex_lock(&workers->lock);
    if (!workers->ending && workers->waiting < workers->capacity) {
        size_t place = (workers->first + workers->waiting) % workers->capacity;

        workers->jobs[place] = (struct job){run, discard, context};
        workers->waiting++;
        pthread_cond_signal(&workers->changed);
        taken = true;
    }
    pthread_mutex_unlock(&workers->lock);
    return taken;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->ending = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    for (; workers->waiting > 0; workers->waiting--) {
        struct job *job = &workers->jobs[workers->first];

        job->discard(job->context);
        workers->first = (workers->first + 1) % workers->capacity;
    }
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers->jobs);
    free(workers);
}
