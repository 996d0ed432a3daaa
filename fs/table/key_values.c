/* SPDX-License-Identifier: MIT */
#include "fs/table/key_values.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"

/* --- addresses ---------------------------------------------------------------------------- */

struct address {
    size_t size; /* bytes: 4 or 16 */
    unsigned bits;
    uint8_t bytes[16];
};

static bool take_address(const struct cell *cell, struct address *ret_address)
{
    char text[64];
    char *slash;

    if (cell->size >= sizeof text)
        return false;
    memcpy(text, cell->data, (size_t)cell->size);
    text[cell->size] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    ret_address->size = strchr(text, ':') != NULL ? 16 : 4;
    if (inet_pton(ret_address->size == 16 ? AF_INET6 : AF_INET, text, ret_address->bytes) != 1)
        return false;
    ret_address->bits = (unsigned)ret_address->size * 8;
    if (slash != NULL) {
        unsigned long bits = strtoul(slash + 1, NULL, 10);

        if (bits > ret_address->bits)
            return false;
        ret_address->bits = (unsigned)bits;
    }
    return true;
}

static int compare_bits(const uint8_t *left, const uint8_t *right, unsigned bits)
{
    int order = bits >= 8 ? memcmp(left, right, bits / 8) : 0;
    unsigned shift = 8 - bits % 8;

    return order != 0 || shift == 8 ? order
                                    : (left[bits / 8] >> shift) - (right[bits / 8] >> shift);
}

bool key_compare_addresses(const struct cell *left, const struct cell *right, int *ret_order)
{
    struct address one;
    struct address other;

    bool is_one = take_address(left, &one);
    bool is_other = take_address(right, &other);

    if (!is_one || !is_other) {
        *ret_order = is_other - is_one;
        return is_one || is_other;
    }
    if (one.size != other.size) {
        *ret_order = one.size < other.size ? -1 : 1;
        return true;
    }
    *ret_order =
        compare_bits(one.bytes, other.bytes, one.bits < other.bits ? one.bits : other.bits);
    if (*ret_order == 0)
        *ret_order = (one.bits > other.bits) - (one.bits < other.bits);
    if (*ret_order == 0)
        *ret_order = memcmp(one.bytes, other.bytes, one.size);
    return true;
}

/* --- values of several numbers ------------------------------------------------------------ */

#define SECOND 1000000
#define DAY (86400 * (int64_t)SECOND)

/* What a value is told by, the first one first. */
struct value {
    int64_t parts[2];
};

struct reading {
    const char *at;
    const char *end;
};

static bool take_sign(struct reading *reading, char byte)
{
    bool found = reading->at < reading->end && *reading->at == byte;

    reading->at += found;
    return found;
}

static bool take_number(struct reading *reading, int64_t *ret_number)
{
    const char *begin = reading->at;
    int64_t number = 0;

    for (; reading->at < reading->end && ascii_is_digit(*reading->at); reading->at++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *reading->at - '0', &number))
            return false;
    }
    *ret_number = number;
    return reading->at > begin;
}

static bool take_text(struct reading *reading, const char *text)
{
    size_t size = strlen(text);
    bool found =
        (size_t)(reading->end - reading->at) >= size && memcmp(reading->at, text, size) == 0;

    reading->at += found ? size : 0;
    return found;
}

/* What stands behind the hours of "10:11:12.5", or of the zone "-04:56", in millionths of a second.
 */
static bool take_minutes(struct reading *reading, int64_t *ret_time)
{
    int64_t time = 0;
    int64_t number;

    for (int64_t unit = 60; unit != 0 && take_sign(reading, ':'); unit /= 60) {
        if (!take_number(reading, &number) || number >= 60)
            return false;
        time += number * unit * SECOND;
    }
    if (take_sign(reading, '.')) {
        for (int64_t unit = SECOND / 10; reading->at < reading->end && ascii_is_digit(*reading->at);
             unit /= 10)
            time += (*reading->at++ - '0') * unit;
    }
    *ret_time = time;
    return true;
}

static bool take_time(struct reading *reading, int64_t *ret_time)
{
    int64_t hours;
    int64_t minutes;

    if (!take_number(reading, &hours) || !take_minutes(reading, &minutes))
        return false;
    return !__builtin_mul_overflow(hours, 3600 * (int64_t)SECOND, ret_time) &&
           !__builtin_add_overflow(*ret_time, minutes, ret_time);
}

/* "[-]infinity", which nothing exceeds. */
static bool take_infinity(struct reading *reading, struct value *value)
{
    bool negative = take_text(reading, "-infinity");

    if (!negative && !take_text(reading, "infinity"))
        return false;
    value->parts[0] = negative ? INT64_MIN : INT64_MAX;
    return true;
}

