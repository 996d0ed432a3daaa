/* SPDX-License-Identifier: MIT */
/* What phpMyAdmin exports as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "tests/unit/recording_taker.h"

#define HEADER \
    "[\n{\"type\":\"header\",\"version\":\"5.2.1\",\"comment\":\"Export to JSON plugin for PHPMyAdmin\"},\n"

static void check_failing(const char *text, int expected_error, const char *expected)
{
    static const size_t steps[] = {1, 3, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recorded_reading reading;
        struct json_form form;

        assert_true(json_rows_recognise("a/t.json", (const uint8_t *)text, strlen(text), &form));
        assert_int_equal(form.layout, JSON_EXPORT);
        recorded_reading_begin(&reading, text, strlen(text), steps[i]);
        assert_int_equal(json_rows_read(&reading.from.stream, &form, "a/t.json",
                                        &reading.into.taker, &reading.failure),
                         expected_error);
        assert_string_equal(recording_text(&reading.into), expected);
        recorded_reading_end(&reading);
    }
}

static void check(const char *text, const char *expected)
{
    check_failing(text, 0, expected);
}

static void test_one_database(void **state)
{
    (void)state;
    check(HEADER "{\"type\":\"database\",\"name\":\"crm\"},\n"
                 "{\"type\":\"table\",\"name\":\"a\",\"database\":\"crm\",\"data\":\n[\n"
                 "{\"id\":\"1\",\"n\":null},\n{\"id\":\"2\",\"n\":\"x\"}\n]\n}\n,"
                 "{\"type\":\"table\",\"name\":\"b\\u00e4\\/\",\"database\":\"crm\",\"data\":\n[\n"
                 "{\"id\":\"3\"}\n]\n}\n]\n",
          "table 0 a (id:text,n:text)\nrow 0 \"1|NULL\nrow 0 \"2|\"x\n"
          "table 1 b\xc3\xa4/ (id:text)\nrow 1 \"3\n");
}

/* As phpMyAdmin sets its commas. */
static void test_databases(void **state)
{
    (void)state;
    check(HEADER
          "{\"type\":\"database\",\"name\":\"x\"},\n"
          "{\"type\":\"table\",\"name\":\"a\",\"database\":\"x\",\"data\":[{\"i\":\"1\"}]}\n"
          ",{\"type\":\"table\",\"name\":\"b\",\"database\":\"x\",\"data\":[{\"i\":\"2\"}]}\n"
          "{\"type\":\"database\",\"name\":\"y\"},\n"
          ",{\"type\":\"table\",\"name\":\"a\",\"database\":\"y\",\"data\":[{\"i\":\"3\"}]}\n"
          ",{\"type\":\"raw\",\"data\":[{\"i\":\"4\"}]}\n"
          "{\"type\":\"database\",\"name\":\"z\"},\n]\n",
          "table 0 a (i:text)\nrow 0 \"1\ntable 1 b (i:text)\nrow 1 \"2\n"
          "change 0 x.a (i:text)\nchange 1 x.b (i:text)\n"
          "table 2 y.a (i:text)\nrow 2 \"3\ntable 3 t (i:text)\nrow 3 \"4\n");
}

static void test_without_rows(void **state)
{
    (void)state;
    check(HEADER "{\"type\":\"table\",\"name\":\"a\",\"database\":\"x\",\"data\":\n[\n\n]\n}\n,"
                 "{\"type\":\"table\",\"name\":\"b\",\"database\":\"x\",\"data\":[]}\n]\n",
          "trouble a/t.json: an export as JSON does not say what columns a table without rows has, "
          "so that none is shown: 2, the first a\n");
    check(HEADER "{\"type\":\"database\",\"name\":\"x\"},\n]\n", "");
}

#define NOT_READ                                                                                   \
    "trouble a/t.json: what stands behind the table that cannot be read whole is not read: there " \
    "may be others\n"

static void test_cut(void **state)
{
    static const char a[] =
        HEADER "{\"type\":\"table\",\"name\":\"a\",\"database\":\"x\",\"data\":[{\"i\":\"1\"}";
    static const struct {
        const char *behind;
        int error;
        const char *expected;
    } cases[] = {
        {"", 0,
         "fail 0 line 3, byte 147 of a/t.json: the text ends within the array: it was cut short\n" NOT_READ},
        {",{\"i\":", 0,
         "fail 0 line 3, byte 153 of a/t.json: the text ends within an object: it was cut short\n" NOT_READ},
        {"]", -EIO, ""},
        {"]}\n", -EIO, ""},
        {"]},{\"type\":\"ta", -EIO, ""},
        {"]},{\"name\":\"b\",\"data\":[", 0,
         "table 1 b (column1:any)\n"
         "fail 1 line 3, byte 170 of a/t.json: the text ends within the array: it was cut short\n" NOT_READ},
        {"]},3]", -EIO, ""},
        {"]}]x", -EIO, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400];
        char expected[600];

        snprintf(text, sizeof text, "%s%s", a, cases[i].behind);
        snprintf(expected, sizeof expected, "table 0 a (i:text)\nrow 0 \"1\n%s", cases[i].expected);
        check_failing(text, cases[i].error, expected);
    }
}

/* Of what stands behind it nobody knows where it begins. */
static void test_damaged(void **state)
{
    (void)state;
    check(
        HEADER
        "{\"type\":\"table\",\"name\":\"a\",\"database\":\"x\",\"data\":[{\"i\":oops}]},\n"
        "{\"type\":\"table\",\"name\":\"b\",\"database\":\"x\",\"data\":[{\"i\":\"2\"}]}\n]\n",
        "table 0 a (column1:any)\nfail 0 line 3, byte 143 of a/t.json: this is no JSON\n" NOT_READ);
}

/* It is no name that MySQL allows. */
static void test_long_name(void **state)
{
    char name[1101] = "";
    char text[2000];

    (void)state;
    memset(name, 'n', sizeof name - 1);
    snprintf(text, sizeof text, HEADER "{\"name\":\"%s\",\"data\":[{\"i\":1}]}]", name);
    check(text, "table 0 t (i:integer)\nrow 0 #1\n");
}

/* What only looks like one. */
static void test_others(void **state)
{
    static const char *const texts[] = {
        "[{\"type\":\"header\",\"text\":\"x\"},{\"type\":\"table\",\"data\":[{}]}]",
        "[{\"type\":\"page\",\"comment\":\"phpMyAdmin\"}]",
        "[{\"type\":[\"header\"],\"comment\":\"phpMyAdmin\"}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct json_form form;

        assert_true(
            json_rows_recognise("t.json", (const uint8_t *)texts[i], strlen(texts[i]), &form));
        assert_int_equal(form.layout, JSON_ARRAY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_database), cmocka_unit_test(test_databases),
        cmocka_unit_test(test_without_rows), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_damaged),      cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
