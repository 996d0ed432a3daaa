/* SPDX-License-Identifier: MIT */
/* Texts of dumps in character sets other than UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

#define GARBLED(line, table)                                                            \
    "trouble line " line " of the dump: text in table " table                           \
    " is neither UTF-8 nor in a character "                                             \
    "set that the dump says and crmfs knows, and shows as base64; say which it is in: " \
    "archive://PATH?charset=latin1, windows-1250 …\n"

static void test_latin1(void **state)
{
    (void)state;
    check_dump(
        "SET NAMES latin1;CREATE TABLE t (a text, b blob);"
        "INSERT INTO t VALUES ('\xe9\x80',_binary '\xe9'),('\\'\xfc','\x80');",
        "table 0 t (a:text,b:bytes)\nrow 0 \"\xc3\xa9\xe2\x82\xac|xe9\nrow 0 \"'\xc3\xbc|x80\n");
}

/* What a character set's name introduces is in that, and not in the dump's or the column's; without
 * one, digits are bytes as they are stored. */
static void test_introducers(void **state)
{
    (void)state;
    check_dump("SET NAMES utf8mb4;CREATE TABLE t (a varchar(9), b varchar(9) CHARACTER SET latin1, "
               "c blob, i int);\n"
               "INSERT INTO t VALUES (_latin1 0xE9,_utf8mb4 X'C3A9',_latin1 0xe9,_utf8'12'),"
               "(_latin1 x'e9',0xE9,_utf8 X'c3A9',_utf8mb4 0x3132),"
               "(_latin1'\xe9', _latin1\n'\\'\xe9','\xc3\xa9',0),"
               "(_ucs2 X'00E90041',_UTF16LE 0xE9004100,_ucs2 X'00E9',1),"
               "(N'\xc3\xa9',n'\xc3\xa9',_binary 'x',2),"
               "(_binary '\xc3\xa9',_binary '\xe9',_binary X'e9',3),"
               "(b'1000001',_latin1 B'11101001',b'0000000101000001',b'11'),"
               "(0b0100000101000010,_cp1251 0b11101001,_binary b'1',b'');\n",
               "table 0 t (a:text,b:text,c:bytes,i:integer)\n"
               "row 0 \"\xc3\xa9|\"\xc3\xa9|xe9|#12\n"
               "row 0 \"\xc3\xa9|\"\xc3\xa9|xc3a9|#12\n"
               "row 0 \"\xc3\xa9|\"'\xc3\xa9|xc3a9|#0\n"
               "row 0 \"\xc3\xa9"
               "A|\"\xc3\xa9"
               "A|x00e9|#1\n"
               "row 0 \"\xc3\xa9|\"\xc3\xa9|x78|#2\n"
               "row 0 \"\xc3\xa9|\"\xc3\xa9|xe9|#3\n"
               "row 0 \"A|\"\xc3\xa9|x0141|#3\n"
               "row 0 \"AB|\"\xd0\xb9|x01|#0\n");
    check_dump("CREATE TABLE t (a text);INSERT INTO t VALUES (_nosuch 'a');\n",
               "table 0 t (a:text)\n"
               "fail 0 line 1, byte 45 of the dump: a row of table t makes no sense here\n");
}

/* The second half of a letter may be what is a backslash by itself. */
static void test_letters_of_two_bytes(void **state)
{
    (void)state;
    check_dump(
        "SET NAMES gbk;\nCREATE TABLE `a` (x text COMMENT '\xd5\x5c', y blob);\n"
        "INSERT INTO `a` VALUES ('\xd5\x5c','\xd5\xc5'),('\\\xd5\\'\xd5\xc5\xd5\x5c\\n','');\n"
        "UPDATE x SET y = '\xd5\x5c';INSERT INTO `a` VALUES (\"\xd5\x5c\",'\xd5\x5c\\\xd5\\\\');\n",
        "table 0 a (x:text,y:bytes)\nrow 0 \"\xe8\xaa\xa0|xd5c5\n" GARBLED(
            "3", "a") "row 0 \"\xd5'\xd5\xc5\xd5\x5c\n|x\n"
                      "row 0 \"\xe8\xaa\xa0|xd55cd55c\n");
    check_dump("SET NAMES sjis;CREATE TABLE `a` (x text);"
               "INSERT INTO `a` VALUES ('\x83\x5c\xb1\\n\xb1\\'');",
               "table 0 a (x:text)\nrow 0 \"\xe3\x82\xbd\xef\xbd\xb1\n\xef\xbd\xb1'\n");
    check_dump("-- PostgreSQL database\nSET client_encoding = 'BIG5';\nCREATE TABLE a (x text);\n"
               "COPY a (x) FROM stdin;\n\xb3\x5c\\n\n\\.\nINSERT INTO a VALUES ('\xb3\x5c');\n",
               "table 0 a (x:text)\nrow 0 \"\xe8\xa8\xb1\n\nrow 0 \"\xe8\xa8\xb1\n");
}

