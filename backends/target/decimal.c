/* SPDX-License-Identifier: MIT */
#include "backends/target/decimal.h"

#include <string.h>

#include "fs/base/ascii.h"
#include "fs/base/number_text.h"

#define PLAIN_DIGITS 20 /* what an uint64_t may have */
#define EXPONENT_DIGITS 9

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
        if (!ascii_is_digit(*at))
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
    for (; at != end && (ascii_is_digit(*at) || (*at == '.' && before_point < 0)); at++) {
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

/* The digits one after another, to where there is room for them. */
static uint8_t *put_digits(const struct decimal *decimal, uint8_t *to)
{
    size_t left = decimal->count;

    for (const char *at = decimal->first; left != 0; at++) {
        if (*at == '.')
            continue;
        *to++ = (uint8_t)*at;
        left--;
    }
    return to;
}

int decimal_write(const struct decimal *decimal, struct buffer *text)
{
    bool plain = decimal->exponent <= PLAIN_DIGITS && decimal->exponent >= (int64_t)decimal->count;
    uint8_t *to;

    if (decimal->count == 0)
        return buffer_append(text, "0", 1);

    int error = buffer_reserve(text, decimal->count + PLAIN_DIGITS + INTEGER_TEXT_SIZE + 2);

    if (error != 0)
        return error;
    to = text->data + text->size;
    if (decimal->negative)
        *to++ = '-';
    to = put_digits(decimal, to);
    if (plain) {
        for (int64_t i = (int64_t)decimal->count; i < decimal->exponent; i++)
            *to++ = '0';
    } else {
        *to++ = 'e';
        to += integer_text(decimal->exponent, (char *)to);
    }
    text->size = (size_t)(to - text->data);
    return 0;
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
