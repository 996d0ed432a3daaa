/* SPDX-License-Identifier: MIT */
/*
 * Decimal numbers as they are written, of any number of digits: whether two texts are the same
 * value, and how many digits that has. Nothing is rounded.
 */
#ifndef CRMFS_TARGET_DECIMAL_H
#define CRMFS_TARGET_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"

/* 0.DIGITS times ten to the power of EXPONENT; zero has no digits. Points into the text. */
struct decimal {
    bool negative;     /* not for zero */
    size_t count;      /* digits, without zeros at either end */
    const char *first; /* the first of them; a '.' may stand between */
    int64_t exponent;
};

/* False: TEXT is none ([+-]digits[.digits][e[+-]digits]), or its exponent has over 9 digits. */
bool decimal_parse(const char *text, size_t size, struct decimal *ret_decimal);

static inline uint64_t decimal_integer_digits(const struct decimal *decimal)
{
    return decimal->exponent > 0 ? (uint64_t)decimal->exponent : 0;
}

static inline uint64_t decimal_fraction_digits(const struct decimal *decimal)
{
    int64_t digits = (int64_t)decimal->count - decimal->exponent;

    return decimal->count != 0 && digits > 0 ? (uint64_t)digits : 0;
}

/* Appends it in the one form that each value has: an integer of at most 20 digits as such. */
int decimal_write(const struct decimal *decimal, struct buffer *text);

bool decimal_equal(const struct decimal *left, const struct decimal *right);

/*
 * Below 0, 0, above 0 as an integer (no fraction digits) is less than, equal to or greater than
 * the digits LIMIT, without sign.
 */
int decimal_compare_magnitude(const struct decimal *decimal, const char *limit);

#endif
