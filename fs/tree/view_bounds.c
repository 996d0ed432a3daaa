/* SPDX-License-Identifier: MIT */
#include "fs/tree/view_bounds.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/hash.h"

struct resting {
    UT_hash_handle hh;
    enum view_state state;
    uint64_t since_ns;
    bool refused;
    char view[];
};

struct view_bounds {
    uint64_t timeout_ns;
    pthread_mutex_t lock; /* guards table */
    struct resting *table;
};

struct view_bounds *view_bounds_create(uint64_t timeout_ns)
{
    struct view_bounds *bounds = calloc(1, sizeof *bounds);

    if (bounds == NULL)
        return NULL;
    bounds->timeout_ns = timeout_ns;
    pthread_mutex_init(&bounds->lock, NULL);
    return bounds;
}

void view_bounds_free(struct view_bounds *bounds)
{
    struct resting *resting, *next;

    if (bounds == NULL)
        return;
    HASH_ITER (hh, bounds->table, resting, next) {
        HASH_DEL(bounds->table, resting);
        free(resting);
    }
    pthread_mutex_destroy(&bounds->lock);
    free(bounds);
}

uint64_t view_bounds_timeout(const struct view_bounds *bounds)
{
    return bounds->timeout_ns;
}

static struct resting *add(struct view_bounds *bounds, const char *view)
{
    size_t size = strlen(view) + 1;
    struct resting *resting = calloc(1, sizeof *resting + size);

    if (resting == NULL)
        return NULL;
    memcpy(resting->view, view, size);
    HASH_ADD_KEYPTR(hh, bounds->table, resting->view, size - 1, resting);
    if (resting->refused) {
        free(resting);
        return NULL;
    }
    return resting;
}

void view_bounds_note(struct view_bounds *bounds, const char *view, enum view_state state,
                      uint64_t now_ns)
{
    struct resting *resting;

    pthread_mutex_lock(&bounds->lock);
    HASH_FIND_STR(bounds->table, view, resting);
    if (resting == NULL)
        resting = add(bounds, view);
    if (resting != NULL) {
        resting->state = state;
        resting->since_ns = now_ns;
    }
    pthread_mutex_unlock(&bounds->lock);
}

static double in_seconds(uint64_t ns)
{
    return (double)ns / NS_PER_SECOND;
}

static uint64_t rest_ns(const struct view_bounds *bounds)
{
    return VIEW_REST * (bounds->timeout_ns != 0 ? bounds->timeout_ns : VIEW_TIMEOUT_NS);
}

enum view_state view_bounds_state(struct view_bounds *bounds, const char *view, uint64_t now_ns)
{
    enum view_state state = VIEW_WELCOME;
    struct resting *resting;

    pthread_mutex_lock(&bounds->lock);
    HASH_FIND_STR(bounds->table, view, resting);
    if (resting != NULL && now_ns - resting->since_ns < rest_ns(bounds))
        state = resting->state;
    pthread_mutex_unlock(&bounds->lock);
    return state;
}

int view_bounds_refuse(const struct view_bounds *bounds, const char *view, struct failure *failure)
{
    return failure_set(failure, ETIMEDOUT,
                       "the view \"%.200s\" takes longer than %g s to read, and is given up for "
                       "%g s; allow views more time (-o view-timeout=SECONDS), or have the view "
                       "select less; the other tables can be read",
                       view, in_seconds(bounds->timeout_ns), in_seconds(rest_ns(bounds)));
}

int view_deadline_look(void *context)
{
    const struct view_deadline *deadline = context;

    return clock_now_ns() >= deadline->ns ? -ETIMEDOUT : 0;
}
