/* SPDX-License-Identifier: MIT */
/*
 * Data of objects that others were decoded against: what hangs from them may be
 * read next. Bounded in bytes, the longest unused goes first; safe from several
 * threads at once.
 */
#ifndef CRMFS_STORE_PARENT_CACHE_H
#define CRMFS_STORE_PARENT_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/store/object_body.h"

struct parent_cache;

/* NULL: no memory. */
struct parent_cache *parent_cache_create(size_t limit_bytes);

/* Held until it is given back; nobody changes it meanwhile. */
struct parent_data {
    struct object_reference reference;
    struct object_head head;
    struct buffer data;
};

/* NULL: it is not there. */
const struct parent_data *parent_cache_take(struct parent_cache *cache,
                                            const uint8_t id[OBJECT_ID_BYTES]);
void parent_cache_give(struct parent_cache *cache, const struct parent_data *data);

/*
 * Keeps DATA, whose memory it takes over; DATA gets another buffer of the same
 * limit for it, empty or with memory to be reused.
 */
void parent_cache_put(struct parent_cache *cache, const struct object_reference *reference,
                      const struct object_head *head, struct buffer *data);

void parent_cache_free(struct parent_cache *cache); /* NULL is allowed; all were given back */

#endif
