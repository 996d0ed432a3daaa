/* SPDX-License-Identifier: MIT */
/* Tables as text of which the user says how they are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/delimited_reading.h"

/* What is not in the character set that was said, or breaks off within a character, fails. */
static void test_wrong_charset(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\n1\n\xff\xff\n2\n", "a\n1\n\xd5"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct dialect_wish wish = {.delimiter_given = false};
        struct recorded_reading reading;

        assert_int_equal(delimited_option(&wish, "charset", "gbk", NULL), 1);
        recorded_reading_begin(&reading, texts[i], strlen(texts[i]), 100);
        assert_int_equal(read_delimited(&reading, "t.csv", &wish), -EIO);
        assert_string_equal(
            recording_text(&reading.into),
            "table 0 t (a:text)\nrow 0 \"1\n"
            "fail 0 line 3, byte 4 of t.csv: what comes next is not in the character "
            "set gbk\n");
        recorded_reading_end(&reading);
    }
}

/* One file of which the user says anything is a table; of several, those that look like one. */
static void test_names(void **state)
{
    (void)state;
    static const char rows[] = "a;b\n1;2\n3;4\n";
    static const char row[] = "a;b\n1;2\n";
    struct dialect_wish wish = {.delimiter_given = false};
    struct dialect dialect;

#define RECOGNISED(name, text) \
    delimited_recognise(name, (const uint8_t *)(text), strlen(text), true, &wish, &dialect)
    assert_false(RECOGNISED("x.dat", rows));
    assert_false(RECOGNISED("x.txt", row));
    wish.alone = true;
    assert_false(RECOGNISED("x.dat", rows));
    assert_int_equal(delimited_option(&wish, "header", "yes", NULL), 1);
    assert_true(RECOGNISED("x.dat", row));
    assert_true(RECOGNISED("x.txt", row));
    wish.alone = false;
    assert_false(RECOGNISED("x.dat", rows));
    assert_int_equal(delimited_option(&wish, "delimiter", ";", NULL), 1);
    assert_true(RECOGNISED("x.dat", rows));
    assert_false(RECOGNISED("x.dat", row));
    assert_false(RECOGNISED("x.conf", "a\nb\nc\n"));
#undef RECOGNISED
}

static void test_resembles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool resembles;
    } texts[] = {
        {"a;b\n1;2\n3;4\n", true},
        {"a,b,c\n1,2,3\n4,5,6\n", true},
        {"One thing, another.\nOne thing, another.\nOne thing, another.\n", false},
        {"a;b\n1;2\n", false},
        {"a;b\n1;2\n3\n", false},
        {"a=1\nb=2\nc=3\n", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(
            delimited_resembles((const uint8_t *)texts[i].text, strlen(texts[i].text), true),
            texts[i].resembles);
}

static void test_wishes(void **state)
{
    (void)state;
    check_delimited_wish("a,b;c\n1,2;3\n", (const char *const[]){"delimiter", ";", NULL},
                         "table 0 t (a,b:text,c:text)\nrow 0 \"1,2|\"3\n");
    check_delimited_wish("a b\n1 2\n", (const char *const[]){"delimiter", "space", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n");
    check_delimited_wish("a\tb,c\n1\t2\n", (const char *const[]){"delimiter", "tab", NULL},
                         "table 0 t (a:text,b,c:text)\nrow 0 \"1|\"2\n");
    check_delimited_wish("a,b\n\"x,y\n", (const char *const[]){"quote", "none", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"\"x|\"y\n");
    check_delimited_wish("a,b\n^x,y^,z\n", (const char *const[]){"quote", "^", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"x,y|\"z\n");
    check_delimited_wish("1,2\n3,4\n", (const char *const[]){"header", "no", NULL},
                         "table 0 t (column1:text,column2:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n");
    check_delimited_wish("a\n\xc3\xa4\n", (const char *const[]){"charset", "latin1", NULL},
                         "table 0 t (a:text)\nrow 0 \"\xc3\x83\xc2\xa4\n");
    check_delimited_wish("a\n\x80\n", (const char *const[]){"charset", "latin1", NULL},
                         "table 0 t (a:text)\nrow 0 \"\xc2\x80\n");
    check_delimited_wish("a\n\x80\n", (const char *const[]){"charset", "cp1252", NULL},
                         "table 0 t (a:text)\nrow 0 \"\xe2\x82\xac\n");
    check_delimited_wish("a\n\xe4\n", (const char *const[]){"charset", "utf-8", NULL},
                         "table 0 t (a:text)\n"
                         "trouble line 2, byte 2 of t.csv: here is text that is not UTF-8, which "
                         "the file is otherwise, or was said to be: it is shown as base64; if all "
                         "of it is in another character set, say which in the archive's URL, as "
                         "in charset=windows-1252, else what made the file has mixed two\n"
                         "row 0 \"\xe4\n");

    /* Second halves of characters that are signs by themselves. */
    check_delimited_wish("a|\xd5\xc5\n\x81\x7c|2\n",
                         (const char *const[]){"charset", "gbk", "delimiter", "|", NULL},
                         "table 0 t (a:text,\xe5\xbc\xa0:text)\nrow 0 \"\xe4\xba\x85|\"2\n");
    check_delimited_wish("a\n\x83\x5c\n", (const char *const[]){"charset", "CP932", NULL},
                         "table 0 t (a:text)\nrow 0 \"\xe3\x82\xbd\n");
    check_delimited_wish("a\n\xd7\n", (const char *const[]){"charset", "cp1251", NULL},
                         "table 0 t (a:text)\nrow 0 \"\xd0\xa7\n");

    /* Marks may follow a letter: it is told only when what comes next is known, or the end. */
    check_delimited_wish("a\nba", (const char *const[]){"charset", "cp1258", NULL},
                         "table 0 t (a:text)\nrow 0 \"ba\n");
    check_delimited_wish("a\nba\xcc\n", (const char *const[]){"charset", "cp1258", NULL},
                         "table 0 t (a:text)\nrow 0 \"b\xc3\xa0\n");

    static const char *const bad[][2] = {
        {"charset", "utf-16"}, {"charset", "EBCDIC-US"},
        {"charset", ""},       {"charset", "gbk//IGNORE"},
        {"delimiter", ""},     {"delimiter", ";;"},
        {"delimiter", "\n"},   {"quote", ""},
        {"quote", "ab"},       {"charset", "x"},
        {"header", "perhaps"}, {"escape", ""},
        {"escape", "\n"},      {"escape", "ab"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct dialect_wish wish = {.quote_given = false};
        struct failure failure = {0};

        assert_int_equal(delimited_option(&wish, bad[i][0], bad[i][1], &failure), -EINVAL);
        assert_non_null(strstr(failure.text, bad[i][0]));
    }
    assert_int_equal(delimited_option(&(struct dialect_wish){0}, "colour", "red", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_charset),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_resembles),
        cmocka_unit_test(test_wishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
