/* SPDX-License-Identifier: MIT */
/* Connections: made without ever blocking, so that a host that is silent costs only its time. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "fs/base/called_off.h"
#include "fs/base/clock.h"

#define LOOK_MS 100 /* how often we look whether the mount ends */
#define OLDEST_VERSION 130000

/* What holds unless the URL says otherwise: a dead network is noticed within two minutes. */
static const struct {
    const char *name;
    const char *value;
} defaults[] = {
    {"application_name", "crmfs"}, {"keepalives_idle", "30"},     {"keepalives_interval", "10"},
    {"keepalives_count", "6"},     {"tcp_user_timeout", "60000"},
};

/* --- parameters --------------------------------------------------------------------------- */

static int add(struct parameters *parameters, const char *name, const char *value)
{
    char *own_name = strdup(name);
    char *own_value = strdup(value);

    if (own_name == NULL || own_value == NULL || parameters->count == POSTGRES_PARAMETERS_LIMIT) {
        free(own_name);
        free(own_value);
        return -ENOMEM;
    }
    parameters->names[parameters->count] = own_name;
    parameters->values[parameters->count++] = own_value;
    return 0;
}

void postgres_parameters_release(struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++) {
        explicit_bzero(parameters->values[i], strlen(parameters->values[i]));
        free(parameters->names[i]);
        free(parameters->values[i]);
    }
    *parameters = (struct parameters){.count = 0};
}

static bool is_ours(const char *name)
{
    static const char *const ours[] = {SERVER_HOSTS_OPTIONS, "connect_timeout", "connections",
                                       "foreign-timeout"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (strcmp(ours[i], name) == 0)
            return true;
    }
    return false;
}

static int add_place(const struct postgres_source *source, size_t host,
                     struct parameters *parameters)
{
    const struct server_host *server = server_hosts_get(source->hosts, host);
    char port[16];
    int error = 0;

    if (source->url.user != NULL)
        error = add(parameters, "user", source->url.user);
    if (error == 0 && source->url.database != NULL)
        error = add(parameters, "dbname", source->url.database);
    if (error == 0 && server->name[0] != '\0')
        error = add(parameters, "host", server->name);
    if (error == 0 && server->port != 0) {
        snprintf(port, sizeof port, "%u", server->port);
        error = add(parameters, "port", port);
    }
    return error;
}

/* What the configuration has, or a command prints; else libpq looks into its own files. */
static int add_password(const struct postgres_source *source, struct parameters *parameters,
                        struct failure *failure)
{
    char *secret;
    int error = server_password_get(source->password, &secret, failure);

    if (error != 0 || secret == NULL)
        return error;
    error = add(parameters, "password", secret);
    server_password_forget(secret);
    return error;
}

int postgres_parameters_create(const struct postgres_source *source, size_t host,
                               struct parameters *ret_parameters, struct failure *failure)
{
    cleanup_parameters struct parameters parameters = {.count = 0};
    const struct server_url *url = &source->url;
    int error = postgres_library_load(failure);

    if (error == 0)
        error = add_place(source, host, &parameters);
    for (size_t i = 0; i < url->option_count && error == 0; i++) {
        if (!is_ours(url->options[i].name))
            error = add(&parameters, url->options[i].name, url->options[i].value);
    }
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults && error == 0; i++) {
        if (server_url_option(url, defaults[i].name) == NULL)
            error = add(&parameters, defaults[i].name, defaults[i].value);
    }
    if (error == 0)
        error = add_password(source, &parameters, failure);
    if (error == -ENOMEM)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error != 0)
        return error;
    *ret_parameters = parameters;
    parameters = (struct parameters){.count = 0};
    return 0;
}

/* --- waiting ------------------------------------------------------------------------------ */

int postgres_link_wait(struct link *link, bool write, uint64_t until_ns)
{
    const bool *cancelled = link->source->options.cancelled;
    struct pollfd place = {.fd = PQsocket(link->connection),
                           .events = (short)(write ? POLLIN | POLLOUT : POLLIN)};

    for (;;) {
        int ready = poll(&place, 1, LOOK_MS);

        if (ready > 0 || (ready < 0 && errno != EINTR))
            return 0;
        if (called_off(cancelled))
            return -ECANCELED;
        if (link->bound != NULL && link->bound->look != NULL &&
            (link->ended = link->bound->look(link->bound->context)) != 0)
            return -ECANCELED;
        if (until_ns != 0 && clock_now_ns() >= until_ns)
            return -ETIMEDOUT;
    }
}

