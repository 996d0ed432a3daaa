/* SPDX-License-Identifier: MIT */
/* What the dumps of MySQL's programs hold, value by value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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
        "change 0 t (id:integer!,n:text,b:bytes,d:decimal) key id order id the first to other\n"
        "row 0 #4|NULL|NULL|#9\n"
        "change 0 t (id:integer!,n:text,b:bytes,d:decimal) key id order id to other\n"
        "row 0 #5|NULL|NULL|NULL\n"
        "trouble line 17 of the dump: rows of table unknown, of which no CREATE TABLE stands before: "
        "they are left out; of a dump of data alone, make one with the schema in it\n");
}

static void test_mysql_escapes(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (a text, b text);\n"
               "INSERT INTO t VALUES ('\\n\\t\\r\\b\\'\\\"\\\\','\\%\\_\\x'),(\"dq\"\"x'\",N'n'),"
               "('','''');",
               "table 0 t (a:text,b:text)\n"
               "row 0 \"\n\t\r\b'\"\\|\"\\%\\_x\n"
               "row 0 \"dq\"x'|\"n\n"
               "row 0 \"|\"'\n");
}

/* What introduces a string may stand before digits as well. */
static void test_introduced_digits(void **state)
{
    (void)state;
    check_dump("CREATE TABLE t (a blob, b blob, c blob);\n"
               "INSERT INTO t VALUES (_binary X'41',_binary x'00FF', _BINARY X'41');\n"
               "INSERT INTO t VALUES (_binary X'',_binary 0x41,_binary 'x');\n",
               "table 0 t (a:bytes,b:bytes,c:bytes)\n"
               "row 0 x41|x00ff|x41\nrow 0 x|x41|x78\n");
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
        "trouble line 7 of the dump: the trigger y is left out, and so are others: none is in "
        "schema.sql, nor made by a restore\n"
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

/* As somebody may type them. */
static void test_typed_numbers(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE t (a int, b bit(4), z int(5) unsigned zerofill, y year, d decimal(5,2));\n"
        "INSERT INTO t VALUES (0010,0b11,00012,0000,0001.50),('-007',b'101','00007',2019,-00.5),"
        "(+0,0B0,0,0,0),(b'101',3,NULL,NULL,-.5),(-0,0,0,0,00);",
        "table 0 t (a:integer,b:integer,z:integer,y:integer,d:decimal)\n"
        "row 0 #10|#3|#00012|#0000|#1.50\nrow 0 #-7|#5|#00007|#2019|#-0.5\n"
        "row 0 #0|#0|#0|#0|#0\nrow 0 #5|#3|NULL|NULL|#-.5\nrow 0 #-0|#0|#0|#0|#0\n");
}

#define STATEMENT_WORDS                                                                          \
    " of the dump: a statement that changes rows stands within what ends here, and is not "      \
    "carried out, nor are others like it: tables may lack rows, or have others: load the dump, " \
    "and mount the database\n"
#define CHANGE_WORDS(table) \
    " is not carried out: the rows of table " table " show as they came before\n"

