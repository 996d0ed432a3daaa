/* SPDX-License-Identifier: MIT */
/*
 * Stores for tests, made cheaply, and snapshots for their logs. Nothing here fails: what goes
 * wrong ends the test. The client's memory (fs/store/freshness.h) is kept in a folder of the test.
 */
#ifndef CRMFS_TESTS_UNIT_STORE_SAMPLES_H
#define CRMFS_TESTS_UNIT_STORE_SAMPLES_H

#include "fs/store/log.h"

/* Makes a store of STORAGE, which stays the caller's. */
void sample_store_make(struct storage *storage);

/* Opens it; STORAGE becomes the store's. */
struct store *sample_store_open(struct storage *storage);

/* A new store on a storage in memory. */
struct store *sample_store(void);
struct store *sample_store_of_level(int level); /* of compression: else 1 */

/* A snapshot named NAME whose other members follow from NUMBER. To be released. */
struct snapshot sample_snapshot(const char *name, uint64_t number);
void sample_snapshot_release(struct snapshot *snapshot);

/* The name of a pack that follows from NUMBER. */
void sample_pack_name(uint64_t number, char name[65]);

/* A folder for the client's memory, made empty; and its end. For a group's or a test's setup. */
int sample_state_begin(void **context);
int sample_state_end(void **context);
void sample_state_forget(void); /* a client that has seen nothing yet */

#endif
