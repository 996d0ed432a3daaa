/* SPDX-License-Identifier: MIT */
#include "fs/base/size_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "fs/base/ascii.h"

#define MOST_FRACTION_DIGITS 9

__extension__ typedef unsigned __int128 wide;

struct decimal {
    uint64_t whole;
    uint64_t fraction; /* in units of 1/scale */
    uint64_t scale;
    bool has_point;
};

struct unit {
    const char *name;
    uint64_t factor;
};

/* Digits, and perhaps a point and digits; the locale has no say. */
static int parse_decimal(const char **text, struct decimal *ret_decimal)
{
    const char *at = *text;
    struct decimal decimal = {.scale = 1};

    if (!ascii_is_digit(*at))
        return -EINVAL;
    for (; ascii_is_digit(*at); at++) {
        if (__builtin_mul_overflow(decimal.whole, 10, &decimal.whole) ||
            __builtin_add_overflow(decimal.whole, (uint64_t)(*at - '0'), &decimal.whole))
            return -ERANGE;
    }
    if (*at == '.') {
        decimal.has_point = true;
        at++;
        if (!ascii_is_digit(*at))
            return -EINVAL;
        for (size_t digits = 0; ascii_is_digit(*at); at++, digits++) {
            if (digits >= MOST_FRACTION_DIGITS)
                return -EINVAL;
            decimal.fraction = decimal.fraction * 10 + (uint64_t)(*at - '0');
            decimal.scale *= 10;
        }
    }
    *text = at;
    *ret_decimal = decimal;
    return 0;
}

static int multiply(const struct decimal *decimal, uint64_t factor, uint64_t *ret_value)
{
    wide value = (wide)decimal->whole * factor + (wide)decimal->fraction * factor / decimal->scale;

    if (value > UINT64_MAX)
        return -ERANGE;
    *ret_value = (uint64_t)value;
    return 0;
}

int size_text_bytes(const char *text, uint64_t *ret_bytes)
{
    static const char letters[] = "kmgtp";
    struct decimal decimal;
    int error = parse_decimal(&text, &decimal);

    if (error != 0)
        return error;
    if (*text == '\0' || ascii_equal(text, "B"))
        return decimal.has_point ? -EINVAL : multiply(&decimal, 1, ret_bytes);

    char letter = ascii_lower(*text);
    const char *found = strchr(letters, letter);
    uint64_t base = 1024;

    if (found == NULL)
        return -EINVAL;
    if (ascii_equal(text + 1, "B"))
        base = 1000;
    else if (text[1] != '\0' && !ascii_equal(text + 1, "iB"))
        return -EINVAL;

    uint64_t factor = base;

    for (const char *at = letters; at < found; at++)
        factor *= base;
    return multiply(&decimal, factor, ret_bytes);
}

int size_text_duration(const char *text, uint64_t *ret_ns)
{
    static const uint64_t second = 1000000000;
    const struct unit units[] = {
        {"", second}, {"s", second},      {"ms", second / 1000}, {"us", 1000},
        {"ns", 1},    {"m", 60 * second}, {"h", 3600 * second},  {"d", 86400 * second},
    };
    struct decimal decimal;
    int error = parse_decimal(&text, &decimal);

    if (error != 0)
        return error;
    for (size_t index = 0; index < sizeof units / sizeof units[0]; index++) {
        if (strcmp(text, units[index].name) == 0)
            return multiply(&decimal, units[index].factor, ret_ns);
    }
    return -EINVAL;
}
