/* SPDX-License-Identifier: MIT */
/* What sqlite3's .dump writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dump_reading.h"

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

/* What .recover writes, with its client's line before it and without. */
static void test_recovered(void **state)
{
    static const char recovered[] =
        ".dbconfig defensive off\nBEGIN;\nPRAGMA writable_schema = on;\nPRAGMA foreign_keys = off;\n"
        "PRAGMA encoding = 'UTF-8';\nCREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v);\n"
        "CREATE TABLE u(v);\n"
        "INSERT OR IGNORE INTO 't'('id', 'v') VALUES (1, replace(replace('a\\nb''\\r','\\n', "
        "char(10)),'\\r', char(13)));\n"
        "INSERT OR IGNORE INTO 't'('id', 'v') VALUES (2, X'00');\n"
        "DELETE FROM sqlite_sequence;\n"
        "INSERT OR IGNORE INTO 'sqlite_sequence'(_rowid_, 'name', 'seq') VALUES (1, 't', 2);\n"
        "INSERT OR IGNORE INTO 'u'(_rowid_, 'v') VALUES (7, replace('\\012','\\012', char(10)));\n"
        "CREATE TABLE lost_and_found(rootpgno INTEGER, c0);\n"
        "INSERT INTO lost_and_found VALUES(3, NULL);\nPRAGMA writable_schema = off;\n";
    char dump[sizeof recovered + 10];

    (void)state;
    for (size_t begin = 0; begin < 40; begin += sizeof ".dbconfig defensive off" - 1) {
        struct recorded_reading reading;

        snprintf(dump, sizeof dump, "%sCOMMIT;\n", recovered + begin);
        check_dump(dump, "table 0 t (id:integer,v:any)\ntable 1 u (v:any)\n"
                         "row 0 #1|\"a\nb'\r\nrow 0 #2|x00\nrow 1 \"\n\n"
                         "table 2 lost_and_found (rootpgno:integer,c0:any)\nrow 2 #3|NULL\n"
                         "change 0 t (id:integer,v:any) key id order id the first\n"
                         "change 1 u (v:any)\n"
                         "change 2 lost_and_found (rootpgno:integer,c0:any)\n");
        /* Without its COMMIT it was cut short. */
        recorded_reading_begin(&reading, recovered + begin, strlen(recovered + begin), 7);
        assert_int_equal(read_dump(&reading), -EIO);
        recorded_reading_end(&reading);
    }
}

/* .dump --preserve-rowids names columns, of SQLite's own tables, too. */
static void test_row_numbers(void **state)
{
    (void)state;
    check_dump("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
               "CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v);\n"
               "INSERT INTO t VALUES(7,'x');\n"
               "CREATE TABLE u(v);\nINSERT INTO u(rowid,v) VALUES(3,'y');\n"
               "ANALYZE sqlite_schema;\n"
               "INSERT INTO sqlite_stat1(rowid,tbl,idx,stat) VALUES(1,'t','i','1 1');\n"
               "INSERT INTO sqlite_sequence(rowid,name,seq) VALUES(1,'t',7);\nCOMMIT;\n",
               "table 0 t (id:integer,v:any)\nrow 0 #7|\"x\ntable 1 u (v:any)\nrow 1 \"y\n"
               "change 0 t (id:integer,v:any) key id order id\nchange 1 u (v:any)\n");
}

/* END ends a trigger only where it is a statement; else it ends a CASE, or is a column. */
static void test_triggers(void **state)
{
    static const char *const bodies[] = {
        "SELECT CASE WHEN new.a IN (1) THEN 1 END;\n INSERT INTO t VALUES(666)",
        "UPDATE t SET a = CASE a WHEN 1 THEN 2 END;INSERT INTO t VALUES(666)",
        "UPDATE t SET a = new.end; INSERT INTO t VALUES(666)",
        "SELECT new.\"end\";/* ; */ INSERT INTO t VALUES(666)",
        "SELECT new.[; END;], ';END;'; -- ; END;\n INSERT INTO t VALUES(666)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char dump[400];

        snprintf(dump, sizeof dump,
                 "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a INTEGER);\n"
                 "CREATE TRIGGER x AFTER INSERT ON t BEGIN %s; /* */ end -- all\n;\n"
                 "CREATE TABLE u (a);\nINSERT INTO u VALUES(1);\nCOMMIT;\n",
                 bodies[i]);
        check_dump(dump, "table 0 t (a:integer)\ntable 1 u (a:any)\nrow 1 #1\n"
                         "change 0 t (a:integer)\nchange 1 u (a:any)\n");
    }
}

/* The end of the last one need not be said. */
static void test_endless_triggers(void **state)
{
    static const char begin[] = "PRAGMA foreign_keys=OFF;\nCREATE TABLE t (a INTEGER);\n"
                                "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; ";
    char dump[400];

    (void)state;
    snprintf(dump, sizeof dump, "%sEND", begin);
    check_dump(dump, "table 0 t (a:integer)\nchange 0 t (a:integer)\n");
    snprintf(dump, sizeof dump, "%sINSERT INTO t VALUES(1);\n", begin);
    check_dump(
        dump,
        "table 0 t (a:integer)\ntrouble line 4 of the dump: a statement with others in it "
        "does not end within 4 MiB, or within the dump: what stands in it is left out: CREATE "
        "TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM t; INSE …\n"
        "trouble line 4 of the dump: a trigger is left out: incomplete input\n"
        "change 0 t (a:integer)\n");
}

/* In [names] nothing counts but what closes them. */
static void test_bracketed_names(void **state)
{
    static const char *const names[] = {"a's", "a;b", "a -- b", "a /* b", "a\"b", "a`b", "[a"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char dump[400];
        char expected[400];

        snprintf(dump, sizeof dump,
                 "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t ([%s] TEXT);\n"
                 "INSERT INTO t VALUES('x');\nCREATE TABLE u (a);\nINSERT INTO u VALUES(1);\n"
                 "COMMIT;\n",
                 names[i]);
        snprintf(expected, sizeof expected,
                 "table 0 t (%s:text)\nrow 0 \"x\ntable 1 u (a:any)\nrow 1 #1\n"
                 "change 0 t (%s:text)\nchange 1 u (a:any)\n",
                 names[i], names[i]);
        check_dump(dump, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sqlite),
        cmocka_unit_test(test_sqlite_unistr),
        cmocka_unit_test(test_sqlite_corruption),
        cmocka_unit_test(test_row_numbers),
        cmocka_unit_test(test_recovered),
        cmocka_unit_test(test_triggers),
        cmocka_unit_test(test_endless_triggers),
        cmocka_unit_test(test_bracketed_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
