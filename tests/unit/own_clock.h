/* SPDX-License-Identifier: MIT */
/*
 * A monotonic clock of the test's own, so that seconds pass when it says so. To be
 * included once in a program: it takes the place of the C library's clock_gettime.
 */
#ifndef CRMFS_TESTS_OWN_CLOCK_H
#define CRMFS_TESTS_OWN_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t seconds_passed; /* atomic */

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (syscall(SYS_clock_gettime, clock, ret_time) != 0)
        return -1;
    if (clock == CLOCK_MONOTONIC)
        ret_time->tv_sec += (time_t)__atomic_load_n(&seconds_passed, __ATOMIC_RELAXED);
    return 0;
}

static inline void pass_seconds(unsigned seconds)
{
    __atomic_add_fetch(&seconds_passed, seconds, __ATOMIC_RELAXED);
}

#endif
