/* SPDX-License-Identifier: MIT */
/*
 * An image cache: the folder of kept images (kept.h) that belongs to a store on this machine, and
 * its bound. It is shared by all mounts of the store, without locks: a file appears whole, under a
 * name that says what is in it, and may go at any time; whoever has it open goes on reading.
 *
 * The folder is cache/ of a store in a local directory, else $XDG_CACHE_HOME/crmfs/<store id>/.
 */
#ifndef CRMFS_STORE_IMAGE_CACHE_H
#define CRMFS_STORE_IMAGE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/store/store.h"

#define IMAGE_KEY_PART_BYTES 16
#define IMAGE_CACHE_UNUSED_SECONDS (UINT64_C(30) * 86400) /* then prune removes it */

/* What an image is kept under: keyed hashes, which tell nothing to whoever lacks the keys. */
struct image_key {
    uint8_t table[IMAGE_KEY_PART_BYTES];   /* of which place and name: newer content replaces it */
    uint8_t content[IMAGE_KEY_PART_BYTES]; /* its rows and how they are shown: all of it */
};

struct image_cache;

struct image_cache_options {
    struct store *store;  /* outlives the cache */
    uint64_t limit_bytes; /* 0: a tenth of what is free there, what it takes included */
    bool read_only;       /* what is there may be used, and nothing more */
};

/* 0 or -ENOMEM; that there is no such folder, its use will show. */
int image_cache_create(const struct image_cache_options *options, struct image_cache **ret_cache);
void image_cache_free(struct image_cache *cache); /* NULL is allowed */

/* The key of a table; IDENTITY is known. 0, -ENOMEM. */
int image_cache_key(struct image_cache *cache, const struct source_identity *identity,
                    const struct schema *schema, struct image_key *ret_key);

/* The key of what an archive holds, as a whole. IDENTITY is known. */
void image_cache_catalogue_key(struct image_cache *cache, const struct source_identity *identity,
                               struct image_key *ret_key);

struct image_cache_usage {
    uint64_t count;
    uint64_t used_bytes; /* lengths of the files */
    uint64_t limit_bytes;
};
void image_cache_usage(struct image_cache *cache, struct image_cache_usage *ret_usage);

/* ---- For those that go through a whole store ---- */

struct image_cache_sum {
    uint64_t count;
    uint64_t bytes;
    uint64_t damaged; /* of count */
};

/* Opens every kept image; with READ_DATA reads all of it. 0, -ENOMEM, or as the folder refuses. */
int image_cache_check(struct store *store, bool read_data, struct image_cache_sum *ret_sum,
                      struct failure *failure);

/* Removes those that are damaged and those not used for UNUSED_SECONDS; DRY_RUN: only counts them.
 */
int image_cache_prune(struct store *store, uint64_t unused_seconds, bool dry_run,
                      struct image_cache_sum *ret_removed, struct failure *failure);

/* Removes all of them, whoever uses them: where room is needed for more than a mount's speed. */
void image_cache_clear(struct store *store, struct image_cache_sum *ret_removed);

#endif
