/* SPDX-License-Identifier: MIT */
/*
 * Whoever waits for a server cannot look at anything else: a thread looks for them. Once
 * all is called off, the sockets are shut down under the waiting, which then fails as if
 * the server had gone. Once a single query is not wanted any more, the server is told to
 * end it, over another connection; the transaction goes on. And where the server has sent
 * nothing for a while, it is asked over another connection whether it still answers: a query may
 * take as long as it takes, but a server that is stopped, or out of reach, lets nobody in.
 */
#include <errmsg.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/clock.h"

#define GUARD_INTERVAL_NS UINT64_C(100000000)

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

/* A link that has waited for long, once in so long; NULL: there is none. The lock is held. */
static struct mysql_link *find_silent(struct mysql_source *source)
{
    uint64_t now = clock_now_ns();

    for (struct mysql_link *link = source->links; link != NULL; link = link->next) {
        unsigned waits = __atomic_load_n(&link->waits, __ATOMIC_RELAXED);

        if (waits % 2 == 0 || waits != link->waits_seen) {
            link->waits_seen = waits;
            link->silent_ns = now;
        } else if (now - link->silent_ns >= (uint64_t)MYSQL_PROBE_S * NS_PER_SECOND) {
            link->silent_ns = now;
            return link;
        }
    }
    return NULL;
}

/* Whether HOST answers, be it with a refusal; a socket refuses at once whom it has no room for. */
static bool host_answers(struct mysql_source *source, size_t host, struct failure *failure)
{
    struct mysql_link probe = {.host = host, .patience_s = MYSQL_PROBE_S};

    if (mysql_connect_link(source, &probe, failure) == 0)
        mysql_close(probe.handle);
    return probe.refusal != CR_SERVER_LOST && probe.refusal != CR_CONN_HOST_ERROR;
}

/*
 * HOST did not answer: whoever has waited for it since before it was asked has waited enough, and
 * whoever asks next, with a kept link or a new one, is told so. The lock is held.
 */
static void give_up(struct mysql_source *source, size_t host, const struct failure *why)
{
    for (struct mysql_link *link = source->links; link != NULL; link = link->next) {
        unsigned waits = __atomic_load_n(&link->waits, __ATOMIC_RELAXED);

        if (link->host == host && waits % 2 != 0 && waits == link->waits_seen)
            shutdown(link->handle->net.fd, SHUT_RDWR);
    }
    for (size_t i = 0; i < source->idle_count; i++) {
        if (source->idle[i]->host == host)
            shutdown(source->idle[i]->handle->net.fd, SHUT_RDWR);
    }
    source->last_failure = *why;
    server_hosts_failed(source->hosts, host, clock_now_ns());
}

/* The lock is held, and let go meanwhile: LINK may be closed then, or wait for something else. */
static void look_after(struct mysql_source *source, const struct mysql_link *link)
{
    struct failure why = {.code = 0};
    unsigned long id = link->id;
    size_t host = link->host;
    unsigned waits = link->waits_seen;

    pthread_mutex_unlock(&source->lock);

    bool answers = host_answers(source, host, &why);

    pthread_mutex_lock(&source->lock);
    for (struct mysql_link *each = source->links; each != NULL && !answers; each = each->next) {
        if (each->id != id || each->host != host ||
            __atomic_load_n(&each->waits, __ATOMIC_RELAXED) != waits)
            continue;
        give_up(source, host, &why);
        return;
    }
}

/* Where the server cannot be told, its answer is not waited for. The lock is held, and let go
 * meanwhile. */
static void end_query(struct mysql_source *source, struct mysql_link *link)
{
    pthread_mutex_unlock(&source->lock);

    int error = mysql_link_interrupt(source, link);

    pthread_mutex_lock(&source->lock);
    if (error != 0)
        shutdown(link->handle->net.fd, SHUT_RDWR);
    link->killing = false;
    pthread_cond_broadcast(&source->changed);
}

static void *run_guard(void *argument)
{
    struct mysql_source *source = argument;

    pthread_mutex_lock(&source->lock);
    while (!source->closing) {
        struct mysql_link *unwanted = find_unwanted(source);

        if (mysql_is_cancelled(source)) {
            for (struct mysql_link *link = source->links; link != NULL; link = link->next)
                shutdown(link->handle->net.fd, SHUT_RDWR);
        }
        if (unwanted != NULL) {
            end_query(source, unwanted);
            continue;
        }

        const struct mysql_link *silent = find_silent(source);

        if (silent != NULL) {
            look_after(source, silent);
            continue;
        }
        clock_wait(&source->changed, &source->lock, clock_now_ns() + GUARD_INTERVAL_NS);
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
