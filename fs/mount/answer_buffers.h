/* SPDX-License-Identifier: MIT */
/*
 * Memory for what reads are answered with, used again: taking a fresh block for each, and giving
 * it back, costs the kernel more than all the copying. Safe from several threads at once.
 */
#ifndef CRMFS_MOUNT_ANSWER_BUFFERS_H
#define CRMFS_MOUNT_ANSWER_BUFFERS_H

#include <pthread.h>
#include <stddef.h>

#define ANSWER_BUFFERS_KEPT 4
#define ANSWER_BUFFER_MOST ((size_t)1 << 20) /* larger ones are not kept */

struct answer_buffer {
    size_t room;
    char *bytes;
};

struct answer_buffers {
    pthread_mutex_t lock; /* guards all below */
    struct answer_buffer kept[ANSWER_BUFFERS_KEPT];
    size_t count;
};

void answer_buffers_init(struct answer_buffers *buffers);
void answer_buffers_release(struct answer_buffers *buffers);

/* Room for SIZE bytes; its bytes are NULL when there is no memory. To be given back. */
struct answer_buffer answer_buffer_take(struct answer_buffers *buffers, size_t size);
void answer_buffer_give(struct answer_buffers *buffers, struct answer_buffer buffer);

#endif
