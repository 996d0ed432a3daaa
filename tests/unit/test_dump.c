/* SPDX-License-Identifier: MIT */
/* What the dumps of each program hold, value by value, and how one is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/dump.h"
#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

static void test_mysql(void **state)
{
    (void)state;
    check_dump(
        "/*M!999999\\- enable the sandbox mode */ \n"
        "-- comment; with a semicolon\n# another's one\n/* and 'more */\n"
        "/*!40101 SET NAMES utf8mb4 */;\n"
        "DROP TABLE IF EXISTS `t`;\n"
        "CREATE TABLE `t` (\n  `id` int(11) unsigned NOT NULL AUTO_INCREMENT COMMENT 'a, (b) it''s',\n"
        "  `n` varchar(20) CHARACTER SET utf8 DEFAULT 'x,y', `b` blob, `d` decimal(5,2),\n"
        "  PRIMARY KEY (`id`), KEY `k` (`n`(5)), FULLTEXT KEY `f` (`n`),\n"
        "  CONSTRAINT `c` FOREIGN KEY (`id`) REFERENCES `other` (`x`) ON DELETE CASCADE\n"
        ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*!50100 PARTITION BY KEY (id) */;\n"
        "/*!40000 ALTER TABLE `t` DISABLE KEYS */;\n"
        "INSERT INTO `t` VALUES (1,'it''s \\\"\\\\\\n\\Z',_binary 'a\\0',1.50),\n"
        " (2,NULL,0x4142,-3),( 3 , '' , X'ff' , NULL ) ;\n"
        "INSERT IGNORE INTO t (d, `id`,n) VALUES (9,4,NULL);REPLACE INTO `t` (`n`,`id`) VALUES (NULL,5);\n"
        "INSERT INTO unknown VALUES (1,'a;b');INSERT INTO unknown SELECT * FROM x;\n",
        "table 0 t (id:integer!,n:text,b:bytes,d:decimal) key id order id to other\n"
        "row 0 #1|\"it's \"\\\n\x1a|x6100|#1.50\n"
        "row 0 #2|NULL|x4142|#-3\nrow 0 #3|\"|xff|NULL\n"
        "row 0 #4|NULL|NULL|#9\nrow 0 #5|NULL|NULL|NULL\n"
        "trouble line 17 of the dump: rows of table unknown, of which no CREATE TABLE stands before: "
        "they are left out; of a dump of data alone, make one with the schema in it\n");
}

static void test_mysql_escapes(void **state)
{
    (void)state;
    check_dump("CREATE TABLE t (a text, b text);\n"
               "INSERT INTO t VALUES ('\\n\\t\\r\\b\\'\\\"\\\\','\\%\\_\\x'),(\"dq\"\"x'\",N'n'),"
               "('','''');",
               "table 0 t (a:text,b:text)\n"
               "row 0 \"\n\t\r\b'\"\\|\"\\%\\_x\n"
               "row 0 \"dq\"x'|\"n\n"
               "row 0 \"|\"'\n");
}

static void test_no_backslash_escapes(void **state)
{
    (void)state;
    check_dump("/*!40101 SET SQL_MODE='NO_BACKSLASH_ESCAPES,ANSI_QUOTES' */;\n"
               "CREATE TABLE \"t\" (\"a\" text);INSERT INTO \"t\" VALUES ('c:\\'),('d\\n');\n",
               "table 0 t (a:text)\nrow 0 \"c:\\\nrow 0 \"d\\n\n");
}

/* As mysqldump does around a trigger that was made under another sql_mode. */
static void test_mode_of_a_trigger(void **state)
{
    (void)state;
    check_dump(
        "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
        "CREATE TABLE `t` (`a` text);\nINSERT INTO `t` VALUES ('a\\nb');\n"
        "/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;\n"
        "/*!50003 SET sql_mode              = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES' */ ;\n"
        "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`x`*/ /*!50003 TRIGGER y BEFORE "
        "INSERT ON t FOR EACH ROW SET NEW.a = 'c:\\' */;;\nDELIMITER ;\n"
        "/*!50003 SET sql_mode              = @saved_sql_mode */ ;\n"
        "CREATE TABLE `u` (`a` text, `b` text);\n"
        "INSERT INTO `u` VALUES ('c\\nd\\'e',\"\\\"\");\n",
        "table 0 t (a:text)\nrow 0 \"a\nb\n"
        "table 1 u (a:text,b:text)\nrow 1 \"c\nd'e|\"\"\n");
}

