/* SPDX-License-Identifier: MIT */
/* What is done without being asked: what nobody uses any more is given back, and kept for the next
 * mount. */
#include <stdlib.h>

#include "fs/base/clock.h"
#include "fs/table/indexed.h"
#include "fs/tree/live_internal.h"

#define IDLE_TRANSACTION_NS (NS_PER_SECOND / 5)
#define IDLE_KEEP_NS (2 * NS_PER_SECOND)

/* A generation that is not the newest any more. */
struct older_generation {
    struct older_generation *next;
    struct generation *generation; /* referenced */
};

void live_keep_older(struct live *live, struct generation *generation)
{
    struct older_generation *older =
        generation_is_retired(generation) ? NULL : malloc(sizeof *older);

    /* Without memory nobody tends it, and its walks hold it as long as they like. */
    if (older == NULL) {
        generation_release(generation);
        return;
    }
    older->generation = generation;
    pthread_mutex_lock(&live->lock);
    older->next = live->older;
    live->older = older;
    live_unlock(live);
}

/* Only the tending thread. */
static void tend_older(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    struct older_generation *left = live->older;
    struct older_generation *kept = NULL;

    live->older = NULL;
    live_unlock(live);
    while (left != NULL) {
        struct older_generation *older = left;

        left = older->next;
        generation_rest(older->generation, IDLE_TRANSACTION_NS, PIN_IDLE_OPEN_NS);
        if (generation_is_retired(older->generation)) {
            generation_release(older->generation);
            free(older);
        } else {
            older->next = kept;
            kept = older;
        }
    }
    pthread_mutex_lock(&live->lock);
    while (kept != NULL) {
        struct older_generation *older = kept;

        kept = older->next;
        older->next = live->older;
        live->older = older;
    }
    live_unlock(live);
}

void live_tend(struct live *live)
{
    tend_older(live);
    pthread_mutex_lock(&live->lock);
    pins_expire(live->pins, clock_now_ns());

    /* Only tables were asked for that could be shown before all was read. */
    if (live->newest == NULL && indexed_source_is(live->source) &&
        indexed_source_is_read(live->source))
        live_refresh(live, false, NULL);

    struct generation *newest = live->newest;

    if (newest != NULL)
        generation_reference(newest);
    live_unlock(live);
    if (newest == NULL)
        return;
    generation_rest(newest, IDLE_TRANSACTION_NS, PIN_IDLE_OPEN_NS);
    generation_keep(newest, IDLE_KEEP_NS);
    generation_release(newest);
}

/* The newest generation, with a reference; or NULL. */
static struct generation *take_newest(struct live *live)
{
    pthread_mutex_lock(&live->lock);

    struct generation *newest = live->newest;

    if (newest != NULL)
        generation_reference(newest);
    live_unlock(live);
    return newest;
}

void live_keep_now(struct live *live)
{
    struct generation *newest = take_newest(live);

    if (newest == NULL)
        return;
    generation_keep(newest, 0);
    generation_release(newest);
}

void live_leave_spool(struct live *live)
{
    struct generation *newest = take_newest(live);

    if (newest == NULL)
        return;
    generation_leave_spool(newest);
    generation_release(newest);
}

void live_release_older(struct live *live)
{
    while (live->older != NULL) {
        struct older_generation *older = live->older;

        live->older = older->next;
        generation_release(older->generation);
        free(older);
    }
}
