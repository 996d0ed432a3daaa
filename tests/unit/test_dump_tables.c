/* SPDX-License-Identifier: MIT */
/* Which tables and views a dump has, with what columns and keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dump_reading.h"

static void test_databases(void **state)
{
    (void)state;
    check_dump("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a`;USE `a`;CREATE TABLE t (x int);"
               "INSERT INTO t VALUES (1);USE b;CREATE TABLE `t` (x int);INSERT INTO a.t VALUES (2);"
               "INSERT INTO t VALUES (3);",
               "table 0 t (x:integer)\nrow 0 #1\ntable 1 b.t (x:integer)\nrow 0 #2\nrow 1 #3\n"
               "change 0 a.t (x:integer)\nchange 1 b.t (x:integer)\n");
}

#define WITHOUT_ROWS                                                                          \
    "fail 0 table t: the dump has none of its rows, if it has any: it was made without them " \
    "(--no-data, --schema-only), or they are in files of their own (--tab, MySQL Shell)\n"

/* Tables that are empty because the dump was made without rows are not as those that were. */
static void test_no_rows(void **state)
{
    (void)state;
    check_dump("-- MySQL dump 10.13\nCREATE TABLE t (a int);\n-- Dump completed\n",
               "table 0 t (a:integer)\n" WITHOUT_ROWS);
    check_dump("-- MySQL dump 10.13\nCREATE TABLE t (a int) SELECT 1;\n-- Dump completed\n",
               "table 0 t (a:integer)\n"
               "fail 0 line 2, byte 52 of the dump: the first rows of table t are those of a query "
               "that is not carried out: load the dump, and mount the database\n");
    check_dump("-- MySQLShell dump 2.0.1\nCREATE TABLE t (a int);\n",
               "table 0 t (a:integer)\n" WITHOUT_ROWS);
    check_dump("-- PostgreSQL database dump\nCREATE TABLE public.t (a integer);\n"
               "-- PostgreSQL database dump complete\n",
               "table 0 t (a:integer)\n" WITHOUT_ROWS);
    check_dump(
        "-- MySQL dump 10.13\nCREATE TABLE t (a int);\n--\n-- Dumping data for table `t`\n--\n"
        "LOCK TABLES t WRITE;\nUNLOCK TABLES;\n-- Dump completed\n",
        "table 0 t (a:integer)\n");
    check_dump("-- PostgreSQL database dump\nCREATE TABLE public.t (a integer);\n"
               "COPY public.t (a) FROM stdin;\n\\.\n-- PostgreSQL database dump complete\n",
               "table 0 t (a:integer)\n");
    check_dump("-- MySQL dump 10.13\n/*!50001 CREATE VIEW v AS SELECT 1 */;\n-- Dump completed\n",
               "table 0 v () by CREATE VIEW v AS SELECT 1;\n"
               "trouble v: views, of which a dump has no rows: schema.sql has what makes them\n");
}

static void test_keys_afterwards(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (`a` int NOT NULL, `b` int NOT NULL, `c` int);\n"
               "INSERT INTO `t` (`a`,`b`,`c`) VALUES (1,2,3);\n"
               "ALTER TABLE `t`\n  ADD PRIMARY KEY (`b`,`a`),\n  ADD KEY `k` (`c`);\n"
               "ALTER TABLE `t` MODIFY `a` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=5;",
               "table 0 t (a:integer!,b:integer!,c:integer)\nrow 0 #1|#2|#3\n"
               "change 0 t (a:integer!,b:integer!,c:integer) key b,a order b,a\n");
    /* MariaDB's way to say how long to wait, and what else may stand before what is done. */
    check_dump(
        "CREATE TABLE `t` (`a` int NOT NULL, `b` int NOT NULL);\n"
        "ALTER ONLINE IGNORE TABLE IF EXISTS `t` WAIT 5 ADD PRIMARY KEY (`b`);\n"
        "CREATE UNIQUE INDEX u ON t NOWAIT (a);\nALTER TABLE `t` NOWAIT RENAME TO `u`;\n",
        "table 0 t (a:integer!,b:integer!)\n"
        "trouble line 4 of the dump: ALTER TABLE is not carried out: the rows of table t show "
        "as they came before\n"
        "change 0 t (a:integer!,b:integer!) key b order b\n");
    /* The shortest key over columns that are NOT NULL; of two, the first by name. */
    check_dump("CREATE TABLE t (a int, b int NOT NULL, c int NOT NULL, d int NOT NULL,"
               " UNIQUE KEY a (a), UNIQUE KEY z (b), UNIQUE KEY y (c), UNIQUE KEY x (c,d), "
               "UNIQUE KEY w (d(3)));",
               "table 0 t (a:integer,b:integer!,c:integer!,d:integer!) order c\n");
}

