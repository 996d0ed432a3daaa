/* SPDX-License-Identifier: MIT */
/*
 * Calls of a test that must succeed: succeed(store_open(storage, …, &failure)). One that does not
 * ends the test, in the words that it gave.
 */
#ifndef CRMFS_TESTS_UNIT_SUCCEED_H
#define CRMFS_TESTS_UNIT_SUCCEED_H

#include "fs/base/failure.h"

/* What went wrong last. */
extern struct failure failure;

void succeed(int error);

/* The same, of one that is not shared: for threads. */
void succeed_with(int error, const struct failure *why);

#endif
