/* SPDX-License-Identifier: MIT */
/*
 * Why a server's certificate was refused. libpq only says that it was; so the
 * certificate is fetched once more by a connection that verifies nothing and ends
 * as soon as TLS stands: neither a user's name nor a password is sent.
 */
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/source/postgres_internal.h"
#include "fs/base/clock.h"

#define WAIT_NS (UINT64_C(3) * 1000000000)

/* The TLS session once it stands, or NULL. libpq has not yet sent anything over it then. */
static SSL *session_of(const struct link *link)
{
    SSL *session =
        PQsslInUse(link->connection) != 0 ? PQsslStruct(link->connection, "OpenSSL") : NULL;

    return session != NULL && SSL_is_init_finished(session) ? session : NULL;
}

/* Sets a parameter, or adds it. */
static void set(struct parameters *parameters, const char *name, const char *value)
{
    char *own = strdup(value);

    if (own == NULL)
        return;
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->names[i], name) == 0) {
            free(parameters->values[i]);
            parameters->values[i] = own;
            return;
        }
    }

    char *own_name = strdup(name);

    if (own_name == NULL || parameters->count == POSTGRES_PARAMETERS_LIMIT) {
        free(own_name);
        free(own);
        return;
    }
    parameters->names[parameters->count] = own_name;
    parameters->values[parameters->count++] = own;
}

static void date_text(const ASN1_TIME *time, char *text, size_t size)
{
    struct tm broken;

    if (ASN1_TIME_to_tm(time, &broken) != 1 || strftime(text, size, "%Y-%m-%d", &broken) == 0)
        snprintf(text, size, "an unknown day");
}

static void describe(SSL *session, char *words, size_t size)
{
    X509 *certificate = SSL_get1_peer_certificate(session);
    char day[32];

    if (certificate == NULL)
        return;
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        date_text(X509_get0_notAfter(certificate), day, sizeof day);
        snprintf(words, size, "it expired on %s; the server needs a new one", day);
    } else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        date_text(X509_get0_notBefore(certificate), day, sizeof day);
        snprintf(words, size, "it is valid from %s on only; are the clocks right?", day);
    } else {
        snprintf(words, size,
                 "nobody whom we trust has signed it; sslrootcert=FILE names whom to "
                 "trust");
    }
    X509_free(certificate);
}

void postgres_certificate_cause(const struct postgres_source *source, size_t host, char *words,
                                size_t size)
{
    cleanup_parameters struct parameters parameters = {.count = 0};
    struct link link = {.source = source, .host = host};
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    uint64_t until_ns = clock_now_ns() + WAIT_NS;

    *words = '\0';
    if (postgres_parameters_create(source, host, &parameters, NULL) != 0)
        return;
    set(&parameters, "sslmode", "require");
    set(&parameters, "sslrootcert", "/dev/null/none");
    link.connection = PQconnectStartParams((const char *const *)parameters.names,
                                           (const char *const *)parameters.values, 0);
    while (link.connection != NULL && PQstatus(link.connection) != CONNECTION_BAD &&
           status != PGRES_POLLING_FAILED && status != PGRES_POLLING_OK &&
           session_of(&link) == NULL) {
        if (postgres_link_wait(&link, status == PGRES_POLLING_WRITING, until_ns) != 0)
            break;
        status = PQconnectPoll(link.connection);
    }
    if (link.connection != NULL && session_of(&link) != NULL)
        describe(session_of(&link), words, size);
    postgres_link_close(&link);
}