/* Nothing is carried out, and it is told. */
static void test_statements_not_carried_out(void **state)
{
    static const char begin[] = "CREATE TABLE t (a int);INSERT INTO t VALUES (1);\n";
    static const char begun[] = "table 0 t (a:integer)\nrow 0 #1\n";
    static const struct {
        const char *statements;
        const char *told;
    } cases[] = {
        {"RENAME TABLE t TO u;", "trouble line 2 of the dump: RENAME TABLE" CHANGE_WORDS("t")},
        {"RENAME TABLE x TO y, t TO x;",
         "trouble line 2 of the dump: RENAME TABLE" CHANGE_WORDS("t")},
        {"DELETE a FROM t a WHERE a.a = 1;",
         "trouble line 2 of the dump: DELETE" CHANGE_WORDS("t")},
        {"DELETE FROM a USING t AS a;", "trouble line 2 of the dump: DELETE" CHANGE_WORDS("t")},
        {"UPDATE x JOIN t ON x.a = t.a SET t.a = 2;",
         "trouble line 2 of the dump: UPDATE" CHANGE_WORDS("t")},
        {"DELETE FROM x WHERE a IN (SELECT a FROM t);", ""},
        {"PREPARE s FROM 'INSERT INTO t VALUES (?)';EXECUTE s USING @a;",
         "trouble line 2" STATEMENT_WORDS},
        {"SET @a = ' update t set a = 2';PREPARE s FROM @a;EXECUTE s;",
         "trouble line 2" STATEMENT_WORDS},
        {"EXECUTE IMMEDIATE \"DELETE FROM t\";", "trouble line 2" STATEMENT_WORDS},
        {"SET @a = REPLACE('set', 's', 'b');/*!50112 PREPARE s FROM @a */;", ""},
        {"DELIMITER ;;\nBEGIN NOT ATOMIC\nINSERT INTO t VALUES (2); END;;\n",
         "trouble line 4" STATEMENT_WORDS},
        {"BEGIN;COMMIT;", ""},
        {"COMMIT;ROLLBACK;", ""},
        {"START TRANSACTION;ROLLBACK;", ""},
        {"LOCK TABLES t WRITE;UNLOCK TABLES;ROLLBACK;", ""},
        {"ROLLBACK;ROLLBACK;",
         "trouble line 2 of the dump: ROLLBACK is not carried out, nor are others like it: rows that "
         "came before show as they came, though the database that loads the dump may have none of "
         "them\n"},
        {"CREATE SEQUENCE `s` start with 1;DO SETVAL(`s`, 1, 0);CREATE SEQUENCE IF NOT EXISTS u;",
         "trouble line 2 of the dump: the sequence s is left out, and so are others: they are no "
         "tables in a dump, as they are in a live database, nor made by a restore\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_free char *dump = NULL;
        cleanup_free char *expected = NULL;

        assert_true(asprintf(&dump, "%s%s", begin, cases[i].statements) > 0);
        assert_true(asprintf(&expected, "%s%s", begun, cases[i].told) > 0);
        check_dump(dump, expected);
    }
}

/* A client hands several statements over at once. */
static void test_semicolons_within_a_delimiter(void **state)
{
    (void)state;
    check_dump("CREATE TABLE t (a int);DELIMITER //\n"
               "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);\n//\n"
               "SET @x = ';';INSERT INTO t VALUES (3)//\n"
               "DROP TRIGGER IF EXISTS x; CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN\n"
               "INSERT INTO t VALUES (666); END//\n"
               "CREATE TABLE u (a int); INSERT INTO u VALUES (4)//\nDELIMITER ;\n"
               "INSERT INTO t VALUES (5);",
               "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\nrow 0 #3\n"
               "trouble line 6 of the dump: the trigger x is left out, and so are others: none is "
               "in schema.sql, nor made by a restore\n"
               "table 1 u (a:integer)\nrow 1 #4\nrow 0 #5\n");
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
    check_dump("-- MariaDB dump 10\nCREATE TABLE `t` (`a` timestamp NULL);"
               "INSERT INTO `t` VALUES (NULL);\n-- Dump completed\n",
               "table 0 t (a:timestamp)\n"
               "trouble line 2 of the dump: here the time zone is not said: what is in column a of "
               "table t, and in others of TIMESTAMP, shows as it stands, and not in UTC\n"
               "row 0 NULL\n");
}

static void test_values(void **state)
{
    (void)state;
    check_dump(
        "CREATE TABLE `t` (f float, d double, b bit(10), y year, j json, e enum('a','b'));\n"
        "INSERT INTO t VALUES (0.1,1e20,b'1000000001',2024,'{}','a'),(1,2,0x0102,1901,NULL,'b'),"
        "(-1.5e-7,-0,'\\0\x01',NULL,'[]',NULL);",
        "table 0 t (f:float,d:float,b:integer,y:integer,j:json,e:text)\n"
        "row 0 #0.1|#1.0e+20|#513|#2024|\"{}|\"a\n"
        "row 0 #1.0|#2.0|#258|#1901|NULL|\"b\n"
        "row 0 #-1.5e-07|#-0.0|#1|NULL|\"[]|NULL\n");
}

/* JDBC's programs write BIT(1) so, whose letters are no bits. */
static void test_words_as_bits(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (a bit(1), b bit(1));\n"
               "INSERT INTO `t` VALUES (true,FALSE),(1,0),(b'1',NULL);\n",
               "table 0 t (a:integer,b:integer)\nrow 0 #1|#0\nrow 0 #1|#0\nrow 0 #1|NULL\n");
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
               "(NULL,\tCONVERT(b'1001', UNSIGNED),\tUNHEX('41'));\n-- 2024-01-01 10:00:00\n",
               "table 0 t (a:bytes,b:integer,c:bytes)\nrow 0 x00ffa0|#5|x\nrow 0 NULL|#9|x41\n"
               "moment 1704103200\n");
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
    check_dump(
        "CREATE TABLE `t` (g point, a int);\n"
        "INSERT INTO `t` VALUES (ST_GeomFromText('POINT(1 2)', ST_SRID(`g`)),\t1);\n",
        "table 0 t (g:bytes,a:integer)\n"
        "fail 0 line 2, byte 58 of the dump: a row of table t has what ST_GeomFromText() makes "
        "of something, which is not carried out: load the dump, and mount the database\n");
}

