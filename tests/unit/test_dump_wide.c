/* SPDX-License-Identifier: MIT */
/* Dumps in UTF-16, as Windows PowerShell makes them of what a dump program writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <uchar.h>

#include "backends/source/dump.h"
#include "tests/unit/dump_reading.h"

#define MARK u"\ufeff"
#define MOST_UNITS 1024

/* UNITS, without the zero behind them, as they stand in a file. Their size in bytes. */
static size_t lay_out(const char16_t *units, bool big_endian, char bytes[2 * MOST_UNITS])
{
    size_t count = 0;

    while (units[count] != 0) {
        assert_true(count < MOST_UNITS);
        bytes[2 * count + !big_endian] = (char)(units[count] >> 8);
        bytes[2 * count + big_endian] = (char)(units[count] & 0xff);
        count++;
    }
    return 2 * count;
}

/* However it is cut into pieces, the bytes give ERROR, and hand EXPECTED over. */
static void check_bytes(const char *bytes, size_t size, int error, const char *expected)
{
    static const size_t steps[] = {1, 2, 7, 100, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, bytes, size, steps[i]);
        assert_int_equal(read_dump(&reading), error);
        assert_string_equal(recording_text(&reading.into), expected);
        recorded_reading_end(&reading);
    }
}

static void check_wide(const char16_t *dump, int error, const char *expected)
{
    char bytes[2 * MOST_UNITS];

    for (int big_endian = 0; big_endian < 2; big_endian++)
        check_bytes(bytes, lay_out(dump, big_endian != 0, bytes), error, expected);
}

/* Of two, three and four bytes in UTF-8; SET NAMES says what it was before. */
static void test_characters(void **state)
{
    static const char expected[] = "table 0 t (a:text)\n"
                                   "row 0 \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n";

    (void)state;
    check_wide(MARK u"SET NAMES latin1;\r\nCREATE TABLE t (a text);\r\n"
                    u"INSERT INTO t VALUES ('\u00e9\u20ac\U0001f600');\r\n",
               0, expected);
    check_wide(MARK u"SET NAMES binary;\r\nCREATE TABLE t (a text CHARACTER SET latin1);\r\n"
                    u"INSERT INTO t VALUES ('\u00e9\u20ac\U0001f600');\r\n",
               0, expected);
    check_wide(u"CREATE TABLE t (a text);\nINSERT INTO t VALUES ('\u00e9\u20ac\U0001f600');", 0,
               expected);
}

static void test_line_ends(void **state)
{
    (void)state;
    check_wide(MARK u"CREATE TABLE t (a text);\r\nINSERT INTO t VALUES ('x\r\ny\r\r\nz\r');\r", 0,
               "table 0 t (a:text)\nrow 0 \"x\ny\r\nz\r\n");
    check_wide(MARK u"CREATE TABLE t (a text);\nINSERT INTO t VALUES ('x\r\ny\r\r\nz\r');\r", 0,
               "table 0 t (a:text)\nrow 0 \"x\r\ny\r\r\nz\r\n");
    check_wide(MARK u"-- PostgreSQL database dump\r\nCREATE TABLE t (a text, b text);\r\n"
                    u"COPY t (a, b) FROM stdin;\r\nx\ty\r\n\\\\n\t\\r\r\n\\.\r\n"
                    u"-- PostgreSQL database dump complete\r\n",
               0, "table 0 t (a:text,b:text)\nrow 0 \"x|\"y\nrow 0 \"\\n|\"\r\n");
}

/* The rows before are had; the bytes told of are those of the file. */
static void test_broken(void **state)
{
    static const char16_t begin[] = MARK u"CREATE TABLE t (a text);\r\n"
                                         u"INSERT INTO t VALUES ('x'),('";
    static const char16_t *const broken[] = {u"\xd83d'),('y');", u"\xde00'),('y');", u"\xd83d"};
    char expected[400];
    char bytes[2 * MOST_UNITS];

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            size_t size = lay_out(begin, big_endian != 0, bytes);

            snprintf(expected, sizeof expected,
                     "table 0 t (a:text)\nrow 0 \"x\nfail 0 line 2 of the dump: at byte %zu of "
                     "the file it is no text in UTF-16%s any more: it was damaged or cut short; "
                     "look for another copy\n",
                     size, big_endian != 0 ? "BE" : "LE");
            size += lay_out(broken[i], big_endian != 0, bytes + size);
            check_bytes(bytes, size, -EIO, expected);
        }
    }
}

static void test_odd_byte(void **state)
{
    char bytes[2 * MOST_UNITS];
    size_t size =
        lay_out(MARK u"CREATE TABLE t (a text);\nINSERT INTO t VALUES ('x');\n", false, bytes);

    (void)state;
    bytes[size] = 'y';
    check_bytes(bytes, size + 1, -EIO,
                "table 0 t (a:text)\nrow 0 \"x\nfail 0 line 3 of the dump: at byte 108 of the file "
                "it is no text in UTF-16LE any more: it was damaged or cut short; look for another "
                "copy\n");
}

/* What was no text is other bytes now: it is told of, once for each table. */
static void test_mangled_bytes(void **state)
{
    (void)state;
    check_wide(
        MARK u"CREATE TABLE t (a int, b blob, c text);\n"
             u"INSERT INTO t VALUES (1,0xff,'\u00e9'),(2,_binary 'x','\u00e9');\n"
             u"INSERT INTO t VALUES (3,_binary '\u00e9',''),(4,'\u20ac','');\n",
        0,
        "table 0 t (a:integer,b:bytes,c:text)\nrow 0 #1|xff|\"\xc3\xa9\nrow 0 #2|x78|\"\xc3\xa9\n"
        "trouble line 3 of the dump: table t has bytes that were taken for text when the dump "
        "was written as UTF-16, and are others now; look for a dump that is not, as "
        "--result-file makes it, or --hex-blob\n"
        "row 0 #3|xc3a9|\"\nrow 0 #4|xe282ac|\"\n");
}

static void test_recognise(void **state)
{
    static const char16_t *const dumps[] = {MARK u"-- MySQL dump 10.13", u"-- MySQL dump 10.13",
                                            MARK u"PRAGMA foreign_keys=OFF;\r\nBEGIN;"};
    char bytes[2 * MOST_UNITS];
    enum text_set set;

    (void)state;
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            assert_true(dump_recognise(bytes, lay_out(dumps[i], big_endian != 0, bytes), &set));
            assert_int_equal(set, big_endian != 0 ? TEXT_UTF16_BIG : TEXT_UTF16_LITTLE);
        }
    }
    assert_false(
        dump_recognise(bytes, lay_out(MARK u"id,name\r\n1,CREATE\r\n", false, bytes), &set));
    assert_false(dump_recognise("\xff\xfe", 2, &set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),    cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_broken),        cmocka_unit_test(test_odd_byte),
        cmocka_unit_test(test_mangled_bytes), cmocka_unit_test(test_recognise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
