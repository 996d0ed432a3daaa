/* SPDX-License-Identifier: MIT */
/*
 * Moments in UTC. pg_dump writes a timestamp with time zone in the zone of its own session, as in
 * "2020-06-01 14:00:00+02"; what is live is read in UTC. So are those within ranges and arrays.
 */
#include <stdio.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"

#define DAY_SECONDS 86400
#define ERA_DAYS 146097 /* 400 years */
/* PostgreSQL's years have six digits at most. */
#define YEAR_DIGITS_MOST 6

struct moment {
    int64_t year; /* 0: 1 BC */
    int64_t month;
    int64_t day;
    int64_t second;          /* of the day */
    int64_t east;            /* seconds that its zone is ahead of UTC */
    const uint8_t *fraction; /* with its point, of fraction_size */
    size_t fraction_size;
};

/* LEAST to MOST digits at *AT, which goes on behind them; -1: they are not there. */
static int64_t take_digits(const uint8_t **at, const uint8_t *end, size_t least, size_t most)
{
    int64_t value = 0;
    size_t count = 0;

    for (; *at < end && **at >= '0' && **at <= '9' && count < most; count++)
        value = value * 10 + (*(*at)++ - '0');
    return count >= least ? value : -1;
}

static bool take_byte(const uint8_t **at, const uint8_t *end, char byte)
{
    if (*at == end || **at != (uint8_t)byte)
        return false;
    (*at)++;
    return true;
}

/* "-05", "+05:30", "+00:53:28". */
static bool take_zone(const uint8_t **at, const uint8_t *end, int64_t *ret_east)
{
    bool west = take_byte(at, end, '-');
    int64_t east;

    if (!west && !take_byte(at, end, '+'))
        return false;
    east = take_digits(at, end, 2, 2) * 3600;
    for (int64_t unit = 60; unit != 0 && take_byte(at, end, ':'); unit /= 60) {
        int64_t part = take_digits(at, end, 2, 2);

        if (part < 0)
            return false;
        east += part * unit;
    }
    *ret_east = west ? -east : east;
    return east >= 0;
}

static bool take_moment(const uint8_t **at, const uint8_t *end, struct moment *moment)
{
    int64_t hour;
    int64_t minute;
    int64_t second;

    moment->year = take_digits(at, end, 4, YEAR_DIGITS_MOST);
    if (moment->year < 0 || !take_byte(at, end, '-'))
        return false;
    moment->month = take_digits(at, end, 2, 2);
    if (moment->month < 1 || moment->month > 12 || !take_byte(at, end, '-'))
        return false;
    moment->day = take_digits(at, end, 2, 2);
    if (moment->day < 1 || !take_byte(at, end, ' '))
        return false;
    hour = take_digits(at, end, 2, 2);
    if (hour < 0 || !take_byte(at, end, ':'))
        return false;
    minute = take_digits(at, end, 2, 2);
    if (minute < 0 || !take_byte(at, end, ':'))
        return false;
    second = take_digits(at, end, 2, 2);
    if (second < 0)
        return false;
    moment->second = (hour * 60 + minute) * 60 + second;
    moment->fraction = *at;
    if (take_byte(at, end, '.') && take_digits(at, end, 1, 6) < 0)
        return false;
    moment->fraction_size = (size_t)(*at - moment->fraction);
    if (!take_zone(at, end, &moment->east))
        return false;
    if (end - *at >= 3 && memcmp(*at, " BC", 3) == 0) {
        *at += 3;
        moment->year = 1 - moment->year;
    }
    return true;
}

/* Days since 1 March of year 0, so that a leap day is a year's last. */
static int64_t to_days(const struct moment *moment)
{
    int64_t year = moment->year - (moment->month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((moment->month + 9) % 12) + 2) / 5 + moment->day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
}

static void from_days(int64_t days, struct moment *moment)
{
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = days - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    moment->day = of_year - (153 * month + 2) / 5 + 1;
    moment->month = month < 10 ? month + 3 : month - 9;
    moment->year = year + era * 400 + (moment->month <= 2);
}

static void to_utc(struct moment *moment)
{
    int64_t days = to_days(moment);
    int64_t second = moment->second - moment->east;

    days += second / DAY_SECONDS - (second % DAY_SECONDS < 0);
    moment->second = second % DAY_SECONDS + (second % DAY_SECONDS < 0 ? DAY_SECONDS : 0);
    from_days(days, moment);
}

/* How many bytes it took. */
static size_t print(const struct moment *moment, char *to, size_t room)
{
    int64_t second = moment->second;
    bool before = moment->year <= 0;

    return (size_t)snprintf(to, room, "%04d-%02d-%02d %02d:%02d:%02d%.*s+00%s",
                            (int)(before ? 1 - moment->year : moment->year), (int)moment->month,
                            (int)moment->day, (int)(second / 3600), (int)(second / 60 % 60),
                            (int)(second % 60), (int)moment->fraction_size,
                            (const char *)moment->fraction, before ? " BC" : "");
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

void dump_make_utc(struct dump_reader *reader, struct cell *cell)
{
    const uint8_t *at = cell->data;
    const uint8_t *end = at + cell->size;
    uint8_t *start = reader->scratch.data + reader->scratch.size;
    uint8_t *to = start;

    while (at < end) {
        const uint8_t *behind = at;
        struct moment moment;

        if (is_digit(*at) && take_moment(&behind, end, &moment)) {
            to_utc(&moment);
            to += print(&moment, (char *)to,
                        reader->scratch.capacity - (size_t)(to - reader->scratch.data));
            at = behind;
            continue;
        }
        /* A number as a whole: its end is no year. */
        do
            *to++ = *at++;
        while (at < end && is_digit(at[-1]) && is_digit(*at));
    }
    cell->data = start;
    cell->size = (uint64_t)(to - start);
    reader->scratch.size += (size_t)(to - start);
}