/* mysqldump --compatible=ansi, mssql …: names stand between double quotes, those of keys too. */
static void test_ansi_modes(void **state)
{
    static const char *const modes[] = {"ANSI",  "NO_AUTO_VALUE_ON_ZERO,MSSQL", "oracle",
                                        "MAXDB", "POSTGRESQL,NO_FIELD_OPTIONS", "DB2"};

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char dump[400];

        snprintf(dump, sizeof dump,
                 "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='%s' */;\n"
                 "CREATE TABLE \"t\" (\"a\" int NOT NULL, \"b\" text, PRIMARY KEY (\"a\"));\n"
                 "INSERT INTO \"t\" VALUES (1,'x\\ny');\n",
                 modes[i]);
        check_dump(dump, "table 0 t (a:integer!,b:text) key a order a\nrow 0 #1|\"x\ny\n");
    }
}

static void test_time_zones(void **state)
{
    (void)state;
    check_dump("/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;/*!40103 SET TIME_ZONE='+00:00' */;\n"
               "CREATE TABLE `t` (`a` timestamp);INSERT INTO `t` VALUES ('2020-06-01 12:00:00');\n"
               "SET @saved_time_zone = @@time_zone;SET time_zone = 'SYSTEM';"
               "SET time_zone = @saved_time_zone;INSERT INTO `t` VALUES (NULL);\n",
               "table 0 t (a:timestamp)\nrow 0 \"2020-06-01 12:00:00\nrow 0 NULL\n");
    check_dump("SET time_zone = '+02:00';\nCREATE TABLE `s` (`a` datetime);\n"
               "CREATE TABLE `t` (`b` timestamp);\nINSERT INTO `s` VALUES (NULL);\n"
               "INSERT INTO `t` VALUES (NULL);\nINSERT INTO `t` VALUES (NULL);\n",
               "table 0 s (a:datetime)\ntable 1 t (b:timestamp)\nrow 0 NULL\n"
               "trouble line 5 of the dump: here the time zone is +02:00: what is in column b of "
               "table t, and in others of TIMESTAMP, shows as it stands, and not in UTC\n"
               "row 1 NULL\nrow 1 NULL\n");
}

static void test_values(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE t (f float, d double, b bit(10), y year, j json, e enum('a','b'));\n"
        "INSERT INTO t VALUES (0.1,1e20,b'1000000001',2024,'{}','a'),(1,2,0x0102,1901,NULL,'b'),"
        "(-1.5e-7,-0,'\\0\x01',NULL,'[]',NULL);",
        "table 0 t (f:float,d:float,b:integer,y:integer,j:json,e:text)\n"
        "row 0 #0.1|#1.0e+20|#513|#2024|\"{}|\"a\n"
        "row 0 #1.0|#2.0|#258|#1901|NULL|\"b\n"
        "row 0 #-1.5e-07|#-0.0|#1|NULL|\"[]|NULL\n");
}

/* As Adminer writes what it does not show as text. */
static void test_adminer(void **state)
{
    static const char *const broken[] = {"UNHEX(a)",           "UNHEX('0g')",    "UNHEX('00',1)",
                                         "CONV('1', 10, 2)+0", "CONVERT('1',x)", "UNHEX('0\\0')"};

    (void)state;
    check_dump("-- Adminer 4.8.1 MySQL 8.0.30 dump\nSET NAMES utf8mb4;\n"
               "CREATE TABLE `t` (`a` binary(3), `b` bit(4), `c` varbinary(9));\n"
               "INSERT INTO `t` (`a`, `b`, `c`) VALUES\n"
               "(UNHEX('00FFa0'),\tCONV('101', 2, 10) + 0,\tunhex('')),\n"
               "(NULL,\tCONVERT(b'1001', UNSIGNED),\tUNHEX('41'));\n",
               "table 0 t (a:bytes,b:integer,c:bytes)\nrow 0 x00ffa0|#5|x\nrow 0 NULL|#9|x41\n");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct recorded_reading reading;
        char dump[200];

        snprintf(dump, sizeof dump, "CREATE TABLE `t` (a blob);\nINSERT INTO t VALUES (%s);\n",
                 broken[i]);
        recorded_reading_begin(&reading, dump, strlen(dump), 3);
        assert_int_equal(read_dump(&reading), 0);
        assert_non_null(strstr(recording_text(&reading.into), "\nfail 0 line 2"));
        recorded_reading_end(&reading);
    }
}