/* mysqldump writes what makes a table in UTF-8, and the rows in another character set. */
static void test_names(void **state)
{
    (void)state;
    check_dump("-- MariaDB dump 10\n/*!40101 SET NAMES latin1 */;\n"
               "/*!40101 SET @saved_cs_client     = @@character_set_client */;\n"
               "/*!40101 SET character_set_client = utf8mb4 */;\n"
               "CREATE TABLE `Vertr\xc3\xa4ge` (id int, `Stra\xc3\x9f"
               "e` text);\n"
               "/*!40101 SET character_set_client = @saved_cs_client */;\n"
               "INSERT INTO `Vertr\xe4ge` VALUES (1,'\xe4');\n"
               "INSERT INTO `Vertr\xe4ge` (`id`, `Stra\xdf"
               "e`) VALUES (2,'\xdf');\n"
               "-- Dump completed\n",
               "table 0 Vertr\xc3\xa4ge (id:integer,Stra\xc3\x9f"
               "e:text)\nrow 0 #1|\"\xc3\xa4\n"
               "row 0 #2|\"\xc3\x9f\n");
    /* The last byte of a name in UTF-8 is half a letter in GBK, and the sign behind it the other.
     */
    check_dump("SET NAMES gbk;\nSET @saved = @@character_set_client;"
               "SET character_set_client = utf8;\n"
               "CREATE TABLE `\xe5\x90\x88` (id int);\nSET character_set_client = @saved;\n"
               "INSERT INTO `\xba\xcf` VALUES (1);\n",
               "table 0 \xe5\x90\x88 (id:integer)\nrow 0 #1\n");
    check_dump(
        "-- PostgreSQL database\nSET client_encoding = 'LATIN1';\n"
        "CREATE TABLE \"\xe4\" (\"\xf6\" text);\nCOPY \"\xe4\" (\"\xf6\") FROM stdin;\n\xfc\n\\.\n",
        "table 0 \xc3\xa4 (\xc3\xb6:text)\nrow 0 \"\xc3\xbc\n");
}

/* Where the character set of a name is not known, no table is taken for empty for it. */
static void test_names_lost(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `\xc3\xa4` (id int);CREATE TABLE b (id int);\n"
               "CREATE TABLE `\xc3\xb6` (id int);INSERT INTO `\xc3\xb6` VALUES (1);\n"
               "SET NAMES keybcs2;\nINSERT INTO `\xe4` VALUES (1);",
               "table 0 \xc3\xa4 (id:integer)\ntable 1 b (id:integer)\n"
               "table 2 \xc3\xb6 (id:integer)\nrow 2 #1\n"
               "trouble line 4 of the dump: rows of table \\xe4, of which no CREATE TABLE stands "
               "before: they are left out; of a dump of data alone, make one with the schema in "
               "it\n"
               "fail 0 line 4, byte 154 of the dump: no rows came by the name of table \xc3\xa4, "
               "and some did by a name in a character set that is not known: they are left out\n");
}