/* pg_dump quotes what is reserved, and no other word that stands for something elsewhere. */
static void test_names_that_are_words(void **state)
{
    (void)state;
    check_dump(
        "-- PostgreSQL database dump\nCREATE TABLE public.settings (\n    key text NOT NULL,\n"
        "    index integer,\n    period text,\n    exclude boolean,\n    fulltext text,\n"
        "    spatial text,\n    vector text,\n    id integer,\n"
        "    CONSTRAINT c CHECK ((index > 0)),\n    CONSTRAINT n NOT NULL id,\n"
        "    NOT NULL period NO INHERIT,\n    EXCLUDE USING gist (key WITH =)\n);\n"
        "COPY public.settings (key, index, period, exclude, fulltext, spatial, vector, id) FROM stdin;\n"
        "a\t1\tb\tf\tc\td\te\t2\n\\.\n"
        "ALTER TABLE ONLY public.settings\n    ADD CONSTRAINT p PRIMARY KEY (key);\n"
        "-- PostgreSQL database dump complete\n",
        "table 0 settings (key:text!,index:integer,period:text!,exclude:boolean,fulltext:text,"
        "spatial:text,vector:text,id:integer!)\n"
        "row 0 \"a|#1|\"b|?f|\"c|\"d|\"e|#2\n"
        "change 0 settings (key:text!,index:integer,period:text!,exclude:boolean,fulltext:text,"
        "spatial:text,vector:text,id:integer!) key key order key\n");
    check_dump("/*!40101 SET NAMES utf8 */;CREATE TABLE t (`key` int, period int, v vector(3), "
               "KEY k (`key`), FULLTEXT KEY f (period), VECTOR KEY `v` (`v`), "
               "PERIOD FOR SYSTEM_TIME (a, b));\nINSERT INTO t VALUES (1,2,0x00);\n",
               "table 0 t (key:integer,period:integer,v:bytes)\nrow 0 #1|#2|x00\n");
}

static void test_unfollowed(void **state)
{
    (void)state;
    /* What empties a table before its rows come changes nothing. */
    check_dump(
        "CREATE TABLE t (a int);CREATE TABLE s (a int);TRUNCATE TABLE `t`;DELETE FROM t;"
        "INSERT INTO t VALUES (1);\nUPDATE LOW_PRIORITY t SET a = 2;\nDELETE FROM t;"
        "UPDATE nowhere SET a = 1;",
        "table 0 t (a:integer)\ntable 1 s (a:integer)\nrow 0 #1\n"
        "trouble line 2 of the dump: UPDATE is not carried out: the rows of table t show as they "
        "came before\n");
    /* phpMyAdmin can write all rows so. */
    check_dump("CREATE TABLE `t` (a int);\nUPDATE `t` SET `a` = 1 WHERE `t`.`a` = 1;\n"
               "UPDATE `t` SET `a` = 2 WHERE `t`.`a` = 2;\n",
               "table 0 t (a:integer)\n"
               "trouble line 2 of the dump: UPDATE is not carried out: the rows of table t show as "
               "they came before\n");
    /* Told once, and not of one that was left out before. */
    check_dump(
        "-- PostgreSQL database dump\nCREATE TABLE public.x ();\n"
        "COPY public.x (a) FROM stdin;\n1\n\\.\nCOPY public.t (a) FROM stdin;\n1\n\\.\n"
        "COPY public.t (a) FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n",
        "trouble line 2 of the dump: table x has no columns: there is nothing to show of it\n"
        "trouble line 6 of the dump: rows of table t, of which no CREATE TABLE stands before: "
        "they are left out; of a dump of data alone, make one with the schema in it\n");
}

