/* SPDX-License-Identifier: MIT */
/*
 * A double goes one of three ways, the commonest first:
 *
 *   whole        below 2^53: its digits are those of the integer
 *   positional   1e-4 to 1e15. With at most 15 digits: r / 10^k with r < 10^15, found by
 *                multiplying and proved by dividing. With 16 or 17: exactly, in 128 bits
 *   exponential  the rest, by the C library, checked by reading back
 *
 * Why the first hit of the positional search has the fewest digits: let the value be the double
 * nearest to s / 10^k with s < 10^15. The value and the product with 10^k (exact, as k <= 22) are
 * each rounded once, so the product is within s * 2^-51 < 0.45 of s, and rounds to s.
 */
#include "fs/base/number_text.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_POSITIONAL 1e-4
#define POSITIONAL_END 1e15
#define SURE_DIGITS 15 /* that many read back unchanged from any normal double */
#define MOST_DIGITS 17 /* that many tell any two doubles apart */
#define MOST_DECIMALS 20

__extension__ typedef unsigned __int128 wide;

/* digits * 10^exponent */
struct decimal {
    uint64_t digits;
    int exponent;
};

/* Writes the decimal digits of VALUE to where END is, backwards; returns their start. */
static char *digits_before(char *end, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";

    for (; value >= 100; value /= 100) {
        end -= 2;
        memcpy(end, pairs + value % 100 * 2, 2);
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, pairs + value * 2, 2);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

static size_t put_whole(uint64_t value, char *text)
{
    char room[INTEGER_TEXT_SIZE];
    char *end = room + sizeof room;
    char *start = digits_before(end, value);
    size_t count = (size_t)(end - start);

    memcpy(text, start, count);
    return count;
}

static size_t put_words(const char *words, char *text)
{
    size_t count = strlen(words);

    memcpy(text, words, count);
    return count;
}

/* With DECIMALS (1 to MOST_DECIMALS) digits after the point and at least one before it. */
static size_t put_positional(uint64_t digits, size_t decimals, char *text)
{
    char room[INTEGER_TEXT_SIZE + MOST_DECIMALS];
    char *end = room + sizeof room;
    char *start = digits_before(end, digits);

    while ((size_t)(end - start) <= decimals)
        *--start = '0';

    size_t before = (size_t)(end - start) - decimals;

    memcpy(text, start, before);
    text[before] = '.';
    memcpy(text + before + 1, end - decimals, decimals);
    return before + 1 + decimals;
}

static size_t put_exponential(struct decimal decimal, char *text)
{
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }

    char room[INTEGER_TEXT_SIZE];
    char *end = room + sizeof room;
    char *start = digits_before(end, decimal.digits);
    size_t rest = (size_t)(end - start) - 1;
    int exponent = decimal.exponent + (int)rest;
    size_t size = 0;

    text[size++] = start[0];
    text[size++] = '.';
    if (rest == 0)
        text[size++] = '0';
    memcpy(text + size, start + 1, rest);
    size += rest;
    text[size++] = 'e';
    text[size++] = exponent < 0 ? '-' : '+';
    exponent = abs(exponent);
    if (exponent < 10)
        text[size++] = '0';
    return size + put_whole((uint64_t)exponent, text + size);
}

/* Fails when the value takes more than SURE_DIGITS digits. */
static bool few_digits(double value, uint64_t *ret_digits, size_t *ret_decimals)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9, 1e10,
                                    1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20};

    for (size_t decimals = 1; decimals <= MOST_DECIMALS; decimals++) {
        double scaled = value * powers[decimals];

        if (scaled >= POSITIONAL_END)
            return false;

        uint64_t digits = (uint64_t)(scaled + 0.5);

        /* The division alone would do; but it is slow, and seldom worth a try. */
        if (fabs(scaled - (double)digits) <= scaled * 0x1p-51 &&
            (double)digits / powers[decimals] == value) {
            *ret_digits = digits;
            *ret_decimals = decimals;
            return true;
        }
    }
    return false;
}

/*
 * The value is m / 2^t; with k decimals it is m * 5^k / 2^(t - k), in units of the last digit. Here
 * m < 2^53, k <= 20 and t > k, so that all of it fits into 128 bits.
 */
static size_t put_many_digits(double value, char *text)
{
    static const double ends[] = {1e-3, 1e-2, 1e-1, 1e0,  1e1,  1e2,  1e3,  1e4,  1e5, 1e6,
                                  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int binary_exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(value, &binary_exponent), DBL_MANT_DIG);
    unsigned decimals = MOST_DECIMALS - 1;
    uint64_t power = 1;

    for (const double *end = ends; value >= *end; end++)
        decimals--;
    for (unsigned k = 0; k < decimals; k++)
        power *= 5;

    /* 16 digits: do they lie within half of the mantissa's last bit? No power of two, whose lower
     * neighbour is nearer, is in need of so many here; and there is no tie, as 5^k is odd. */
    unsigned shift = (unsigned)(DBL_MANT_DIG - binary_exponent) - decimals;
    wide scaled = (wide)mantissa * power;
    uint64_t unit = UINT64_C(1) << shift;
    uint64_t rest = (uint64_t)scaled & (unit - 1);

    if (2 * (rest < unit - rest ? rest : unit - rest) > power) {
        decimals++;
        scaled *= 5;
        shift--;
        unit /= 2;
        rest = (uint64_t)scaled & (unit - 1);
    }

    uint64_t digits = (uint64_t)(scaled >> shift);

    if (rest * 2 > unit || (rest * 2 == unit && digits % 2 != 0))
        digits++;
    return put_positional(digits, decimals, text);
}

