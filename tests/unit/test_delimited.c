/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/memory.h"
#include "tests/unit/recording_taker.h"

static void check_sized(const char *name, const char *text, size_t size, const char *expected)
{
    static const size_t steps[] = {1, 3, 1 << 20};
    struct dialect dialect;

    assert_true(delimited_recognise(name, (const uint8_t *)text, size, true, &dialect));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recording_taker recording;
        struct memory_stream stream;
        struct failure failure = {0};

        recording_begin(&recording);
        memory_stream_begin(&stream, text, size, steps[i]);
        assert_int_equal(delimited_read(&stream.stream, &dialect, name, &recording.taker, &failure),
                         0);
        assert_string_equal(recording_text(&recording), expected);
        recording_end(&recording);
    }
}

static void check(const char *text, const char *expected)
{
    check_sized("a/t.csv", text, strlen(text), expected);
}

static void test_quotes_and_nulls(void **state)
{
    (void)state;
    check("a,b,c\n1,\"x \"\"y\"\", z\n\",\n\"\",,3\n",
          "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"x \"y\", z\n|NULL\nrow 0 \"|NULL|\"3\n");
    check("a\n\nx\n\"\"", "table 0 t (a:text)\nrow 0 NULL\nrow 0 \"x\nrow 0 \"\n");
}

static void test_line_ends(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n";

    check("a,b\n1,2\n3,4\n", expected);
    check("a,b\n1,2\n3,4", expected);
    check("a,b\r\n1,2\r\n3,4\r\n", expected);
    check("a,b\r1,2\r3,4\r", expected);
    check("a,b\n1,2\n\n3,4\n\n", expected);
}

static void test_delimiters(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1,5|\"x\nrow 0 \"2,5|\"y\n";

    check("a;b\n1,5;x\n2,5;y\n", expected);
    check("a\tb\n1,5\tx\n2,5\ty\n", expected);
    check("a|b\n1,5|x\n2,5|y\n", expected);
    check("a,b\n\"1,5\",x\n\"2,5\",y\n", expected);
}

static void test_character_sets(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,\xc3\xa4:text)\nrow 0 \"1|\"\xe2\x82\xac\n";
    static const char little[] = "a\0,\0\xe4\0\n\0"
                                 "1\0,\0\xac\x20\n";
    static const char big[] = "\xfe\xff\0a\0,\0\xe4\0\n\0"
                              "1\0,\x20\xac\0\n";

    check("a,\xc3\xa4\n1,\xe2\x82\xac\n", expected);
    check("\xef\xbb\xbf"
          "a,\xc3\xa4\n1,\xe2\x82\xac\n",
          expected);
    check("a,\xe4\n1,\x80\n", expected);
    check_sized("t.csv", little, sizeof little, expected);
    check_sized("t.csv", big, sizeof big - 1, expected);
    /* A pair of surrogates, and half of one. */
    check_sized("t.csv",
                "\xff\xfe"
                "a\0,\0b\0\n\0\x3d\xd8\x00\xde,\0\x3d\xd8\n",
                19, "table 0 t (a:text,b:text)\nrow 0 \"\xf0\x9f\x98\x80|\"\xef\xbf\xbd\n");
}

static void test_names(void **state)
{
    (void)state;
    check("a,,a,a (2)\n1,2,3,4\n",
          "table 0 t (a:text,column2:text,a (2):text,a (2) (2):text)\nrow 0 \"1|\"2|\"3|\"4\n");
}

static void test_ragged(void **state)
{
    (void)state;
    check("a,b\n1\n2,3,\n4,5,,\n",
          "table 0 t (a:text,b:text)\nrow 0 \"1|NULL\nrow 0 \"2|\"3\nrow 0 \"4|\"5\n");
    check(
        "a,b\n1,2\n3,4,5\n6,7\n",
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
        "fail 0 line 3, byte 8 of a/t.csv: there are more fields than columns in the first line\n");
    check("a,b\n1,\"2\n3,4\n",
          "table 0 t (a:text,b:text)\n"
          "fail 0 line 2, byte 4 of a/t.csv: the text ends within quotes: it was cut short, or a "
          "quote is missing from here on\n");
}

static void test_broken(void **state)
{
    (void)state;
    struct dialect dialect = {.delimiter = ','};
    struct recording_taker recording;
    struct memory_stream stream;
    struct failure failure = {0};

    recording_begin(&recording);
    memory_stream_begin(&stream, "a,b\n1,2\n", 8, 2);
    stream.fails = true;
    assert_int_equal(delimited_read(&stream.stream, &dialect, "t.csv", &recording.taker, &failure),
                     -EIO);
    assert_non_null(
        strstr(recording_text(&recording), "fail 0 line 3, byte 8 of t.csv: the stream is broken"));
    recording_end(&recording);
}

static void test_not_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } others[] = {
        {"readme.txt", "Hello, this is\na text, with commas, and\nmore\n"},
        {"x.html", "a,b\n1,2\n3,4\n"},
        {"two", "a,b\n1,2\n"},
        {"t.csv", ""},
        {"t", "one\ntwo\nthree\nfour\n"},
    };
    struct dialect dialect;

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(delimited_recognise(others[i].name, (const uint8_t *)others[i].text,
                                         strlen(others[i].text), true, &dialect));
    assert_false(
        delimited_recognise("t.csv", (const uint8_t *)"a,b\n\0\1\2,\3\n", 10, true, &dialect));
    assert_true(
        delimited_recognise("t.txt", (const uint8_t *)"a,b\n1,2\n3,4\n", 12, true, &dialect));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes_and_nulls),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_character_sets),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ragged),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_not_recognised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