static void test_latin1(void **state)
{
    (void)state;
    check_dump(
        "SET NAMES latin1;CREATE TABLE t (a text, b blob);"
        "INSERT INTO t VALUES ('\xe9\x80',_binary '\xe9'),('\\'\xfc','\x80');",
        "table 0 t (a:text,b:bytes)\nrow 0 \"\xc3\xa9\xe2\x82\xac|xe9\nrow 0 \"'\xc3\xbc|x80\n");
}

static void test_delimiter_and_triggers(void **state)
{
    (void)state;
    check_dump("CREATE TABLE t (a int);\nDELIMITER ;;\n"
               "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN\n"
               "INSERT INTO t VALUES (666); END */;;\nDELIMITER ;\nINSERT INTO t VALUES (1);\n",
               "table 0 t (a:integer)\nrow 0 #1\n");
    check_dump(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a INTEGER);\n"
        "INSERT INTO t VALUES(1);\n"
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO t VALUES(666); SELECT 'END;'; END;\n"
        "COMMIT;\n",
        "table 0 t (a:integer)\nrow 0 #1\nchange 0 t (a:integer)\n");
}

static void test_postgres(void **state)
{
    (void)state;
    check_dump(
        "--\n-- PostgreSQL database dump\n--\n\\restrict abc\nSET client_encoding = 'UTF8';\n"
        "SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
        "CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS $x$ INSERT INTO public.t VALUES (6); $x$;\n"
        "CREATE FUNCTION public.g() RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO public.t VALUES (7); END;\n"
        "CREATE TABLE public.t (\n    id integer NOT NULL,\n    name character varying(40) COLLATE \"C\" DEFAULT 'a'::character varying,\n"
        "    b boolean,\n    y bytea,\n    ts timestamp(3) with time zone,\n    ar integer[],\n"
        "    f double precision,\n    n numeric(5,2),\n    g integer GENERATED ALWAYS AS (id) STORED,\n"
        "    i bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,\n    CONSTRAINT c CHECK ((id > 0))\n);\n"
        "COPY public.t (id, name, b, y, ts, ar, f, n, i) FROM stdin;\n"
        "1\ta\\tb\\\\c\\n\tt\t\\\\x00ff\t2020-01-01 00:00:00+00\t{1,2}\t1.5\tNaN\t1\n"
        "2\t\\N\t\\N\t\\N\t\\N\t\\N\t-Infinity\t\\N\t2\n"
        "3\t\tf\t\\\\x\t\\N\t\\N\t1e+100\t0.10\t3\n"
        "\\.\n\n"
        "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n"
        "CREATE TABLE other.u (a text);\nINSERT INTO other.u VALUES (E'x\\'\\n\\x41'), ('c:\\'), ('y'::text);\n"
        "\\unrestrict abc\n--\n-- PostgreSQL database dump complete\n--\n",
        "table 0 t (id:integer!,name:text,b:boolean,y:bytes,ts:timestamp,ar:text,f:float,"
        "n:decimal,i:integer!)\n"
        "row 0 #1|\"a\tb\\c\n|?t|x00ff|\"2020-01-01 00:00:00+00|\"{1,2}|#1.5|#NaN|#1\n"
        "row 0 #2|NULL|NULL|NULL|NULL|NULL|#-Infinity|NULL|#2\n"
        "row 0 #3|\"|?f|x|NULL|NULL|#1.0e+100|#0.10|#3\n"
        "table 1 other.u (a:text)\nrow 1 \"x'\nA\nrow 1 \"c:\\\nrow 1 \"y\n"
        "change 0 t (id:integer!,name:text,b:boolean,y:bytes,ts:timestamp,ar:text,f:float,"
        "n:decimal,i:integer!) key id order id\n" DUMP_LEFT_OUT);
}

