/* SPDX-License-Identifier: MIT */
/*
 * Which of several hosts is asked: the first that answers, is a standby, and is not
 * further behind than max-lag; when there is none, the primary. What libpq's own
 * target_session_attrs says otherwise holds instead (prefer-standby is the rule here).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "fs/base/clock.h"

#define ANSWER_NS (UINT64_C(5) * 1000000000) /* for questions about a server's state */

/*
 * How far behind a standby is: not at all when it has applied all that it received and is still
 * receiving; else as old as what it applied last. NULL: nobody knows. -1: it is no standby. Not
 * within a timeout that the database may have.
 */
static const char lag_query[] =
    "SET LOCAL statement_timeout = 0; "
    "SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN -1"
    " WHEN pg_catalog.pg_last_wal_receive_lsn() OPERATOR(pg_catalog.=)"
    " pg_catalog.pg_last_wal_replay_lsn()"
    " AND EXISTS (SELECT FROM pg_catalog.pg_stat_wal_receiver) THEN 0"
    " ELSE pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-)"
    " pg_catalog.pg_last_xact_replay_timestamp()) END";

enum role { ROLE_STANDBY, ROLE_PRIMARY, ROLE_LATE };

static int find_role(struct link *link, uint64_t max_lag_ns, enum role *ret_role,
                     struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = postgres_link_run(link, lag_query, &result, failure);

    if (error != 0)
        return error;

    double seconds = PQgetisnull(result, 0, 0) ? 1e18 : strtod(PQgetvalue(result, 0, 0), NULL);

    if (seconds == -1)
        *ret_role = ROLE_PRIMARY;
    else
        *ret_role = seconds * 1e9 > (double)max_lag_ns && max_lag_ns != UINT64_MAX ? ROLE_LATE
                                                                                   : ROLE_STANDBY;
    return 0;
}

/* Opens the host's control connection and finds out what it is. */
static int try_host(struct postgres_source *source, size_t host, struct link *link,
                    enum role *ret_role, struct failure *failure)
{
    int error = postgres_link_open(source, host, link, failure);

    if (error != 0)
        return error;
    link->patience_ns = ANSWER_NS;
    error = find_role(link, server_hosts_max_lag(source->hosts), ret_role, failure);
    if (error == 0 && *ret_role == ROLE_LATE)
        error = failure_set(failure, EIO, "%s: the standby is further behind than max-lag allows",
                            link->place);
    if (error != 0)
        postgres_link_close(link);
    return error;
}

/* Keeps LINK as what the source talks to; the one before goes. */
static void settle_on(struct postgres_source *source, struct link *link)
{
    postgres_link_close(&source->control);
    source->control = *link;
    link->connection = NULL;
    server_hosts_worked(source->hosts, source->control.host);
}

static bool takes_any(const struct postgres_source *source)
{
    const char *wanted = server_url_option(&source->url, "target_session_attrs");

    return !source->several || (wanted != NULL && strcmp(wanted, "prefer-standby") != 0);
}

static int choose_host(struct postgres_source *source, struct failure *failure)
{
    size_t order[SERVER_HOSTS_LIMIT];
    uint64_t wait_ns = 0;
    size_t count = server_hosts_order(source->hosts, clock_now_ns(), order, &wait_ns);
    cleanup_postgres_link struct link primary = {.connection = NULL};
    struct failure all = count == 0 ? source->failure : (struct failure){.code = 0};

    for (size_t i = 0; i < count; i++) {
        struct link link = {.connection = NULL};
        struct failure own = {.code = 0};
        enum role role;
        int error = try_host(source, order[i], &link, &role, &own);

        if (error == -ECANCELED) {
            if (failure != NULL)
                *failure = own;
            return error;
        }
        if (error != 0) {
            server_hosts_failed(source->hosts, order[i], clock_now_ns());
            server_hosts_add_failure(&all, &own);
        } else if (role == ROLE_STANDBY || takes_any(source)) {
            settle_on(source, &link);
            return 0;
        } else if (primary.connection == NULL) {
            primary = link;
        } else {
            postgres_link_close(&link);
        }
    }
    if (primary.connection != NULL) {
        settle_on(source, &primary);
        return 0;
    }
    if (all.code == 0)
        failure_set(&all, EIO,
                    "postgresql://%s: every standby is further behind than max-lag allows",
                    source->url.database != NULL ? source->url.database : "");
    source->failure = all;
    if (failure != NULL)
        *failure = all;
    return -all.code;
}

/* Whether the connection that we have may still be asked: a standby can fall behind. */
static bool still_good(struct postgres_source *source)
{
    enum role role = ROLE_STANDBY;

    if (postgres_link_is_lost(&source->control))
        return false;
    if (server_hosts_max_lag(source->hosts) == UINT64_MAX)
        return true;
    if (find_role(&source->control, server_hosts_max_lag(source->hosts), &role, NULL) == 0 &&
        role != ROLE_LATE)
        return true;
    server_hosts_failed(source->hosts, source->control.host, clock_now_ns());
    return false;
}

int postgres_control(struct postgres_source *source, struct failure *failure)
{
    if (still_good(source))
        return 0;
    postgres_link_close(&source->control);
    return choose_host(source, failure);
}
