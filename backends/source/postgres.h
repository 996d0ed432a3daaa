/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL servers (13 and later) as sources.
 *
 * A dataset is one transaction that only reads, at the isolation level REPEATABLE
 * READ, whose snapshot is exported; every further connection imports it. So all
 * tables are of one moment however many connections read them, and nobody waits:
 * not the writers, not we. What a snapshot does not protect from is asked for
 * before a table is read: a table that was truncated or rewritten since looks empty
 * to older snapshots, and one that was altered may have other columns (-ESTALE).
 *
 * Rows come by COPY, a row a message. Tables stand in the order of their primary
 * key, else of the shortest unique key over NOT NULL columns, else as they lie in
 * the file (by ctid), and what has no file (views, foreign and partitioned tables
 * without a key) by all columns. Every connection's settings that bear on how
 * values are written are fixed.
 *
 * A cell above CELL_INLINE_BYTES comes without data and is read in pieces; those
 * of views and foreign tables, which have no rows of their own, come from memory.
 */
#ifndef CRMFS_SOURCE_POSTGRES_H
#define CRMFS_SOURCE_POSTGRES_H

#include "backends/source/source.h"
#include "fs/base/failure.h"

/*
 * URL is as of server_url.h; its options are libpq's, and those of server_hosts.h. Connects, to
 * see whether the server, the database and the user are there. -EINVAL (the URL), -EACCES
 * (password, privilege), -ENOENT (no such database), -ECONNREFUSED, -ETIMEDOUT, -EPROTO (TLS),
 * -EBUSY (no connection is free), -EIO.
 */
int postgres_source_open(const char *url, const struct source_options *options,
                         struct source **ret_source, struct failure *failure);

#endif
