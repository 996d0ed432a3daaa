/* SPDX-License-Identifier: MIT */
/*
 * Content: pieces of files as objects, of which those that were read lately are kept.
 */
#ifndef CRMFS_FILES_CONTENT_H
#define CRMFS_FILES_CONTENT_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"

struct content_cache;

/* NULL: no memory. READER is borrowed. It keeps nothing before it has a limit. */
struct content_cache *content_cache_create(struct object_reader *reader);
void content_cache_limit(struct content_cache *cache, size_t limit_bytes);

/*
 * SIZE bytes at FROM of a piece; of none, BYTES may be NULL: whether it can be read. 0, -EIO with
 * words, -ENOMEM. Safe from several threads at once.
 */
int content_read(struct content_cache *cache, const struct object_reference *reference,
                 uint32_t from, void *bytes, size_t size, struct failure *failure);

/* So that a content_read() that is expected finds it. What fails is said by that. */
void content_fetch(struct content_cache *cache, const struct object_reference *reference);

void content_cache_free(struct content_cache *cache); /* NULL is allowed */

#endif
