/* SPDX-License-Identifier: MIT */
/* Stores for tests of their keys, in memory, and whether a passphrase opens them. */
#ifndef CRMFS_TESTS_UNIT_KEY_SAMPLES_H
#define CRMFS_TESTS_UNIT_KEY_SAMPLES_H

#include "fs/store/keys.h"

#define PASSPHRASE(text) ((struct store_passphrase){text, sizeof(text) - 1})

static const struct store_header header = {
    .cipher = SEAL_XCHACHA20_POLY1305, .group_bytes = 524288, .compression_level = 3};
static const struct key_options cheap = {.kind = KEY_PASSPHRASE, .cost = {1, KEY_MEMORY_LEAST}};
static const struct key_options cheap_recovery = {.kind = KEY_RECOVERY,
                                                  .cost = {1, KEY_MEMORY_LEAST}};
static const struct store_passphrase first = {"first", 5};
static const struct store_passphrase second = {"second", 6};

/* A store in memory, which FIRST opens. */
struct storage *keys_new_store(void);

/* Opens the storage, which the store then owns; whether the test went back in time is forgotten. */
struct store *keys_open(struct storage *storage, struct store_passphrase passphrase);

/* What opening a copy of the storage gives. */
int keys_try_open(struct storage *storage, struct store_passphrase passphrase);

/* The name of the only slot of a store. */
const char *keys_slot_name(struct storage *storage);

#endif
