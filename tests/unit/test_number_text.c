/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/number_text.h"

#define RANDOM_ROUNDS 1000000
#define TEXT_SIZE (DOUBLE_TEXT_SIZE + 1)
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* splitmix64: the same numbers every time */
static uint64_t next_random(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static double of_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* In a block of exactly the promised size, so that a byte too many is seen; nothing ends it. */
static void text_of(double value, char text[TEXT_SIZE])
{
    char *block = malloc(DOUBLE_TEXT_SIZE);

    assert_non_null(block);

    size_t size = double_text(value, block);

    if (size > DOUBLE_TEXT_SIZE)
        fail_msg("%zu bytes for %a", size, value);
    memcpy(text, block, size);
    text[size] = '\0';
    free(block);
}

static void assert_text(double value, const char *expected)
{
    char text[TEXT_SIZE];

    text_of(value, text);
    if (strcmp(text, expected) != 0)
        fail_msg("%a is %s, not %s", value, text, expected);
}

static void assert_integer(int64_t value)
{
    char text[INTEGER_TEXT_SIZE];
    char expected[INTEGER_TEXT_SIZE];
    size_t size = integer_text(value, text);

    assert_int_equal(size, snprintf(expected, sizeof expected, "%" PRId64, value));
    assert_memory_equal(text, expected, size);
}

static void test_integers(void **state)
{
    (void)state;
    uint64_t seed = 1;

    for (int64_t value = -1100; value <= 1100; value++)
        assert_integer(value);
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
        assert_integer(power);
        assert_integer(power - 1);
        assert_integer(-power);
        assert_integer(1 - power);
    }
    assert_integer(INT64_MAX);
    assert_integer(INT64_MIN);
    for (int round = 0; round < 100000; round++) {
        uint64_t bits = next_random(&seed);

        assert_integer((int64_t)(bits >> bits % 64));
    }
}

