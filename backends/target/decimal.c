/* SPDX-License-Identifier: MIT */
#include "backends/target/decimal.h"

#include <string.h>

#define PLAIN_DIGITS 20 /* what an uint64_t may have */
#define EXPONENT_DIGITS 9

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* [e[+-]digits] up to END. */
static bool parse_exponent(const char *at, const char *end, int64_t *ret_exponent)
{
    bool negative = false;
    int64_t value = 0;

    *ret_exponent = 0;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    if (at != end && (*at == '-' || *at == '+'))
        negative = *at++ == '-';
    if (at == end || end - at > EXPONENT_DIGITS)
        return false;
    for (; at != end; at++) {
        if (!is_digit(*at))
            return false;
        value = value * 10 + (*at - '0');
    }
    *ret_exponent = negative ? -value : value;
    return true;
}

bool decimal_parse(const char *text, size_t size, struct decimal *ret_decimal)
{
    struct decimal decimal = {.count = 0};
    const char *end = text + size;
    const char *at = text;
    const char *last = NULL; /* the last digit that is not 0 */
    int64_t digits = 0;      /* all */
    int64_t before_point = -1;
    int64_t first_place = 0; /* of the first digit that is not 0, among all */
    int64_t last_place = 0;
    int64_t exponent;

    if (at != end && (*at == '-' || *at == '+'))
        decimal.negative = *at++ == '-';
    for (; at != end && (is_digit(*at) || (*at == '.' && before_point < 0)); at++) {
        if (*at == '.') {
            before_point = digits;
            continue;
        }
        if (*at != '0') {
            if (last == NULL) {
                decimal.first = at;
                first_place = digits;
            }
            last = at;
            last_place = digits;
        }
        digits++;
    }
    if (digits == 0 || !parse_exponent(at, end, &exponent))
        return false;
    if (before_point < 0)
        before_point = digits;
    if (last == NULL) {
        *ret_decimal = (struct decimal){.count = 0};
        return true;
    }
    decimal.count = (size_t)(last_place - first_place) + 1;
    decimal.exponent = before_point - first_place + exponent;
    *ret_decimal = decimal;
    return true;
}

/* The digits one after another. */
static int append_digits(const struct decimal *decimal, struct buffer *text)
{
    size_t left = decimal->count;
    int error = 0;

    for (const char *at = decimal->first; left != 0 && error == 0; at++) {
        if (*at == '.')
            continue;
        error = buffer_append(text, at, 1);
        left--;
    }
    return error;
}

int decimal_write(const struct decimal *decimal, struct buffer *text)
{
    static const char zeros[PLAIN_DIGITS + 1] = "00000000000000000000";
    bool plain = decimal->exponent <= PLAIN_DIGITS && decimal->exponent >= (int64_t)decimal->count;
    int error = 0;

    if (decimal->count == 0)
        return buffer_append(text, "0", 1);
    if (decimal->negative)
        error = buffer_append(text, "-", 1);
    if (error == 0)
        error = append_digits(decimal, text);
    if (error == 0 && plain)
        return buffer_append(text, zeros, (size_t)decimal->exponent - decimal->count);
    return error == 0 ? buffer_print(text, "e%lld", (long long)decimal->exponent) : error;
}

bool decimal_equal(const struct decimal *left, const struct decimal *right)
{
    const char *ours = left->first;
    const char *theirs = right->first;

    if (left->count != right->count || left->negative != right->negative ||
        left->exponent != right->exponent)
        return false;
    for (size_t i = 0; i < left->count; i++, ours++, theirs++) {
        ours += *ours == '.';
        theirs += *theirs == '.';
        if (*ours != *theirs)
            return false;
    }
    return true;
}

int decimal_compare_magnitude(const struct decimal *decimal, const char *limit)
{
    size_t limit_digits = strlen(limit);
    const char *at = decimal->first;

    if (decimal_integer_digits(decimal) != limit_digits)
        return decimal_integer_digits(decimal) < limit_digits ? -1 : 1;
    for (size_t i = 0; i < limit_digits; i++) {
        char digit = '0';

        if (i < decimal->count) {
            at += *at == '.';
            digit = *at++;
        }
        if (digit != limit[i])
            return digit < limit[i] ? -1 : 1;
    }
    return 0;
}
