/* SPDX-License-Identifier: MIT */
/* Tables as text: how they are known, and what their records hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/delimited_reading.h"

static void test_quotes_and_nulls(void **state)
{
    (void)state;
    check_delimited(
        "a,b,c\n1,\"x \"\"y\"\", z\n\",\n\"\",,3\n",
        "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"x \"y\", z\n|NULL\nrow 0 \"|NULL|\"3\n");
    check_delimited("a\n\nx\n\"\"", "table 0 t (a:text)\nrow 0 NULL\nrow 0 \"x\nrow 0 \"\n");
}

static void test_line_ends(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n";

    check_delimited("a,b\n1,2\n3,4\n", expected);
    check_delimited("a,b\n1,2\n3,4", expected);
    check_delimited("a,b\r\n1,2\r\n3,4\r\n", expected);
    check_delimited("a,b\r1,2\r3,4\r", expected);
    check_delimited("a,b\n1,2\n\n3,4\n\n", expected);
}

static void test_delimiters(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1,5|\"x\nrow 0 \"2,5|\"y\n";

    check_delimited("a;b\n1,5;x\n2,5;y\n", expected);
    check_delimited("a\tb\n1,5\tx\n2,5\ty\n", expected);
    check_delimited("a|b\n1,5|x\n2,5|y\n", expected);
    check_delimited("a,b\n\"1,5\",x\n\"2,5\",y\n", expected);
}

/* A comma stands in texts and numbers as well. */
static void test_delimiter_beside_commas(void **state)
{
    static const char wide[] = "i\0d\0\t\0n\0,\0 \0f\0\n\0"
                               "1\0\t\0D\0,\0 \0J\0\n\0";
    static const char names[] = "id\tname, first\n1\tDoe, J\n2\tRoe, K\n";
    static const char named[] =
        "table 0 p (id:text,name, first:text)\nrow 0 \"1|\"Doe, J\nrow 0 \"2|\"Roe, K\n";

    (void)state;
    check_delimited_sized("p.tsv", names, strlen(names), named);
    check_delimited_sized("p.txt", names, strlen(names), named);
    check_delimited_sized("p", names, strlen(names), named);
    check_delimited_sized("p.csv", names, strlen(names), named);
    check_delimited_sized("p.csv", wide, sizeof wide - 1,
                          "table 0 p (id:text,n, f:text)\nrow 0 \"1|\"D, J\n");
    check_delimited("Preis, EUR;Menge\n1,50;2\n2,75;3\n",
                    "table 0 t (Preis, EUR:text,Menge:text)\nrow 0 \"1,50|\"2\n"
                    "row 0 \"2,75|\"3\n");
    check_delimited("a, b, c;d\nx, 2, y;1\nx, 3, z;2\n",
                    "table 0 t (a, b, c:text,d:text)\nrow 0 \"x, 2, y|\"1\n"
                    "row 0 \"x, 3, z|\"2\n");
    check_delimited_sized("t.tsv", "a,b,c\td\n1,2,3\t4\n", 16,
                          "table 0 t (a,b,c:text,d:text)\nrow 0 \"1,2,3|\"4\n");
    /* Nothing else is there. */
    check_delimited("a, b\nx, y\n", "table 0 t (a:text, b:text)\nrow 0 \"x|\" y\n");
    check_delimited("a,b\n1,2\n3;4,5\n",
                    "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3;4|\"5\n");
}

#define MAY_BE(one, other, one_value, other_value)                                             \
    "trouble a/t.csv: its fields may be told apart by " one " or by " other ", and are taken " \
    "to be by " one ": say delimiter=" one_value                                               \
    " in the archive's URL, or delimiter=" other_value "\n"

static void test_rival_delimiters(void **state)
{
    (void)state;
    check_delimited("a,b;c\nx,y;z\n",
                    "table 0 t (a,b:text,c:text)\n" MAY_BE("semicolons", "commas", "%3B",
                                                           "%2C") "row 0 \"x,y|\"z\n");
    check_delimited("a,b,c;d\nx,y,z;1\n",
                    "table 0 t (a:text,b:text,c;d:text)\n" MAY_BE("commas", "semicolons", "%2C",
                                                                  "%3B") "row 0 \"x|\"y|\"z;1\n");
    check_delimited("a,b,c\td\nx,y,z\t1\n",
                    "table 0 t (a,b,c:text,d:text)\n" MAY_BE("tabs", "commas", "tab",
                                                             "%2C") "row 0 \"x,y,z|\"1\n");
    check_delimited_wish("a,b;c\nx,y;z\n", (const char *const[]){"delimiter", ",", NULL},
                         "table 0 t (a:text,b;c:text)\nrow 0 \"x|\"y;z\n");
}

