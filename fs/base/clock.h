/* SPDX-License-Identifier: MIT */
/*
 * Times in nanoseconds: the monotonic clock's, for ages and time-outs, and the calendar's, for what
 * is kept; and how times are told to people.
 */
#ifndef CRMFS_BASE_CLOCK_H
#define CRMFS_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)

/* Of two machines: nothing to speak of. */
#define CLOCKS_DIFFER_NS (UINT64_C(5) * 60 * NS_PER_SECOND)

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

/* 0 for a time before 1970. */
static inline uint64_t clock_ns(const struct timespec *time)
{
    return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
}

static inline struct timespec clock_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_SECOND),
                             .tv_nsec = (long)(ns % NS_PER_SECOND)};
}

static inline bool clock_is_later(const struct timespec *time, const struct timespec *than)
{
    return time->tv_sec != than->tv_sec ? time->tv_sec > than->tv_sec
                                        : time->tv_nsec > than->tv_nsec;
}

/* By the monotonic clock. */
static inline uint64_t clock_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return clock_ns(&now);
}

/* By the calendar's clock, which may be set back. */
static inline uint64_t clock_calendar_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return clock_ns(&now);
}

/* The calendar's time when the monotonic clock said THEN_NS. */
static inline time_t clock_moment(uint64_t then_ns)
{
    return time(NULL) - (time_t)((clock_now_ns() - then_ns) / NS_PER_SECOND);
}

/* Waits to be called, until the monotonic clock says UNTIL_NS; 0 or ETIMEDOUT. */
static inline int clock_wait(pthread_cond_t *called, pthread_mutex_t *lock, uint64_t until_ns)
{
    struct timespec until = clock_timespec(until_ns);

    return pthread_cond_clockwait(called, lock, CLOCK_MONOTONIC, &until);
}

#endif
