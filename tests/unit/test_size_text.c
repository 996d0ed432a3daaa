/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "fs/base/size_text.h"

struct expectation {
    const char *text;
    int error;
    uint64_t value;
};

static void check(int (*parse)(const char *text, uint64_t *ret_value),
                  const struct expectation *expected)
{
    for (; expected->text != NULL; expected++) {
        uint64_t value = 77;
        int error = parse(expected->text, &value);

        if (error != expected->error || value != (error != 0 ? 77 : expected->value))
            fail_msg("\"%s\": %d, %ju", expected->text, error, (uintmax_t)value);
    }
}

static void test_bytes(void **state)
{
    (void)state;
    static const struct expectation expected[] = {
        {"0", 0, 0},
        {"65536", 0, 65536},
        {"512B", 0, 512},
        {"64M", 0, 67108864},
        {"64m", 0, 67108864},
        {"64MiB", 0, 67108864},
        {"64MB", 0, 64000000},
        {"1.5G", 0, 1610612736},
        {"2GiB", 0, 2147483648},
        {"0.0000001K", 0, 0},
        {"1T", 0, UINT64_C(1) << 40},
        {"1p", 0, UINT64_C(1) << 50},
        {"16383P", 0, UINT64_C(16383) << 50},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
        {"16384P", -ERANGE, 0},
        {"16383.999999999P", 0, UINT64_MAX - 1125899},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"M", -EINVAL, 0},
        {".5M", -EINVAL, 0},
        {"1.M", -EINVAL, 0},
        {"1,5M", -EINVAL, 0},
        {"1.5", -EINVAL, 0},
        {"1.5B", -EINVAL, 0},
        {"1X", -EINVAL, 0},
        {"1Mi", -EINVAL, 0},
        {"1MiBs", -EINVAL, 0},
        {"1.0000000000K", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {NULL, 0, 0},
    };

    check(size_text_bytes, expected);
}

static void test_durations(void **state)
{
    (void)state;
    static const struct expectation expected[] = {
        {"0", 0, 0},
        {"2", 0, 2000000000},
        {"0.5", 0, 500000000},
        {"30s", 0, UINT64_C(30000000000)},
        {"500ms", 0, 500000000},
        {"0.1ms", 0, 100000},
        {"7us", 0, 7000},
        {"7ns", 0, 7},
        {"0.5ns", 0, 0},
        {"1m", 0, UINT64_C(60000000000)},
        {"1.5h", 0, UINT64_C(5400000000000)},
        {"1d", 0, UINT64_C(86400000000000)},
        {"18446744073.709551615", 0, UINT64_MAX},
        {"18446744073.709551616", -ERANGE, 0},
        {"213504d", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"-2", -EINVAL, 0},
        {"1M", -EINVAL, 0},
        {"1min", -EINVAL, 0},
        {"1 s", -EINVAL, 0},
        {"inf", -EINVAL, 0},
        {NULL, 0, 0},
    };

    check(size_text_duration, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