static void test_altered(void **state)
{
    static const char *const changes[] = {
        "ADD COLUMN b int", "ADD b int AFTER a",    "DROP a",        "DROP COLUMN a",
        "RENAME TO u",      "RENAME COLUMN a TO b", "CHANGE a b int"};
    static const char *const others[] = {
        "DROP KEY k",          "DROP PRIMARY KEY", "DROP CONSTRAINT c",
        "RENAME INDEX k TO l", "DISABLE KEYS",     "ADD INDEX (a)",
        "ADD UNIQUE (a)",      "ENGINE=InnoDB",    "AUTO_INCREMENT=7"};

    (void)state;
    for (size_t i = 0; i < 16; i++) {
        char dump[200];
        struct recorded_reading reading;
        bool told;

        snprintf(dump, sizeof dump,
                 "CREATE TABLE `t` (a int);INSERT INTO t VALUES (1);ALTER TABLE t %s;",
                 i < 7 ? changes[i] : others[i - 7]);
        recorded_reading_begin(&reading, dump, strlen(dump), 7);
        assert_int_equal(read_dump(&reading), 0);
        told = strstr(recording_text(&reading.into), "trouble line 1 of the dump: ALTER TABLE") !=
               NULL;
        assert_int_equal(told, i < 7);
        recorded_reading_end(&reading);
    }
}

/* They were there for one client only, and may have had the name of another. */
static void test_temporary(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE `t` (a int);INSERT INTO t VALUES (1);\n"
        "CREATE TEMPORARY TABLE `t` (x text);CREATE TEMPORARY TABLE IF NOT EXISTS t (x text);\n"
        "INSERT INTO t VALUES ('x');INSERT INTO t (x) VALUES ('y');UPDATE t SET x = 1;\n"
        "INSERT INTO t SELECT 1;ALTER TABLE t ADD y int;DROP TEMPORARY TABLE t, u;\n"
        "INSERT INTO t VALUES (2);\n"
        "CREATE TEMPORARY TABLE u SELECT 1;INSERT INTO u (a) VALUES (1);DROP TABLE u;\n"
        "CREATE TABLE u (b int);INSERT INTO u VALUES (3);DROP TEMPORARY TABLE IF EXISTS u;\n",
        "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\ntable 1 u (b:integer)\nrow 1 #3\n");
    check_dump("-- PostgreSQL database\nCREATE TEMP TABLE s (a int);\n"
               "COPY s (a) FROM stdin;\n1\n\\.\n"
               "CREATE UNLOGGED TABLE t (a int);\nCOPY t (a) FROM stdin;\n1\n\\.\n",
               "table 0 t (a:integer)\nrow 0 #1\n");
    check_dump("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TEMP TABLE t (a);\n"
               "INSERT INTO t VALUES(1);\nCREATE TABLE u (a);INSERT INTO u VALUES(2);\nCOMMIT;\n",
               "table 0 u (a:any)\nrow 0 #2\nchange 0 u (a:any)\n");
}

/* Columns that change before rows come are those of the rows. */
static void test_reshaped(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (`a` int, `b` text, PRIMARY KEY (`a`));\n"
               "ALTER TABLE `t` MODIFY `b` varchar(9) FIRST, ADD c blob AFTER `b`;\n"
               "ALTER TABLE t CHANGE a z int(7) AFTER b, ADD d int COMMENT 'FIRST';\n"
               "INSERT INTO t VALUES ('1',2,'3',4);\n",
               "table 0 t (a:integer!,b:text) key a order a\ndrop 0\n"
               "table 1 t (b:text,a:integer!) key a order a\ndrop 1\n"
               "table 2 t (b:text,c:bytes,a:integer!) key a order a\ndrop 2\n"
               "table 3 t (b:text,z:integer!,c:bytes) key z order z\ndrop 3\n"
               "table 4 t (b:text,z:integer!,c:bytes,d:integer) key z order z\n"
               "row 4 \"1|#2|x33|#4\n");
}

/* What is not carried out, be it for the rows that came before, is told; those that come without
 * names of their columns, and would be taken for others, fail. */
