/* SPDX-License-Identifier: MIT */
/*
 * What this client saw of a store last, kept outside of the store: so that a
 * store that was rolled back, or lost its newest records, is told apart (FORMAT.md,
 * "Freshness"). It is a help, never a condition: a client without a home remembers
 * nothing, and goes on.
 */
#ifndef CRMFS_STORE_FRESHNESS_H
#define CRMFS_STORE_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/store/log.h"

struct freshness {
    uint64_t sequence; /* the highest that was seen */
    uint8_t hash[LOG_HASH_BYTES];
};

/* Whether there is a memory of the store that cannot be read, as if there were none. */
bool freshness_is_damaged(const uint8_t store_id[STORE_ID_BYTES]);

/* False: nothing is remembered, or nothing that can be read. */
bool freshness_load(const uint8_t store_id[STORE_ID_BYTES], struct freshness *ret_seen);

/* Remembers SEEN, unless more is remembered already. False: it could not. */
bool freshness_save(const uint8_t store_id[STORE_ID_BYTES], const struct freshness *seen);

/* 0, also when nothing is remembered; -errno. */
int freshness_forget(const uint8_t store_id[STORE_ID_BYTES]);

#endif
