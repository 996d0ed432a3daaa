/* SPDX-License-Identifier: MIT */
/* Dumps that are wrong, or cut short, or cut into pieces at any place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

/* The table fails; what stood before it, and after, does not. */
static void test_bad_rows(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE a (x int);CREATE TABLE b (x int);\nINSERT INTO a VALUES (1),(f(2)),(3);\n"
        "INSERT INTO b VALUES (4);\nINSERT INTO a VALUES (5);",
        "table 0 a (x:integer)\ntable 1 b (x:integer)\nrow 0 #1\n"
        "fail 0 line 2, byte 72 of the dump: a row of table a has what f() makes of something, "
        "which is not carried out: load the dump, and mount the database\nrow 1 #4\n");
    check_dump(
        "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1) (2);\nINSERT INTO a VALUES (3) ON DUPLICATE KEY UPDATE x=1;",
        "table 0 a (x:integer)\nrow 0 #1\n"
        "fail 0 line 2, byte 49 of the dump: a row of table a makes no sense here\n");
    check_dump("CREATE TABLE a (x int);INSERT INTO a VALUES (3) ON DUPLICATE KEY UPDATE x=1;"
               "INSERT INTO a VALUES (4) , ( 5 )\n;",
               "table 0 a (x:integer)\nrow 0 #3\nrow 0 #4\nrow 0 #5\n");
    check_dump("CREATE TABLE a (x int);\n\nINSERT INTO a VALUES (1,2);",
               "table 0 a (x:integer)\n"
               "fail 0 line 3, byte 46 of the dump: a row of table a makes no sense here\n");
}

static void test_cut(void **state)
{
    (void)state;
    static const char whole[] =
        "-- MariaDB dump 10\nCREATE TABLE a (x int);INSERT INTO a VALUES (1);\n"
        "CREATE TABLE b (x text);INSERT INTO b VALUES ('one'),('two');\n-- Dump completed on 2019-03-01  2:00:00\n";

    check_dump(whole,
               "table 0 a (x:integer)\nrow 0 #1\ntable 1 b (x:text)\nrow 1 \"one\nrow 1 \"two\n"
               "moment 1551405600\n");
    /* Wherever it is cut, no table is shown whole that is not. Where the next begins, one is. */
    size_t first = (size_t)(strstr(whole, ");INSERT INTO a") - whole);
    size_t next = (size_t)(strstr(whole, " b (x text)") - whole);
    size_t second = (size_t)(strstr(whole, ");INSERT INTO b") - whole);

    for (size_t size = strlen("-- MariaDB dump 10\n");
         size < (size_t)(strstr(whole, "-- Dump") - whole); size++) {
        cleanup_free char *cut = strndup(whole, size);
        struct recorded_reading reading;

        recorded_reading_begin(&reading, cut, size, 10);
        assert_int_equal(read_dump(&reading), -EIO);
        assert_non_null(strstr(reading.failure.text, "cut short"));

        const char *text = recording_text(&reading.into);
        bool has_b = strstr(text, "table 1") != NULL;

        assert_int_equal(strstr(text, "table 0") != NULL, size > first);
        assert_int_equal(has_b, size > second);
        if (size > first && (has_b || size < next))
            assert_non_null(strstr(text, has_b ? "fail 1 line " : "fail 0 line "));
        recorded_reading_end(&reading);
    }
}

/* Others end otherwise, and old versions of theirs in no way that is known. */
static void test_cut_of_others(void **state)
{
    static const struct {
        const char *rows;
        const char *end;
    } dumps[] = {
        {"-- Adminer 4.8.1 MySQL 10.5 dump\n\nSET NAMES utf8;\nSET foreign_key_checks = 0;\n\n"
         "CREATE TABLE `a` (`x` int);\n\nINSERT INTO `a` (`x`) VALUES\n(1),\n(2);\n",
         "\n-- 2024-01-01 10:00:00\n"},
        {"-- Adminer 5.0.5 MySQL 8.0.30 dump\nCREATE TABLE `a` (`x` int);\n"
         "INSERT INTO `a` VALUES (1),(2);\n",
         "-- 2024-01-01 10:00:00 UTC\n"},
        {"/*\n Navicat Premium Data Transfer\n*/\n\nSET NAMES utf8mb4;\n"
         "SET FOREIGN_KEY_CHECKS = 0;\n\nCREATE TABLE `a`  (`x` int);\n\nBEGIN;\n"
         "INSERT INTO `a` VALUES (1);\nINSERT INTO `a` VALUES (2);\n",
         "COMMIT;\n\nSET FOREIGN_KEY_CHECKS = 1;\n"},
    };
    static const char *const old[] = {
        "-- Adminer 3.5.1 MySQL dump\nSET foreign_key_checks = 0;\nCREATE TABLE `a` (`x` int);\n",
        "/*\nNavicat MySQL Data Transfer\n*/\n\nSET FOREIGN_KEY_CHECKS=0;\n"
        "CREATE TABLE `a` (`x` int);\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        for (int whole = 0; whole < 2; whole++) {
            cleanup_free char *dump = NULL;
            struct recorded_reading reading;

            assert_true(asprintf(&dump, "%s%s", dumps[i].rows, whole ? dumps[i].end : "") > 0);
            recorded_reading_begin(&reading, dump, strlen(dump), 10);
            assert_int_equal(read_dump(&reading), whole ? 0 : -EIO);
            assert_int_equal(reading.into.rows, 2);
            assert_int_equal(strstr(recording_text(&reading.into), "fail 0 ") == NULL, whole);
            recorded_reading_end(&reading);
        }
    }
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        check_dump(old[i], "table 0 a (x:integer)\n");
}