#define GUESSED(line, byte)                                                                       \
    "trouble line " line ", byte " byte " of a/t.csv: here is the first text that is not UTF-8: " \
    "all is taken for Windows-1252; if letters are wrong, say in the archive's URL what it is "   \
    "in, as in charset=cp850, else charset=windows-1252\n"

#define UNDEFINED(line, byte, name)                                                               \
    "trouble line " line ", byte " byte " of " name ": here is a byte that is no character in "   \
    "Windows-1252, which the text is taken for: it is in another character set, and letters are " \
    "wrong; say which in the archive's URL, as in charset=cp850\n"

#define NOT_UTF8(line, byte, name)                                                                 \
    "trouble line " line ", byte " byte " of " name ": here is text that is not UTF-8, which the " \
    "file is otherwise, or was said to be: it is shown as base64; if all of it is in another "     \
    "character set, say which in the archive's URL, as in charset=windows-1252, else what made "   \
    "the file has mixed two\n"

static void test_character_sets(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,\xc3\xa4:text)\nrow 0 \"1|\"\xe2\x82\xac\n";
    static const char little[] = "a\0,\0\xe4\0\n\0"
                                 "1\0,\0\xac\x20\n";
    static const char big[] = "\xfe\xff\0a\0,\0\xe4\0\n\0"
                              "1\0,\x20\xac\0\n";

    check_delimited("a,\xc3\xa4\n1,\xe2\x82\xac\n", expected);
    check_delimited("\xef\xbb\xbf"
                    "a,\xc3\xa4\n1,\xe2\x82\xac\n",
                    expected);
    check_delimited(
        "a,\xe4\n1,\x80\n",
        GUESSED("1", "0") "table 0 t (a:text,\xc3\xa4:text)\nrow 0 \"1|\"\xe2\x82\xac\n");
    check_delimited_sized("t.csv", little, sizeof little, expected);
    check_delimited_sized("t.csv", big, sizeof big - 1, expected);
    /* A pair of surrogates, and half of one. */
    check_delimited_sized("t.csv",
                          "\xff\xfe"
                          "a\0,\0b\0\n\0\x3d\xd8\x00\xde,\0\x3d\xd8\n",
                          19,
                          "table 0 t (a:text,b:text)\nrow 0 \"\xf0\x9f\x98\x80|\"\xef\xbf\xbd\n");
}

/* Bytes that Windows-1252 has not: it is in something else, whatever was said of it. */
static void test_undefined_bytes(void **state)
{
    (void)state;
    check_delimited("id;Name\r\n1;M\x81ller\r\n2;M\x81ller\r\n",
                    "table 0 t (id:text,Name:text)\n" GUESSED("2", "9")
                        UNDEFINED("2", "9", "a/t.csv") "row 0 \"1|\"M\xc2\x81ller\n"
                                                       "row 0 \"2|\"M\xc2\x81ller\n");
    check_delimited_wish("id;Name\n1;M\x81ller\n", (const char *const[]){"charset", "cp1252", NULL},
                         "table 0 t (id:text,Name:text)\n" UNDEFINED(
                             "2", "8", "t.csv") "row 0 \"1|\"M\xc2\x81ller\n");
    check_delimited_wish("id;Name\n1;M\x81ller\n", (const char *const[]){"charset", "cp850", NULL},
                         "table 0 t (id:text,Name:text)\nrow 0 \"1|\"M\xc3\xbcller\n");
}

/* One byte that is wrong does not make another text of the whole. */
static void test_accidents(void **state)
{
    (void)state;
    check_delimited("a,b\n\xc3\xa4,\xe4 x\n\xc3\xb6,\xc3\xbc\n",
                    "table 0 t (a:text,b:text)\n" NOT_UTF8(
                        "2", "4", "a/t.csv") "row 0 \"\xc3\xa4|\"\xe4 x\n"
                                             "row 0 \"\xc3\xb6|\"\xc3\xbc\n");
    check_delimited(
        "a,b\n\xe4,\xe4 x\n\xc3\xb6,2\n",
        "table 0 t (a:text,b:text)\n" GUESSED(
            "2",
            "4") "row 0 \"\xc3\xa4|\"\xc3\xa4 x\n"
                 "trouble line 3, byte 10 of a/t.csv: here is text in UTF-8, and other text before it was not, so "
                 "that all is taken for Windows-1252: letters are others than they were; say "
                 "charset=utf-8 in the archive's URL, or windows-1252\n"
                 "row 0 \"\xc3\x83\xc2\xb6|\"2\n");
}

