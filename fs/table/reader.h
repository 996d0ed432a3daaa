/* SPDX-License-Identifier: MIT */
/*
 * Reads of images by offset. A render cache, one for the whole mount, keeps the
 * parts rendered last, within a bound; whoever asks for a part that another
 * thread is rendering waits for that one. A reader is one open file: when it is
 * read in order, the next parts are rendered ahead by worker threads.
 *
 * States of an entry of the cache, all under the cache's lock:
 *
 *   (absent) --first to ask--> LOADING --rendered--> READY --evicted--> (absent)
 *                                 \----failed----> FAILED --last user--> (absent)
 *
 *   LOADING  exactly one thread renders it, outside the lock; others wait
 *   READY    immutable; in the list by use; evicted only when nobody holds it
 *   FAILED   not found any more by its key; kept until the waiters have seen the error
 */
#ifndef CRMFS_TABLE_READER_H
#define CRMFS_TABLE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/table/image.h"
#include "fs/table/reading.h"

struct render_cache;

/*
 * A cache of LIMIT_BYTES of rendered parts with THREADS threads that render
 * ahead (0: none). NULL: no memory. What readers hold at the moment may exceed
 * the limit: it is never refused.
 */
struct render_cache *render_cache_create(size_t limit_bytes, unsigned threads);

/*
 * BYTES of what the process may take are taken for something else (or, negative, no more): the
 * cache keeps that much less, down to a quarter of its limit.
 */
void render_cache_reserve(struct render_cache *cache, int64_t bytes);

/* Bytes of rendered parts kept at the moment. */
size_t render_cache_bytes(struct render_cache *cache);
/* Nothing is rendered ahead any more, and no image held for it. */
void render_cache_end(struct render_cache *cache);
void render_cache_free(struct render_cache *cache); /* after all its readers and reservations */

struct reader;

/* Opens IMAGE (referenced) in FORMAT. NULL: no memory. */
struct reader *reader_create(struct render_cache *cache, struct image *image,
                             enum table_format format);

/*
 * Up to SIZE bytes at OFFSET, fewer only at the end of the file. The pieces are
 * valid until reading_release(). -EIO, -ENOMEM.
 */
int reader_read(struct reader *reader, uint64_t offset, size_t size, struct reading *ret_reading,
                struct failure *failure);
void reader_free(struct reader *reader);

#endif