/* Cut behind a row, or merely without its last semicolon. */
static void test_unended(void **state)
{
    (void)state;
    check_dump("CREATE TABLE a (x int);\nINSERT INTO a VALUES (1),\n(2)\n",
               "table 0 a (x:integer)\nrow 0 #1\nrow 0 #2\n"
               "trouble line 4 of the dump: the dump ends without an end of this statement: it may "
               "have been cut short, and table a lack rows\n");
    check_dump("CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);",
               "table 0 a (x:integer)\nrow 0 #1\n");
}

/* mysqldump --no-data, and behind it --no-create-info: the first one's end is not the second's. */
static void test_cut_apart(void **state)
{
    static const char schema[] = "-- MySQL dump 10.13\nCREATE TABLE a (x int);\n"
                                 "CREATE TABLE b (x int);\nCREATE TABLE c (x int);\n"
                                 "-- Dump completed\n-- MySQL dump 10.13\n";
    static const char rows[] = "LOCK TABLES a WRITE;\nINSERT INTO a VALUES (1);\nUNLOCK TABLES;\n"
                               "LOCK TABLES b WRITE;\nINSERT INTO b VALUES (2);\n";
    static const struct {
        const char *rows;
        bool fails[3];
    } cuts[] = {{"", {true, true, true}}, {rows, {false, true, true}}};

    (void)state;
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        cleanup_free char *dump = NULL;
        struct recorded_reading reading;

        assert_true(asprintf(&dump, "%s%s", schema, cuts[i].rows) > 0);
        recorded_reading_begin(&reading, dump, strlen(dump), 10);
        assert_int_equal(read_dump(&reading), -EIO);
        for (int j = 0; j < 3; j++) {
            char fails[] = "\nfail 0 ";

            fails[6] = (char)('0' + j);
            assert_int_equal(strstr(recording_text(&reading.into), fails) != NULL,
                             cuts[i].fails[j]);
        }
        recorded_reading_end(&reading);
    }
    check_dump(
        "-- MySQL dump 10.13\nCREATE TABLE a (x int);\nCREATE TABLE b (x int);\n"
        "-- Dump completed\n-- MySQL dump 10.13\nINSERT INTO a VALUES (1);\n-- Dump completed\n",
        "table 0 a (x:integer)\ntable 1 b (x:integer)\nrow 0 #1\n");
}

static void test_broken_stream(void **state)
{
    (void)state;
    static const char dump[] = "CREATE TABLE a (x int);INSERT INTO a VALUES (1),";
    struct recorded_reading reading;

    recorded_reading_begin(&reading, dump, strlen(dump), 10);
    reading.from.fails = true;
    assert_int_equal(read_dump(&reading), -EIO);
    assert_string_equal(recording_text(&reading.into),
                        "table 0 a (x:integer)\nrow 0 #1\n"
                        "fail 0 line 1, byte 48 of the dump: the stream is broken\n");
    recorded_reading_end(&reading);
}

static void test_senseless_table(void **state)
{
    (void)state;
    static const char *const dumps[] = {
        "CREATE TABLE (x int);", "CREATE TABLE t;",        "CREATE TABLE t (",
        "CREATE TABLE t ();",    "CREATE TABLE t (a int;", "CREATE TABLE t (`;",
    };

    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, dumps[i], strlen(dumps[i]), 10);
        assert_int_equal(read_dump(&reading), 0);
        assert_non_null(strstr(recording_text(&reading.into), "trouble line 1 of the dump"));
        assert_null(strstr(recording_text(&reading.into), "table 0"));
        recorded_reading_end(&reading);
    }
}