/* Where it is not said, or not known, it is told, once, and can be said. */
static void test_unsaid(void **state)
{
    static const struct {
        const char *charset; /* NULL: none is said */
        const char *dump;
        const char *expected;
    } cases[] = {
        {NULL,
         "CREATE TABLE t (a text, b blob);\nINSERT INTO t VALUES ('\xc3\xa4','\xe4'),('\xe4',''),('\xe4','');",
         "table 0 t (a:text,b:bytes)\nrow 0 \"\xc3\xa4|xe4\n" GARBLED(
             "2", "t") "row 0 \"\xe4|x\nrow 0 \"\xe4|x\n"},
        {"latin1", "CREATE TABLE t (a text, b blob);\nINSERT INTO t VALUES ('\xe4\x80','\xe4');",
         "table 0 t (a:text,b:bytes)\nrow 0 \"\xc3\xa4\xe2\x82\xac|xe4\n"},
        {"CP1252", "CREATE TABLE `\xe4` (a text);\nINSERT INTO `\xe4` VALUES ('\xe4\x81');",
         "table 0 \xc3\xa4 (a:text)\nrow 0 \"\xc3\xa4\xc2\x81\n"},
        {"SHIFT_JIS", "CREATE TABLE t (a text);\nINSERT INTO t VALUES ('\x83\x5c');",
         "table 0 t (a:text)\nrow 0 \"\xe3\x82\xbd\n"},
        {"latin1", "SET NAMES utf8mb4;CREATE TABLE t (a text);\nINSERT INTO t VALUES ('\xc3\xa4');",
         "table 0 t (a:text)\nrow 0 \"\xc3\xa4\n"},
        {"latin1", "SET NAMES koi8r;CREATE TABLE t (a text);\nINSERT INTO t VALUES ('\xc1');",
         "table 0 t (a:text)\nrow 0 \"\xd0\xb0\n"},
        {"latin2", "SET NAMES keybcs2;CREATE TABLE t (a text);\nINSERT INTO t VALUES ('\xb1');",
         "table 0 t (a:text)\nrow 0 \"\xc4\x85\n"},
        {"latin1",
         "-- PostgreSQL database\nSET client_encoding = 'SQL_ASCII';\nCREATE TABLE t (a text);\n"
         "COPY t (a) FROM stdin;\n\xe4\n\\.\n",
         "table 0 t (a:text)\nrow 0 \"\xc3\xa4\n"},
        {NULL,
         "-- PostgreSQL database\nSET client_encoding = 'EUC_KR';\nCREATE TABLE t (a text);\n"
         "COPY t (a) FROM stdin;\n\xb0\xa1\n\\.\n",
         "table 0 t (a:text)\nrow 0 \"\xea\xb0\x80\n"},
        {"latin1",
         "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a text);\n"
         "INSERT INTO t VALUES('\xc3\xa4');\nCOMMIT;\n",
         "table 0 t (a:text)\nrow 0 \"\xc3\xa4\nchange 0 t (a:text)\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct recorded_reading reading;

        recorded_reading_begin(&reading, cases[i].dump, strlen(cases[i].dump), 10);
        reading.charset = cases[i].charset;
        assert_int_equal(read_dump(&reading), 0);
        assert_string_equal(recording_text(&reading.into), cases[i].expected);
        recorded_reading_end(&reading);
    }
}

/* Each byte becomes three, in a value that has an escape as well: there is room for it. */
static void test_latin1_growth(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    cleanup_free char *text = malloc(SIZE + 200);
    struct recorded_reading reading;
    char *to = stpcpy(text, "SET NAMES latin1;CREATE TABLE t (a text);INSERT INTO t VALUES ('\\'");

    memset(to, '\x80', SIZE);
    memcpy(to + SIZE, "');", sizeof "');");
    recorded_reading_begin(&reading, text, strlen(text), 10);
    assert_int_equal(read_dump(&reading), 0);
    assert_int_equal(strlen(recording_text(&reading.into)),
                     strlen("table 0 t (a:text)\nrow 0 \"'\n") + 3 * (size_t)SIZE);
    recorded_reading_end(&reading);
}

/* Digits are bytes of the column's own character set, whatever the dump is in. */
static void test_digits(void **state)
{
    (void)state;
    check_dump("SET NAMES latin1;\nCREATE TABLE `t` (`a` text, `b` text CHARACTER SET latin1) "
               "DEFAULT CHARSET=utf8mb4;\n"
               "INSERT INTO `t` VALUES (0xC3A4,0xE4),('\xe4',UNHEX('E4'));\n",
               "table 0 t (a:text,b:text)\nrow 0 \"\xc3\xa4|\"\xc3\xa4\n"
               "row 0 \"\xc3\xa4|\"\xc3\xa4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latin1),
        cmocka_unit_test(test_introducers),
        cmocka_unit_test(test_letters_of_two_bytes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_lost),
        cmocka_unit_test(test_unsaid),
        cmocka_unit_test(test_latin1_growth),
        cmocka_unit_test(test_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