/* What a rule does is not done here. */
static void test_postgres_rules(void **state)
{
    (void)state;
    check_dump("-- PostgreSQL database\nCREATE TABLE public.t (a text);\n"
               "CREATE RULE r AS\n    ON UPDATE TO public.v DO INSTEAD ( UPDATE public.t SET a = "
               "new.a;\n INSERT INTO public.t (a)\n  VALUES (');'::text);\n);\n"
               "CREATE OR REPLACE RULE s AS ON INSERT TO public.v DO INSTEAD NOTHING;\n"
               "INSERT INTO public.t VALUES ('x');\n",
               "table 0 t (a:text)\nrow 0 \"x\n");
}

/* As many semicolons as bytes: each is looked at once. */
static void test_many_semicolons(void **state)
{
    static const char *const begins[] = {
        "-- PostgreSQL database\nCREATE RULE r AS ON UPDATE TO t DO (",
        "-- PostgreSQL database\nCREATE FUNCTION f() RETURNS int BEGIN ATOMIC ",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TRIGGER t BEFORE INSERT ON x BEGIN ",
    };
    static char text[(1 << 18) + 1];

    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        struct recorded_reading reading;
        clock_t start = clock();
        size_t size = strlen(begins[i]);

        memset(text, ';', sizeof text - 1);
        memcpy(text, begins[i], size);
        recorded_reading_begin(&reading, text, sizeof text - 1, 1 << 16);
        assert_int_not_equal(read_dump(&reading), -ENOMEM); /* most of them are cut short */
        assert_true(clock() - start < 4 * CLOCKS_PER_SEC);
        recorded_reading_end(&reading);
    }
}

static void test_sqlite(void **state)
{
    (void)state;
    check_dump(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
        "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY DESC, v);\n"
        "INSERT INTO t VALUES('a',12);\nINSERT INTO t VALUES('b',0.10000000000000000555);\n"
        "INSERT INTO t VALUES('c',replace(replace('x\\ny\\rz''','\\r',char(13)),'\\n',char(10)));\n"
        "INSERT INTO t VALUES('d',X'00ff');\nINSERT INTO t VALUES('e',-1e999);\n"
        "CREATE TABLE evil AS SELECT 1;\nATTACH 'x' AS y;\n"
        "CREATE UNIQUE INDEX i ON t (v);\nCOMMIT;\n",
        "table 0 t (id:text,v:any)\nrow 0 \"a|#12\nrow 0 \"b|#0.1\nrow 0 \"c|\"x\ny\rz'\n"
        "row 0 \"d|x00ff\nrow 0 \"e|#-Infinity\n"
        "trouble line 9 of the dump: not authorized\n"
        "change 0 t (id:text,v:any) key id order id-\n");
}

/* Each byte becomes three, in a value that has an escape as well: there is room for it. */
/* As sqlite3's .dump has texts with control characters since 3.50. */
static void test_sqlite_unistr(void **state)
{
    static const char *const broken[] = {"'\\'",        "'\\u00'",   "'\\u00zz'", "'\\U00110000'",
                                         "'a','b'",     "'a' ",      "1",         "",
                                         "'\\+00000g'", "'a')||('b'"};

    (void)state;
    check_dump("BEGIN TRANSACTION;\nCREATE TABLE t (v);\n"
               "INSERT INTO t VALUES(unistr('a\\u000ab''c\\\\n\\u000d\\u001b'));\n"
               "INSERT INTO t VALUES(unistr(''));\n"
               "INSERT INTO t VALUES(unistr('\\00e4\\+01F600\\U0001f600'));\nCOMMIT;\n",
               "table 0 t (v:any)\nrow 0 \"a\nb'c\\n\r\x1b\nrow 0 \"\n"
               "row 0 \"\xc3\xa4\xf0\x9f\x98\x80\xf0\x9f\x98\x80\nchange 0 t (v:any)\n");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct recorded_reading reading;
        char dump[200];

        snprintf(dump, sizeof dump,
                 "BEGIN TRANSACTION;\nCREATE TABLE t (v);\nINSERT INTO t VALUES(unistr(%s));\n"
                 "COMMIT;\n",
                 broken[i]);
        recorded_reading_begin(&reading, dump, strlen(dump), 7);
        assert_int_equal(read_dump(&reading), 0);
        assert_non_null(strstr(recording_text(&reading.into), "\nfail 0 line 3"));
        recorded_reading_end(&reading);
    }
}