/* A row that does not fit into memory costs its table, and no more memory than the limit. */
static void test_row_limit(void **state)
{
    (void)state;
    size_t size = STREAM_ROW_LIMIT + ((size_t)4 << 20);
    cleanup_free char *dump = malloc(size + 200);
    char *to =
        stpcpy(dump, "CREATE TABLE a (x text);CREATE TABLE b (x int);INSERT INTO a VALUES ('");

    memset(to, 'x', size);
    stpcpy(to + size, "');INSERT INTO b VALUES (1);");

    struct recorded_reading reading;

    recorded_reading_begin(&reading, dump, strlen(dump), 1 << 20);
    assert_int_equal(read_dump(&reading), 0);
    assert_non_null(strstr(recording_text(&reading.into), "fail 0 line 1"));
    assert_non_null(strstr(recording_text(&reading.into), "larger than the 32 MiB"));
    assert_non_null(strstr(recording_text(&reading.into), "row 1 #1"));
    recorded_reading_end(&reading);
}

/* The dump HEAD, SIZE times FILLING, TAIL, is read; what came of it. */
static void read_large(struct recorded_reading *reading, const char *head, size_t size,
                       char filling, const char *tail)
{
    cleanup_free char *dump = malloc(strlen(head) + size + strlen(tail) + 1);
    char *to = stpcpy(dump, head);

    memset(to, filling, size);
    stpcpy(to + size, tail);
    recorded_reading_begin(reading, dump, strlen(dump), 1 << 20);
    assert_int_equal(read_dump(reading), 0);
}

/* It is of values, not of how they are spelled: two digits make a byte. */
static void test_row_limit_is_of_values(void **state)
{
    (void)state;
    static const char *const dumps[][2] = {
        {"-- MySQL dump\nCREATE TABLE a (x longblob);INSERT INTO a VALUES (0x",
         ");\n-- Dump completed\n"},
        {"-- MySQL dump\nCREATE TABLE a (x longblob);INSERT INTO a VALUES (X'",
         "');\n-- Dump completed\n"},
        {"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE a (x);\n"
         "INSERT INTO a VALUES(X'",
         "');\nCOMMIT;\n"},
        {"-- PostgreSQL database dump\nCREATE TABLE public.a (x bytea);\n"
         "COPY public.a (x) FROM stdin;\n\\\\x",
         "\n\\.\n-- PostgreSQL database dump complete\n"},
    };

    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        struct recorded_reading reading;

        read_large(&reading, dumps[i][0], 2 * STREAM_ROW_LIMIT, '4', dumps[i][1]);
        assert_null(strstr(recording_text(&reading.into), "fail"));
        assert_int_equal(reading.into.rows, 1);
        recorded_reading_end(&reading);
        read_large(&reading, dumps[i][0], 2 * STREAM_ROW_LIMIT + 2, '4', dumps[i][1]);
        assert_non_null(strstr(recording_text(&reading.into), "fail 0 "));
        assert_non_null(strstr(recording_text(&reading.into), "larger than the 32 MiB"));
        assert_int_equal(reading.into.rows, 0);
        recorded_reading_end(&reading);
    }
}

/* Wherever the window's end falls between two rows. */
static void test_window_ends(void **state)
{
    (void)state;
    enum { ROWS = 2000 };
    cleanup_buffer struct buffer dump = BUFFER((size_t)1 << 22);

    assert_int_equal(buffer_append_text(&dump, "CREATE TABLE a (x text);INSERT INTO a VALUES "), 0);
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(buffer_print(&dump, "%s('%0*d')", i > 0 ? "," : "", i % 200, i), 0);
    assert_int_equal(buffer_append_text(&dump, ";"), 0);
    for (size_t step = 100; step < 400; step++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, dump.data, dump.size, step);
        assert_int_equal(read_dump(&reading), 0);
        assert_int_equal(reading.into.rows, ROWS);
        assert_null(strstr(recording_text(&reading.into), "fail"));
        recorded_reading_end(&reading);
    }
}

