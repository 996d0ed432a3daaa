/* SPDX-License-Identifier: MIT */
/* Rows in the file that mysqldump --tab writes beside what makes their table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "backends/source/dump.h"
#include "tests/unit/recording_taker.h"

static const char other_signs[] =
    ": if mysqldump --tab was told other signs (--fields-terminated-by, --fields-enclosed-by, "
    "--lines-terminated-by), say delimiter=%2C, quote=%22, line-end=crlf in the archive's URL";

static const char *wish;                 /* the user's, of character sets … */
static const struct dialect_wish *signs; /* … and of signs */

static void check(const char *schema, const char *rows, bool broken, const char *expected)
{
    static const size_t steps[] = {1, 7, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recording_taker recording;
        struct memory_stream stream;
        struct failure failure = {0};

        recording_begin(&recording);

        struct dump_reader *reader = dump_session_create(&recording.taker, wish);

        memory_stream_begin(&stream, schema, strlen(schema), steps[i]);
        assert_int_equal(dump_session_read(reader, &stream.stream, "t.sql", "", NULL, &failure), 0);
        memory_stream_begin(&stream, rows, strlen(rows), steps[i]);
        stream.fails = broken;
        assert_int_equal(dump_session_load_tab(reader, &stream.stream, "t.txt", signs, &failure),
                         broken ? -EIO : 0);
        assert_int_equal(dump_session_end(reader, &failure), 0);
        assert_string_equal(recording_text(&recording), expected);
        dump_session_free(reader);
        recording_end(&recording);
    }
}

static void test_rows(void **state)
{
    static const char schema[] =
        "-- MySQL dump 10.13\nSET NAMES utf8;\nCREATE TABLE `t` (`id` int NOT "
        "NULL, `v` text, `b` blob, PRIMARY KEY (`id`)) DEFAULT "
        "CHARSET=latin1;\n-- Dump completed\n";

    (void)state;
    check(schema, "1\ta\\\tb\\\n\xe4\\\\\t\\0\xff\n2\t\\N\t\n", false,
          "table 0 t (id:integer!,v:text,b:bytes) key id order id\n"
          "row 0 #1|\"a\tb\n\xc3\xa4\\|x00ff\nrow 0 #2|NULL|x\n");
    check(schema, "", false, "table 0 t (id:integer!,v:text,b:bytes) key id order id\n");
}

/* Where it is written otherwise, or not to its end, the table fails. */
static void test_other_rows(void **state)
{
    static const char schema[] = "CREATE TABLE `t` (`a` int, `b` text);\n";
    const char *table = "table 0 t (a:integer,b:text)\n";
    char expected[400];

    (void)state;
    snprintf(expected, sizeof expected,
             "%sfail 0 line 1, byte 0 of t.txt: a row of table t makes no sense here%s\n", table,
             other_signs);
    check(schema, "1,x\n", false, expected);
    check(schema, "1\tx\ty\n", false, expected);
    snprintf(
        expected, sizeof expected,
        "%srow 0 #1|\"x\nfail 0 line 2, byte 4 of t.txt: the dump ends here: it was cut short, "
        "and table t may lack rows\n",
        table);
    check(schema, "1\tx\n2\ty", false, expected);
    snprintf(expected, sizeof expected,
             "%srow 0 #1|\"x\nfail 0 line 2, byte 4 of t.txt: the stream is broken\n", table);
    check(schema, "1\tx\n", true, expected);
}

/* Of one table only it is known that the rows are its. */
static void test_two_tables(void **state)
{
    (void)state;
    check("CREATE TABLE a (x int);\nCREATE TABLE b (x int);\nDROP TABLE IF EXISTS b;\n", "1\n",
          false, "table 0 a (x:integer)\ntable 1 b (x:integer)\ndrop 1\nrow 0 #1\n");
    check(
        "CREATE TABLE a (x int);\nCREATE TABLE b (x int);\n", "1\n", false,
        "table 0 a (x:integer)\ntable 1 b (x:integer)\n"
        "fail 0 table a: beside what makes it stands a file of rows, and whose they are is not "
        "known\nfail 1 table b: beside what makes it stands a file of rows, and whose they are is "
        "not known\n");
}