/* Text behind a closing quote is the field's, as other programs have it; nothing is lost. */
static void test_behind_quotes(void **state)
{
    (void)state;
    check_delimited("a,b\n\"x\" y,1\n\"p\"\"q\"r\"s\",2\n",
                    "table 0 t (a:text,b:text)\nrow 0 \"x y|\"1\nrow 0 \"p\"qr\"s\"|\"2\n");
}

/* … unless it may have come from elsewhere, or there are no quotes. */
static void test_stray_quotes(void **state)
{
    static const char bare[] = "a\tb\n1\t\"Bo\" Ek\n2\t\"\n3\t\"x\"\n";

    (void)state;
    check_delimited_sized("t.tsv", bare, strlen(bare),
                          "table 0 t (a:text,b:text)\nrow 0 \"1|\"\"Bo\" Ek\nrow 0 \"2|\"\"\n"
                          "row 0 \"3|\"\"x\"\n");
    check_delimited_late("a\tb\n1\tx\n", "2\t\"Bo\" Ek\n",
                         "table 0 t (a:text,b:text)\nrow 0 \"1|\"x\n"
                         "fail 0 line 3, byte 8 of t.csv: a field goes on behind its quotes: if "
                         "they are text as any other, say quote=none in the archive's URL; if not, "
                         "and nothing is missing, quote=%22\n");
    check_delimited("a,b\n1,\"x\n2,\"y\n3,z\n",
                    "table 0 t (a:text,b:text)\n"
                    "fail 0 line 2, byte 4 of a/t.csv: a field goes on behind its quotes: if they "
                    "are text as any other, say quote=none in the archive's URL; if not, and "
                    "nothing is missing, quote=%22\n");
    check_delimited_wish("a,b\n1,\"x\n2,\"y\n", (const char *const[]){"quote", "\"", NULL},
                         "table 0 t (a:text,b:text)\nrow 0 \"1|\"x\n2,y\n");
}

static void test_single_quotes(void **state)
{
    (void)state;
    check_delimited("'a','b'\n'x, y','it''s'\n'1\n2',3\n",
                    "table 0 t (a:text,b:text)\nrow 0 \"x, y|\"it's\nrow 0 \"1\n2|\"3\n");
    /* Where they are apostrophes they stay. */
    check_delimited("a,b\n'tis,x\nO'Neil,y\n",
                    "table 0 t (a:text,b:text)\nrow 0 \"'tis|\"x\nrow 0 \"O'Neil|\"y\n");
    check_delimited("a,b\n'x',\"y\"\n", "table 0 t (a:text,b:text)\nrow 0 \"'x'|\"y\n");
}

static void test_said_delimiter(void **state)
{
    (void)state;
    const char *expected = "table 0 t (a:text,b:text)\nrow 0 \"1,5|\"2,5\n";

    check_delimited("sep=;\r\na;b\r\n1,5;2,5\r\n", expected);
    check_delimited("sep=;\na;b\n1,5;2,5\n", expected);
    check_delimited("sep=^\na^b\n1,5^2,5\n", expected);
    check_delimited("sep=,b\n1,2\n", "table 0 t (sep=:text,b:text)\nrow 0 \"1|\"2\n");
}

static void test_names(void **state)
{
    (void)state;
    check_delimited(
        "a,,a,a (2)\n1,2,3,4\n",
        "table 0 t (a:text,column2:text,a (2):text,a (2) (2):text)\nrow 0 \"1|\"2|\"3|\"4\n");
}

#define MAY_BE_ROW(value)                                                                \
    "trouble a/t.csv: its first line is taken for the names of columns, though \"" value \
    "\" in it may be a value: if that is a row, say header=no in the archive's URL\n"

