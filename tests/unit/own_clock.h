/* SPDX-License-Identifier: MIT */
/*
 * A monotonic clock that is ahead by the seconds that the test says have passed
 * (pass_seconds). To be included once in a program: it takes the place of the C
 * library's clock_gettime.
 */
#ifndef CRMFS_TESTS_OWN_CLOCK_H
#define CRMFS_TESTS_OWN_CLOCK_H

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/live_bench.h"

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (syscall(SYS_clock_gettime, clock, ret_time) != 0)
        return -1;
    if (clock == CLOCK_MONOTONIC)
        ret_time->tv_sec += (time_t)__atomic_load_n(&seconds_passed, __ATOMIC_RELAXED);
    return 0;
}

#endif