/* The second half of a letter may be what is a backslash by itself. */
static void test_letters_of_two_bytes(void **state)
{
    (void)state;
    check_dump(
        "SET NAMES gbk;\nCREATE TABLE `a` (x text COMMENT '\xd5\x5c', y blob);\n"
        "INSERT INTO `a` VALUES ('\xd5\x5c','\xd5\xc5'),('\\\xd5\\'\xd5\xc5\xd5\x5c\\n','');\n"
        "UPDATE x SET y = '\xd5\x5c';INSERT INTO `a` VALUES (\"\xd5\x5c\",'\xd5\x5c\\\xd5\\\\');\n",
        "table 0 a (x:text,y:bytes)\nrow 0 \"\xe8\xaa\xa0|xd5c5\n"
        "row 0 \"\xd5'\xd5\xc5\xd5\x5c\n|x\n"
        "row 0 \"\xe8\xaa\xa0|xd55cd55c\n");
    check_dump("SET NAMES sjis;CREATE TABLE `a` (x text);"
               "INSERT INTO `a` VALUES ('\x83\x5c\xb1\\n\xb1\\'');",
               "table 0 a (x:text)\nrow 0 \"\xe3\x82\xbd\xef\xbd\xb1\n\xef\xbd\xb1'\n");
    check_dump("-- PostgreSQL database\nSET client_encoding = 'BIG5';\nCREATE TABLE a (x text);\n"
               "COPY a (x) FROM stdin;\n\xb3\x5c\\n\n\\.\nINSERT INTO a VALUES ('\xb3\x5c');\n",
               "table 0 a (x:text)\nrow 0 \"\xe8\xa8\xb1\n\nrow 0 \"\xe8\xa8\xb1\n");
}

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

static void test_taker_ends_it(void **state)
{
    (void)state;
    struct recorded_reading reading;
    const char *dump = "CREATE TABLE a (x int);INSERT INTO a VALUES (1),(2),(3);";

    recorded_reading_begin(&reading, dump, strlen(dump), 1000);
    reading.into.error = -ENOSPC;
    assert_int_equal(read_dump(&reading), -ENOSPC);
    assert_int_equal(reading.into.rows, 1);
    recorded_reading_end(&reading);
}

/* A list of as many columns as there are, which are not all of them. */
static void test_odd_lists(void **state)
{
    (void)state;
    check_dump("CREATE TABLE a (x int, y int);"
               "INSERT INTO a (y,y) VALUES (3,4);",
               "table 0 a (x:integer,y:integer)\nrow 0 NULL|#4\n");
    check_dump("-- PostgreSQL database cluster\nCREATE TABLE a (x int, y int);\n"
               "COPY a (y, y) FROM stdin;\n3\t4\n\\.\n",
               "table 0 a (x:integer,y:integer)\nrow 0 NULL|#4\n");
}

/* pg_dump as it was before SET search_path became a danger. */
static void test_copy_options(void **state)
{
    (void)state;
    check_dump("-- PostgreSQL database\nCREATE TABLE a (x text);\nCREATE TABLE b (x text);\n"
               "COPY a (x) FROM stdin WITH (FORMAT csv);\n\"1\"\n\\.\n"
               "COPY b (x) FROM stdin;\n2\n\\.\n",
               "table 0 a (x:text)\ntable 1 b (x:text)\n"
               "fail 0 line 4, byte 113 of the dump: COPY is followed by rows in a form that crmfs "
               "does not read, those of table a\nrow 1 \"2\n");
}

static void test_words_as_numbers(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (a tinyint(1), b double, c text);"
               "INSERT INTO t VALUES (true,1,'true'),(FALSE,2,NULL);",
               "table 0 t (a:integer,b:float,c:text)\nrow 0 #1|#1.0|\"true\nrow 0 #0|#2.0|NULL\n");
}

