/* SPDX-License-Identifier: MIT */
/* What the files that open a store and keep its keys share. */
#ifndef CRMFS_STORE_INTERNAL_H
#define CRMFS_STORE_INTERNAL_H

#include <pthread.h>

#include "fs/store/keys.h"
#include "fs/store/log.h"

/* In locked memory. */
struct store_secrets {
    uint8_t master[MASTER_KEY_BYTES];
    uint8_t keys[STORE_PURPOSES][SEAL_KEY_BYTES]; /* by purpose; derived when the store is opened */
    pthread_mutex_t lock;
    uint8_t file_key[SEAL_KEY_BYTES]; /* guarded by lock; wiped after use */
};

struct store {
    struct storage *storage;
    struct store_header header;
    uint8_t header_bytes[STORE_HEADER_BYTES];
    uint8_t opened_slot[KEY_SLOT_ID_BYTES];
    struct store_secrets *secrets;
    struct log_state *left; /* by log_leave; atomic; NULL: nothing */
};

/* A slot as it was found. */
struct stored_slot {
    uint8_t id[KEY_SLOT_ID_BYTES];
    uint8_t bytes[KEY_SLOT_BYTES];
    time_t modified;
    int error; /* why the bytes are not there: -EBADMSG, or what the storage said */
};

/*
 * More than the store's own: those that were removed come back with a mirror from which nothing is,
 * and others may have put some there.
 */
#define KEY_SLOT_FILES_MOST 4096

/* All slots, by id; the caller frees *RET_SLOTS. -EBADMSG: more than KEY_SLOT_FILES_MOST. */
int stored_slots_read(struct storage *storage, struct stored_slot **ret_slots, size_t *ret_count,
                      struct failure *failure);

#define KEY_SLOT_PATH_SIZE (sizeof "keys/" + KEY_SLOT_NAME_DIGITS)
void key_slot_path(const uint8_t id[KEY_SLOT_ID_BYTES], char path[KEY_SLOT_PATH_SIZE]);

/* Makes a slot for the store and puts it; the log is not told. */
int key_slot_put(struct store *store, const struct key_options *options,
                 const struct store_passphrase *passphrase, uint8_t ret_id[KEY_SLOT_ID_BYTES],
                 struct failure *failure);

#endif
