/* SPDX-License-Identifier: MIT */
/*
 * A database server's URL taken apart, the same way for every kind of server:
 *
 *   SCHEME://[USER@][HOST[:PORT][,HOST[:PORT]…]]/[DATABASE][?OPTION=VALUE&…]
 *
 * Every part is percent-decoded. An IPv6 address stands in brackets. The option
 * "host" is a list of hosts as well, "user", "port" and "dbname" say what could
 * stand before the '?', and "password-command" names a command that prints the
 * password; they are taken by this file. A password in a URL is refused: URLs
 * stand in argv, where everybody sees them.
 */
#ifndef CRMFS_SOURCE_SERVER_URL_H
#define CRMFS_SOURCE_SERVER_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"

#define SERVER_URL_LIMIT 16384  /* bytes of a URL */
#define SERVER_HOSTS_LIMIT 64   /* hosts in one */
#define SERVER_OPTIONS_LIMIT 64 /* options in one */

struct server_host {
    char *name;    /* "": the server's own default; a path: the folder of its socket */
    unsigned port; /* 0: the default */
};

struct server_option {
    char *name;
    char *value;
};

struct server_url {
    char *scheme;           /* in small letters */
    char *user;             /* NULL: not said */
    char *database;         /* NULL: not said */
    char *password_command; /* NULL: there is none */
    struct server_host *hosts;
    size_t host_count;             /* 0: none was said */
    struct server_option *options; /* all others, in the URL's order, none twice */
    size_t option_count;
};

/* The caller releases *ret_url. -EINVAL (in words), -ENAMETOOLONG, -ENOMEM. */
int server_url_parse(const char *text, struct server_url *ret_url, struct failure *failure);
void server_url_release(struct server_url *url); /* zeroed: nothing happens */

/* The option's value; NULL: it is not there. */
const char *server_url_option(const struct server_url *url, const char *name);

/* Whether every option is one of KNOWN (ended by NULL); -EINVAL names the one that is not. */
int server_url_check(const struct server_url *url, const char *const *known,
                     struct failure *failure);

/*
 * The option as a whole number from LEAST to MOST; *ret_number stays when it is not
 * there. -EINVAL in words.
 */
int server_url_number(const struct server_url *url, const char *name, uint64_t least, uint64_t most,
                      uint64_t *ret_number, struct failure *failure);

/* The option as a time ("10", "0.5", "2m") in nanoseconds, likewise. */
int server_url_duration(const struct server_url *url, const char *name, uint64_t *ret_ns,
                        struct failure *failure);

/* The option as the index of one of CHOICES (ended by NULL), likewise. */
int server_url_choice(const struct server_url *url, const char *name, const char *const *choices,
                      size_t *ret_choice, struct failure *failure);

/* The option as an absolute path, borrowed: the daemon works in another folder. Likewise. */
int server_url_path(const struct server_url *url, const char *name, const char **ret_path,
                    struct failure *failure);

#endif
