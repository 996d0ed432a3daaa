/* SPDX-License-Identifier: MIT */
#include "fs/tree/history.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/hash.h"

struct known {
    UT_hash_handle hh;
    uint64_t serial;
    uint8_t digest[HISTORY_DIGEST_BYTES];
    struct timespec changed;
    bool refused;
    char name[];
};

struct history {
    pthread_mutex_t lock; /* guards table */
    struct known *table;
};

struct history *history_create(void)
{
    struct history *history = calloc(1, sizeof *history);

    if (history != NULL)
        pthread_mutex_init(&history->lock, NULL);
    return history;
}

void history_free(struct history *history)
{
    struct known *known, *next;

    if (history == NULL)
        return;
    HASH_ITER (hh, history->table, known, next) {
        HASH_DEL(history->table, known);
        free(known);
    }
    pthread_mutex_destroy(&history->lock);
    free(history);
}

static struct known *add_known(struct history *history, const struct history_entry *entry)
{
    size_t size = strlen(entry->name) + 1;
    struct known *known = calloc(1, sizeof *known + size);

    if (known == NULL)
        return NULL; /* forgetting a time only makes the file look new */
    memcpy(known->name, entry->name, size);
    HASH_ADD_KEYPTR(hh, history->table, known->name, size - 1, known);
    if (known->refused) {
        free(known);
        return NULL;
    }
    return known;
}

struct timespec history_time(struct history *history, const struct history_entry *entry)
{
    struct timespec changed = entry->changed;
    struct known *known;

    pthread_mutex_lock(&history->lock);
    HASH_FIND_STR(history->table, entry->name, known);
    if (known != NULL && memcmp(known->digest, entry->digest, HISTORY_DIGEST_BYTES) == 0) {
        changed = known->changed;
        if (entry->serial > known->serial)
            known->serial = entry->serial;
    } else {
        /* A changed file is at least a tick newer than what it replaces. */
        if (known != NULL && entry->serial > known->serial &&
            !clock_is_later(&changed, &known->changed)) {
            changed = known->changed;
            changed.tv_sec++;
        }
        if (known == NULL)
            known = add_known(history, entry);
        if (known != NULL && entry->serial >= known->serial) {
            known->serial = entry->serial;
            known->changed = changed;
            memcpy(known->digest, entry->digest, HISTORY_DIGEST_BYTES);
        }
    }
    pthread_mutex_unlock(&history->lock);
    return changed;
}
