/* SPDX-License-Identifier: MIT */
/* MySQL and MariaDB servers as sources. */
#ifndef CRMFS_SOURCE_MYSQL_H
#define CRMFS_SOURCE_MYSQL_H

#include "backends/source/source.h"
#include "fs/base/failure.h"

/*
 * URL is as of server_url.h. Connects, to see whether the server, the database and
 * the user are there. -EINVAL (the URL), -EACCES (password, privilege), -ENOENT (no such
 * database), -ECONNREFUSED, -ETIMEDOUT, -EPROTO (TLS), -EIO.
 */
int mysql_source_open(const char *url, const struct source_options *options,
                      struct source **ret_source, struct failure *failure);

#endif