static void test_misplaced(void **state)
{
    static const struct {
        const char *change;
        const char *rows;
        bool fails;
    } cases[] = {
        {"MODIFY b text FIRST", "VALUES ('1',2)", true},
        {"MODIFY b text FIRST", "(a,b) VALUES (1,'2')", false},
        {"CHANGE b c text FIRST", "VALUES ('1',2)", true},
        {"ADD c int AFTER a, DROP b", "VALUES (1,2)", true},
        {"MODIFY a int AUTO_INCREMENT", "VALUES (1,2)", false},
        {"CHANGE b c text", "VALUES (1,2)", false},
        {"RENAME COLUMN b TO c", "VALUES (1,2)", false},
        {"DROP b", "VALUES (1)", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char dump[300];
        struct recorded_reading reading;

        snprintf(dump, sizeof dump,
                 "CREATE TABLE `t` (a int, b text);INSERT INTO t VALUES (0,'0');\n"
                 "ALTER TABLE t %s;\nINSERT INTO t %s;",
                 cases[i].change, cases[i].rows);
        recorded_reading_begin(&reading, dump, strlen(dump), 7);
        assert_int_equal(read_dump(&reading), 0);
        assert_int_equal(strstr(recording_text(&reading.into), "do not name their columns") != NULL,
                         cases[i].fails);
        recorded_reading_end(&reading);
    }
}

/* Rows that come of something else than INSERT … VALUES are missing in their table. */
static void test_rows_of_queries(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO t SELECT 1",          "INSERT IGNORE INTO `t` (`a`) SELECT a FROM u",
        "INSERT INTO t SET a = 1",         "REPLACE t (a) VALUES (1)",
        "INSERT INTO t () VALUES ()",      "INSERT INTO t DEFAULT VALUES",
        "INSERT OR REPLACE INTO t SELECT", "INSERT INTO t TABLE u",
    };

    (void)state;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        char dump[200];
        struct recorded_reading reading;

        snprintf(dump, sizeof dump,
                 "CREATE TABLE `t` (a int);CREATE TABLE `u` (a int);%s;INSERT INTO u VALUES (2);",
                 statements[i]);
        recorded_reading_begin(&reading, dump, strlen(dump), 7);
        assert_int_equal(read_dump(&reading), 0);
        assert_non_null(strstr(recording_text(&reading.into), "\nfail 0 line 1"));
        assert_non_null(strstr(recording_text(&reading.into), "it is no INSERT … VALUES"));
        assert_non_null(strstr(recording_text(&reading.into), "\nrow 1 #2\n"));
        recorded_reading_end(&reading);
    }
}

/* NULL where there can be none is what its database chooses, and so it is in one column of
 * SQLite's.
 */
static void test_chosen_values(void **state)
{
#define CHOSEN(line, column)                                                                       \
    "fail 0 line " line " of the dump: here is NULL in column " column " of table t, which takes " \
    "none: its database put something else there: load the dump, and mount the database\n"

    (void)state;
    check_dump(
        "CREATE TABLE `t` (`id` int NOT NULL AUTO_INCREMENT, `v` text, PRIMARY KEY (`id`));\n"
        "INSERT INTO `t` VALUES (1,NULL);\nINSERT INTO `t` VALUES (NULL,'b'),(3,'c');\n",
        "table 0 t (id:integer!,v:text) key id order id\nrow 0 #1|NULL\n" CHOSEN("3, byte 139",
                                                                                 "id"));
    check_dump("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
               "CREATE TABLE t (id INTEGER PRIMARY KEY, v);\nINSERT INTO t VALUES(NULL,'a');\n"
               "COMMIT;\n",
               "table 0 t (id:integer,v:any)\n" CHOSEN(
                   "4, byte 108", "id") "change 0 t (id:integer,v:any) key id order id\n");
    check_dump("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
               "CREATE TABLE t (a INTEGER, b INTEGER, PRIMARY KEY (a, b));\n"
               "INSERT INTO t VALUES(NULL,1);\nCOMMIT;\n",
               "table 0 t (a:integer,b:integer)\nrow 0 NULL|#1\n"
               "change 0 t (a:integer,b:integer) key a,b order a,b\n");
}

