/* SPDX-License-Identifier: MIT */
/*
 * Rows are made ready while those before them are sent: there are two batches, and one is filled
 * as the other one is sent, by a thread of its own.
 *
 *   filling --give--> GIVEN --(the thread sends it)--> SENT --await--> IDLE: it can be looked at,
 *                                                                      until the next give
 *
 * What `send` uses, a connection, is the thread's from give until await has returned.
 */
#ifndef CRMFS_TARGET_BATCH_SENDER_H
#define CRMFS_TARGET_BATCH_SENDER_H

#include <pthread.h>
#include <stdbool.h>

#include "backends/target/row_batch.h"
#include "fs/base/failure.h"

typedef int batch_send(void *context, struct row_batch *batch, struct failure *failure);

struct batch_sender {
    batch_send *send;
    void *context;
    struct row_batch batches[2];
    size_t filling; /* which of them; the other one is the thread's while it is GIVEN */
    bool has_thread;
    pthread_t thread;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    enum batch_state { BATCH_IDLE, BATCH_GIVEN, BATCH_SENT } state;
    bool ended; /* the thread is to go */
    int result; /* of SENT: what send returned */
    struct failure failure;
};

/* Of rows of CELL_COUNT cells. 0, -ENOMEM; to be released in both cases. */
int batch_sender_create(struct batch_sender *sender, size_t cell_count, batch_send *send,
                        void *context);

/* Waits for what is being sent. Zeroed: nothing happens. */
void batch_sender_release(struct batch_sender *sender);

static inline struct row_batch *batch_sender_filling(struct batch_sender *sender)
{
    return &sender->batches[sender->filling];
}

/* The batch that was given last. */
static inline struct row_batch *batch_sender_given(struct batch_sender *sender)
{
    return &sender->batches[1 - sender->filling];
}

/*
 * Has the filled batch sent, and the other one filled, which is empty now; the one before was
 * awaited. Where there is no thread to be had it is sent at once.
 */
void batch_sender_give(struct batch_sender *sender);

/* What send returned of the batch given last; 1: none is under way. */
int batch_sender_await(struct batch_sender *sender, struct failure *failure);

#endif
