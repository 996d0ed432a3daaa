/* SPDX-License-Identifier: MIT */
/*
 * A file's version is asked for by whoever needs it, and all others wait. A
 * server may take its time: it is asked by a thread of its own, one question at a
 * time, and requests wait for LIVE_PATIENCE_NS at most before they go on with what
 * is known. Either way nobody asks while the newest generation holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/tree/live_folder.h"
#include "fs/tree/live_internal.h"

#define RETRY_AFTER_NS NS_PER_SECOND

/* A new newest generation. Without the lock; only the refreshing thread. */
static int begin_generation(struct live *live, struct failure *failure)
{
    struct generation_options options = {
        .context = live->context,
        .source = live->source,
        .owner = &live->owner,
        .source_name = live->name,
        .path = live->path,
        .history = live->history,
        .views = live->views,
        .serial = live->serial + 1,
        .before = live->newest,
        .at_once = live->newest != NULL && generation_has_ended(live->newest),
    };
    struct generation *generation;
    int error = generation_create(&options, &generation, failure);

    /* A server may have no connection left because of the one before, whose walks still count. */
    if (error == -EBUSY && live->source->class->remote && live->newest != NULL) {
        generation_rest(live->newest, 0, PIN_IDLE_OPEN_NS);
        error = generation_create(&options, &generation, failure);
    }
    if (error != 0)
        return error;
    pthread_mutex_lock(&live->lock);

    struct generation *old = live->newest;

    live->newest = generation;
    live->serial++;
    live_unlock(live);
    if (old != NULL) {
        generation_supersede(old);
        live_keep_older(live, old);
    }
    return 0;
}

int live_refuse(const struct live *live, struct failure *failure)
{
    return failure_set(failure, EBUSY,
                       "the database changes faster than it can be read through: try again when "
                       "fewer programs %s",
                       live->source->class->remote ? "alter its tables"
                                                   : "write to it, or put it into WAL mode");
}

/* Asks the source. Without the lock; only the refreshing thread. */
static int ask_source(struct live *live, struct failure *failure)
{
    struct source_version version;
    int error = live->source->class->version(live->source, &version, failure);

    if (error != 0)
        return error;
    if (live->newest != NULL && !generation_has_ended(live->newest) &&
        memcmp(&version, generation_version(live->newest), sizeof version) == 0 &&
        !generation_has_passed(live->newest))
        return 0;
    error = -ESTALE;
    for (int i = 0; i < LIVE_ATTEMPTS && error == -ESTALE; i++)
        error = begin_generation(live, failure);
    return error == -ESTALE ? live_refuse(live, failure) : error;
}

bool live_is_fresh(struct live *live, uint64_t now_ns)
{
    return live->newest != NULL && now_ns < live->valid_until_ns &&
           !generation_has_ended(live->newest);
}

/* Whether the last attempt failed so lately that another is not worth making. */
static bool failed_lately(const struct live *live, uint64_t now_ns)
{
    return live->failure.code != 0 && now_ns - live->failed_ns < RETRY_AFTER_NS;
}

static int tell_failure(const struct live *live, struct failure *failure)
{
    if (failure != NULL)
        *failure = live->failure;
    return -live->failure.code;
}

/* Asks the source and notes what it said. The lock is held, and let go meanwhile. */
static int ask_and_note(struct live *live)
{
    struct failure own = {0};
    uint64_t now_ns = clock_now_ns();

    live->refreshing = true;
    live->refreshing_since_ns = now_ns;
    live->asked = live->written;
    live_unlock(live);

    int error = ask_source(live, &own);

    if (error != 0 && own.code == 0)
        failure_set(&own, -error, "cannot read the database: %s", strerror(-error));
    /* What was overcome meanwhile is no failure. */
    if (error == 0)
        own.code = 0;
    if (error == -ENOENT) {
        /* The folder's names stand for something; that is not to be taken for their absence. */
        own.code = EIO;
        error = -EIO;
    }
    /* Nobody may be waiting for the answer of a server. */
    if (error != 0 && live->has_asker && live->report != NULL)
        live->report(live->report_context, live->path, &own);
    pthread_mutex_lock(&live->lock);
    live->refreshing = false;
    live->failure = own;
    if (error != 0) {
        live->failed_ns = clock_now_ns();
        live->last_fault = (struct generation_fault){own, live->failed_ns};
    } else if (live->asked == live->written) {
        /* Counted from before the source was asked: what changed since is not yet known. */
        live->valid_until_ns = now_ns + live->refresh_ns;
    }
    pthread_cond_broadcast(&live->refreshed);
    return error;
}

static int refresh_here(struct live *live, struct failure *failure)
{
    while (live->refreshing)
        pthread_cond_wait(&live->refreshed, &live->lock);

    uint64_t now_ns = clock_now_ns();

    if (live_is_fresh(live, now_ns))
        return 0;
    if (failed_lately(live, now_ns) || ask_and_note(live) != 0)
        return tell_failure(live, failure);
    return 0;
}

static void *run_asker(void *argument)
{
    struct live *live = argument;

    pthread_mutex_lock(&live->lock);
    while (!live->ending) {
        if (!live->wants) {
            pthread_cond_wait(&live->wanted, &live->lock);
            continue;
        }
        if (!live_is_fresh(live, clock_now_ns()))
            ask_and_note(live);
        live->wants = false;
        pthread_cond_broadcast(&live->refreshed);
    }
    pthread_mutex_unlock(&live->lock);
    return NULL;
}

/* Until the asker has asked once; whoever waits has waited since it began, not each for itself. */
static int wait_for_asker(struct live *live, bool wait, struct failure *failure)
{
    int timed_out = 0;

    if (!live->wants) {
        live->wants = true;
        live->refreshing_since_ns = clock_now_ns();
        pthread_cond_signal(&live->wanted);
    }

    uint64_t until_ns = live->refreshing_since_ns + LIVE_PATIENCE_NS;

    while (live->wants && timed_out == 0) {
        if (wait)
            pthread_cond_wait(&live->refreshed, &live->lock);
        else
            timed_out = clock_wait(&live->refreshed, &live->lock, until_ns);
    }
    if (live->wants)
        return failure_set(failure, EAGAIN, "the server has not answered yet");
    return live->failure.code != 0 ? tell_failure(live, failure) : 0;
}

static int refresh_there(struct live *live, bool wait, struct failure *failure)
{
    uint64_t written = live->written;

    if (failed_lately(live, clock_now_ns()))
        return tell_failure(live, failure);

    int error = wait_for_asker(live, wait, failure);

    /* It had begun before what was written here, which is to be seen. */
    return error == 0 && live->asked < written ? wait_for_asker(live, wait, failure) : error;
}

int live_refresh(struct live *live, bool wait, struct failure *failure)
{
    return live->has_asker ? refresh_there(live, wait, failure) : refresh_here(live, failure);
}

int live_refresh_start(struct live *live)
{
    if (!live->source->class->remote)
        return 0;

    int error = -pthread_create(&live->asker, NULL, run_asker, live);

    live->has_asker = error == 0;
    return error;
}

void live_refresh_stop(struct live *live)
{
    if (!live->has_asker)
        return;
    pthread_mutex_lock(&live->lock);
    live->ending = true;
    pthread_cond_signal(&live->wanted);
    pthread_mutex_unlock(&live->lock);
    pthread_join(live->asker, NULL);
    live->has_asker = false;
}