static void test_search_path(void **state)
{
    (void)state;
    check_dump("-- PostgreSQL database dump\nSET search_path = public, pg_catalog;\n"
               "CREATE TABLE t (a int);\nCOPY t (a) FROM stdin;\n1\n\\.\n"
               "SET search_path = \"$user\", \"Au dit\", pg_catalog;\n"
               "CREATE TABLE t (a int, b int);\n"
               "ALTER TABLE ONLY t ADD CONSTRAINT e FOREIGN KEY (a) REFERENCES public.t(a);\n"
               "ALTER TABLE ONLY t ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES t(a);\n"
               "COPY t (a) FROM stdin;\n2\n\\.\nINSERT INTO public.t VALUES (3);\n"
               "SET search_path TO public;\nINSERT INTO t VALUES (4);\n"
               "-- PostgreSQL database dump complete\n",
               "table 0 t (a:integer)\nrow 0 #1\n"
               "table 1 Au dit.t (a:integer,b:integer)\nrow 1 #2|NULL\n"
               "row 0 #3\nrow 0 #4\n"
               "change 1 Au dit.t (a:integer,b:integer) to t to Au dit.t\n");
}

static void test_cluster(void **state)
{
    (void)state;
    static const char first[] = "-- PostgreSQL database cluster dump\n\\restrict abc\n"
                                "\\connect template1\n-- PostgreSQL database dump complete\n"
                                "\\connect one\nCREATE TABLE public.t (a int);\n"
                                "COPY public.t (a) FROM stdin;\n1\n\\.\n"
                                "-- PostgreSQL database dump complete\n";
    static const char *const connects[] = {
        "\\connect \"t\"\"w o\"\n",
        "\\connect -reuse-previous=on \"dbname='t\\\"\"w o'\"\n",
        "\\c 't\"w o';\n",
    };

    for (size_t i = 0; i < sizeof connects / sizeof *connects; i++) {
        cleanup_free char *dump = NULL;

        assert_true(asprintf(&dump,
                             "%s%sCREATE SCHEMA s;\nCREATE TABLE s.t (a int);\n"
                             "CREATE TABLE public.t (b int, FOREIGN KEY (b) REFERENCES s.t (a));\n"
                             "COPY public.t (b) FROM stdin;\n2\n\\.\n"
                             "COPY s.t (a) FROM stdin;\n3\n\\.\n"
                             "-- PostgreSQL database cluster dump complete\n",
                             first, connects[i]) > 0);
        check_dump(dump,
                   "table 0 t (a:integer)\nrow 0 #1\n"
                   "table 1 \"t\"\"w o\".s.t (a:integer)\n"
                   "table 2 \"t\"\"w o\".t (b:integer) to \"t\"\"w o\".s.t\nrow 2 #2\nrow 1 #3\n"
                   "change 0 one.t (a:integer)\n"
                   "change 1 \"t\"\"w o\".s.t (a:integer)\n"
                   "change 2 \"t\"\"w o\".t (b:integer) to \"t\"\"w o\".s.t\n");
    }
}

/* What a dump ends with is its last line's; what stands before is one within it, or before it. */
static void check_cut(const char *dump)
{
    struct recorded_reading reading;

    recorded_reading_begin(&reading, dump, strlen(dump), 100);
    assert_int_equal(read_dump(&reading), -EIO);
    recorded_reading_end(&reading);
}

static void test_ends_within(void **state)
{
    (void)state;
    check_cut("-- PostgreSQL database cluster dump\n\\connect one\nCREATE TABLE public.t (a int);\n"
              "COPY public.t (a) FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n");
    check_cut("-- MySQL dump 10\nCREATE TABLE `t` (a int);\n-- Dump completed\n"
              "-- MySQL dump 10\nCREATE TABLE `u` (a int);\nINSERT INTO u VALUES (1);\n");
    check_cut("-- PostgreSQL database dump\nCREATE TABLE t (a int);\n"
              "-- PostgreSQL database dump complete\n-- PostgreSQL database dump\n"
              "COPY t (a) FROM stdin;\n1\n\\.\n");
    check_cut("BEGIN TRANSACTION;\nCREATE TABLE t (a);\nCOMMIT;\n"
              "BEGIN TRANSACTION;\nINSERT INTO t VALUES(1);\n");
}

