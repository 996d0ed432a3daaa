/* SPDX-License-Identifier: MIT */
/*
 * Content: pieces of files as objects. Where new data is cut, and pieces that were read lately.
 */
#ifndef CRMFS_FILES_CONTENT_H
#define CRMFS_FILES_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"

#define CUT_GEAR_ENTRIES 256
#define CUT_LEAST ((size_t)16 << 10)
#define CUT_MOST ((size_t)256 << 10)

/* The table of a rolling hash, from the first 16 bytes of KEY. */
void cut_prepare(const uint8_t *key, uint64_t gear[CUT_GEAR_ENTRIES]);

/*
 * How long the piece is that SIZE bytes begin with: up to CUT_MOST, SIZE when no place to cut is
 * found. Depends on its last 64 bytes alone, so that what moved is cut at the same places.
 */
size_t cut_find(const uint64_t gear[CUT_GEAR_ENTRIES], const uint8_t *bytes, size_t size);

struct content_cache;

/* NULL: no memory. READER is borrowed. It keeps nothing before it has a limit. */
struct content_cache *content_cache_create(struct object_reader *reader);
void content_cache_limit(struct content_cache *cache, size_t limit_bytes);

/*
 * SIZE bytes at FROM of a piece. 0, -EIO with words, -ENOMEM. Safe from several threads at once.
 */
int content_read(struct content_cache *cache, const struct object_reference *reference,
                 uint32_t from, void *bytes, size_t size, struct failure *failure);

/* So that a content_read() that is expected finds it. What fails is said by that. */
void content_fetch(struct content_cache *cache, const struct object_reference *reference);

void content_cache_free(struct content_cache *cache); /* NULL is allowed */

#endif
