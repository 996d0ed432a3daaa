/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/tree/records_internal.h"

#define SEEN_MOST 256

struct records_seen {
    pthread_mutex_t lock;
    size_t next; /* the place that is taken next */
    struct {
        uint64_t name_hash;
        uint64_t digest;
        uint64_t time_ns; /* 0: free */
    } rows[SEEN_MOST];
};

struct records_seen *records_seen_create(void)
{
    struct records_seen *seen = calloc(1, sizeof *seen);

    if (seen != NULL)
        pthread_mutex_init(&seen->lock, NULL);
    return seen;
}

void records_seen_free(struct records_seen *seen)
{
    if (seen != NULL)
        pthread_mutex_destroy(&seen->lock);
    free(seen);
}

void records_seen_note(struct records_seen *seen, uint64_t name_hash, uint64_t digest)
{
    if (seen == NULL)
        return;
    pthread_mutex_lock(&seen->lock);
    size_t place = 0;

    while (place < SEEN_MOST &&
           (seen->rows[place].time_ns == 0 || seen->rows[place].name_hash != name_hash))
        place++;
    if (place == SEEN_MOST)
        place = seen->next++ % SEEN_MOST;
    seen->rows[place].name_hash = name_hash;
    seen->rows[place].digest = digest;
    seen->rows[place].time_ns = clock_now_ns();
    pthread_mutex_unlock(&seen->lock);
}

uint64_t records_seen_find(struct records_seen *seen, uint64_t name_hash, uint64_t otherwise)
{
    if (seen == NULL)
        return otherwise;
    pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < SEEN_MOST; i++) {
        if (seen->rows[i].time_ns != 0 && seen->rows[i].name_hash == name_hash &&
            clock_now_ns() - seen->rows[i].time_ns < RECORDS_SEEN_NS)
            otherwise = seen->rows[i].digest;
    }
    pthread_mutex_unlock(&seen->lock);
    return otherwise;
}

void records_seen_forget(struct records_seen *seen, const char *stem)
{
    uint64_t name_hash = record_name_hash(stem, strlen(stem));

    pthread_mutex_lock(&seen->lock);
    for (size_t i = 0; i < SEEN_MOST; i++) {
        if (seen->rows[i].name_hash == name_hash)
            seen->rows[i].time_ns = 0;
    }
    pthread_mutex_unlock(&seen->lock);
}
