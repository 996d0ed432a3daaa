/* SPDX-License-Identifier: MIT */
/*
 * Rows that are set aside as the stage is merged: a server refuses a statement for one row of
 * many, and does not say which in a way that a program could read. It is asked again with the
 * halves, and their halves, until the rows are known.
 */
#ifndef CRMFS_TARGET_SERVER_REFUSED_H
#define CRMFS_TARGET_SERVER_REFUSED_H

#include "backends/target/server_load.h"

/* Whether ERROR may be the rows' fault, and they may be set aside for it. */
bool server_may_refuse(const struct server_load *load, int error);

/*
 * Runs a statement of the dialect with %p in it, which was refused, for all rows but those that
 * the server refuses: these are told of, and are in the stage no more. With GIVE_UP all rows give
 * their unique values up before; those that are refused keep what they had. *ret_number: rows that
 * it changed.
 */
int server_run_without_refused(struct server_load *load, const char *statement, bool give_up,
                               uint64_t *ret_number, struct failure *failure);

#endif