/* --- connecting --------------------------------------------------------------------------- */

static void name_place(struct link *link)
{
    const struct server_host *host = server_hosts_get(link->source->hosts, link->host);
    const char *name = PQhost(link->connection);
    const char *port = PQport(link->connection);
    const char *database = PQdb(link->connection);

    if (name == NULL || *name == '\0')
        name = host->name;
    snprintf(link->place, sizeof link->place, "postgresql://%.120s%s%.8s/%.100s",
             *name == '/' ? "" : name, *name == '/' || port == NULL || *port == '\0' ? "" : ":",
             *name == '/' || port == NULL ? "" : port, database != NULL ? database : "");
}

static int connect_within(struct link *link, uint64_t until_ns, struct failure *failure)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    while (status != PGRES_POLLING_OK) {
        int error = status == PGRES_POLLING_FAILED
                        ? 0
                        : postgres_link_wait(link, status == PGRES_POLLING_WRITING, until_ns);

        if (error == -ECANCELED)
            return failure_set(failure, ECANCELED, "%s: the mount is ending", link->place);
        if (error != 0)
            return failure_set(failure, ETIMEDOUT,
                               "%s: the server does not answer; is it running, and reachable from "
                               "here? (waited for %g seconds; connect_timeout=SECONDS in the URL "
                               "changes that)",
                               link->place,
                               (double)link->source->connect_timeout_ns / (double)NS_PER_SECOND);
        if (status == PGRES_POLLING_FAILED || PQstatus(link->connection) == CONNECTION_BAD)
            return postgres_failure(failure, link, NULL);
        status = PQconnectPoll(link->connection);
    }
    return 0;
}

static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

/* Texts come as UTF-8; from databases that do not know what their bytes mean, as they are. */
static int settle(struct link *link, struct failure *failure)
{
    const char *encoding = PQparameterStatus(link->connection, "server_encoding");

    link->version = PQserverVersion(link->connection);
    if (link->version < OLDEST_VERSION)
        return failure_set(failure, ENOTSUP,
                           "%s: the server is PostgreSQL %d; crmfs reads version 13 and later",
                           link->place, link->version / 10000);
    link->client_encoding =
        encoding != NULL && strcmp(encoding, "SQL_ASCII") == 0 ? "SQL_ASCII" : "UTF8";
    return 0;
}

int postgres_link_open(const struct postgres_source *source, size_t host, struct link *link,
                       struct failure *failure)
{
    cleanup_parameters struct parameters parameters = {.count = 0};
    int error = postgres_parameters_create(source, host, &parameters, failure);

    if (error != 0)
        return error;
    *link = (struct link){.source = source, .host = host};
    link->connection = PQconnectStartParams((const char *const *)parameters.names,
                                            (const char *const *)parameters.values, 0);
    if (link->connection == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    name_place(link);
    /* Only so is SQLSTATE in the words of a refused connection. */
    PQsetErrorVerbosity(link->connection, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(link->connection, ignore_notice, NULL);
    if (PQstatus(link->connection) == CONNECTION_BAD)
        error = postgres_failure(failure, link, NULL);
    else
        error = connect_within(link, clock_now_ns() + source->connect_timeout_ns, failure);
    name_place(link);
    if (error == 0)
        error = settle(link, failure);
    if (error != 0) {
        postgres_link_close(link);
        return error;
    }
    PQsetnonblocking(link->connection, 1);
    return 0;
}

/*
 * PQcancel blocks, for ever when the server hangs; so what is under way is left to the server,
 * which looks after its client every second (client_connection_check_interval, since version 14),
 * and in any case when it has a row to send.
 */
void postgres_link_close(struct link *link)
{
    PQfinish(link->connection);
    link->connection = NULL;
}

bool postgres_link_is_lost(const struct link *link)
{
    return link->connection == NULL || PQstatus(link->connection) == CONNECTION_BAD;
}

int postgres_link_probe(const struct link *link, struct failure *failure)
{
    struct link probe;
    int error = postgres_link_open(link->source, link->host, &probe, failure);

    if (error == 0)
        postgres_link_close(&probe);
    /* Whatever the server itself said, it is alive. */
    return error == -ETIMEDOUT || error == -ECONNREFUSED || error == -EHOSTUNREACH ||
                   error == -ECANCELED
               ? error
               : 0;
}
