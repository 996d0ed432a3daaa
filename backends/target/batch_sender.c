/* SPDX-License-Identifier: MIT */
#include "backends/target/batch_sender.h"

#include <errno.h>

int batch_sender_create(struct batch_sender *sender, size_t cell_count, batch_send *send,
                        void *context)
{
    int error = 0;

    *sender = (struct batch_sender){.send = send, .context = context};
    pthread_mutex_init(&sender->lock, NULL);
    pthread_cond_init(&sender->changed, NULL);
    for (size_t i = 0; i < 2; i++) {
        int made = row_batch_create(&sender->batches[i], cell_count);

        error = error == 0 ? made : error;
    }
    return error;
}

void batch_sender_release(struct batch_sender *sender)
{
    if (sender->send == NULL)
        return;
    if (sender->has_thread) {
        pthread_mutex_lock(&sender->lock);
        sender->ended = true;
        pthread_cond_broadcast(&sender->changed);
        pthread_mutex_unlock(&sender->lock);
        pthread_join(sender->thread, NULL);
    }
    for (size_t i = 0; i < 2; i++)
        row_batch_release(&sender->batches[i]);
    pthread_cond_destroy(&sender->changed);
    pthread_mutex_destroy(&sender->lock);
    *sender = (struct batch_sender){.send = NULL};
}

/* Called by whoever has the given batch; the lock is not held. */
static void send_given(struct batch_sender *sender)
{
    struct failure failure = {.code = 0};
    int result = sender->send(sender->context, batch_sender_given(sender), &failure);

    pthread_mutex_lock(&sender->lock);
    sender->result = result;
    sender->failure = failure;
    sender->state = BATCH_SENT;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

static void *run(void *argument)
{
    struct batch_sender *sender = argument;

    pthread_mutex_lock(&sender->lock);
    while (!sender->ended) {
        if (sender->state != BATCH_GIVEN) {
            pthread_cond_wait(&sender->changed, &sender->lock);
            continue;
        }
        pthread_mutex_unlock(&sender->lock);
        send_given(sender);
        pthread_mutex_lock(&sender->lock);
    }
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

void batch_sender_give(struct batch_sender *sender)
{
    if (!sender->has_thread)
        sender->has_thread = pthread_create(&sender->thread, NULL, run, sender) == 0;
    sender->filling = 1 - sender->filling;
    row_batch_clear(batch_sender_filling(sender));
    if (!sender->has_thread) {
        send_given(sender);
        return;
    }
    pthread_mutex_lock(&sender->lock);
    sender->state = BATCH_GIVEN;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

int batch_sender_await(struct batch_sender *sender, struct failure *failure)
{
    int result = 1;

    pthread_mutex_lock(&sender->lock);
    while (sender->state == BATCH_GIVEN)
        pthread_cond_wait(&sender->changed, &sender->lock);
    if (sender->state == BATCH_SENT) {
        result = sender->result;
        if (result < 0 && failure != NULL)
            *failure = sender->failure;
        sender->state = BATCH_IDLE;
    }
    pthread_mutex_unlock(&sender->lock);
    return result;
}