/* MySQL's leaves generated columns out, MariaDB's does not. */
static void test_generated(void **state)
{
    static const char schema[] =
        "CREATE TABLE `t` (`a` int, `g` int GENERATED ALWAYS AS (`a` + 1) STORED, `b` text);\n";

    (void)state;
    check(schema, "1\t2\tx\n", false, "table 0 t (a:integer,g:integer,b:text)\nrow 0 #1|#2|\"x\n");
    check(schema, "1\tx\n", false,
          "table 0 t (a:integer,b:text)\nrow 0 #1|\"x\n"
          "trouble t.g: generated columns, of which the dump has no values: schema.sql has what "
          "makes them\n");
}

/* As the program was told: that stands in SET NAMES, unless it is UTF-8; or the user says it. */
static void test_character_sets(void **state)
{
#define SCHEMA(names)                                                                           \
    "SET NAMES " names ";\nCREATE TABLE `t` (`a` text CHARACTER SET latin1, `b` text) DEFAULT " \
    "CHARSET=utf8mb4;\n"
#define TABLE "table 0 t (a:text,b:text)\n"

    (void)state;
    check(SCHEMA("utf8mb4"), "\xe4\t\xc3\xa4\n", false, TABLE "row 0 \"\xc3\xa4|\"\xc3\xa4\n");
    check(SCHEMA("latin1"), "\xe4\t\xe4\n", false, TABLE "row 0 \"\xc3\xa4|\"\xc3\xa4\n");
    /* A backslash may be the second half of a letter. */
    check(SCHEMA("gbk"), "\xd5\x5c\t\xd5\x5c\n", false,
          TABLE "row 0 \"\xe8\xaa\xa0|\"\xe8\xaa\xa0\n");
    check(SCHEMA("utf8mb4"), "\xc3\xa4\tx\n", false,
          TABLE
          "trouble line 1 of t.txt: text in table t is UTF-8 by the look of it, and shows as if "
          "it were in its column's character set, as mysqldump --tab writes it where it is not "
          "told another: if it was, say archive://PATH?charset=utf-8\n"
          "row 0 \"\xc3\x83\xc2\xa4|\"x\n");
    wish = "UTF-8";
    check(SCHEMA("utf8mb4"), "\xc3\xa4\t\xc3\xa4\n", false, TABLE "row 0 \"\xc3\xa4|\"\xc3\xa4\n");
    wish = "CP1252";
    check(SCHEMA("utf8mb4"), "\xe4\t\xe4\n", false, TABLE "row 0 \"\xc3\xa4|\"\xc3\xa4\n");
    wish = NULL;
}

static const char three[] = "CREATE TABLE `t` (`a` varchar(9), `n` int, `v` text);\n";
#define THREE "table 0 t (a:text,n:integer,v:text)\n"
#define QUOTES_GUESSED                                                                   \
    "trouble t.txt: each text stands in quotes, which are taken to be the file's own "   \
    "(--fields-enclosed-by) and not the texts': say quote=%22 in the archive's URL, or " \
    "quote=none\n"
#define RETURNS_GUESSED                                                                     \
    "trouble t.txt: each row ends in a return, which is taken to be of the line's end "     \
    "(--lines-terminated-by) and not of the last text: say line-end=crlf in the archive's " \
    "URL, or line-end=lf\n"

static void check_wish(const char *schema, const char *rows, const char *name, const char *value,
                       const char *expected)
{
    struct dialect_wish said = {.quote_given = false};

    assert_int_equal(delimited_option(&said, name, value, NULL), 1);
    signs = &said;
    check(schema, rows, false, expected);
    signs = NULL;
}

