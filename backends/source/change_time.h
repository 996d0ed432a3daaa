/* SPDX-License-Identifier: MIT */
/*
 * The time of change (ctime) of a file tells its content from any other that it had or
 * will have: nobody can set it. It is relied on only where the file system is known to
 * keep it, and only when it is older than a tick of the file system's clock.
 */
#ifndef CRMFS_SOURCE_CHANGE_TIME_H
#define CRMFS_SOURCE_CHANGE_TIME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Whether PATH is on a file system of this machine that keeps it; *ret_id: which one it is. */
bool change_time_is_kept(const char *path, uint64_t *ret_id);

/* Whether a write at NOW (CLOCK_REALTIME_COARSE, the clock of files' times) might give CHANGED
 * again. */
bool change_time_is_fresh(const struct timespec *changed, const struct timespec *now);

#endif