static void test_virtual(void **state)
{
    (void)state;
    check_dump(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nPRAGMA writable_schema=ON;\n"
        "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table','f','f',0,"
        "'CREATE VIRTUAL TABLE f USING fts5(body); --');\n"
        "CREATE TABLE IF NOT EXISTS 'f_content'(id INTEGER PRIMARY KEY, c0);\n"
        "INSERT INTO f_content VALUES(1,'a');\n"
        "PRAGMA writable_schema=OFF;\nDELETE FROM sqlite_sequence;\n"
        "INSERT INTO sqlite_sequence VALUES('f_content',1);\nCOMMIT;\n",
        "trouble line 4 of the dump: the virtual table f is left out, as only SQLite's module makes "
        "its rows; what it keeps them in stands beside it, in tables f_…\n"
        "table 0 f_content (id:integer,c0:any)\nrow 0 #1|\"a\n"
        "change 0 f_content (id:integer,c0:any) key id order id\n");
}

static void test_dropped_and_again(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE v (a int);DROP TABLE IF EXISTS `v`;CREATE TABLE t (a int);"
        "CREATE TABLE t (b int);INSERT INTO t VALUES (1);",
        "table 0 v (a:integer)\ndrop 0\ntable 1 t (a:integer)\ndrop 1\ntable 2 t (b:integer)\n"
        "row 2 #1\n");
}

/* As it is where several dumps of HeidiSQL's, of parts of a table, were put together. */
static void test_made_again(void **state)
{
    (void)state;
    check_dump("CREATE TABLE IF NOT EXISTS `t` (a int);INSERT INTO `t` VALUES (1);\n"
               "CREATE TABLE IF NOT EXISTS `t` (a int);INSERT INTO `t` VALUES (2);\n",
               "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\n");
    check_dump(
        "CREATE TABLE `t` (a int);INSERT INTO `t` VALUES (1);\n"
        "CREATE TABLE `t` (b int);INSERT INTO `t` VALUES (2);\n",
        "table 0 t (a:integer)\nrow 0 #1\n"
        "trouble line 2 of the dump: table t is made once more: its rows before this line are "
        "left out\ndrop 0\ntable 1 t (b:integer)\nrow 1 #2\n");
}

#define NO_ROWS "views, of which a dump has no rows: schema.sql has what makes them\n"

/* As mysqldump writes them: first something that stands in for it, then what it is. */
static void test_mysql_views(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE `t` (`view` int);\n"
        "/*!50001 CREATE VIEW `v` AS SELECT\n 1 AS `a`*/;\nINSERT INTO `t` VALUES (1);\n"
        "/*!50001 DROP VIEW IF EXISTS `v`*/;\n"
        "/*!50001 CREATE ALGORITHM=UNDEFINED */\n"
        "/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */\n"
        "/*!50001 VIEW `v` AS select `t`.`view` AS `a` from `t` where `t`.`view` <> ';' */;\n"
        "CREATE DEFINER=`x`@`%` PROCEDURE `view`() SELECT 1;\n"
        "CREATE DEFINER=CURRENT_USER() VIEW w AS SELECT 2;\nDROP VIEW t;\n",
        "table 0 t (view:integer)\nrow 0 #1\n"
        "table 1 v () by CREATE ALGORITHM=UNDEFINED  \n"
        "  DEFINER=`root`@`localhost` SQL SECURITY DEFINER  \n"
        "  VIEW `v` AS select `t`.`view` AS `a` from `t` where `t`.`view` <> ';';\n"
        "table 2 w () by CREATE DEFINER=CURRENT_USER() VIEW w AS SELECT 2;\n"
        "trouble v, w: " NO_ROWS);
}

