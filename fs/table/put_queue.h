/* SPDX-License-Identifier: MIT */
/*
 * Row groups on their way into a spool: sealed and written by a thread of its own, while
 * the next ones are being made. Used by one thread; only it looks at the groups' arrays.
 *
 *   FREE --add--> WAITING --taken by the thread--> PUT --collected by add or flush--> FREE
 *
 * The places are in a ring, in the order in which they were added.
 */
#ifndef CRMFS_TABLE_PUT_QUEUE_H
#define CRMFS_TABLE_PUT_QUEUE_H

#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"

struct put_queue;

/* Groups in order; an owner drops their blobs. */
struct group_array {
    struct image_group *groups;
    size_t count;
    size_t capacity;
};

/* SPOOL outlives it. NULL: no memory. */
struct put_queue *put_queue_create(struct spool *spool);

/*
 * ENCODED, whose bytes are taken (it is empty afterwards), is to be put where the last group of
 * ARRAY is, which stays where it is until a flush. Fails as an earlier put did; no group was added
 * since then, as far as ARRAY's owner sees it.
 */
int put_queue_add(struct put_queue *queue, struct buffer *encoded, struct group_array *array,
                  struct failure *failure);

/* All that was added is put. 0, or what failed first. */
int put_queue_flush(struct put_queue *queue, struct failure *failure);

/* What is still waiting is put first. NULL is allowed. */
void put_queue_free(struct put_queue *queue);

#endif
