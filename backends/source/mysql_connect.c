/* SPDX-License-Identifier: MIT */
/*
 * Connecting, and what every session is set to: UTF-8, UTC, REPEATABLE READ, and none of
 * the limits by which a server's configuration may cut results short, or end long queries or
 * the connection.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

#define OWN_GROUP "crmfs"

static void set_text(MYSQL *handle, enum mysql_option option, const char *value)
{
    if (value != NULL)
        mysql_options(handle, option, value);
}

/*
 * The two libraries agree on all of TLS but on how to ask for it. MariaDB's does it when it is told
 * to or given any file for it; when the server offers none it goes on in the clear, unless a
 * certificate is to be verified (check_tls).
 */
static void set_tls_mode(MYSQL *handle, enum mysql_tls mode)
{
#ifdef MARIADB_BASE_VERSION
    char wanted = mode >= TLS_PREFERRED;
    char verify = mode >= TLS_VERIFY_CA; /* which checks the name as well */

    mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &wanted);
    mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
#else
    unsigned value = mode == TLS_DISABLED    ? SSL_MODE_DISABLED
                     : mode == TLS_PREFERRED ? SSL_MODE_PREFERRED
                     : mode == TLS_REQUIRED  ? SSL_MODE_REQUIRED
                     : mode == TLS_VERIFY_CA ? SSL_MODE_VERIFY_CA
                                             : SSL_MODE_VERIFY_IDENTITY;

    mysql_options(handle, MYSQL_OPT_SSL_MODE, &value);
#endif
}

static void set_tls(MYSQL *handle, const struct mysql_settings *settings, bool over_socket)
{
    /* Nobody listens on a socket: both servers' own clients do without TLS there, too. */
    enum mysql_tls mode =
        settings->tls == TLS_PREFERRED && over_socket ? TLS_DISABLED : settings->tls;

    set_tls_mode(handle, mode);
    if (mode == TLS_DISABLED)
        return;
    set_text(handle, MYSQL_OPT_SSL_CA, settings->ssl_ca);
    set_text(handle, MYSQL_OPT_SSL_CAPATH, settings->ssl_capath);
    set_text(handle, MYSQL_OPT_SSL_CERT, settings->ssl_cert);
    set_text(handle, MYSQL_OPT_SSL_KEY, settings->ssl_key);
    set_text(handle, MYSQL_OPT_SSL_CRL, settings->ssl_crl);
    set_text(handle, MYSQL_OPT_SSL_CIPHER, settings->ssl_cipher);
    set_text(handle, MYSQL_OPT_TLS_VERSION, settings->tls_version);
}

static void set_options(MYSQL *handle, const struct mysql_settings *settings, bool writes)
{
    /* Files are never read for the server: what it asks for is made of rows in memory. */
    unsigned rows_only = writes;
    unsigned long packet = 1024UL << 20; /* the protocol's own limit */

    mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(handle, MYSQL_OPT_LOCAL_INFILE, &rows_only);
    mysql_options(handle, MYSQL_OPT_CONNECT_TIMEOUT, &settings->connect_timeout_s);
    mysql_options(handle, MYSQL_OPT_READ_TIMEOUT, &settings->timeout_s);
    mysql_options(handle, MYSQL_OPT_WRITE_TIMEOUT, &settings->timeout_s);
    mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    if (settings->compress)
        mysql_options(handle, MYSQL_OPT_COMPRESS, NULL);
    /* What is said here counts more than option files, but for these. */
    set_text(handle, MYSQL_READ_DEFAULT_FILE, settings->defaults_file);
    set_text(handle, MYSQL_READ_DEFAULT_GROUP,
             settings->defaults_group != NULL ? settings->defaults_group : OWN_GROUP);
}

static int set_session(struct mysql_source *source, struct mysql_link *link,
                       struct failure *failure)
{
    /* Servers differ in which of these they know. */
    static const char *const where_known[] = {
        "SET SESSION max_statement_time=0",
        "SET SESSION max_execution_time=0",
        "SET SESSION information_schema_stats_expiry=0",
        "SET SESSION query_cache_type=0",
    };
    int error =
        mysql_do(source, link, failure,
                 "SET SESSION time_zone='+00:00', sql_mode='', autocommit=1, completion_type=0, "
                 "sql_select_limit=18446744073709551615, sql_big_selects=1, "
                 "sql_quote_show_create=1, sql_auto_is_null=0, net_write_timeout=3600, "
                 "lock_wait_timeout=5, max_sort_length=%d",
                 MYSQL_SORTED_BYTES);

