/* SPDX-License-Identifier: MIT */
/*
 * MySQL and MariaDB servers as sources, by the part of the client library that
 * Oracle's and MariaDB's have in common. Only read from.
 *
 * How a dataset is one moment (mysql_begin.c): a transaction with a consistent
 * snapshot, READ ONLY, REPEATABLE READ. A database that is worth several
 * connections gets them all into the same moment by what is at hand:
 *
 *   MariaDB with a binary log    each connection's snapshot says where in the log it
 *                                stands; they are begun anew until all say the same
 *   the privilege RELOAD         commits are held up for as long as the transactions begin
 *   neither                      one connection
 *
 * Tables of engines without transactions are read as they are at the time, as are views over
 * them (mysql_views.c); the status names them. Whose rights are for single tables only may not know
 * of others, and is told so (mysql_grants.c).
 *
 * What tells that the data has changed (mysql_version.c): the place in the binary
 * log (MariaDB, where all changes are in it), the executed GTIDs (MySQL), else when
 * each table was last updated.
 *
 * Tables stand in the order of their primary key, else of the shortest unique key
 * over NOT NULL columns, served by its index; without one the server sorts by all
 * columns. Rows stream, in the text protocol. In tables that can hold cells above a
 * megabyte, and that have a key to find the row again, such a cell comes without
 * data and is read in pieces; in others it comes through memory whole.
 */
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