/* --fields-optionally-enclosed-by, --fields-enclosed-by. */
static void test_quotes(void **state)
{
    static const char rows[] = "\"a\tb\"\t1\t\"q\"\n\"B\"\t2\t\\N\n";

    (void)state;
    check(three, rows, false, THREE QUOTES_GUESSED "row 0 \"a\tb|#1|\"q\nrow 0 \"B|#2|NULL\n");
    check(three, "\"a\\\"\"\t1\t\\N\n", false, THREE "row 0 \"a\"|#1|NULL\n");
    check(three, "\"a\"\t\"1\"\t\"N\"\n", false, THREE "row 0 \"a|#1|\"N\n");
    check(three, "\"a\"\t\"1\"\t\"q\"\r\n\"b\"\t\\N\t\"\n\"\r\n", false,
          THREE "row 0 \"a|#1|\"q\nrow 0 \"b|NULL|\"\n\n");
    check_wish(three, rows, "quote", "\"", THREE "row 0 \"a\tb|#1|\"q\nrow 0 \"B|#2|NULL\n");
    check_wish(three, "\"B\"\t2\t\\N\n", "quote", "none", THREE "row 0 \"\"B\"|#2|NULL\n");
    /* Some texts have none. */
    check(three, "\"a\"\t1\tq\n", false, THREE "row 0 \"\"a\"|#1|\"q\n");
    check(three, "\"a\"\t1\t\\N\nb\t1\t\\N\n", false,
          THREE "row 0 \"\"a\"|#1|NULL\nrow 0 \"b|#1|NULL\n");
}

/* --lines-terminated-by='\r\n' */
static void test_returns(void **state)
{
    (void)state;
    check(three, "a\t1\tq\r\nb\t2\t\\N\r\n", false, THREE "row 0 \"a|#1|\"q\nrow 0 \"b|#2|NULL\n");
    check(three, "a\t1\tq\r\nb\t2\tx\ny\\\r\\N\r\n", false,
          THREE RETURNS_GUESSED "row 0 \"a|#1|\"q\nrow 0 \"b|#2|\"x\ny\rN\n");
    check_wish(three, "a\t1\tq\r\n", "line-end", "lf", THREE "row 0 \"a|#1|\"q\r\n");
    check_wish(three, "a\t1\tq\r\n", "line-end", "crlf", THREE "row 0 \"a|#1|\"q\n");
    /* Texts that end in one. */
    check(three, "a\t1\tq\r\nb\t2\tx\n", false, THREE "row 0 \"a|#1|\"q\r\nrow 0 \"b|#2|\"x\n");
    check("CREATE TABLE `t` (`a` text);\n", "x\r\ny\n", false,
          "table 0 t (a:text)\nrow 0 \"x\r\nrow 0 \"y\n");
}

/* --fields-escaped-by: never wrong in silence. */
static void test_other_escapes(void **state)
{
    static const char told[] =
        THREE "trouble t.txt: a text is what NULL is where another escape than a backslash, or "
              "none, was asked for (--fields-escaped-by): if it was, crmfs reads the file wrongly: "
              "say escape=none in the archive's URL, else escape=%5C\n";
    char expected[600];

    (void)state;
    snprintf(expected, sizeof expected, "%srow 0 \"a|#1|\"^N\nrow 0 \"b|#2|\"^N\n", told);
    check(three, "a\t1\t^N\nb\t2\t^N\n", false, expected);
    snprintf(expected, sizeof expected, "%srow 0 \"a|#1|\"NULL\n", told);
    check(three, "a\t1\tNULL\n", false, expected);
    check_wish(three, "a\t1\tNULL\n", "escape", "\\", THREE "row 0 \"a|#1|\"NULL\n");
    check(three, "a\t^N\tq\n", false,
          THREE
          "fail 0 line 1, byte 0 of t.txt: a row of table t has ^N where \\N stands for NULL: "
          "the file was written with another escape than a backslash (--fields-escaped-by), "
          "which crmfs does not read: load it, and mount the database\n");
    check_wish(three, "a\t1\t^N\n", "escape", "^",
               THREE
               "fail 0 line 1, byte 0 of t.txt: the rows of table t, of mysqldump --tab, are "
               "said to have another escape than a backslash, which crmfs does not read: load "
               "them, and mount the database\n");
    check_wish(three, "a,1,\\N\n", "delimiter", ",", THREE "row 0 \"a|#1|NULL\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_other_rows),
        cmocka_unit_test(test_quotes),        cmocka_unit_test(test_returns),
        cmocka_unit_test(test_other_escapes), cmocka_unit_test(test_generated),
        cmocka_unit_test(test_two_tables),    cmocka_unit_test(test_character_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
