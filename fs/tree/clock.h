/* SPDX-License-Identifier: MIT */
/* The monotonic clock in nanoseconds: ages, time-outs; and how times are told to people. */
#ifndef CRMFS_TREE_CLOCK_H
#define CRMFS_TREE_CLOCK_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

#define CLOCK_TEXT_SIZE sizeof "-2147483648-11-20T12:00:00Z"

/* A moment of the calendar in UTC, "2026-11-20T12:00:00Z"; "-" for one that has no year. */
static inline const char *clock_text(time_t moment, char text[CLOCK_TEXT_SIZE])
{
    struct tm utc;

    if (gmtime_r(&moment, &utc) == NULL ||
        strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        memcpy(text, "-", sizeof "-");
    return text;
}

static inline uint64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* The calendar's time when the monotonic clock said THEN_NS. */
static inline time_t clock_moment(uint64_t then_ns)
{
    return time(NULL) - (time_t)((clock_now_ns() - then_ns) / NS_PER_SECOND);
}

#endif
