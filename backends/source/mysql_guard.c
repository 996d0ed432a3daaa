/* SPDX-License-Identifier: MIT */
/*
 * Whoever waits for a server cannot look at anything else: a thread looks for them. Once
 * all is called off, the sockets are shut down under the waiting, which then fails as if
 * the server had gone. Once a single query is not wanted any more, the server is told to
 * end it, over another connection; the transaction goes on.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "backends/source/mysql_internal.h"

#define GUARD_INTERVAL_NS 100000000L
#define NS_PER_SECOND 1000000000L

void mysql_link_bind(struct mysql_source *source, struct mysql_link *link,
                     const struct source_bound *bound)
{
    pthread_mutex_lock(&source->lock);
    link->bound = bound;
    __atomic_store_n(&link->ended, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&source->lock);
}

void mysql_link_unbind(struct mysql_source *source, struct mysql_link *link)
{
    pthread_mutex_lock(&source->lock);
    /* What is sent to end this query is not to meet the next one. */
    while (link->killing)
        pthread_cond_wait(&source->changed, &source->lock);
    link->bound = NULL;
    pthread_mutex_unlock(&source->lock);
}

/* A link whose query is not wanted any more; NULL: there is none. The lock is held. */
static struct mysql_link *find_unwanted(struct mysql_source *source)
{
    for (struct mysql_link *link = source->links; link != NULL; link = link->next) {
        int code = link->bound != NULL && link->bound->look != NULL && link->ended == 0
                       ? link->bound->look(link->bound->context)
                       : 0;

        if (code == 0)
            continue;
        __atomic_store_n(&link->ended, code, __ATOMIC_RELAXED);
        link->killing = true;
        return link;
    }
    return NULL;
}

/* The lock is held, and let go meanwhile. */
static void end_query(struct mysql_source *source, struct mysql_link *link)
{
    struct mysql_link *other;

    pthread_mutex_unlock(&source->lock);
    if (mysql_link_another(source, link, &other, NULL) == 0) {
        mysql_do(source, other, NULL, "KILL QUERY %lu", link->id);
        mysql_link_close(source, other);
    }
    pthread_mutex_lock(&source->lock);
    link->killing = false;
    pthread_cond_broadcast(&source->changed);
}

static void *run_guard(void *argument)
{
    struct mysql_source *source = argument;

    pthread_mutex_lock(&source->lock);
    while (!source->closing) {
        struct mysql_link *unwanted = find_unwanted(source);
        struct timespec until;

        if (mysql_is_cancelled(source)) {
            for (struct mysql_link *link = source->links; link != NULL; link = link->next)
                shutdown(link->handle->net.fd, SHUT_RDWR);
        }
        if (unwanted != NULL) {
            end_query(source, unwanted);
            continue;
        }
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += GUARD_INTERVAL_NS;
        until.tv_sec += until.tv_nsec / NS_PER_SECOND;
        until.tv_nsec %= NS_PER_SECOND;
        pthread_cond_timedwait(&source->changed, &source->lock, &until);
    }
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

int mysql_guard_start(struct mysql_source *source, struct failure *failure)
{
    int error = -pthread_create(&source->guard, NULL, run_guard, source);

    source->guarded = error == 0;
    return error == 0 ? 0
                      : failure_set(failure, -error, "cannot start a thread: %s", strerror(-error));
}

void mysql_guard_stop(struct mysql_source *source)
{
    if (!source->guarded)
        return;
    pthread_mutex_lock(&source->lock);
    source->closing = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    pthread_join(source->guard, NULL);
    source->guarded = false;
}
