/* SPDX-License-Identifier: MIT */
/* The monotonic clock in nanoseconds: ages, time-outs. */
#ifndef CRMFS_TREE_CLOCK_H
#define CRMFS_TREE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

static inline uint64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

#endif
