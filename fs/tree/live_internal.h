/* SPDX-License-Identifier: MIT */
/*
 * The inside of a live source: what it shows (live.c), how it asks its source whether that still
 * holds (live_refresh.c), and what it does when nobody asks (live_tend.c).
 */
#ifndef CRMFS_TREE_LIVE_INTERNAL_H
#define CRMFS_TREE_LIVE_INTERNAL_H

#include <pthread.h>

#include "fs/tree/live.h"
#include "fs/tree/pins.h"
#include "fs/tree/view_bounds.h"

struct live_records;
struct older_generation;

/* How rows are written back. */
struct live_writing {
    bool enabled;
    unsigned busy_timeout_ms;
    const char *password; /* borrowed, as below; NULL */
    const char *password_command;
};

struct live {
    struct generation_owner owner; /* first: generations call back */
    const struct generation_context *context;
    char *name;
    char *url;
    char *path;
    struct source *source;
    struct history *history;
    struct view_bounds *views;
    uint64_t refresh_ns;
    struct live_writing writing;
    struct node *imports; /* the folder .import, referenced; NULL: nothing can be written */
    struct node *folder;
    live_report *report; /* may be NULL */
    void *report_context;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t refreshed;
    bool refreshing; /* a thread asks the source, without the lock */
    uint64_t refreshing_since_ns;
    struct generation *newest;      /* referenced; NULL until the source is first read */
    struct older_generation *older; /* a list of those that still have users */
    struct timespec made;           /* when the folder was: shown until then */
    uint64_t valid_until_ns;        /* until when it need not be asked for changes */
    uint64_t written;               /* how often it was changed here */
    uint64_t asked;                 /* what that was when the source was last asked */
    uint64_t serial;
    struct failure failure; /* of the last refresh; code 0: it worked */
    uint64_t failed_ns;
    struct generation_fault last_fault; /* of all refreshes */
    struct pins *pins;
    struct live_records *records; /* a list; each is referenced */

    /* A server is asked by a thread of its own (live_refresh.c). */
    pthread_t asker;
    bool has_asker;        /* does not change after creation */
    pthread_cond_t wanted; /* somebody wants to know, or the asker is to end */
    bool wants;
    bool ending;
};

/* The caller has changed the database: it is asked anew, and shows that to the caller. */
void live_note_written(struct live *live, const struct caller *caller);

/* GENERATION, a reference that is taken over, has users still: it is tended until it has none. */
void live_keep_older(struct live *live, struct generation *generation);

/* At the end: gives back all that are kept so. */
void live_release_older(struct live *live);

/* Lets the lock go; images that nobody needs any more are given back without it. */
void live_unlock(struct live *live);

/* Whether the newest generation need not be asked about. The lock is held, as for all below. */
bool live_is_fresh(struct live *live, uint64_t now_ns);

/*
 * Makes the newest generation one that holds now; lets the lock go meanwhile. 0 or what
 * the source refused. -EAGAIN: a server has not answered for LIVE_PATIENCE_NS, and WAIT
 * is false.
 */
#define LIVE_PATIENCE_NS (UINT64_C(1000000000))
int live_refresh(struct live *live, bool wait, struct failure *failure);

/* Starts and ends the thread that asks a server. The lock is not held. 0 or -errno. */
int live_refresh_start(struct live *live);
void live_refresh_stop(struct live *live);

#endif
