/* SPDX-License-Identifier: MIT */
#include "backends/source/server_url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

#define LARGEST_PORT 65535

/* What is being taken apart; TEXT is a copy whose separators become NULs. */
struct parser {
    struct server_url url;
    const char *shown; /* the scheme alone: the rest may hold what is not to be shown */
    struct failure *failure;
};

static int refuse(const struct parser *parser, const char *what)
{
    return failure_set(parser->failure, EINVAL, "%s:// URL: %s", parser->shown, what);
}

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

void server_url_release(struct server_url *url)
{
    for (size_t i = 0; i < url->host_count; i++)
        free(url->hosts[i].name);
    for (size_t i = 0; i < url->option_count; i++) {
        free(url->options[i].name);
        free(url->options[i].value);
    }
    free(url->hosts);
    free(url->options);
    free(url->scheme);
    free(url->user);
    free(url->database);
    free(url->password_command);
    *url = (struct server_url){.host_count = 0};
}

static int decode(const struct parser *parser, char *part)
{
    return percent_decode(part)
               ? 0
               : refuse(parser, "a '%' takes two hexadecimal digits behind it, not 00; the sign "
                                "itself is written %25");
}

/* A decoded copy of PART in *PLACE, which is said for the first time. */
static int keep(const struct parser *parser, char *part, const char *what, char **place)
{
    int error = decode(parser, part);

    if (error != 0)
        return error;
    if (*place != NULL)
        return failure_set(parser->failure, EINVAL, "%s:// URL: the %s is said twice",
                           parser->shown, what);
    *place = strdup(part);
    return *place != NULL ? 0 : no_memory(parser->failure);
}

static int read_port(const struct parser *parser, const char *text, unsigned *ret_port)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || port == 0 || port > LARGEST_PORT)
        /* Not repeated: it may be a password, of a URL whose '@' was forgotten. */
        return failure_set(parser->failure, EINVAL,
                           "%s:// URL: what stands behind a host's ':' is no port; ports are "
                           "numbers from 1 to %d",
                           parser->shown, LARGEST_PORT);
    *ret_port = (unsigned)port;
    return 0;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT, not yet decoded. */
static int add_host(struct parser *parser, char *text)
{
    struct server_url *url = &parser->url;
    struct server_host host = {.port = 0};
    char *port = NULL;
    int error = 0;

    if (*text == '[') {
        char *end = strchr(text, ']');

        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return refuse(parser, "an address in brackets ends in ']' or ']:PORT'");
        port = end[1] == ':' ? end + 2 : NULL;
        *end = '\0';
        text++;
    } else {
        port = strchr(text, ':');
        if (port != NULL)
            *port++ = '\0';
    }
    if (url->host_count == SERVER_HOSTS_LIMIT)
        return refuse(parser, "there are too many hosts");
    if (port != NULL && *port != '\0')
        error = read_port(parser, port, &host.port);
    if (error == 0)
        error = keep(parser, text, "host", &host.name);
    if (error == 0 && url->hosts == NULL)
        url->hosts = allocate_array(SERVER_HOSTS_LIMIT, sizeof *url->hosts);
    if (error != 0 || url->hosts == NULL) {
        free(host.name);
        return error != 0 ? error : no_memory(parser->failure);
    }
    url->hosts[url->host_count++] = host;
    return 0;
}

static int add_hosts(struct parser *parser, char *list)
{
    int error = 0;

    if (*list == '\0')
        return 0;
    if (parser->url.host_count != 0)
        return refuse(parser, "hosts are named twice, before the path and as an option");
    for (char *next = list; list != NULL && error == 0; list = next) {
        next = strchr(list, ',');
        if (next != NULL)
            *next++ = '\0';
        error = add_host(parser, list);
    }
    return error;
}

/* For all hosts that have none. */
static int set_ports(struct parser *parser, const char *text)
{
    unsigned port = 0;
    int error = read_port(parser, text, &port);

    if (error == 0 && parser->url.host_count == 0) {
        char none[] = "";

        error = add_host(parser, none);
    }
    for (size_t i = 0; i < parser->url.host_count && error == 0; i++) {
        if (parser->url.hosts[i].port == 0)
            parser->url.hosts[i].port = port;
    }
    return error;
}

static int add_option(struct parser *parser, char *name, char *value)
{
    struct server_url *url = &parser->url;
    struct server_option option;

    if (url->option_count == SERVER_OPTIONS_LIMIT)
        return refuse(parser, "there are too many options");
    if (server_url_option(url, name) != NULL)
        return failure_set(parser->failure, EINVAL, "%s:// URL: the option \"%s\" is given twice",
                           parser->shown, name);
    if (url->options == NULL)
        url->options = allocate_array(SERVER_OPTIONS_LIMIT, sizeof *url->options);
    option.name = strdup(name);
    option.value = strdup(value);
    if (url->options == NULL || option.name == NULL || option.value == NULL) {
        free(option.name);
        free(option.value);
        return no_memory(parser->failure);
    }
    url->options[url->option_count++] = option;
    return 0;
}

