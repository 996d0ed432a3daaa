/* SPDX-License-Identifier: MIT */
/*
 * The password for a server: said in the configuration, or printed by a command
 * whenever one is needed, so that it may change. Kept in locked memory.
 */
#ifndef CRMFS_SOURCE_SERVER_PASSWORD_H
#define CRMFS_SOURCE_SERVER_PASSWORD_H

#include "backends/source/server_url.h"
#include "backends/source/source.h"
#include "fs/base/failure.h"

#define SERVER_PASSWORD_LIMIT 4096 /* bytes */

struct server_password;

/*
 * What URL and OPTIONS say of the password; copied. *ret_password is NULL when they say
 * nothing: the client library's own files may. -EINVAL: more than one is said; -ENOMEM.
 */
int server_password_create(const struct server_url *url, const struct source_options *options,
                           struct server_password **ret_password, struct failure *failure);
void server_password_free(struct server_password *password); /* NULL is allowed */

/*
 * The password, NUL-terminated, in locked memory: server_password_forget it as soon as the
 * server knows it. PASSWORD may be NULL, and *ret_secret then is. Or as command_output fails.
 */
int server_password_get(const struct server_password *password, char **ret_secret,
                        struct failure *failure);
void server_password_forget(char *secret); /* NULL is allowed */

#endif