/* Programs that end with what they began with; and those that say nothing of an end. */
static void test_ends_of_others(void **state)
{
    static const char *const heads[] = {
        "-- phpMyAdmin SQL Dump\n",
        "-- HeidiSQL Version: 12\n",
        "-- MySQL dump 10.9\n",
        "-- Sequel Ace SQL dump\n",
        "",
    };
    static const char body[] = "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n"
                               "CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1);\n"
                               "SET character_set_client = @saved_cs_client;\n";
    static const char end[] = "/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n";

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        cleanup_free char *cut = NULL;
        cleanup_free char *whole = NULL;
        cleanup_free char *twice = NULL;

        assert_true(asprintf(&cut, "%s%s", heads[i], body) > 0);
        assert_true(asprintf(&whole, "%s%s", cut, end) > 0);
        assert_true(asprintf(&twice, "%s%s", whole, cut) > 0);
        check_cut(cut);
        check_cut(twice);
        check_dump(whole, "table 0 t (a:integer)\nrow 0 #1\n");
    }
    check_dump("-- MySQL dump 9.11\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n",
               "table 0 t (a:integer)\nrow 0 #1\n");
    check_cut("-- MySQL dump 10.10\nCREATE TABLE t (a int);\nINSERT INTO t VALUES (1);\n");
}

/* Blocks that never reached the disk. */
static void test_zeros(void **state)
{
    static const char lost[] = "CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1);\n"
                               "\0\0\0\0\0\0\0\0\nCREATE TABLE `u` (a int);\n";
    static const char padded[] = "-- MySQL dump 10\nCREATE TABLE `t` (a int);\n"
                                 "INSERT INTO `t` VALUES (1);\n-- Dump completed\n\0\0\0\0";

    (void)state;
    check_dump_sized(
        lost, sizeof lost - 1,
        "table 0 t (a:integer)\nrow 0 #1\n"
        "trouble line 3 of the dump: here are zeros instead of statements\n"
        "fail 0 line 3, byte 54 of the dump: here are zeros instead of statements, and "
        "table t may lack rows\n"
        "table 1 u (a:integer)\n");
    check_dump_sized(padded, sizeof padded - 1, "table 0 t (a:integer)\nrow 0 #1\n");
}

/* What sqlite3 makes of a database that is damaged. */
static void test_sqlite_corruption(void **state)
{
    (void)state;
    check_dump(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
        "CREATE TABLE t (a int);\nINSERT INTO t VALUES(1);\n/****** CORRUPTION ERROR *******/\n"
        "INSERT INTO t VALUES(9);\nCREATE TABLE u (a int);\nINSERT INTO u VALUES(2);\n"
        "ROLLBACK; -- due to errors\n",
        "table 0 t (a:integer)\nrow 0 #1\n"
        "fail 0 line 5, byte 93 of the dump: the database was damaged when the dump was made, "
        "and table t lacks rows: look for another dump\n"
        "table 1 u (a:integer)\nrow 1 #2\n"
        "trouble line 9 of the dump: it ends with ROLLBACK: the database was damaged when the "
        "dump was made, and it may lack rows and tables; look for another dump\n"
        "change 0 t (a:integer)\nchange 1 u (a:integer)\n");
}

/* pg_dump ends lines so on Windows. */
static void test_copy_windows(void **state)
{
    (void)state;
    check_dump("-- PostgreSQL database dump\r\nCREATE TABLE t (a int, b text);\r\n"
               "COPY t (a, b) FROM stdin;\r\n1\tx\r\n2\t\\N\r\n3\ty\\r\r\n4\tz\\\\\r\n\\.\r\n"
               "-- PostgreSQL database dump complete\r\n",
               "table 0 t (a:integer,b:text)\nrow 0 #1|\"x\nrow 0 #2|NULL\nrow 0 #3|\"y\r\n"
               "row 0 #4|\"z\\\n");
}