static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.0, "-1.0"},
        {0.1, "0.1"},
        {-0.1, "-0.1"},
        {19.99, "19.99"},
        {1234567.89, "1234567.89"},
        {100.0, "100.0"},
        {1e14, "100000000000000.0"},
        {999999999999999.0, "999999999999999.0"},
        {999999999999999.9, "999999999999999.9"},
        {999999999999999.88, "999999999999999.9"},
        {99999999999999.98, "99999999999999.98"},
        {1e15, "1.0e+15"},
        {-1e15, "-1.0e+15"},
        {1234567890123456.0, "1.234567890123456e+15"},
        {1234567890123456.8, "1.2345678901234568e+15"},
        {9007199254740991.0, "9.007199254740991e+15"},
        {9007199254740992.0, "9.007199254740992e+15"},
        {9007199254740994.0, "9.007199254740994e+15"},
        {9223372036854775808.0, "9.223372036854776e+18"},
        {1e22, "1.0e+22"},
        {1e23, "1.0e+23"},
        {1e99, "1.0e+99"},
        {1e100, "1.0e+100"},
        {1e308, "1.0e+308"},
        {-1e308, "-1.0e+308"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {0.001, "0.001"},
        {0.0001, "0.0001"},
        {0.00012, "0.00012"},
        {0.000123456789012345, "0.000123456789012345"},
        {0.0001234567890123456, "0.0001234567890123456"},
        {0.00009999999999999999, "9.999999999999999e-05"},
        {0.00001, "1.0e-05"},
        {1.5e-7, "1.5e-07"},
        {-1.5e-100, "-1.5e-100"},
        {0.5, "0.5"},
        {1.0 / 3.0, "0.3333333333333333"},
        {2.0 / 3.0, "0.6666666666666666"},
        {100.0 / 3.0, "33.333333333333336"},
        {0.1 + 0.2, "0.30000000000000004"},
        {5e-324, "5.0e-324"},
        {1.5e-323, "1.5e-323"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {0x1p-44, "5.684341886080802e-14"}, /* not the nearest with 16 digits, which is another */
        {0x1p-24, "5.960464477539063e-08"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {5.0 + DBL_EPSILON * 4, "5.000000000000001"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {NAN, "NaN"},
        {-NAN, "NaN"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_text(cases[i].value, cases[i].text);
}

/* Significant digits of a number's text. */
static int digits_in(const char *text)
{
    int count = 0;
    int zeros = 0; /* that stand behind the last other digit */

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '1' && *text <= '9') {
            count += zeros + 1;
            zeros = 0;
        } else if (*text == '0' && count > 0) {
            zeros++;
        }
    }
    return count;
}

static bool has_style(const char *text)
{
    const char *digits = text + (*text == '-');
    const char *point = strchr(text, '.');
    const char *exponent = strchr(text, 'e');

    if (point == NULL || point == digits || strspn(digits, "0123456789") + digits != point)
        return false;

    const char *end = point + 1 + strspn(point + 1, "0123456789");

    if (end == point + 1 || (end[-1] == '0' && end != point + 2))
        return false;
    if (exponent == NULL)
        return *end == '\0' && point - digits <= 15 && (*digits != '0' || point == digits + 1) &&
               strncmp(digits, "0.0000", 6) != 0;

    long power = strtol(exponent + 1, NULL, 10);

    return end == exponent && point == digits + 1 && *digits != '0' &&
           (exponent[1] == '-' || exponent[1] == '+') && strlen(exponent) >= 4 &&
           (strlen(exponent) == 4 || exponent[2] != '0') && (power < -4 || power > 14);
}

/* Reads back to the same, in the fixed style, and one digit fewer would not do. */
static void assert_right(double value)
{
    char text[TEXT_SIZE];
    char shorter[64];

    text_of(value, text);

    double back = strtod(text, NULL);

    if (back != value || signbit(back) != signbit(value))
        fail_msg("%a is written as %s, which is %a", value, text, back);
    if (!has_style(text))
        fail_msg("%a is written as %s", value, text);

    int digits = digits_in(text);

    if (digits > 17)
        fail_msg("%a is written as %s", value, text);
    if (digits > 1) {
        snprintf(shorter, sizeof shorter, "%.*e", digits - 2, value);
        if (strtod(shorter, NULL) == value)
            fail_msg("%a is written as %s, and %s is enough", value, text, shorter);
    }
}

static void test_powers(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent < 1024; exponent++) {
        double power = ldexp(1.0, exponent);

        assert_right(power);
        assert_right(-nextafter(power, 0.0));
        assert_right(nextafter(power, DBL_MAX));
    }
    for (int exponent = -323; exponent <= 308; exponent++) {
        char text[16];

        snprintf(text, sizeof text, "1e%d", exponent);

        double power = strtod(text, NULL);

        assert_right(power);
        assert_right(nextafter(power, 0.0));
        assert_right(-nextafter(power, DBL_MAX));
    }
}

static void test_random_bits(void **state)
{
    (void)state;
    uint64_t seed = 2;

    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        double value = of_bits(next_random(&seed));

        if (isfinite(value))
            assert_right(value);
    }
}

static void test_random_subnormals(void **state)
{
    (void)state;
    uint64_t seed = 3;

    for (int round = 0; round < 20000; round++) {
        uint64_t bits = next_random(&seed) >> 12;

        assert_right(of_bits(bits >> bits % 52));
    }
}

/* The values that CRMs hold: all binary fractions from 1e-5 to 1e17. */
static void test_random_positional(void **state)
{
    (void)state;
    uint64_t seed = 4;

    for (int round = 0; round < RANDOM_ROUNDS / 2; round++) {
        uint64_t bits = next_random(&seed);

        assert_right(ldexp((double)(bits >> 11), (int)(bits % 74) - 70));
    }
}

/* What a decimal of at most 15 digits was, it is again: SQLite says the same, in the same style. */
static void test_as_sqlite(void **state)
{
    (void)state;
    uint64_t seed = 5;

    for (int round = 0; round < 200000; round++) {
        uint64_t bits = next_random(&seed);
        uint64_t digits = (bits >> 10) % UINT64_C(1000000000000000);
        char source[64];
        char text[TEXT_SIZE];

        for (uint64_t drop = bits % 15; drop > 0; drop--)
            digits /= 10;
        if (digits == 0)
            continue;
        snprintf(source, sizeof source, "%s%" PRIu64 "e%d", (bits & 0x100) != 0 ? "-" : "", digits,
                 (int)(next_random(&seed) % 41) - 25);

        double value = strtod(source, NULL);
        char *expected = sqlite3_mprintf("%!.15g", value);

        text_of(value, text);
        if (strcmp(text, expected) != 0)
            fail_msg("%s is written as %s, by SQLite as %s", source, text, expected);
        sqlite3_free(expected);
    }
}

