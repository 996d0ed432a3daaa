/* SPDX-License-Identifier: MIT */
/* Numbers are written alike in a locale that has a comma where others have a point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/number_text.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/sqlite_fixture.h"

/* What localedef makes a locale of. Few machines have one that they do not use. */
static void write_sources(const char *charmap, const char *locale)
{
    FILE *file = fopen(charmap, "w");

    must(file != NULL);
    fputs("<code_set_name> ASCII\n<mb_cur_max> 1\nCHARMAP\n", file);
    for (unsigned i = 0; i < 128; i++)
        fprintf(file, "<U%04X> \\x%02x\n", i, i);
    fputs("END CHARMAP\n", file);
    must(fclose(file) == 0);
    file = fopen(locale, "w");
    must(file != NULL);
    fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n",
          file);
    must(fclose(file) == 0);
}

static int use_commas(void **state)
{
    char command[1000];

    if (folder_create(state) != 0)
        return -1;
    write_sources(in_folder("charmap"), in_folder("source"));
    /* It complains of the categories that are not there, and makes the locale all the same. */
    snprintf(command, sizeof command, "localedef -c -f %s -i %s %s >%s 2>&1", in_folder("charmap"),
             in_folder("source"), in_folder("comma"), in_folder("said"));
    if (system(command) == -1) /* NOLINT(cert-env33-c): no words of anybody else's are in it */
        return -1;
    return setenv("LOCPATH", in_folder("."), 1);
}

static void assert_text(double value, const char *expected)
{
    char text[DOUBLE_TEXT_SIZE + 1];

    text[double_text(value, text)] = '\0';
    assert_string_equal(text, expected);
}

static void test_locale(void **state)
{
    char comma[10];

    (void)state;
    if (setlocale(LC_NUMERIC, "comma") == NULL)
        fail_msg("localedef made no locale: is it there?");
    snprintf(comma, sizeof comma, "%.1f", 0.5);
    assert_string_equal(comma, "0,5");
    assert_text(0.1, "0.1");
    assert_text(1.5e-7, "1.5e-07");
    assert_text(0x1p-44, "5.684341886080802e-14");
    assert_text(DBL_MAX, "1.7976931348623157e+308");
    assert_text(0.1 + 0.2, "0.30000000000000004");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locale),
    };

    return cmocka_run_group_tests(tests, use_commas, folder_remove);
}