/* "2024-01-31[ 10:11:12.5[+00]][ BC]". */
static bool take_moment(struct reading *reading, struct value *value)
{
    int64_t year;
    int64_t month;
    int64_t day;

    if (take_infinity(reading, value))
        return true;
    if (!take_number(reading, &year) || year > INT32_MAX || !take_sign(reading, '-') ||
        !take_number(reading, &month) || month > 12 || !take_sign(reading, '-') ||
        !take_number(reading, &day) || day > 31)
        return false;
    /* Behind a date " BC" is the end. */
    if (reading->end - reading->at > 3 && take_sign(reading, ' ') &&
        !take_time(reading, &value->parts[1]))
        return false;
    take_text(reading, "+00");
    if (take_text(reading, " BC"))
        year = 1 - year;
    value->parts[0] = (year * 12 + month) * 31 + day;
    return true;
}

/* "10:11:12+02": when it is in UTC, then the zone, the eastern one first. */
static bool take_zoned_time(struct reading *reading, struct value *value)
{
    int64_t time;
    int64_t zone;

    if (!take_time(reading, &time))
        return false;

    bool west = take_sign(reading, '-');

    if ((!west && !take_sign(reading, '+')) || !take_time(reading, &zone))
        return false;
    value->parts[1] = west ? zone : -zone;
    value->parts[0] = time + value->parts[1];
    return true;
}

/* "-1 years +2 mons 3 days -04:05:06.5": a month has 30 days, a day 24 hours. */
static bool take_interval(struct reading *reading, struct value *value)
{
    static const struct {
        const char *name;
        int64_t days;
    } units[] = {{" year", 360}, {" mon", 30}, {" day", 1}};
    int64_t time = 0;

    if (take_infinity(reading, value))
        return true;
    do {
        bool negative = take_sign(reading, '-');
        int64_t number;
        size_t unit = 0;

        if (!negative)
            take_sign(reading, '+');

        const char *begin = reading->at;

        if (!take_number(reading, &number) || number > INT32_MAX)
            return false;
        while (unit < 3 && !take_text(reading, units[unit].name))
            unit++;
        if (unit < 3) {
            value->parts[0] += (negative ? -number : number) * units[unit].days;
            take_sign(reading, 's');
            continue;
        }
        reading->at = begin;
        if (!take_time(reading, &time))
            return false;
        time = negative ? -time : time;
    } while (take_sign(reading, ' '));
    value->parts[0] += time / DAY - (time % DAY < 0);
    value->parts[1] = time % DAY + (time % DAY < 0 ? DAY : 0);
    return true;
}

/* "-$1,234.56", "($1.00)": those of a database are all of one currency and so many digits. */
static bool take_money(struct reading *reading, struct value *value)
{
    bool negative = false;
    int64_t amount = 0; /* below 0, where there is one number more */

    for (; reading->at < reading->end; reading->at++) {
        char byte = *reading->at;

        negative |= byte == '-' || byte == '(';
        if (ascii_is_digit(byte) && (__builtin_mul_overflow(amount, 10, &amount) ||
                                     __builtin_sub_overflow(amount, byte - '0', &amount)))
            return false;
    }
    value->parts[0] = amount;
    return negative || !__builtin_sub_overflow(0, amount, &value->parts[0]);
}

/* "16/B374D848" */
static bool take_log_place(struct reading *reading, struct value *value)
{
    for (int part = 0; part < 2; part++) {
        const char *begin = reading->at;

        if (part == 1 && !take_sign(reading, '/'))
            return false;
        for (; reading->at < reading->end && ascii_hex_digit(*reading->at) >= 0 &&
               value->parts[part] <= UINT32_MAX;
             reading->at++)
            value->parts[part] = value->parts[part] * 16 + ascii_hex_digit(*reading->at);
        if (reading->at == begin)
            return false;
    }
    return true;
}

static bool take_value(enum key_order how, const struct cell *cell, struct value *ret_value)
{
    struct reading reading = {.at = cell->data, .end = (const char *)cell->data + cell->size};
    bool taken;

    *ret_value = (struct value){{0}};
    switch (how) {
    case KEY_MOMENT: taken = take_moment(&reading, ret_value); break;
    case KEY_ZONED_TIME: taken = take_zoned_time(&reading, ret_value); break;
    case KEY_INTERVAL: taken = take_interval(&reading, ret_value); break;
    case KEY_MONEY: taken = take_money(&reading, ret_value); break;
    default: taken = take_log_place(&reading, ret_value); break;
    }
    return taken && reading.at == reading.end;
}

bool key_compare_values(enum key_order how, const struct cell *left, const struct cell *right,
                        int *ret_order)
{
    struct value one;
    struct value other;
    bool is_one = take_value(how, left, &one);
    bool is_other = take_value(how, right, &other);
    int order = is_other - is_one;

    for (size_t i = 0; i < 2 && order == 0; i++)
        order = (one.parts[i] > other.parts[i]) - (one.parts[i] < other.parts[i]);
    *ret_order = order;
    return is_one || is_other;
}
