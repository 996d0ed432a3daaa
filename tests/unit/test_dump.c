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

#include "backends/source/dump.h"
#include "fs/base/memory.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/recording_taker.h"

/* What of a dump is handed over, however it is cut into pieces. */
static void check_sized(const char *dump, size_t size, const char *expected)
{
    static const size_t steps[] = {1, 7, 100, 1 << 20};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct recording_taker recording;
        struct memory_stream stream;
        struct failure failure = {0};

        recording_begin(&recording);
        memory_stream_begin(&stream, dump, size, steps[i]);
        assert_int_equal(dump_read(&stream.stream, &recording.taker, &failure), 0);
        assert_string_equal(recording_text(&recording), expected);
        recording_end(&recording);
    }
}

static void check(const char *dump, const char *expected)
{
    check_sized(dump, strlen(dump), expected);
}

static void test_mysql(void **state)
{
    (void)state;
    check(
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
        "INSERT IGNORE INTO t (d, `id`) VALUES (9,4);REPLACE INTO `t` (`nope`,`id`) VALUES (1,5);\n"
        "INSERT INTO unknown VALUES (1,'a;b');INSERT INTO t SELECT * FROM x;\n",
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
    check("CREATE TABLE t (a text, b text);\n"
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
    check("/*!40101 SET SQL_MODE='NO_BACKSLASH_ESCAPES,ANSI_QUOTES' */;\n"
          "CREATE TABLE \"t\" (\"a\" text);INSERT INTO \"t\" VALUES ('c:\\'),('d\\n');\n",
          "table 0 t (a:text)\nrow 0 \"c:\\\nrow 0 \"d\\n\n");
}

static void test_values(void **state)
{
    (void)state;
    check("CREATE TABLE t (f float, d double, b bit(10), y year, j json, e enum('a','b'));\n"
          "INSERT INTO t VALUES (0.1,1e20,b'1000000001',2024,'{}','a'),(1,2,0x0102,1901,NULL,'b'),"
          "(-1.5e-7,-0,'\\0\x01',NULL,'[]',NULL);",
          "table 0 t (f:float,d:float,b:integer,y:integer,j:json,e:text)\n"
          "row 0 #0.1|#1.0e+20|#513|#2024|\"{}|\"a\n"
          "row 0 #1.0|#2.0|#258|#1901|NULL|\"b\n"
          "row 0 #-1.5e-07|#-0.0|#1|NULL|\"[]|NULL\n");
}

static void test_latin1(void **state)
{
    (void)state;
    check("SET NAMES latin1;CREATE TABLE t (a text, b blob);"
          "INSERT INTO t VALUES ('\xe9\x80',_binary '\xe9'),('\\'\xfc','\x80');",
          "table 0 t (a:text,b:bytes)\nrow 0 \"\xc3\xa9\xe2\x82\xac|xe9\nrow 0 \"'\xc3\xbc|x80\n");
}

static void test_delimiter_and_triggers(void **state)
{
    (void)state;
    check("CREATE TABLE t (a int);\nDELIMITER ;;\n"
          "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN\n"
          "INSERT INTO t VALUES (666); END */;;\nDELIMITER ;\nINSERT INTO t VALUES (1);\n",
          "table 0 t (a:integer)\nrow 0 #1\n");
    check(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a INTEGER);\n"
        "INSERT INTO t VALUES(1);\n"
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO t VALUES(666); SELECT 'END;'; END;\n"
        "COMMIT;\n",
        "table 0 t (a:integer)\nrow 0 #1\nchange 0 t (a:integer)\n");
}

static void test_databases(void **state)
{
    (void)state;
    check("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a`;USE `a`;CREATE TABLE t (x int);"
          "INSERT INTO t VALUES (1);USE b;CREATE TABLE `t` (x int);INSERT INTO a.t VALUES (2);"
          "INSERT INTO t VALUES (3);",
          "table 0 t (x:integer)\nrow 0 #1\ntable 1 b.t (x:integer)\nrow 0 #2\nrow 1 #3\n"
          "change 0 a.t (x:integer)\nchange 1 b.t (x:integer)\n");
}

static void test_keys_afterwards(void **state)
{
    (void)state;
    check("CREATE TABLE `t` (`a` int NOT NULL, `b` int NOT NULL, `c` int);\n"
          "INSERT INTO `t` (`a`,`b`,`c`) VALUES (1,2,3);\n"
          "ALTER TABLE `t`\n  ADD PRIMARY KEY (`b`,`a`),\n  ADD KEY `k` (`c`);\n"
          "ALTER TABLE `t` MODIFY `a` int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=5;",
          "table 0 t (a:integer!,b:integer!,c:integer)\nrow 0 #1|#2|#3\n"
          "change 0 t (a:integer!,b:integer!,c:integer) key b,a order b,a\n");
    /* The shortest key over columns that are NOT NULL; of two, the first by name. */
    check("CREATE TABLE t (a int, b int NOT NULL, c int NOT NULL, d int NOT NULL,"
          " UNIQUE KEY a (a), UNIQUE KEY z (b), UNIQUE KEY y (c), UNIQUE KEY x (c,d), "
          "UNIQUE KEY w (d(3)));",
          "table 0 t (a:integer,b:integer!,c:integer!,d:integer!) order c\n");
}

static void test_unfollowed(void **state)
{
    (void)state;
    /* What empties a table before its rows come changes nothing. */
    check("CREATE TABLE t (a int);CREATE TABLE s (a int);TRUNCATE TABLE `t`;DELETE FROM t;"
          "INSERT INTO t VALUES (1);\nUPDATE LOW_PRIORITY t SET a = 2;\nDELETE FROM t;"
          "UPDATE nowhere SET a = 1;",
          "table 0 t (a:integer)\ntable 1 s (a:integer)\nrow 0 #1\n"
          "trouble line 2 of the dump: UPDATE is not carried out: the rows of table t show as they "
          "came before\n");
    /* Told once, and not of one that was left out before. */
    check("-- PostgreSQL database dump\nCREATE TABLE public.x ();\n"
          "COPY public.x (a) FROM stdin;\n1\n\\.\nCOPY public.t (a) FROM stdin;\n1\n\\.\n"
          "COPY public.t (a) FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n",
          "trouble line 2 of the dump: the CREATE TABLE that ends here cannot be made out, and its "
          "table is left out: CREATE TABLE public.x ()\n"
          "trouble line 6 of the dump: rows of table t, of which no CREATE TABLE stands before: "
          "they are left out; of a dump of data alone, make one with the schema in it\n");
}

static void test_virtual(void **state)
{
    (void)state;
    check(
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
    check("CREATE TABLE v (a int);DROP TABLE IF EXISTS `v`;CREATE TABLE t (a int);"
          "CREATE TABLE t (b int);INSERT INTO t VALUES (1);",
          "table 0 v (a:integer)\ndrop 0\ntable 1 t (a:integer)\ndrop 1\ntable 2 t (b:integer)\n"
          "row 2 #1\n");
}

#define LEFT_OUT                                                                                  \
    "trouble t.g: generated columns, of which the dump has no values: schema.sql has what makes " \
    "them\n"
#define NO_ROWS "views, of which a dump has no rows: schema.sql has what makes them\n"

/* As mysqldump writes them: first something that stands in for it, then what it is. */
static void test_mysql_views(void **state)
{
    (void)state;
    check("CREATE TABLE `t` (`view` int);\n"
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
    check(
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
    check("BEGIN TRANSACTION;\nCREATE TABLE t (a);\nINSERT INTO t VALUES(1);\n"
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
    struct recording_taker recording;
    struct memory_stream stream;
    struct failure failure = {0};

    for (int i = 0; i < 60; i++) {
        size_t size = strlen(dump);

        snprintf(dump + size, sizeof dump - size, "CREATE VIEW view_number_%d AS SELECT 1;\n", i);
    }
    recording_begin(&recording);
    memory_stream_begin(&stream, dump, strlen(dump), 100);
    assert_int_equal(dump_read(&stream.stream, &recording.taker, &failure), -EIO);
    assert_non_null(strstr(recording_text(&recording), "table 60 view_number_59 ()"));
    assert_non_null(strstr(recording_text(&recording), " and 34 more: " NO_ROWS));
    assert_null(strstr(recording_text(&recording), "fail 1 "));
    recording_end(&recording);
}

static void test_generated(void **state)
{
    (void)state;
    const char *table = "CREATE TABLE t (a int, g int GENERATED ALWAYS AS (a * 2) STORED, c int);";
    char dump[400];

    snprintf(dump, sizeof dump, "%sINSERT INTO t VALUES (1,2,3);", table);
    check(dump, "table 0 t (a:integer,g:integer,c:integer)\nrow 0 #1|#2|#3\n");
    snprintf(dump, sizeof dump, "%sINSERT INTO t VALUES (1,3);", table);
    check(dump, "table 0 t (a:integer,c:integer)\nrow 0 #1|#3\n" LEFT_OUT);
    snprintf(dump, sizeof dump, "%sINSERT INTO t (c,a) VALUES (3,1);", table);
    check(dump, "table 0 t (a:integer,c:integer)\nrow 0 #1|#3\n" LEFT_OUT);
    check(table, "table 0 t (a:integer,g:integer,c:integer)\n");
}

static void test_rows_without_table(void **state)
{
    (void)state;
    check("INSERT INTO t (a, b) VALUES (1,'x');INSERT INTO t (b) VALUES ('y');",
          "table 0 t (a:any,b:any)\nrow 0 #1|\"x\nrow 0 NULL|\"y\n");
}

static void test_postgres(void **state)
{
    (void)state;
    check(
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
        "n:decimal,i:integer!) key id order id\n" LEFT_OUT);
}

static void test_sqlite(void **state)
{
    (void)state;
    check(
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

/* --- what is wrong ------------------------------------------------------------------------ */

static int read_wrong(const char *dump, bool fails, struct recording_taker *recording,
                      struct failure *failure)
{
    struct memory_stream stream;

    recording_begin(recording);
    memory_stream_begin(&stream, dump, strlen(dump), 10);
    stream.fails = fails;
    return dump_read(&stream.stream, &recording->taker, failure);
}

/* The table fails; what stood before it, and after, does not. */
static void test_bad_rows(void **state)
{
    (void)state;
    check("CREATE TABLE a (x int);CREATE TABLE b (x int);\nINSERT INTO a VALUES (1),(f(2)),(3);\n"
          "INSERT INTO b VALUES (4);\nINSERT INTO a VALUES (5);",
          "table 0 a (x:integer)\ntable 1 b (x:integer)\nrow 0 #1\n"
          "fail 0 line 2, byte 72 of the dump: a row of table a makes no sense here\nrow 1 #4\n");
    check(
        "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1) (2);\nINSERT INTO a VALUES (3) ON DUPLICATE KEY UPDATE x=1;",
        "table 0 a (x:integer)\nrow 0 #1\n"
        "fail 0 line 2, byte 49 of the dump: a row of table a makes no sense here\n");
    check("CREATE TABLE a (x int);INSERT INTO a VALUES (3) ON DUPLICATE KEY UPDATE x=1;"
          "INSERT INTO a VALUES (4) , ( 5 )\n;",
          "table 0 a (x:integer)\nrow 0 #3\nrow 0 #4\nrow 0 #5\n");
    check("CREATE TABLE a (x int);\n\nINSERT INTO a VALUES (1,2);",
          "table 0 a (x:integer)\n"
          "fail 0 line 3, byte 46 of the dump: a row of table a makes no sense here\n");
}

/* Each byte becomes three, in a value that has an escape as well: there is room for it. */
static void test_latin1_growth(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    cleanup_free char *text = malloc(SIZE + 200);
    struct recording_taker recording;
    struct failure failure = {0};
    char *to = stpcpy(text, "SET NAMES latin1;CREATE TABLE t (a text);INSERT INTO t VALUES ('\\'");

    memset(to, '\x80', SIZE);
    memcpy(to + SIZE, "');", sizeof "');");
    assert_int_equal(read_wrong(text, false, &recording, &failure), 0);
    assert_int_equal(strlen(recording_text(&recording)),
                     strlen("table 0 t (a:text)\nrow 0 \"'\n") + 3 * (size_t)SIZE);
    recording_end(&recording);
}

static void test_cut(void **state)
{
    (void)state;
    static const char whole[] =
        "-- MariaDB dump 10\nCREATE TABLE a (x int);INSERT INTO a VALUES (1);\n"
        "CREATE TABLE b (x text);INSERT INTO b VALUES ('one'),('two');\n-- Dump completed on 2019-03-01  2:00:00\n";

    check(whole, "table 0 a (x:integer)\nrow 0 #1\ntable 1 b (x:text)\nrow 1 \"one\nrow 1 \"two\n"
                 "moment 1551405600\n");
    /* Wherever it is cut, no table is shown whole that is not. Where the next begins, one is. */
    size_t next = (size_t)(strstr(whole, " b (x text)") - whole);

    for (size_t size = strlen("-- MariaDB dump 10\n");
         size < (size_t)(strstr(whole, "-- Dump") - whole); size++) {
        struct recording_taker recording;
        struct failure failure = {0};
        cleanup_free char *cut = strndup(whole, size);
        int error = read_wrong(cut, false, &recording, &failure);
        const char *text = recording_text(&recording);
        bool has_b = strstr(text, "table 1") != NULL;

        assert_int_equal(error, -EIO);
        assert_non_null(strstr(failure.text, "cut short"));
        if (strstr(text, "table 0") != NULL && (has_b || size < next))
            assert_non_null(strstr(text, has_b ? "fail 1 line " : "fail 0 line "));
        recording_end(&recording);
    }
}

static void test_broken_stream(void **state)
{
    (void)state;
    struct recording_taker recording;
    struct failure failure = {0};

    assert_int_equal(
        read_wrong("CREATE TABLE a (x int);INSERT INTO a VALUES (1),", true, &recording, &failure),
        -EIO);
    assert_string_equal(recording_text(&recording),
                        "table 0 a (x:integer)\nrow 0 #1\n"
                        "fail 0 line 1, byte 48 of the dump: the stream is broken\n");
    recording_end(&recording);
}

static void test_senseless_table(void **state)
{
    (void)state;
    static const char *const dumps[] = {
        "CREATE TABLE (x int);", "CREATE TABLE t;",        "CREATE TABLE t (",
        "CREATE TABLE t ();",    "CREATE TABLE t (a int;", "CREATE TABLE t (`;",
    };

    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        struct recording_taker recording;
        struct failure failure = {0};

        assert_int_equal(read_wrong(dumps[i], false, &recording, &failure), 0);
        assert_non_null(strstr(recording_text(&recording), "trouble line 1 of the dump"));
        assert_null(strstr(recording_text(&recording), "table 0"));
        recording_end(&recording);
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

    struct recording_taker recording;
    struct memory_stream stream;
    struct failure failure = {0};

    recording_begin(&recording);
    memory_stream_begin(&stream, dump, strlen(dump), 1 << 20);
    assert_int_equal(dump_read(&stream.stream, &recording.taker, &failure), 0);
    assert_non_null(strstr(recording_text(&recording), "fail 0 line 1"));
    assert_non_null(strstr(recording_text(&recording), "larger than the 32 MiB"));
    assert_non_null(strstr(recording_text(&recording), "row 1 #1"));
    recording_end(&recording);
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
        struct recording_taker recording;
        struct memory_stream stream;

        recording_begin(&recording);
        memory_stream_begin(&stream, dump.data, dump.size, step);
        assert_int_equal(dump_read(&stream.stream, &recording.taker, NULL), 0);
        assert_int_equal(recording.rows, 1);
        recording_end(&recording);
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
        struct recording_taker recording;
        struct memory_stream stream;

        recording_begin(&recording);
        memory_stream_begin(&stream, dump.data, dump.size, step);
        assert_int_equal(dump_read(&stream.stream, &recording.taker, NULL), 0);
        assert_int_equal(recording.rows, ROWS);
        assert_null(strstr(recording_text(&recording), "fail"));
        recording_end(&recording);
    }
}

static void test_taker_ends_it(void **state)
{
    (void)state;
    struct recording_taker recording;
    struct memory_stream stream;
    struct failure failure = {0};
    const char *dump = "CREATE TABLE a (x int);INSERT INTO a VALUES (1),(2),(3);";

    recording_begin(&recording);
    recording.error = -ENOSPC;
    memory_stream_begin(&stream, dump, strlen(dump), 1000);
    assert_int_equal(dump_read(&stream.stream, &recording.taker, &failure), -ENOSPC);
    assert_int_equal(recording.rows, 1);
    recording_end(&recording);
}

/* A list of as many columns as there are, which are not all of them. */
static void test_odd_lists(void **state)
{
    (void)state;
    check("CREATE TABLE a (x int, y int);INSERT INTO a (z,y) VALUES (1,2);"
          "INSERT INTO a (y,y) VALUES (3,4);",
          "table 0 a (x:integer,y:integer)\nrow 0 NULL|#2\nrow 0 NULL|#4\n");
    check("-- PostgreSQL database cluster\nCREATE TABLE a (x int, y int);\n"
          "COPY a (y, y) FROM stdin;\n3\t4\n\\.\n",
          "table 0 a (x:integer,y:integer)\nrow 0 NULL|#4\n");
}

/* pg_dump as it was before SET search_path became a danger. */
static void test_search_path(void **state)
{
    (void)state;
    check("-- PostgreSQL database dump\nSET search_path = public, pg_catalog;\n"
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
        check(dump, "table 0 t (a:integer)\nrow 0 #1\n"
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
    struct recording_taker recording;
    struct memory_stream stream;

    recording_begin(&recording);
    memory_stream_begin(&stream, dump, strlen(dump), 100);
    assert_int_equal(dump_read(&stream.stream, &recording.taker, NULL), -EIO);
    recording_end(&recording);
}

static void test_ends_within(void **state)
{
    (void)state;
    check_cut("-- PostgreSQL database cluster dump\n\\connect one\nCREATE TABLE public.t (a int);\n"
              "COPY public.t (a) FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n");
    check_cut("-- MySQL dump 10\nCREATE TABLE `t` (a int);\n-- Dump completed\n"
              "-- MySQL dump 10\nCREATE TABLE `u` (a int);\nINSERT INTO u VALUES (1);\n");
}

/* Blocks that never reached the disk. */
static void test_zeros(void **state)
{
    static const char lost[] = "CREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1);\n"
                               "\0\0\0\0\0\0\0\0\nCREATE TABLE `u` (a int);\n";
    static const char padded[] = "-- MySQL dump 10\nCREATE TABLE `t` (a int);\n"
                                 "INSERT INTO `t` VALUES (1);\n-- Dump completed\n\0\0\0\0";

    (void)state;
    check_sized(lost, sizeof lost - 1,
                "table 0 t (a:integer)\nrow 0 #1\n"
                "trouble line 3 of the dump: here are zeros instead of statements\n"
                "fail 0 line 3, byte 54 of the dump: here are zeros instead of statements, and "
                "table t may lack rows\n"
                "table 1 u (a:integer)\n");
    check_sized(padded, sizeof padded - 1, "table 0 t (a:integer)\nrow 0 #1\n");
}

/* What sqlite3 makes of a database that is damaged. */
static void test_sqlite_corruption(void **state)
{
    (void)state;
    check("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
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
    check("-- PostgreSQL database dump\r\nCREATE TABLE t (a int, b text);\r\n"
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
            assert_int_equal(dump_read(&stream.stream, &recording.taker, NULL), 0);
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
    };

    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++)
        assert_true(dump_recognise(dumps[i], strlen(dumps[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(dump_recognise(others[i], strlen(others[i])));
    assert_false(dump_recognise("CREATE TABLE t (\0);", 19));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_mysql_escapes),
        cmocka_unit_test(test_no_backslash_escapes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_latin1),
        cmocka_unit_test(test_latin1_growth),
        cmocka_unit_test(test_delimiter_and_triggers),
        cmocka_unit_test(test_databases),
        cmocka_unit_test(test_keys_afterwards),
        cmocka_unit_test(test_unfollowed),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_dropped_and_again),
        cmocka_unit_test(test_mysql_views),
        cmocka_unit_test(test_other_views),
        cmocka_unit_test(test_many_views),
        cmocka_unit_test(test_generated),
        cmocka_unit_test(test_rows_without_table),
        cmocka_unit_test(test_postgres),
        cmocka_unit_test(test_sqlite),
        cmocka_unit_test(test_bad_rows),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_broken_stream),
        cmocka_unit_test(test_senseless_table),
        cmocka_unit_test(test_row_limit),
        cmocka_unit_test(test_window_ends_in_head),
        cmocka_unit_test(test_window_ends),
        cmocka_unit_test(test_taker_ends_it),
        cmocka_unit_test(test_odd_lists),
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_whose),
        cmocka_unit_test(test_copy_windows),
        cmocka_unit_test(test_sqlite_corruption),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_search_path),
        cmocka_unit_test(test_cluster),
        cmocka_unit_test(test_ends_within),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