/* Two decimals are every CRM's money; each amount there is. */
static void test_amounts(void **state)
{
    (void)state;
    for (uint64_t cents = 0; cents < 300000; cents++) {
        uint64_t amount = cents * 7919;
        char expected[64];
        int size = snprintf(expected, sizeof expected, "%" PRIu64 ".%02" PRIu64, amount / 100,
                            amount % 100);

        if (amount % 10 == 0)
            expected[size - 1] = '\0';
        assert_text((double)amount / 100, expected);
    }
}

static void assert_float(float value, const char *expected)
{
    char text[TEXT_SIZE];

    text[float_text(value, text)] = '\0';
    assert_string_equal(text, expected);
}

static void test_floats(void **state)
{
    (void)state;
    uint64_t seed = 11;

    assert_float(0.1f, "0.1");
    assert_float(-0.0f, "-0.0");
    assert_float(1.0f / 3, "0.33333334");
    assert_float(16777216.0f, "16777216.0");
    assert_float(9999.999f, "9999.999");
    assert_float(FLT_MAX, "3.4028235e+38");
    assert_float(FLT_MIN, "1.1754944e-38");
    assert_float(1.4e-45f, "1.0e-45");
    assert_float(INFINITY, "Infinity");
    assert_float(-INFINITY, "-Infinity");
    assert_float(NAN, "NaN");
    for (int i = 0; i < RANDOM_ROUNDS / 10; i++) {
        uint32_t bits = (uint32_t)next_random(&seed);
        char text[TEXT_SIZE];
        float value;

        memcpy(&value, &bits, sizeof value);
        if (isnan(value) || isinf(value))
            continue;
        text[float_text(value, text)] = '\0';
        if (strtof(text, NULL) != value)
            fail_msg("%s for %a", text, (double)value);
    }
}

static void test_unsigned(void **state)
{
    (void)state;
    char text[INTEGER_TEXT_SIZE + 1];

    text[unsigned_text(UINT64_MAX, text)] = '\0';
    assert_string_equal(text, "18446744073709551615");
    text[unsigned_text(0, text)] = '\0';
    assert_string_equal(text, "0");
}

/* Whether it was taken. */
static bool check_short(const char *decimal, bool single)
{
    char mine[DOUBLE_TEXT_SIZE + 1];
    char other[DOUBLE_TEXT_SIZE + 1];
    size_t size = short_decimal_text(decimal, strlen(decimal), single, mine);

    if (size == 0)
        return false;
    mine[size] = '\0';
    size = single ? float_text(strtof(decimal, NULL), other)
                  : double_text(strtod(decimal, NULL), other);
    other[size] = '\0';
    assert_string_equal(mine, other);
    return true;
}

/* What is taken as it stands is what reading it would give. */
static void test_short_decimals(void **state)
{
    (void)state;
    static const char *const taken[] = {"1",       "-12.50",   "0.0001", "999999999999999",
                                        "100.000", "0.123456", "-0.5"};
    static const char *const not_taken[] = {
        "",      "0",  "0.0", "-",  "1.", ".5", "01", "1e3", "+1", "0.00001", "1234567890123456",
        "1.2.3", "1 ", "nan", "0x1"};
    char text[DOUBLE_TEXT_SIZE];
    uint64_t random = 9;
    int doubles = 0;
    int singles = 0;

    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_true(check_short(taken[i], false));
    for (size_t i = 0; i < sizeof not_taken / sizeof *not_taken; i++)
        assert_int_equal(short_decimal_text(not_taken[i], strlen(not_taken[i]), false, text), 0);
    for (int i = 0; i < 200000; i++) {
        char decimal[48];
        uint64_t number = next_random(&random) >> (next_random(&random) % 64);

        snprintf(decimal, sizeof decimal, "%s%llu.%0*llu", number % 2 != 0 ? "-" : "",
                 (unsigned long long)(number % 1000000000000000u >> number % 50),
                 (int)(number % 7 + 1), (unsigned long long)(next_random(&random) % 100000));
        doubles += check_short(decimal, false);
        singles += check_short(decimal, true);
    }
    assert_in_range(doubles, 50000, 199999);
    assert_in_range(singles, 10000, doubles - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_powers),
        cmocka_unit_test(test_random_bits),
        cmocka_unit_test(test_random_subnormals),
        cmocka_unit_test(test_random_positional),
        cmocka_unit_test(test_as_sqlite),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_short_decimals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
