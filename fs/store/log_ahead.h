/* SPDX-License-Identifier: MIT */
/*
 * The files that log_read() will want, read beforehand and not kept: so that the system has them
 * at hand. It takes no key, and may go on while one is being made of a passphrase.
 */
#ifndef CRMFS_STORE_LOG_AHEAD_H
#define CRMFS_STORE_LOG_AHEAD_H

#include <stdbool.h>

#include "backends/storage/storage.h"

/* Ends early once *ENOUGH, which another thread may set (atomic). What fails, fails in silence. */
void log_read_ahead(struct storage *storage, const bool *enough);

#endif