static void test_other_views(void **state)
{
    (void)state;
    check_dump(
        "-- PostgreSQL database dump\nCREATE TABLE public.t (a integer);\n"
        "CREATE VIEW other.v AS\n SELECT NULL::integer AS a;\n"
        "CREATE MATERIALIZED VIEW public.m AS\n SELECT a FROM public.t\n  WITH NO DATA;\n"
        "COPY public.t (a) FROM stdin;\n1\n\\.\n"
        "CREATE OR REPLACE VIEW other.v AS\n SELECT a FROM public.t -- ;\n;\n"
        "REFRESH MATERIALIZED VIEW public.m;\n-- PostgreSQL database dump complete\n",
        "table 0 t (a:integer)\nrow 0 #1\n"
        "table 1 m () by CREATE MATERIALIZED VIEW public.m AS\n SELECT a FROM public.t\n"
        "  WITH NO DATA;\nREFRESH MATERIALIZED VIEW public.m;\n"
        "table 2 other.v () by CREATE OR REPLACE VIEW other.v AS\n SELECT a FROM public.t -- ;\n;\n"
        "trouble m, other.v: " NO_ROWS);
    check_dump("BEGIN TRANSACTION;\nCREATE TABLE t (a);\nINSERT INTO t VALUES(1);\n"
               "CREATE TEMP VIEW IF NOT EXISTS [v 1] AS SELECT a FROM t;\nCOMMIT;\n",
               "table 0 t (a:any)\nrow 0 #1\nchange 0 t (a:any)\n"
               "table 1 v 1 () by CREATE TEMP VIEW IF NOT EXISTS [v 1] AS SELECT a FROM t;\n"
               "trouble v 1: " NO_ROWS);
}

/* A dump that ends early lacks no rows of a view, whose names are not told for ever. */
static void test_many_views(void **state)
{
    (void)state;
    char dump[4000] =
        "-- PostgreSQL database dump\nCREATE TABLE t (a integer);\nINSERT INTO t VALUES (1);\n";
    struct recorded_reading reading;

    for (int i = 0; i < 60; i++) {
        size_t size = strlen(dump);

        snprintf(dump + size, sizeof dump - size, "CREATE VIEW view_number_%d AS SELECT 1;\n", i);
    }
    recorded_reading_begin(&reading, dump, strlen(dump), 100);
    assert_int_equal(read_dump(&reading), -EIO);
    assert_non_null(strstr(recording_text(&reading.into), "table 60 view_number_59 ()"));
    assert_non_null(strstr(recording_text(&reading.into), " and 34 more: " NO_ROWS));
    assert_null(strstr(recording_text(&reading.into), "fail 1 "));
    recorded_reading_end(&reading);
}

static void test_generated(void **state)
{
    (void)state;
    const char *table = "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a * 2) STORED, c int);";
    char dump[400];

    snprintf(dump, sizeof dump, "%sINSERT INTO t VALUES (1,2,3);", table);
    check_dump(dump, "table 0 t (a:integer,g:integer,c:integer)\nrow 0 #1|#2|#3\n");
    snprintf(dump, sizeof dump, "%sINSERT INTO t VALUES (1,3);", table);
    check_dump(dump, "table 0 t (a:integer,c:integer)\nrow 0 #1|#3\n" DUMP_LEFT_OUT);
    snprintf(dump, sizeof dump, "%sINSERT INTO t (c,a) VALUES (3,1);", table);
    check_dump(dump, "table 0 t (a:integer,c:integer)\nrow 0 #1|#3\n" DUMP_LEFT_OUT);
    check_dump(table, "table 0 t (a:integer,g:integer,c:integer)\n");
}

/* Without names INSERT may leave them out; a dump that does has not their values. */
static void test_invisible(void **state)
{
    static const char table[] = "CREATE TABLE `t` (a int, h int INVISIBLE DEFAULT 7, "
                                "g int GENERATED ALWAYS AS (a) STORED);";
    static const char *const whole[] = {
        "INSERT INTO t VALUES (1,2,3)", "INSERT INTO t VALUES (1,2)",
        "INSERT INTO t (h,a) VALUES (2,1)", "INSERT INTO t VALUES (1,2,DEFAULT)"};

    (void)state;
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        char dump[300];

        snprintf(dump, sizeof dump, "%s%s;", table, whole[i]);
        check_dump(dump, i == 0 ? "table 0 t (a:integer,h:integer,g:integer)\nrow 0 #1|#2|#3\n"
                                : "table 0 t (a:integer,h:integer)\nrow 0 #1|#2\n" DUMP_LEFT_OUT);
    }
    for (size_t i = 0; i < 2; i++) {
        char dump[300];

        snprintf(dump, sizeof dump, "%sINSERT INTO t %sVALUES (1);", table, i == 0 ? "" : "(a) ");
        check_dump(dump,
                   "table 0 t (a:integer)\nrow 0 #1\n" DUMP_LEFT_OUT
                   "trouble t.h: invisible columns, of which the dump has no values, and that "
                   "are not shown for this\n");
    }
    check_dump(table, "table 0 t (a:integer,h:integer,g:integer)\n");
}