/* What looks like a row before the others may be one. */
static void test_no_header(void **state)
{
    (void)state;
    check_delimited("1,Bo\n2,Al\n",
                    "table 0 t (1:text,Bo:text)\n" MAY_BE_ROW("1") "row 0 \"2|\"Al\n");
    check_delimited("Bo,\"b@x.org\"\nAl,a@x.org\n", "table 0 t (Bo:text,b@x.org:text)\n" MAY_BE_ROW(
                                                        "b@x.org") "row 0 \"Al|\"a@x.org\n");
    check_delimited("@,a1,-\n1,2,3\n", "table 0 t (@:text,a1:text,-:text)\nrow 0 \"1|\"2|\"3\n");
    check_delimited_wish("1,2\n3,4\n", (const char *const[]){"header", "yes", NULL},
                         "table 0 t (1:text,2:text)\nrow 0 \"3|\"4\n");
}

#define LACKS_FIELDS(line, others)                                                        \
    "trouble line " line " of a/t.csv: this row lacks fields at its end" others ": they " \
    "are taken for NULL\n"

static void test_ragged(void **state)
{
    (void)state;
    check_delimited(
        "a,b\n1\n2,3,\n4,5,,\n",
        "table 0 t (a:text,b:text)\nrow 0 \"1|NULL\nrow 0 \"2|\"3\nrow 0 \"4|\"5\n" LACKS_FIELDS(
            "2", ""));
    check_delimited(
        "a,b,c\n\"1\n\",2,3\n3,4\n4,5,6\n\n6,7\n",
        "table 0 t (a:text,b:text,c:text)\nrow 0 \"1\n|\"2|\"3\nrow 0 \"3|\"4|NULL\n"
        "row 0 \"4|\"5|\"6\nrow 0 \"6|\"7|NULL\n" LACKS_FIELDS("4", ", and so does another"));
    check_delimited(
        "a,b\n1,2\n3,4,5\n6,7\n",
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
        "fail 0 line 3, byte 8 of a/t.csv: there are more fields than columns in the first line\n");
    check_delimited(
        "a,b\n1,\"2\n3,4\n",
        "table 0 t (a:text,b:text)\n"
        "fail 0 line 2, byte 4 of a/t.csv: the text ends within quotes: it was cut short, or a "
        "quote is missing from here on\n");
}

#define TORN                                                                                       \
    "trouble line 3 of a/t.csv: this row lacks fields, and with the one before it has as many as " \
    "one that a line end in a text without quotes has torn apart: is it one? Then this and "       \
    "others like it are wrong, and whatever made the file has to quote texts\n"

/* A text over two lines that nobody quoted makes two rows, which it is told that they may be. */
static void test_torn(void **state)
{
    (void)state;
    check_delimited("a,b,c\n1,x\ny,2\n3,x\ny,4\n",
                    "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"x|NULL\n" TORN
                    "row 0 \"y|\"2|NULL\nrow 0 \"3|\"x|NULL\nrow 0 \"y|\"4|NULL\n" LACKS_FIELDS(
                        "2", ", and so do 3 others"));
    check_delimited("a,b,c\n1,2,x\ny\n3,4,x\ny\n",
                    "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|\"2|\"x\n" TORN
                    "row 0 \"y|NULL|NULL\nrow 0 \"3|\"4|\"x\nrow 0 \"y|NULL|NULL\n" LACKS_FIELDS(
                        "3", ", and so does another"));
}

#define MAY_BE_CUT(line, byte)                                                                 \
    "trouble line " line ", byte " byte " of a/t.csv: the last row lacks fields, and no line " \
    "end is behind it: was the file cut short?\n"