/* A backslash is itself, but in MySQL. */
static void test_whose(void **state)
{
    static const char rows[] = "INSERT INTO t VALUES (1,'c:\\new`');\n";
    static const char *const mysql[] = {
        "-- Adminer 4.8.1 MySQL 5.7 dump\nCREATE TABLE t (a int, b text);\n",
        "/*\n Source Server Type    : MySQL\n*/\nCREATE TABLE `t` (`a` int, b text);\n",
        "CREATE TABLE t (a int, b text) ENGINE=InnoDB;\n",
        "/*!40101 SET NAMES utf8 */;\nCREATE TABLE t (a int, b text DEFAULT ('::'));\n",
    };
    static const char *const others[] = {
        "-- Adminer 4.8.1 PostgreSQL 13.2 dump\n\nCREATE TABLE t (a int, b text);\n",
        "-- Adminer 4.8.1 SQLite 3.34.1 dump\n\nCREATE TABLE t (a int, b text);\n",
        "/*\n Source Server Type    : PostgreSQL\n*/\n\nCREATE TABLE t (a int, b text);\n",
        "CREATE TABLE \"t\" (a int, b text);\n",
        "CREATE TABLE x (a int DEFAULT nextval('s'));\nCREATE TABLE t (a int, b text);\n",
        "CREATE DATABASE x;\n\\c x;\nCREATE TABLE t (a int, b text);\n",
        "CREATE TABLE t (a integer PRIMARY KEY AUTOINCREMENT, b text);\n",
    };
    struct {
        const char *const *heads;
        size_t count;
        const char *row;
    } const kinds[] = {
        {mysql, sizeof mysql / sizeof *mysql, "row 0 #1|\"c:\new`\n"},
        {others, sizeof others / sizeof *others, "|\"c:\\new`\n"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < kinds[i].count; j++) {
            struct recording_taker recording;
            struct memory_stream stream;
            cleanup_free char *dump = NULL;

            assert_true(asprintf(&dump, "%s%s", kinds[i].heads[j], rows) > 0);
            recording_begin(&recording);
            memory_stream_begin(&stream, dump, strlen(dump), 100);
            assert_int_equal(dump_read(&stream.stream, TEXT_UNDECIDED, &recording.taker, NULL), 0);
            assert_non_null(strstr(recording_text(&recording), kinds[i].row));
            recording_end(&recording);
        }
    }
}

static void test_recognise(void **state)
{
    (void)state;
    static const char *const dumps[] = {
        "-- MySQL dump 10.13",
        "\xef\xbb\xbf-- phpMyAdmin SQL Dump\n",
        "\n-- x\n/*!40101 SET NAMES utf8 */;",
        "--\n-- PostgreSQL database dump\n--",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n",
        "CREATE TABLE t (a int);",
        "INSERT INTO t (a) VALUES (1);",
        "# a\n/* b */\nUSE `x`;",
        "/*\n Navicat Premium Data Transfer\n\n Date: 01/03/2022\n*/\n\nSET NAMES utf8mb4;\n",
        "/***\n   a script\n***/\n/* and */ DROP SEQUENCE IF EXISTS \"public\".\"s\";\n",
    };
    static const char *const others[] = {
        "",
        "id,name\n1,CREATE\n",
        "{\"CREATE\": 1};",
        "create a table; please",
        "<?php INSERT INTO;",
        "CREATE TABLE without its end",
        "-- just a comment",
        "/* CREATE TABLE t (a int);",
        "/* CREATE TABLE\n*/ of contents; all",
        "USE [crm]\nGO\nCREATE TABLE [dbo].[t] (a int);\nGO\n",
        "SET ANSI_NULLS ON;\r\nGO\r\nCREATE TABLE t (a int);\r\nGO\r\n",
    };

    enum text_set set;

    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        assert_true(dump_recognise(dumps[i], strlen(dumps[i]), &set));
        assert_int_equal(set, TEXT_UNDECIDED);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(dump_recognise(others[i], strlen(others[i]), &set));
    assert_false(dump_recognise("CREATE TABLE t (\0);", 19, &set));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_mysql_escapes),
        cmocka_unit_test(test_no_backslash_escapes),
        cmocka_unit_test(test_mode_of_a_trigger),
        cmocka_unit_test(test_ansi_modes),
        cmocka_unit_test(test_time_zones),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_adminer),
        cmocka_unit_test(test_latin1),
        cmocka_unit_test(test_letters_of_two_bytes),
        cmocka_unit_test(test_latin1_growth),
        cmocka_unit_test(test_delimiter_and_triggers),
        cmocka_unit_test(test_postgres),
        cmocka_unit_test(test_postgres_rules),
        cmocka_unit_test(test_many_semicolons),
        cmocka_unit_test(test_sqlite),
        cmocka_unit_test(test_sqlite_unistr),
        cmocka_unit_test(test_taker_ends_it),
        cmocka_unit_test(test_odd_lists),
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_whose),
        cmocka_unit_test(test_copy_windows),
        cmocka_unit_test(test_sqlite_corruption),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_copy_options),
        cmocka_unit_test(test_words_as_numbers),
        cmocka_unit_test(test_search_path),
        cmocka_unit_test(test_cluster),
        cmocka_unit_test(test_ends_within),
        cmocka_unit_test(test_ends_of_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
