/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/path.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void test_scheme_size(void **state)
{
    (void)state;
    assert_int_equal(path_scheme_size("crm.db"), 0);
    assert_int_equal(path_scheme_size("/srv/a:b.db"), 0);
    assert_int_equal(path_scheme_size("2019:b.db"), 0);
    assert_int_equal(path_scheme_size("sqlite:crm.db"), 7);
    assert_int_equal(path_scheme_size("mysql://db/crm"), 6);
}

static void test_absolute_url(void **state)
{
    static const struct {
        const char *url, *directory, *absolute;
    } cases[] = {
        {"crm.db", "/srv/crm", "/srv/crm/crm.db"},
        {"../crm.db", "/srv/crm", "/srv/crm/../crm.db"},
        {"crm.db", "/", "/crm.db"},
        {"/crm.db", "/srv", "/crm.db"},
        {"sqlite:crm.db", "/srv", "sqlite:/srv/crm.db"},
        {"sqlite:///crm.db", "/srv", "sqlite:///crm.db"},
        {"mysql://db/crm?ssl-mode=REQUIRED", "/srv", "mysql://db/crm?ssl-mode=REQUIRED"},
        {"2019:crm.db", "/srv", "/srv/2019:crm.db"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *absolute = path_absolute_url(cases[i].url, cases[i].directory);

        assert_non_null(absolute);
        assert_string_equal(absolute, cases[i].absolute);
        free(absolute);
    }
}

static void test_working_directory(void **state)
{
    char *absolute;

    (void)state;
    assert_int_equal(chdir("/proc"), 0);
    absolute = path_absolute_url("self", NULL);
    assert_non_null(absolute);
    assert_string_equal(absolute, "/proc/self");
    free(absolute);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scheme_size),
        cmocka_unit_test(test_absolute_url),
        cmocka_unit_test(test_working_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