static void test_delimiter_and_triggers(void **state)
{
    (void)state;
    check_dump("CREATE TABLE t (a int);\nDELIMITER ;;\n"
               "/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN\n"
               "INSERT INTO t VALUES (666); END */;;\nDELIMITER ;\nINSERT INTO t VALUES (1);\n",
               "table 0 t (a:integer)\n"
               "trouble line 4 of the dump: the trigger x is left out, and so are others: none is "
               "in schema.sql, nor made by a restore\nrow 0 #1\n");
    check_dump(
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a INTEGER);\n"
        "INSERT INTO t VALUES(1);\n"
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN INSERT INTO t VALUES(666); SELECT 'END;'; END;\n"
        "COMMIT;\n",
        "table 0 t (a:integer)\nrow 0 #1\nchange 0 t (a:integer)\n");
}

/* As mariadb-dump --dump-history has rows that were; what is there shows, as live. */
static void test_history(void **state)
{
#define HISTORY(line, table)                                                         \
    "trouble line " line " of the dump: rows that table " table                      \
    " had at other times are left out (it is WITH SYSTEM VERSIONING): those of the " \
    "dump's moment show\n"

    (void)state;
    check_dump("-- MariaDB dump 10.19\nCREATE TABLE `s` (`id` int NOT NULL, `x` int, PRIMARY KEY "
               "(`id`)) ENGINE=InnoDB WITH SYSTEM VERSIONING;\n/*M!101100 SET @old_history="
               "@@session.system_versioning_insert_history, "
               "@@session.system_versioning_insert_history=1 */;\n"
               "INSERT INTO `s` (`id`, `x`, row_start, row_end) VALUES "
               "(1,1,'2026-12-01 05:00:00.000000','2026-12-01 05:00:00.736326'),\n"
               "(1,2,'2026-12-01 05:00:00.736326','2038-01-19 03:14:07.999999'),\n"
               "(2,2,'2026-12-01 05:00:00.733012','2038-01-19 03:14:07.000000');\n"
               "INSERT INTO `s` (`id`, `x`, row_start, row_end) VALUES "
               "(3,3,'2026-12-01 05:00:00.733012','2106-02-07 08:28:15.999999');\n"
               "-- Dump completed\n",
               "table 0 s (id:integer!,x:integer) key id order id\n" HISTORY(
                   "4", "s") "row 0 #1|#2\nrow 0 #3|#3\n");
    check_dump(
        "-- MariaDB dump 10.19\nSET TIME_ZONE='+00:00';CREATE TABLE `s` (`x` int, `a` timestamp(6) GENERATED ALWAYS "
        "AS ROW START INVISIBLE, `b` timestamp(6) GENERATED ALWAYS AS ROW END INVISIBLE, "
        "PERIOD FOR SYSTEM_TIME (`a`, `b`)) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME "
        "(PARTITION `p` CURRENT);\nINSERT INTO `s` (`x`, `a`, `b`) VALUES "
        "(1,'2026-12-01 05:00:00.000000','2026-12-01 05:00:00.736326'),"
        "(2,'2026-12-01 05:00:00.736326','2038-01-18 19:14:07.999999');\n"
        "CREATE TABLE `t` (`x` int, `a` bigint unsigned GENERATED ALWAYS AS ROW START, "
        "`b` bigint unsigned GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (`a`, `b`)) "
        "WITH SYSTEM VERSIONING;\n"
        "INSERT INTO `t` VALUES (1,2,3),(2,3,18446744073709551615);\n-- Dump completed\n",
        "table 0 s (x:integer,a:timestamp,b:timestamp)\n" HISTORY(
            "3", "s") "row 0 #2|\"2026-12-01 05:00:00.736326|\"2038-01-18 19:14:07.999999\n"
                      "table 1 t (x:integer,a:integer,b:integer)\n" HISTORY(
                          "5", "t") "row 1 #2|#3|#18446744073709551615\n");
    /* Of another table they are columns that it has not. */
    check_dump("CREATE TABLE `s` (`x` int);\nINSERT INTO `s` (x, row_end) VALUES (1,'x');\n",
               "table 0 s (x:integer)\nfail 0 line 2, byte 63 of the dump: these rows of table s "
               "have a column row_end, which it has not\n");
#undef HISTORY
}

