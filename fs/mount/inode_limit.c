/* SPDX-License-Identifier: MIT */
#include "fs/mount/inode_limit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 64
#define PAUSE_NS 1000000 /* the kernel tells that it has forgotten when it comes to that */

struct inode_limit {
    struct fuse_session *fuse;
    struct inode_table *inodes;
    size_t most;
    pthread_t thread;
    pthread_mutex_t joining; /* guards joined, and is held while the thread's end is waited for */
    bool joined;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool above;  /* the limit, when somebody looked last */
    bool ending; /* read as atomic without the lock */
};

static bool is_ending(struct inode_limit *limit)
{
    return __atomic_load_n(&limit->ending, __ATOMIC_RELAXED);
}

/* Whether there was one to ask for. */
static bool ask_some(struct inode_limit *limit, struct idle_inode *idle)
{
    size_t count = inode_table_idle(limit->inodes, idle, BATCH);

    for (size_t i = 0; i < count && !is_ending(limit); i++)
        fuse_lowlevel_notify_inval_entry(limit->fuse, idle[i].parent, idle[i].name,
                                         strlen(idle[i].name));
    return count != 0;
}

/* A good part at once: then it is quiet for a while. */
static void thin_out(struct inode_limit *limit, struct idle_inode *idle)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    while (!is_ending(limit) && inode_table_count(limit->inodes) > limit->most / 4 * 3 &&
           ask_some(limit, idle))
        nanosleep(&pause, NULL);
}

static void *run(void *argument)
{
    struct inode_limit *limit = argument;
    struct idle_inode *idle = calloc(BATCH, sizeof *idle);

    pthread_mutex_lock(&limit->lock);
    while (!limit->ending) {
        if (!limit->above) {
            pthread_cond_wait(&limit->changed, &limit->lock);
            continue;
        }
        limit->above = false;
        pthread_mutex_unlock(&limit->lock);
        if (idle != NULL)
            thin_out(limit, idle);
        pthread_mutex_lock(&limit->lock);
    }
    pthread_mutex_unlock(&limit->lock);
    free(idle);
    return NULL;
}

int inode_limit_create(struct fuse_session *fuse, struct inode_table *inodes, size_t most,
                       struct inode_limit **ret_limit)
{
    struct inode_limit *limit = calloc(1, sizeof *limit);

    if (limit == NULL)
        return -ENOMEM;
    limit->fuse = fuse;
    limit->inodes = inodes;
    limit->most = most;
    pthread_mutex_init(&limit->joining, NULL);
    pthread_mutex_init(&limit->lock, NULL);
    pthread_cond_init(&limit->changed, NULL);

    int error = -pthread_create(&limit->thread, NULL, run, limit);

    if (error != 0) {
        pthread_cond_destroy(&limit->changed);
        pthread_mutex_destroy(&limit->lock);
        pthread_mutex_destroy(&limit->joining);
        free(limit);
        return error;
    }
    *ret_limit = limit;
    return 0;
}

void inode_limit_notice(struct inode_limit *limit)
{
    if (inode_table_count(limit->inodes) <= limit->most)
        return;
    pthread_mutex_lock(&limit->lock);
    limit->above = true;
    pthread_cond_signal(&limit->changed);
    pthread_mutex_unlock(&limit->lock);
}

void inode_limit_end(struct inode_limit *limit)
{
    pthread_mutex_lock(&limit->lock);
    __atomic_store_n(&limit->ending, true, __ATOMIC_RELAXED);
    pthread_cond_signal(&limit->changed);
    pthread_mutex_unlock(&limit->lock);
    pthread_mutex_lock(&limit->joining);
    if (!limit->joined)
        pthread_join(limit->thread, NULL);
    limit->joined = true;
    pthread_mutex_unlock(&limit->joining);
}

void inode_limit_free(struct inode_limit *limit)
{
    if (limit == NULL)
        return;
    inode_limit_end(limit);
    pthread_cond_destroy(&limit->changed);
    pthread_mutex_destroy(&limit->lock);
    pthread_mutex_destroy(&limit->joining);
    free(limit);
}