/* Without the stream being broken: how the file ends says it. */
static void test_cut(void **state)
{
    static const char zeros[] = "a,b\n1,2\n\0\0\0\0\0\0\0\0\n3,4\n";

    (void)state;
    check_delimited(
        "a,b\n1,2\n3",
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
        "fail 0 line 3, byte 8 of a/t.csv: the text ends within a row: it was cut short\n");
    check_delimited(
        "a,b\n1,2\n\"3\"\n",
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|NULL\n" LACKS_FIELDS("3", ""));
    check_delimited("a,b\n1,2\n3,4", "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n");
    check_delimited(
        "a,b,c\n1\n2,3\n4",
        "table 0 t (a:text,b:text,c:text)\nrow 0 \"1|NULL|NULL\n"
        "row 0 \"2|\"3|NULL\n" MAY_BE_CUT("4", "12") "row 0 \"4|NULL|NULL\n" LACKS_FIELDS(
            "2", ", and so does another"));
    check_delimited("a,b\n1",
                    "table 0 t (a:text,b:text)\n" MAY_BE_CUT("2", "4") "row 0 \"1|NULL\n");
    check_delimited_sized(
        "t.csv", zeros, sizeof zeros - 1,
        "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n"
        "fail 0 line 3, byte 8 of t.csv: here are zeros instead of rows: the file was not "
        "written whole\n");
}

/* DOS ends a text with a ^Z. Elsewhere it is text. */
static void test_end_mark(void **state)
{
    (void)state;
    check_delimited("a,b\r\n1,2\r\n\x1a", "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\n");
    check_delimited("a;b\n1;2,3\n\x1a", "table 0 t (a:text,b:text)\nrow 0 \"1|\"2,3\n");
    check_delimited("a\n1\n\x1a", "table 0 t (a:text)\nrow 0 \"1\n");
    check_delimited("a,b\n\x1a", "table 0 t (a:text,b:text)\n");
    check_delimited("a\n1\n\x1a\n", "table 0 t (a:text)\nrow 0 \"1\nrow 0 \"\x1a\n");
    check_delimited("a,b\n1,2\n3,4\x1a",
                    "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\x1a\n");
    check_delimited_sized("t.txt", "a\tb\n1\t2\n3\t4\n\x1a", strlen("a\tb\n1\t2\n3\t4\n\x1a"),
                          "table 0 t (a:text,b:text)\nrow 0 \"1|\"2\nrow 0 \"3|\"4\n");
}

static void test_broken(void **state)
{
    (void)state;
    struct recorded_reading reading;

    recorded_reading_begin(&reading, "a,b\n1,2\n", 8, 2);
    reading.from.fails = true;
    assert_int_equal(read_delimited(&reading, "t.csv", NULL), -EIO);
    assert_non_null(strstr(recording_text(&reading.into),
                           "fail 0 line 3, byte 8 of t.csv: the stream is broken"));
    recorded_reading_end(&reading);
}

/* A zero in a text does not make the table something else. */
static void test_few_zeros(void **state)
{
    char text[200];
    char expected[300];
    size_t size = (size_t)snprintf(text, sizeof text, "a,b\n1,%0150d\n2,x?y\n", 0);

    (void)state;
    *strchr(text, '?') = '\0';
    snprintf(expected, sizeof expected,
             "table 0 t (a:text,b:text)\nrow 0 \"1|\"%0150d\nrow 0 \"2|\"x", 0);
    check_delimited_sized("t.csv", text, size, expected);
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
                                         strlen(others[i].text), true, NULL, &dialect));
    assert_false(delimited_recognise("t.csv", (const uint8_t *)"a,b\n\0\1\2,\3\n", 10, true, NULL,
                                     &dialect));
    assert_true(
        delimited_recognise("t.txt", (const uint8_t *)"a,b\n1,2\n3,4\n", 12, true, NULL, &dialect));
}

/* Where few records are seen whole, the rest may tell more. */
static void test_unsure(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        bool ended;
        bool unsure;
    } cases[] = {
        {"t.txt", "a,b\n1,2\n3,", false, true},   {"t", "a long row", false, true},
        {"t.csv", "a,b\n1,2\n", false, true},     {"t.txt", "a,b\n1,2\n3,", true, false},
        {"t", "one\ntwo\nthree\n", false, false}, {"t.c", "a long row", false, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dialect dialect;

        delimited_recognise(cases[i].name, (const uint8_t *)cases[i].text, strlen(cases[i].text),
                            cases[i].ended, NULL, &dialect);
        assert_int_equal(dialect.unsure, cases[i].unsure);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsure),
        cmocka_unit_test(test_quotes_and_nulls),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_undefined_bytes),
        cmocka_unit_test(test_delimiter_beside_commas),
        cmocka_unit_test(test_rival_delimiters),
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_character_sets),
        cmocka_unit_test(test_behind_quotes),
        cmocka_unit_test(test_single_quotes),
        cmocka_unit_test(test_said_delimiter),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ragged),
        cmocka_unit_test(test_end_mark),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_not_recognised),
        cmocka_unit_test(test_stray_quotes),
        cmocka_unit_test(test_torn),
        cmocka_unit_test(test_accidents),
        cmocka_unit_test(test_few_zeros),
        cmocka_unit_test(test_no_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