/* … and within what stands before VALUES. */
static void test_window_ends_in_head(void **state)
{
    (void)state;
    enum { COLUMNS = 60 };
    cleanup_buffer struct buffer dump = BUFFER((size_t)1 << 22);

    assert_int_equal(buffer_append_text(&dump, "CREATE TABLE a ("), 0);
    for (int i = 0; i < COLUMNS; i++)
        assert_int_equal(buffer_print(&dump, "%s`c%d` int", i > 0 ? "," : "", i), 0);
    assert_int_equal(buffer_append_text(&dump, ");INSERT INTO  `a` ("), 0);
    for (int i = 0; i < COLUMNS; i++)
        assert_int_equal(buffer_print(&dump, "%s `c%d`", i > 0 ? "," : "", i), 0);
    assert_int_equal(buffer_append_text(&dump, " )  VALUES  ("), 0);
    for (int i = 0; i < COLUMNS; i++)
        assert_int_equal(buffer_print(&dump, "%s%d", i > 0 ? "," : "", i), 0);
    assert_int_equal(buffer_append_text(&dump, ");"), 0);
    for (size_t step = 1; step <= dump.size; step++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, dump.data, dump.size, step);
        assert_int_equal(read_dump(&reading), 0);
        assert_int_equal(reading.into.rows, 1);
        recorded_reading_end(&reading);
    }
}

/* What a crash leaves, from within a value to within another: what stood between is lost. */
static void test_zeros_in_values(void **state)
{
    static const char zeros[600];
    static const struct {
        const char *before;
        size_t size;
        const char *behind;
        const char *expected;
    } dumps[] = {
        {"CREATE TABLE a (x text);\nINSERT INTO a VALUES ('b", 600, "c');\n",
         "table 0 a (x:text)\nfail 0 line 2, byte 46 of the dump: here are zeros within a row of "
         "table a, which may lack rows: the file was damaged, look for another copy\n"
         "trouble line 2 of the dump: " DUMP_DOUBTED},
        {"CREATE TABLE a (x text);\nINSERT INTO a VALUES ('b", 1, "');\n",
         "table 0 a (x:text)\nrow 0 \"b\0\n"},
        {"-- MariaDB dump 10\nCREATE TABLE a (x text);\nINSERT INTO a VALUES ('b", 2,
         "c');\n-- Dump completed\n",
         "table 0 a (x:text)\nfail 0 line 3, byte 65 of the dump: here are zeros within a row of "
         "table a, which may lack rows: the file was damaged, look for another copy\n"
         "trouble line 3 of the dump: " DUMP_DOUBTED},
        {"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE a (x text);\n"
         "INSERT INTO a VALUES('b",
         512, "c');\nCOMMIT;\n",
         "table 0 a (x:text)\nfail 0 line 4, byte 89 of the dump: here are zeros within a row of "
         "table a, which may lack rows: the file was damaged, look for another copy\n"
         "trouble line 4 of the dump: " DUMP_DOUBTED "change 0 a (x:text)\n"},
        {"-- PostgreSQL database\nCREATE TABLE a (x text);\nCOPY a (x) FROM stdin;\nb", 512,
         "c\n\\.\n",
         "table 0 a (x:text)\nfail 0 line 4, byte 71 of the dump: here are zeros within a row of "
         "table a, which may lack rows: the file was damaged, look for another copy\n"
         "trouble line 4 of the dump: " DUMP_DOUBTED},
        {"CREATE TABLE a (x text);\nINSERT INTO a VALUES ('b');\n-- a comment", 512,
         "c');\nINSERT INTO a VALUES ('d');\n",
         "table 0 a (x:text)\nrow 0 \"b\n"
         "trouble line 4 of the dump: here are zeros instead of statements\n"
         "fail 0 line 4, byte 582 of the dump: here are zeros instead of statements, and table a "
         "may lack rows\n"},
        {"CREATE TABLE a (x text);\nINSERT INTO a VALUES ('b');\nLOCK TABLES `a", 512, "');\n;",
         "table 0 a (x:text)\nrow 0 \"b\n"
         "trouble line 4 of the dump: here are zeros instead of statements\n"
         "fail 0 line 4, byte 584 of the dump: here are zeros instead of statements, and table a "
         "may lack rows\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        struct buffer dump = BUFFER(4096);

        assert_int_equal(buffer_append_text(&dump, dumps[i].before), 0);
        assert_int_equal(buffer_append(&dump, zeros, dumps[i].size), 0);
        assert_int_equal(buffer_append_text(&dump, dumps[i].behind), 0);
        check_dump_sized((const char *)dump.data, dump.size, dumps[i].expected);
        buffer_release(&dump);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_rows),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_apart),     cmocka_unit_test(test_cut_of_others),
        cmocka_unit_test(test_broken_stream), cmocka_unit_test(test_senseless_table),
        cmocka_unit_test(test_row_limit),     cmocka_unit_test(test_row_limit_is_of_values),

        cmocka_unit_test(test_window_ends),   cmocka_unit_test(test_window_ends_in_head),
        cmocka_unit_test(test_unended),       cmocka_unit_test(test_zeros_in_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