/* As programs write them that send each statement as a whole. */
static void test_bodies(void **state)
{
    static const char *const bodies[] = {
        "TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; ",
        "DEFINER=`r`@`%` TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN IF NEW.a > 1 THEN BEGIN "
        "SET NEW.a = 1; END; END IF; SET @a = IF(1, 2, 3); ",
        "PROCEDURE x(a int) BEGIN CASE a WHEN 1 THEN SET @a = CASE WHEN 1 THEN 2 END; END CASE; "
        "l: LOOP LEAVE l; END LOOP l; WHILE 0 DO SET @b = 1; END WHILE; ",
        "FUNCTION x() RETURNS int BEGIN SELECT t.end, t.`end`, 'END;' FROM t; REPEAT SET @a = 1; "
        "UNTIL 1 END REPEAT; ",
        "EVENT x ON SCHEDULE EVERY 1 DAY DO BEGIN ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char dump[600];
        const char *told = "trouble line 2 of the dump: the trigger x is left out, and so are "
                           "others: none is in schema.sql, nor made by a restore\n";
        char expected[600];

        snprintf(dump, sizeof dump,
                 "CREATE TABLE `t` (`a` int);\nCREATE %s INSERT INTO `t` VALUES (666); END;\n"
                 "INSERT INTO `t` VALUES (1);\nCREATE FUNCTION f() RETURNS int RETURN 1;\n"
                 "INSERT INTO `t` VALUES (2);\n",
                 bodies[i]);
        snprintf(expected, sizeof expected, "table 0 t (a:integer)\n%srow 0 #1\nrow 0 #2\n",
                 i < 2 ? told : "");
        check_dump(dump, expected);
    }
    check_dump(
        "CREATE TABLE `t` (`a` int);\nCREATE PROCEDURE x() BEGIN BEGIN SELECT 1; END;\n"
        "INSERT INTO `t` VALUES (1);\n",
        "table 0 t (a:integer)\ntrouble line 4 of the dump: a statement with others in it does "
        "not end within 4 MiB, or within the dump: what stands in it is left out: CREATE "
        "PROCEDURE x() BEGIN BEGIN SELECT 1; END;\\x0aINSERT INTO  …\n");
}