    if (error == 0)
        error = mysql_do(source, link, failure,
                         "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
    for (size_t i = 0; i < sizeof where_known / sizeof *where_known && error == 0; i++) {
        if ((strstr(where_known[i], "max_statement") != NULL ||
             strstr(where_known[i], "query_cache") != NULL) == link->mariadb &&
            mysql_query(link->handle, where_known[i]) != 0)
            mysql_errno(link->handle);
    }
    return error;
}

/* What kind of server it is. */
static void note_server(struct mysql_source *source, struct mysql_link *link)
{
    const char *words = mysql_get_server_info(link->handle);

    link->id = mysql_thread_id(link->handle);
    if (link->handle->unix_socket != NULL || link->handle->host == NULL)
        snprintf(link->place, sizeof link->place, "%s",
                 link->handle->unix_socket != NULL ? link->handle->unix_socket : "");
    else
        snprintf(link->place, sizeof link->place, "%s:%u", link->handle->host, link->handle->port);
    link->mariadb = strstr(words, "MariaDB") != NULL;
    link->version = (unsigned)mysql_get_server_version(link->handle);
    link->changes = mysql_find_changes(source, link);
    pthread_mutex_lock(&source->lock);
    source->host = link->host;
    memcpy(source->place, link->place, sizeof source->place);
    source->changes = link->changes;
    strncpy(source->server, words, sizeof source->server - 1);
    pthread_mutex_unlock(&source->lock);
}

/*
 * MariaDB's library goes on in the clear when a server offers no TLS and no certificate is
 * to be verified, whatever it was told; and an option file may have told it to do TLS.
 */
static int check_tls(const struct mysql_source *source, const struct mysql_link *link,
                     struct failure *failure)
{
    bool sealed = mysql_get_ssl_cipher(link->handle) != NULL;

    if (source->settings.tls == TLS_DISABLED && sealed)
        return failure_set(failure, EPROTO,
                           "ssl-mode=DISABLED, but an option file asks for TLS: take its ssl lines "
                           "out, or name another one with defaults-file=");
    if (source->settings.tls < TLS_REQUIRED || sealed)
        return 0;
    return failure_set(failure, EPROTO,
                       "the server offers no TLS, and ssl-mode asks for it: set the server up for "
                       "TLS, or use its socket");
}

/*
 * Where the link leads. A port that is said means TCP, also to this machine: the libraries prefer a
 * socket there. Whether it leads to a socket.
 */
static bool set_place(const struct mysql_source *source, const struct mysql_link *link,
                      const char **ret_name, const char **ret_socket)
{
    const struct server_host *host = server_hosts_get(source->hosts, link->host);
    bool is_path = host->name[0] == '/';
    bool is_local = host->name[0] == '\0' || strcmp(host->name, "localhost") == 0;
    unsigned protocol = MYSQL_PROTOCOL_TCP;

    *ret_name = is_path || host->name[0] == '\0' ? NULL : host->name;
    *ret_socket = is_path ? host->name : source->settings.socket;
    if (*ret_socket == NULL && host->port != 0) {
        mysql_options(link->handle, MYSQL_OPT_PROTOCOL, &protocol);
        return false;
    }
    return is_path || is_local;
}

int mysql_connect_link(struct mysql_source *source, struct mysql_link *link,
                       struct failure *failure)
{
    const char *name;
    const char *socket;
    char *secret = NULL;
    int error = server_password_get(source->password, &secret, failure);

    if (error != 0)
        return error;
    link->handle = mysql_init(NULL);
    if (link->handle == NULL) {
        server_password_forget(secret);
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }

    bool over_socket = set_place(source, link, &name, &socket);

    struct mysql_settings settings = source->settings;

    if (link->patience_s != 0) {
        settings.timeout_s = link->patience_s;
        if (settings.connect_timeout_s > link->patience_s)
            settings.connect_timeout_s = link->patience_s;
    } else if (source->gives_lines) {
        /* The keys of a large table take what they take; the guard knows work from silence. */
        settings.timeout_s = 0;
    }
    set_options(link->handle, &settings, source->gives_lines);
    set_tls(link->handle, &source->settings, over_socket);

    bool connected =
        mysql_real_connect(link->handle, name, source->url.user, secret, source->database,
                           server_hosts_get(source->hosts, link->host)->port, socket, 0) != NULL;

    server_password_forget(secret);
    if (connected) {
        note_server(source, link);
        error = check_tls(source, link, failure);
        if (error == 0)
            error = set_session(source, link, failure);
    } else {
        error = mysql_link_failure(source, link, NULL, failure);
    }
    if (error != 0) {
        link->refusal = mysql_errno(link->handle);
        mysql_close(link->handle);
        link->handle = NULL;
    }
    return error;
}
