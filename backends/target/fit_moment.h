/* SPDX-License-Identifier: MIT */
/* Dates and times as databases write them: are they such, and what is their value? */
#ifndef CRMFS_TARGET_FIT_MOMENT_H
#define CRMFS_TARGET_FIT_MOMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"

/* A text taken apart; what it lacks is false or empty. Points into the text. */
struct moment_text {
    bool has_date;
    bool has_time;
    bool zero_date;     /* a month or a day is 0 */
    bool no_such_day;   /* 2026-02-30 */
    bool before_christ; /* … BC */
    bool unending;      /* infinity, -infinity */
    const char *date;   /* "2026-11-20" */
    size_t date_size;
    const char *time; /* "08:11:12", or with more hours and a sign */
    size_t time_size;
    const char *fraction; /* digits, without zeros at the end */
    size_t fraction_size;
    const char *zone; /* "+00", "Z", "+02:00" */
    size_t zone_size;
};

/* False: it is neither a date nor a time nor both. */
bool moment_parse(const char *text, size_t size, struct moment_text *ret_moment);

/* Whether the zone is none, or UTC. */
bool moment_is_universal(const struct moment_text *moment);

/* Appends "DATE TIME[.FRACTION][ BC]", midnight where DATE_ALONE_IS_MIDNIGHT. */
int moment_write(const struct moment_text *moment, bool date_alone_is_midnight,
                 struct buffer *text);

#endif
