/* SPDX-License-Identifier: MIT */
/*
 * Reads rows back while those behind them are still being loaded, so that little is left to be read
 * in the end. It has a connection of its own, which reads without a snapshot (READ UNCOMMITTED): so
 * it sees what the transaction has written, just as that itself would, and nobody else can have
 * changed it, for its rows are locked.
 *
 * It goes by the primary key, through as many rows as are known to be in. Only when its sum is that
 * of all rows that were put, and the transaction has changed or deleted no row since (a trigger of
 * another table might), is the table as it was read. In every other case, be it that the rows came
 * in another order, or that there is no second connection to be had, it was for nothing: the load
 * reads all of them by itself.
 *
 *   begin --tell tell … --> agrees (waits for the rest) --> free
 */
#ifndef CRMFS_TARGET_MYSQL_FOLLOWER_H
#define CRMFS_TARGET_MYSQL_FOLLOWER_H

#include "backends/target/mysql_load.h"

struct mysql_follower;

/* Before the first row is sent. NULL: it cannot be done. */
struct mysql_follower *mysql_follower_begin(struct mysql_load *load);

/* So many more rows are in. */
void mysql_follower_tell(struct mysql_follower *follower, uint64_t rows);

/*
 * All rows are in. Whether those that were written read back with the sum that is said. The load's
 * connection is asked, too.
 */
bool mysql_follower_agrees(struct mysql_follower *follower, const struct row_sum *sum);

void mysql_follower_free(struct mysql_follower *follower); /* NULL: nothing happens */

#endif