static int refuse_password(const struct parser *parser)
{
    return refuse(parser, "a password in a URL can be seen by everybody on this machine: take it "
                          "out and use an option file, password-command=COMMAND, or the keys "
                          "password and password-command of crmfs.conf(5)");
}

/* NAME=VALUE; the value is not yet decoded. PORT: found, for when all hosts are known. */
static int take_option(struct parser *parser, char *option, const char **port)
{
    char *value = strchr(option, '=');

    if (value == NULL)
        return failure_set(parser->failure, EINVAL,
                           "%s:// URL: the option \"%s\" lacks its value: %s=…", parser->shown,
                           option, option);
    *value++ = '\0';

    int error = decode(parser, option);

    if (error != 0)
        return error;
    if (strcmp(option, "host") == 0)
        return add_hosts(parser, value);
    if (strcmp(option, "user") == 0)
        return keep(parser, value, "user", &parser->url.user);
    if (strcmp(option, "dbname") == 0)
        return keep(parser, value, "database", &parser->url.database);
    if (strcmp(option, "password-command") == 0)
        return keep(parser, value, "password-command", &parser->url.password_command);
    if (strcmp(option, "password") == 0 || strcmp(option, "sslpassword") == 0)
        return refuse_password(parser);
    error = decode(parser, value);
    if (error == 0 && strcmp(option, "port") == 0)
        *port = value;
    else if (error == 0)
        error = add_option(parser, option, value);
    return error;
}

static int take_options(struct parser *parser, char *options)
{
    const char *port = NULL;
    int error = 0;

    for (char *next = options; options != NULL && error == 0; options = next) {
        next = strchr(options, '&');
        if (next != NULL)
            *next++ = '\0';
        if (*options != '\0')
            error = take_option(parser, options, &port);
    }
    return error == 0 && port != NULL ? set_ports(parser, port) : error;
}

/* What stands between "//" and '/': USER@HOSTS. */
static int take_authority(struct parser *parser, char *authority)
{
    char *at = strrchr(authority, '@');
    int error = 0;

    if (at != NULL) {
        *at = '\0';
        if (strchr(authority, ':') != NULL)
            return refuse_password(parser);
        if (*authority != '\0')
            error = keep(parser, authority, "user", &parser->url.user);
        authority = at + 1;
    }
    return error == 0 ? add_hosts(parser, authority) : error;
}

/*
 * Whether REST begins with "USER:PASSWORD@" although it does not look so: the password has a '/',
 * a '?' or a '#'. Hosts have a ':' too, before their ports, and options' values may have an '@'.
 */
static bool holds_password(const char *rest)
{
    size_t length = strcspn(rest, "/?#");
    const char *at = strchr(rest + length, '@');
    const char *value = strpbrk(rest + length, "=");

    if (at == NULL || memchr(rest, ':', length) == NULL || memchr(rest, '@', length) != NULL)
        return false;
    return value == NULL || value > at || memchr(rest, '?', (size_t)(value - rest)) == NULL;
}

static int take_apart(struct parser *parser, char *rest)
{
    char *options = strchr(rest, '?');

    if (holds_password(rest))
        return refuse_password(parser);
    if (strchr(rest, '#') != NULL)
        return refuse(parser, "a '#' is written %23");
    if (options != NULL)
        *options++ = '\0';

    char *database = strchr(rest, '/');

    if (database != NULL)
        *database++ = '\0';

    int error = take_authority(parser, rest);

    if (error == 0 && database != NULL && *database != '\0')
        error = strchr(database, '/') != NULL
                    ? refuse(parser, "a '/' in the database's name is written %2F")
                    : keep(parser, database, "database", &parser->url.database);
    return error == 0 && options != NULL ? take_options(parser, options) : error;
}

int server_url_parse(const char *text, struct server_url *ret_url, struct failure *failure)
{
    struct parser parser = {.failure = failure, .shown = ""};
    const char *rest = strstr(text, "://");
    size_t length = strlen(text);

    if (length > SERVER_URL_LIMIT)
        return failure_set(failure, ENAMETOOLONG, "a URL of %zu bytes; at most %d work", length,
                           SERVER_URL_LIMIT);
    if (rest == NULL)
        return failure_set(failure, EINVAL,
                           "%.600s: a server's URL goes SCHEME://USER@HOST/DATABASE", text);

    cleanup_free char *copy = strdup(rest + 3);

    parser.url.scheme = strndup(text, (size_t)(rest - text));
    if (copy == NULL || parser.url.scheme == NULL) {
        free(parser.url.scheme);
        return no_memory(failure);
    }
    for (char *at = parser.url.scheme; *at != '\0'; at++)
        *at = ascii_lower(*at);
    parser.shown = parser.url.scheme;

    int error = take_apart(&parser, copy);

    if (error != 0)
        server_url_release(&parser.url);
    else
        *ret_url = parser.url;
    return error;
}
