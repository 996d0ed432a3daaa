/* SPDX-License-Identifier: MIT */
#include "backends/target/fit_moment.h"

#include <string.h>

struct reading {
    const char *at;
    const char *end;
};

/* COUNT digits at least, MOST at most; their value, or -1. */
static long take_digits(struct reading *reading, size_t count, size_t most)
{
    long value = 0;
    size_t taken = 0;

    while (reading->at != reading->end && taken < most && *reading->at >= '0' &&
           *reading->at <= '9') {
        value = value * 10 + (*reading->at++ - '0');
        taken++;
    }
    return taken >= count ? value : -1;
}

static bool take_sign(struct reading *reading, char sign)
{
    if (reading->at == reading->end || *reading->at != sign)
        return false;
    reading->at++;
    return true;
}

static bool is_leap(long year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static long days_in(long year, long month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool take_date(struct reading *reading, struct moment_text *moment)
{
    struct reading after = *reading;
    long year = take_digits(&after, 4, 7);
    bool parted = take_sign(&after, '-');
    long month = take_digits(&after, 2, 2);

    parted = take_sign(&after, '-') && parted;

    long day = take_digits(&after, 2, 2);

    if (!parted || year < 0 || month < 0 || day < 0 || month > 12 || day > 31)
        return false;
    moment->has_date = true;
    moment->date = reading->at;
    moment->date_size = (size_t)(after.at - reading->at);
    moment->zero_date = year == 0 || month == 0 || day == 0;
    /* Leap years before Christ count from the year before: the servers look at these. */
    moment->no_such_day =
        month != 0 && day > days_in(year == 0 ? 4 : year, month) && !(month == 2 && day == 29);
    if (month == 2 && day == 29 && year != 0)
        moment->no_such_day = !is_leap(year);
    *reading = after;
    return true;
}

/* "+02", "-03:30", "Z" */
static bool take_zone(struct reading *reading, struct moment_text *moment)
{
    const char *begin = reading->at;

    if (take_sign(reading, 'Z')) {
        moment->zone = begin;
        moment->zone_size = 1;
        return true;
    }
    if (!take_sign(reading, '+') && !take_sign(reading, '-'))
        return true;
    if (take_digits(reading, 2, 2) < 0)
        return false;
    while (take_sign(reading, ':')) {
        if (take_digits(reading, 2, 2) < 0)
            return false;
    }
    moment->zone = begin;
    moment->zone_size = (size_t)(reading->at - begin);
    return true;
}

static bool take_time(struct reading *reading, struct moment_text *moment)
{
    struct reading after = *reading;

    if (!moment->has_date)
        take_sign(&after, '-');

    long hours = take_digits(&after, 2, 3);
    bool parted = take_sign(&after, ':');
    long minutes = take_digits(&after, 2, 2);

    parted = take_sign(&after, ':') && parted;

    long seconds = take_digits(&after, 2, 2);

    if (!parted || hours < 0 || minutes < 0 || seconds < 0 || minutes > 59 || seconds > 60 ||
        (moment->has_date && hours > 24))
        return false;
    moment->has_time = true;
    moment->time = reading->at;
    moment->time_size = (size_t)(after.at - reading->at);
    if (take_sign(&after, '.')) {
        moment->fraction = after.at;
        if (take_digits(&after, 1, 9) < 0)
            return false;
        moment->fraction_size = (size_t)(after.at - moment->fraction);
        while (moment->fraction_size != 0 && moment->fraction[moment->fraction_size - 1] == '0')
            moment->fraction_size--;
    }
    *reading = after;
    return take_zone(reading, moment);
}

static bool is_word(const struct reading *reading, const char *word)
{
    size_t length = strlen(word);

    return (size_t)(reading->end - reading->at) == length && memcmp(reading->at, word, length) == 0;
}

bool moment_parse(const char *text, size_t size, struct moment_text *ret_moment)
{
    struct moment_text moment = {.has_date = false};
    struct reading reading = {text, text + size};

    if (is_word(&reading, "infinity") || is_word(&reading, "-infinity")) {
        *ret_moment = (struct moment_text){
            .has_date = true, .unending = true, .date = text, .date_size = size};
        return true;
    }
    if (take_date(&reading, &moment)) {
        if ((take_sign(&reading, ' ') || take_sign(&reading, 'T')) && !is_word(&reading, "BC") &&
            !take_time(&reading, &moment))
            return false;
        moment.before_christ = is_word(&reading, "BC") || is_word(&reading, " BC");
        if (moment.before_christ)
            reading.at = reading.end;
    } else if (!take_time(&reading, &moment)) {
        return false;
    }
    if (reading.at != reading.end)
        return false;
    *ret_moment = moment;
    return true;
}

bool moment_is_universal(const struct moment_text *moment)
{
    for (size_t i = 0; i < moment->zone_size; i++) {
        if (strchr("Z+-:0", moment->zone[i]) == NULL)
            return false;
    }
    return true;
}

int moment_write(const struct moment_text *moment, bool date_alone_is_midnight, struct buffer *text)
{
    int error = buffer_append(text, moment->date, moment->date_size);

    if (error == 0 && moment->has_date && (moment->has_time || date_alone_is_midnight) &&
        !moment->unending)
        error = buffer_append(text, " ", 1);
    if (error == 0 && moment->has_time)
        error = buffer_append(text, moment->time, moment->time_size);
    else if (error == 0 && date_alone_is_midnight && !moment->unending)
        error = buffer_append(text, "00:00:00", 8);
    if (error == 0 && moment->fraction_size != 0) {
        error = buffer_append(text, ".", 1);
        if (error == 0)
            error = buffer_append(text, moment->fraction, moment->fraction_size);
    }
    if (error == 0 && moment->before_christ)
        error = buffer_append(text, " BC", 3);
    return error;
}