/* Rows are taken whatever ends statements; those that are not fail their table, or are told of. */
static void test_other_rows(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (a int);\nDELIMITER ;;\nINSERT INTO `t` VALUES (1),\n(2);;\n"
               "DELIMITER ;\nINSERT INTO `t` VALUES (3);\n",
               "table 0 t (a:integer)\nrow 0 #1\nrow 0 #2\nrow 0 #3\n");
    check_dump(
        "CREATE TABLE `t` (a int);\n/*!50000 INSERT INTO `t` VALUES (1) */;\n",
        "table 0 t (a:integer)\nfail 0 line 2, byte 65 of the dump: rows of table t come of a "
        "statement that ends here and is not carried out, as it is no INSERT … VALUES: load "
        "the dump, and mount the database\n");
    check_dump(
        "/*\n-- Query: SELECT 1\n*/\nINSERT INTO `` (`a`) VALUES (1);\n"
        "INSERT INTO `` (`a`) VALUES (2);\nINSERT INTO u SELECT 1;\n",
        "trouble line 4 of the dump: what ends here puts rows into a table without a name, or "
        "with none that can be made out: they are left out, and so are those of others like "
        "it\ntrouble line 6 of the dump: rows of table u, of which no CREATE TABLE stands "
        "before: they are left out; of a dump of data alone, make one with the schema in it\n");
}

/* A file that is to be read with the dump is not: nobody knows where it is. */
static void test_other_files(void **state)
{
    static const char *const files[] = {
        "LOAD DATA LOCAL INFILE 'x.csv' INTO TABLE `t` FIELDS TERMINATED BY ',';\n",
        "-- PostgreSQL database\nCOPY t (a) FROM '$$PATH$$/17.dat' WITH (FORMAT csv);\n",
        "-- PostgreSQL database\n\\copy t (a) from 'x.csv' csv\n",
        "SOURCE x.sql ;\n",
        "\\. x.sql\n",
        "-- PostgreSQL database\n\\ir x.sql\n",
        "PRAGMA foreign_keys=OFF;\n.import x.csv t\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *before = files[i][0] == 'P' ? files[i] : "";
        char dump[300];
        struct recorded_reading reading;

        snprintf(dump, sizeof dump, "%sCREATE TABLE t (a int);\n%sINSERT INTO t VALUES (1);\n",
                 before, files[i]);
        recorded_reading_begin(&reading, dump, strlen(dump), 3);
        assert_int_equal(read_dump(&reading), 0);
        assert_non_null(strstr(recording_text(&reading.into),
                               i < 3 ? "rows of table t are in a file of their own"
                                     : "what is in that file is left out"));
        assert_int_equal(reading.into.rows, i < 3 ? 0 : 1);
        recorded_reading_end(&reading);
    }
    check_dump("-- PostgreSQL database\nCREATE TABLE t (a int);\nCOPY (SELECT a FROM t) TO 'x';\n"
               "COPY t (a) TO stdout;\n\\copy t to 'x'\n\\echo FROM\n",
               "table 0 t (a:integer)\n");
}

static void test_made_of_a_query(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (a int) COMMENT 'SELECT' SELECT 2;\nINSERT INTO `t` VALUES (1);\n"
               "CREATE TABLE `u` (a int COMMENT 'SELECT');\n",
               "table 0 t (a:integer)\n"
               "fail 0 line 1, byte 51 of the dump: the first rows of table t are those of a query "
               "that is not carried out: load the dump, and mount the database\n"
               "table 1 u (a:integer)\n");
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

static void test_words_as_numbers(void **state)
{
    (void)state;
    check_dump("CREATE TABLE `t` (a tinyint(1), b double, c text);"
               "INSERT INTO t VALUES (true,1,'true'),(FALSE,2,NULL);",
               "table 0 t (a:integer,b:float,c:text)\nrow 0 #1|#1.0|\"true\nrow 0 #0|#2.0|NULL\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_mysql_escapes),
        cmocka_unit_test(test_introduced_digits),
        cmocka_unit_test(test_no_backslash_escapes),
        cmocka_unit_test(test_mode_of_a_trigger),
        cmocka_unit_test(test_ansi_modes),
        cmocka_unit_test(test_time_zones),
        cmocka_unit_test(test_typed_numbers),
        cmocka_unit_test(test_statements_not_carried_out),
        cmocka_unit_test(test_semicolons_within_a_delimiter),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_words_as_bits),
        cmocka_unit_test(test_adminer),
        cmocka_unit_test(test_delimiter_and_triggers),
        cmocka_unit_test(test_other_rows),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_taker_ends_it),
        cmocka_unit_test(test_odd_lists),
        cmocka_unit_test(test_words_as_numbers),
        cmocka_unit_test(test_made_of_a_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
