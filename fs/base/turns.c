/* SPDX-License-Identifier: MIT */
#include "fs/base/turns.h"

#include <pthread.h>
#include <stdlib.h>

#include "fs/base/called_off.h"
#include "fs/base/clock.h"

#define LOOK_EVERY_NS 50000000 /* whether it is called off */

struct turns {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t free;
    unsigned left;
};

struct turns *turns_create(unsigned most)
{
    struct turns *turns = calloc(1, sizeof *turns);

    if (turns == NULL)
        return NULL;
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->free, NULL);
    turns->left = most;
    return turns;
}

void turns_free(struct turns *turns)
{
    if (turns == NULL)
        return;
    pthread_cond_destroy(&turns->free);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

bool turns_take(struct turns *turns, const bool *cancelled)
{
    pthread_mutex_lock(&turns->lock);
    while (turns->left == 0 && !called_off(cancelled)) {
        clock_wait(&turns->free, &turns->lock, clock_now_ns() + LOOK_EVERY_NS);
    }

    bool taken = turns->left != 0 && !called_off(cancelled);

    turns->left -= taken;
    pthread_mutex_unlock(&turns->lock);
    return taken;
}

void turns_give_back(struct turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    turns->left++;
    pthread_cond_signal(&turns->free);
    pthread_mutex_unlock(&turns->lock);
}
