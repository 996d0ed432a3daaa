/* SPDX-License-Identifier: MIT */
/* The options of a mysql:// URL. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/mysql_internal.h"

#define SECOND_NS UINT64_C(1000000000)
#define CONNECT_TIMEOUT_S 10
#define TIMEOUT_S 120
#define TIMEOUT_MOST_S 86400

static const char *const known[] = {
    SERVER_HOSTS_OPTIONS,
    "socket",
    "defaults-file",
    "defaults-group",
    "ssl-mode",
    "ssl-ca",
    "ssl-capath",
    "ssl-cert",
    "ssl-key",
    "ssl-crl",
    "ssl-cipher",
    "tls-version",
    "compress",
    "connect-timeout",
    "timeout",
    "connections",
    NULL,
};

/*
 * A file's path. MariaDB's library passes over option files that are not there, and does not say
 * which file of several it could not read.
 */
static int read_file(const struct server_url *url, const char *name, const char **ret_path,
                     struct failure *failure)
{
    int error = server_url_path(url, name, ret_path, failure);

    if (error != 0 || *ret_path == NULL || access(*ret_path, R_OK) == 0)
        return error;
    return failure_set(failure, errno, "%s:// URL: %s=%s: %s", url->scheme, name, *ret_path,
                       strerror(errno));
}

/* A list with commas. MariaDB's library takes what it does not know for any version. */
static int check_tls_versions(const struct server_url *url, const char *list,
                              struct failure *failure)
{
    static const char *const versions[] = {"TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

    for (const char *at = list; at != NULL;) {
        size_t length = strcspn(at, ",");
        bool found = false;

        for (size_t i = 0; i < sizeof versions / sizeof *versions && !found; i++)
            found = strlen(versions[i]) == length && strncmp(versions[i], at, length) == 0;
        if (!found)
            return failure_set(failure, EINVAL,
                               "%s:// URL: tls-version=%s: it is a list of TLSv1.2, TLSv1.3 (and "
                               "TLSv1.0, TLSv1.1, which nobody should use any more)",
                               url->scheme, list);
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    return 0;
}

/* Whole seconds, at least one: the client library knows no less. */
static int read_seconds(const struct server_url *url, const char *name, unsigned *seconds,
                        struct failure *failure)
{
    uint64_t ns = *seconds * SECOND_NS;
    int error = server_url_duration(url, name, &ns, failure);

    if (error != 0)
        return error;
    if (ns > TIMEOUT_MOST_S * SECOND_NS)
        ns = TIMEOUT_MOST_S * SECOND_NS;
    *seconds = ns < SECOND_NS ? 1 : (unsigned)((ns + SECOND_NS - 1) / SECOND_NS);
    return 0;
}

static int read_tls(const struct server_url *url, struct mysql_settings *settings,
                    struct failure *failure)
{
    static const char *const modes[] = {"DISABLED",  "PREFERRED",       "REQUIRED",
                                        "VERIFY_CA", "VERIFY_IDENTITY", NULL};
    const struct {
        const char *name;
        const char **place;
    } files[] = {
        {"ssl-ca", &settings->ssl_ca},     {"ssl-capath", &settings->ssl_capath},
        {"ssl-cert", &settings->ssl_cert}, {"ssl-key", &settings->ssl_key},
        {"ssl-crl", &settings->ssl_crl},
    };
    size_t mode = TLS_PREFERRED;
    int error = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files && error == 0; i++)
        error = read_file(url, files[i].name, files[i].place, failure);
    settings->ssl_cipher = server_url_option(url, "ssl-cipher");
    settings->tls_version = server_url_option(url, "tls-version");
    /* Whoever names an authority wants it asked. */
    if (settings->ssl_ca != NULL || settings->ssl_capath != NULL)
        mode = TLS_VERIFY_IDENTITY;
    if (error == 0)
        error = check_tls_versions(url, settings->tls_version, failure);
    if (error == 0)
        error = server_url_choice(url, "ssl-mode", modes, &mode, failure);
    settings->tls = (enum mysql_tls)mode;
    return error;
}

int mysql_read_settings(const struct server_url *url, const struct source_options *options,
                        struct mysql_settings *ret_settings, struct failure *failure)
{
    static const char *const switches[] = {"no", "yes", NULL};
    struct mysql_settings settings = {.connect_timeout_s = CONNECT_TIMEOUT_S,
                                      .timeout_s = TIMEOUT_S,
                                      .defaults_group = server_url_option(url, "defaults-group")};
    uint64_t connections = options->parallel;
    size_t compress = 0;
    int error = server_url_check(url, known, failure);

    if (error == 0)
        error = server_url_path(url, "socket", &settings.socket, failure);
    if (error == 0)
        error = read_file(url, "defaults-file", &settings.defaults_file, failure);
    if (error == 0)
        error = read_tls(url, &settings, failure);
    if (error == 0)
        error = server_url_choice(url, "compress", switches, &compress, failure);
    if (error == 0)
        error = read_seconds(url, "connect-timeout", &settings.connect_timeout_s, failure);
    if (error == 0)
        error = read_seconds(url, "timeout", &settings.timeout_s, failure);
    if (error == 0)
        error = server_url_number(url, "connections", 1, MYSQL_LINKS_MOST, &connections, failure);
    if (error != 0)
        return error;
    settings.compress = compress != 0;
    settings.connections = connections < 1                  ? 1
                           : connections > MYSQL_LINKS_MOST ? MYSQL_LINKS_MOST
                                                            : (unsigned)connections;
    *ret_settings = settings;
    return 0;
}