static bool reads_back(struct decimal decimal, double value)
{
    char text[64]; /* without a point, so that the locale has no say */

    snprintf(text, sizeof text, "%" PRIu64 "e%d", decimal.digits, decimal.exponent);
    return strtod(text, NULL) == value;
}

static struct decimal rounded(double value, int count)
{
    char text[64];
    struct decimal decimal = {.digits = 0};
    const char *at = text;

    snprintf(text, sizeof text, "%.*e", count - 1, value);
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') /* and not the locale's point */
            decimal.digits = decimal.digits * 10 + (uint64_t)(*at - '0');
    }
    decimal.exponent = (int)strtol(at + 1, NULL, 10) - (count - 1);
    return decimal;
}

static struct decimal shortest(double value)
{
    int exponent;
    bool is_power_of_two = frexp(value, &exponent) == 0.5;
    struct decimal decimal;

    for (int count = value < DBL_MIN ? 1 : SURE_DIGITS; count < MOST_DIGITS; count++) {
        decimal = rounded(value, count);
        if (reads_back(decimal, value))
            return decimal;
        /* Above a power of two there is twice the room: the farther neighbour may still do. */
        decimal.digits++;
        if (is_power_of_two && reads_back(decimal, value))
            return decimal;
    }
    return rounded(value, MOST_DIGITS);
}

size_t integer_text(int64_t value, char text[INTEGER_TEXT_SIZE])
{
    if (value >= 0)
        return put_whole((uint64_t)value, text);
    text[0] = '-';
    return 1 + put_whole(-(uint64_t)value, text + 1);
}

size_t unsigned_text(uint64_t value, char text[INTEGER_TEXT_SIZE])
{
    return put_whole(value, text);
}

/* A decimal of at most 9 digits is its own shortest form as a double. */
size_t float_text(float value, char text[DOUBLE_TEXT_SIZE])
{
    float size = fabsf(value);

    if (isnan(value) || isinf(value) || value == 0.0f)
        return double_text((double)value, text);
    for (int count = size < FLT_MIN ? 1 : FLT_DIG;; count++) {
        struct decimal decimal = rounded((double)size, count);
        char near[64]; /* without a point, so that the locale has no say */

        snprintf(near, sizeof near, "%" PRIu64 "e%d", decimal.digits, decimal.exponent);
        if (count == FLT_DECIMAL_DIG || strtof(near, NULL) == size)
            return double_text(copysign(strtod(near, NULL), (double)value), text);
    }
}

size_t double_text(double value, char text[DOUBLE_TEXT_SIZE])
{
    size_t size = 0;
    uint64_t digits;
    size_t decimals;

    if (isnan(value))
        return put_words("NaN", text);
    if (signbit(value)) {
        text[size++] = '-';
        value = -value;
    }
    if (isinf(value))
        return size + put_words("Infinity", text + size);

    if (value < 0x1p53 && value == (double)(uint64_t)value) {
        digits = (uint64_t)value;
        if (digits >= (uint64_t)POSITIONAL_END)
            return size + put_exponential((struct decimal){.digits = digits}, text + size);
        size += put_whole(digits, text + size);
        return size + put_words(".0", text + size);
    }
    if (value < LEAST_POSITIONAL || value >= POSITIONAL_END)
        return size + put_exponential(shortest(value), text + size);
    if (few_digits(value, &digits, &decimals))
        return size + put_positional(digits, decimals, text + size);
    return size + put_many_digits(value, text + size);
}

static size_t count_digits(const char *at, size_t size)
{
    size_t count = 0;

    while (count < size && at[count] >= '0' && at[count] <= '9')
        count++;
    return count;
}

size_t short_decimal_text(const char *decimal, size_t size, bool single,
                          char text[DOUBLE_TEXT_SIZE])
{
    size_t most = single ? FLT_DIG : DBL_DIG;
    size_t sign = size != 0 && decimal[0] == '-';
    size_t whole = count_digits(decimal + sign, size - sign);
    size_t point = sign + whole;
    size_t fraction = point < size ? size - point - 1 : 0;
    size_t zeros = 0;

    if (whole == 0 || (whole > 1 && decimal[sign] == '0') || whole + fraction > most + 4)
        return 0;
    if (point < size && (decimal[point] != '.' || fraction == 0 ||
                         count_digits(decimal + point + 1, fraction) != fraction))
        return 0;
    while (fraction != 0 && decimal[point + fraction] == '0')
        fraction--;
    /* Below 1 the zeros before the first digit do not count, and above three it is exponential. */
    if (whole == 1 && decimal[sign] == '0') {
        while (zeros < fraction && decimal[point + 1 + zeros] == '0')
            zeros++;
        if (zeros > 3 || fraction == 0 || fraction - zeros > most)
            return 0;
    } else if (whole + fraction > most) {
        return 0;
    }
    memcpy(text, decimal, point);
    text[point++] = '.';
    if (fraction == 0)
        text[point++] = '0';
    memcpy(text + point, decimal + point, fraction);
    return point + fraction;
}
