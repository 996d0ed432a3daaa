/* SPDX-License-Identifier: MIT */
/*
 * The links of a source: those in use stand in a list, so that the guard can end
 * what they wait for (mysql_guard.c); a few that are not are kept for the next dataset.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"

bool mysql_is_cancelled(const struct mysql_source *source)
{
    return called_off(source->cancelled);
}

static void enlist(struct mysql_source *source, struct mysql_link *link)
{
    pthread_mutex_lock(&source->lock);
    link->next = source->links;
    source->links = link;
    pthread_mutex_unlock(&source->lock);
}

/* The lock is held. */
static void delist(struct mysql_source *source, struct mysql_link *link)
{
    struct mysql_link **place = &source->links;

    while (*place != NULL && *place != link)
        place = &(*place)->next;
    if (*place == link)
        *place = link->next;
}

/* PATIENCE_S: see struct mysql_link. */
static int connect_to(struct mysql_source *source, size_t host, unsigned patience_s,
                      struct mysql_link **ret_link, struct failure *failure)
{
    struct mysql_link *link = calloc(1, sizeof *link);

    if (link == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    link->host = host;
    link->patience_s = patience_s;

    int error = mysql_connect_link(source, link, failure);

    if (error != 0) {
        free(link);
        return error;
    }
    enlist(source, link);
    *ret_link = link;
    return 0;
}

#define NOT_FOLLOWING (-1.0)
#define NOT_TOLD (-2.0)

/* Seconds that the replica is behind, 0 when it is none; or one of the above. */
static double replica_lag(struct mysql_source *source, struct mysql_link *link)
{
    cleanup_rows MYSQL_RES *rows = NULL;

    if (mysql_ask(source, link, "SHOW SLAVE STATUS", &rows, NULL) != 0 &&
        mysql_ask(source, link, "SHOW REPLICA STATUS", &rows, NULL) != 0)
        return NOT_TOLD;

    MYSQL_ROW row = mysql_fetch_row(rows);

    for (unsigned i = 0; row != NULL && i < mysql_num_fields(rows); i++) {
        const char *name = mysql_fetch_field_direct(rows, i)->name;

        if (strcmp(name, "Seconds_Behind_Master") == 0 ||
            strcmp(name, "Seconds_Behind_Source") == 0)
            return row[i] != NULL ? strtod(row[i], NULL) : NOT_FOLLOWING;
    }
    return 0;
}

/* Whether the host is near enough to its primary. */
static int check_lag(struct mysql_source *source, struct mysql_link *link, struct failure *failure)
{
    uint64_t most_ns = server_hosts_max_lag(source->hosts);

    if (most_ns == UINT64_MAX)
        return 0;

    double lag = replica_lag(source, link);

    if (lag >= 0 && lag * NS_PER_SECOND <= (double)most_ns)
        return 0;
    if (lag == NOT_TOLD)
        return failure_set(failure, EACCES,
                           "max-lag: the server does not tell how far it is behind: %.200s; GRANT "
                           "REPLICA MONITOR (in MySQL, REPLICATION CLIENT) ON *.* lets it",
                           mysql_error(link->handle));
    if (lag == NOT_FOLLOWING)
        return failure_set(failure, EIO, "the replica does not follow its primary at present");
    return failure_set(failure, EIO, "the replica is %.0f seconds behind, and max-lag is %.1f", lag,
                       (double)most_ns / NS_PER_SECOND);
}

static int try_host(struct mysql_source *source, size_t host, struct mysql_link **ret_link,
                    struct failure *failure)
{
    struct mysql_link *link = NULL;
    int error = connect_to(source, host, 0, &link, failure);

    if (error == 0 && link != NULL) {
        error = check_lag(source, link, failure);
        if (error != 0)
            mysql_link_close(source, link);
    }
    if (error != 0) {
        server_hosts_failed(source->hosts, host, clock_now_ns());
        return error;
    }
    server_hosts_worked(source->hosts, host);
    *ret_link = link;
    return 0;
}

/* All that failed lately are left alone: the last refusal is told again. */
static int tell_last(struct mysql_source *source, struct failure *failure)
{
    struct failure last;

    pthread_mutex_lock(&source->lock);
    last = source->last_failure;
    pthread_mutex_unlock(&source->lock);
    if (failure != NULL)
        *failure = last;
    return last.code != 0 ? -last.code : failure_set(failure, EIO, "no server answers");
}

static int connect_somewhere(struct mysql_source *source, struct mysql_link **ret_link,
                             struct failure *failure)
{
    size_t order[SERVER_HOSTS_LIMIT];
    uint64_t wait_ns;
    size_t count = server_hosts_order(source->hosts, clock_now_ns(), order, &wait_ns);
    struct failure all = {.code = 0};
    int error = -EIO;

