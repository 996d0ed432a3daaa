/* SPDX-License-Identifier: MIT */
#include "fs/store/file_keys.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_KEPT 128 /* as many files as a directory keeps open */

struct file_key {
    enum store_purpose purpose;
    uint8_t salt[STORE_SALT_BYTES];
    struct sealer *sealer; /* NULL: the place is free */
    unsigned users;
    uint64_t used; /* when, in calls of file_keys_take */
};

struct file_keys {
    struct store *store;
    pthread_mutex_t lock; /* guards all below */
    uint64_t calls;
    struct file_key keys[KEYS_KEPT];
};

struct file_keys *file_keys_create(struct store *store)
{
    struct file_keys *keys = calloc(1, sizeof *keys);

    if (keys != NULL) {
        keys->store = store;
        pthread_mutex_init(&keys->lock, NULL);
    }
    return keys;
}

/* The lock is held. */
static struct sealer *use_known(struct file_keys *keys, enum store_purpose purpose,
                                const uint8_t *salt)
{
    keys->calls++;
    for (size_t i = 0; i < KEYS_KEPT; i++) {
        struct file_key *key = &keys->keys[i];

        if (key->sealer != NULL && key->purpose == purpose &&
            memcmp(key->salt, salt, STORE_SALT_BYTES) == 0) {
            key->users++;
            key->used = keys->calls;
            return key->sealer;
        }
    }
    return NULL;
}

/* Keeps SEALER, with one user, in the place of the one unused for longest; returns that one. */
static struct sealer *keep(struct file_keys *keys, enum store_purpose purpose, const uint8_t *salt,
                           struct sealer *sealer)
{
    struct file_key *oldest = NULL;

    for (size_t i = 0; i < KEYS_KEPT; i++) {
        struct file_key *key = &keys->keys[i];

        if (key->users == 0 && (oldest == NULL || key->used < oldest->used))
            oldest = key;
    }
    if (oldest == NULL)
        return NULL; /* all are in use: this one is freed when it is given back */

    struct sealer *evicted = oldest->sealer;

    *oldest =
        (struct file_key){.purpose = purpose, .sealer = sealer, .users = 1, .used = keys->calls};
    memcpy(oldest->salt, salt, STORE_SALT_BYTES);
    return evicted;
}

int file_keys_take(struct file_keys *keys, enum store_purpose purpose,
                   const uint8_t salt[STORE_SALT_BYTES], const char *name,
                   struct sealer **ret_sealer, struct failure *failure)
{
    pthread_mutex_lock(&keys->lock);
    struct sealer *sealer = use_known(keys, purpose, salt);
    pthread_mutex_unlock(&keys->lock);
    if (sealer != NULL) {
        *ret_sealer = sealer;
        return 0;
    }

    int error = store_file_sealer(keys->store, purpose, salt, name, &sealer, failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&keys->lock);
    struct sealer *evicted = keep(keys, purpose, salt, sealer);
    pthread_mutex_unlock(&keys->lock);
    sealer_free(evicted);
    *ret_sealer = sealer;
    return 0;
}

void file_keys_give(struct file_keys *keys, struct sealer *sealer)
{
    bool kept = false;

    pthread_mutex_lock(&keys->lock);
    for (size_t i = 0; i < KEYS_KEPT && !kept; i++) {
        if (keys->keys[i].sealer == sealer) {
            keys->keys[i].users--;
            kept = true;
        }
    }
    pthread_mutex_unlock(&keys->lock);
    if (!kept)
        sealer_free(sealer);
}

void file_keys_free(struct file_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < KEYS_KEPT; i++)
        sealer_free(keys->keys[i].sealer);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}