/* Rows with a value that has no column, or without one that their database filled in. */
static void test_other_columns(void **state)
{
    static const char *const tables[] = {
        "/*!1*/;CREATE TABLE t (a int, b int DEFAULT 5);",
        "/*!1*/;CREATE TABLE t (a int, b int NOT NULL);",
        "/*!1*/;CREATE TABLE t (a int, b int AUTO_INCREMENT, KEY k (b));",
        "-- PostgreSQL database\nCREATE TABLE t (a int, b serial);",
        "-- PostgreSQL database\nCREATE TABLE t (a int, b int GENERATED ALWAYS AS IDENTITY);",
        "PRAGMA x;CREATE TABLE t (a INTEGER, b INTEGER PRIMARY KEY);",
        "PRAGMA x;CREATE TABLE t (a INTEGER, b INTEGER DEFAULT 'x');",
    };

    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char dump[200];
        struct recorded_reading reading;

        snprintf(dump, sizeof dump, "%sINSERT INTO t (a) VALUES (1);", tables[i]);
        recorded_reading_begin(&reading, dump, strlen(dump), 100);
        assert_int_equal(read_dump(&reading), 0);
        assert_null(strstr(recording_text(&reading.into), "row 0"));
        assert_non_null(strstr(recording_text(&reading.into),
                               "do not say what is in column b, which their database filled in"));
        recorded_reading_end(&reading);
    }
    check_dump(
        "/*!1*/;CREATE TABLE t (a int, b int DEFAULT NULL);INSERT INTO t (a) VALUES (1);"
        "INSERT INTO t (a,c) VALUES (2,3);INSERT INTO t (a) VALUES (4);",
        "table 0 t (a:integer,b:integer)\nrow 0 #1|NULL\n"
        "fail 0 line 1, byte 105 of the dump: these rows of table t have a column c, which it "
        "has not\n");
    /* sqlite3's .dump --preserve-rowids. */
    check_dump("PRAGMA foreign_keys=OFF;BEGIN TRANSACTION;CREATE TABLE t (a);"
               "INSERT INTO t(rowid,a) VALUES(7,1);COMMIT;",
               "table 0 t (a:any)\nrow 0 #1\nchange 0 t (a:any)\n");
    check_dump(
        "INSERT INTO t (a) VALUES (1);INSERT INTO t (a,b) VALUES (2,3);",
        "table 0 t (a:any)\nrow 0 #1\n"
        "fail 0 line 1, byte 55 of the dump: these rows of table t have a column b, which it "
        "has not\n");
}

static void test_rows_without_table(void **state)
{
    (void)state;
    check_dump("INSERT INTO t (a, b) VALUES (1,'x');INSERT INTO t (b) VALUES ('y');",
               "table 0 t (a:any,b:any)\nrow 0 #1|\"x\nrow 0 NULL|\"y\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_databases),
        cmocka_unit_test(test_keys_afterwards),
        cmocka_unit_test(test_names_that_are_words),
        cmocka_unit_test(test_unfollowed),
        cmocka_unit_test(test_altered),
        cmocka_unit_test(test_reshaped),
        cmocka_unit_test(test_temporary),
        cmocka_unit_test(test_misplaced),
        cmocka_unit_test(test_rows_of_queries),
        cmocka_unit_test(test_chosen_values),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_dropped_and_again),
        cmocka_unit_test(test_made_again),
        cmocka_unit_test(test_mysql_views),
        cmocka_unit_test(test_other_views),
        cmocka_unit_test(test_many_views),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_invisible),
        cmocka_unit_test(test_other_columns),
        cmocka_unit_test(test_rows_without_table),
        cmocka_unit_test(test_no_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