    if (count == 0)
        return tell_last(source, failure);
    for (size_t i = 0; i < count && error != 0; i++) {
        if (mysql_is_cancelled(source))
            return failure_set(failure, ECANCELED, "called off");

        struct failure own = {.code = 0};

        error = try_host(source, order[i], ret_link, &own);
        if (error != 0)
            server_hosts_add_failure(&all, &own);
    }
    if (error == 0)
        return 0;
    pthread_mutex_lock(&source->lock);
    source->last_failure = all;
    pthread_mutex_unlock(&source->lock);
    if (failure != NULL)
        *failure = all;
    return error;
}

/* Ends the link's transaction, if it is in one, without waiting for the server. */
static void roll_back(struct mysql_link *link)
{
    static const char statement[] = "ROLLBACK";

    if (link->broken || (link->handle->server_status & SERVER_STATUS_IN_TRANS) == 0)
        return;
    link->pending = true;
    link->broken = mysql_send_query(link->handle, statement, sizeof statement - 1) != 0;
}

/* Whether it has ended its last transaction, and answers. */
static bool is_ready(struct mysql_link *link)
{
    mysql_link_wait_begins(link);

    bool ready = !link->pending || mysql_read_query_result(link->handle) == 0;

    link->pending = link->pending && !ready;
    ready = ready && mysql_ping(link->handle) == 0;
    mysql_link_wait_ends(link);
    return ready;
}

/* One that is kept, if it still answers and its host still will do. */
static struct mysql_link *take_idle(struct mysql_source *source)
{
    for (;;) {
        struct mysql_link *link = NULL;

        pthread_mutex_lock(&source->lock);
        if (source->idle_count != 0) {
            link = source->idle[--source->idle_count];
            link->next = source->links;
            source->links = link;
        }
        pthread_mutex_unlock(&source->lock);
        if (link == NULL)
            return NULL;
        if (is_ready(link) && check_lag(source, link, NULL) == 0)
            return link;
        mysql_link_close(source, link);
    }
}

int mysql_link_take(struct mysql_source *source, struct mysql_link **ret_link,
                    struct failure *failure)
{
    struct mysql_link *link = take_idle(source);

    if (link == NULL)
        return connect_somewhere(source, ret_link, failure);
    *ret_link = link;
    return 0;
}

int mysql_link_another(struct mysql_source *source, const struct mysql_link *like,
                       struct mysql_link **ret_link, struct failure *failure)
{
    return connect_to(source, like->host, 0, ret_link, failure);
}

int mysql_link_interrupt(struct mysql_source *source, const struct mysql_link *link)
{
    struct mysql_link *other = NULL;
    int error = connect_to(source, link->host, MYSQL_BRIEF_S, &other, NULL);

    if (error != 0 || other == NULL)
        return error;
    error = mysql_do(source, other, NULL, "KILL QUERY %lu", link->id);
    mysql_link_close(source, other);
    return error;
}

void mysql_link_close(struct mysql_source *source, struct mysql_link *link)
{
    if (link == NULL)
        return;
    pthread_mutex_lock(&source->lock);
    delist(source, link);
    pthread_mutex_unlock(&source->lock);
    mysql_close(link->handle);
    free(link);
}

void mysql_link_give_back(struct mysql_source *source, struct mysql_link *link)
{
    bool kept = false;

    roll_back(link);
    link->taken = false;
    pthread_mutex_lock(&source->lock);
    if (!link->broken && source->idle_count < source->settings.connections + 1 &&
        source->idle_count < MYSQL_LINKS_MOST && link->host == source->host) {
        delist(source, link);
        source->idle[source->idle_count++] = link;
        kept = true;
    }
    pthread_mutex_unlock(&source->lock);
    if (!kept)
        mysql_link_close(source, link);
}
