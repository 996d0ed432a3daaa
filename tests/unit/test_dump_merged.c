/* SPDX-License-Identifier: MIT */
/* Statements that take rows of one key for one: what is told of their table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

static void test_statements(void **state)
{
#define TABLE "t (a:integer!,b:text) key a order a"
    static const struct {
        const char *statements;
        const char *told;
    } cases[] = {
        {"REPLACE INTO t VALUES (1,'x');REPLACE INTO t VALUES (2,'y');",
         "change 0 " TABLE " the last\nrow 0 #1|\"x\nrow 0 #2|\"y\n"},
        {"INSERT IGNORE INTO t VALUES (1,'x');", "change 0 " TABLE " the first\nrow 0 #1|\"x\n"},
        {"INSERT INTO t VALUES (1,'x');REPLACE INTO t VALUES (1,'y');",
         "row 0 #1|\"x\nchange 0 " TABLE " the last\nrow 0 #1|\"y\n"},
        /* Of some rows the first counts, of some the last: that there are two is told. */
        {"REPLACE INTO t VALUES (1,'x');INSERT IGNORE INTO t VALUES (1,'y');",
         "change 0 " TABLE " the last\nrow 0 #1|\"x\nchange 0 " TABLE "\nrow 0 #1|\"y\n"},
        {"REPLACE INTO t VALUES (1,'x');"
         "INSERT INTO t VALUES (1,'y') ON DUPLICATE KEY UPDATE b = 'z';",
         "change 0 " TABLE " the last\nrow 0 #1|\"x\nrow 0 #1|\"y\nchange 0 " TABLE "\n"},
        /* Without a key they are rows as others. */
        {"CREATE TABLE u (a int);REPLACE INTO u VALUES (1);REPLACE INTO u VALUES (1);",
         "table 1 u (a:integer)\nrow 1 #1\nrow 1 #1\n"},
        /* Enums compare by the order of their values … */
        {"CREATE TABLE u (a enum('x') NOT NULL, PRIMARY KEY (a));REPLACE INTO u VALUES ('x');",
         "table 1 u (a:text!) key a order a\nchange 1 u (a:text!) key a order a the last\n"
         "row 1 \"x\n"},
        /* … and sets in a way that is not known, nor so which are one. */
        {"CREATE TABLE u (a set('x') NOT NULL, PRIMARY KEY (a));REPLACE INTO u VALUES ('x');",
         "table 1 u (a:text!) key a order a\n"
         "trouble line 2 of the dump: rows of table u that replace others of the same key, or are "
         "left out for them (REPLACE, IGNORE, ON …): where a key is there twice, both show\n"
         "change 1 u (a:text!) key a order a the last\nrow 1 \"x\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cleanup_free char *dump = NULL;
        cleanup_free char *expected = NULL;

        assert_true(
            asprintf(&dump, "CREATE TABLE `t` (`a` int NOT NULL, `b` text, PRIMARY KEY (`a`));\n%s",
                     cases[i].statements) > 0);
        assert_true(asprintf(&expected, "table 0 " TABLE "\n%s", cases[i].told) > 0);
        check_dump(dump, expected);
    }
}

static void test_sqlite(void **state)
{
    (void)state;
    check_dump("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
               "CREATE TABLE t (a INTEGER PRIMARY KEY, b);\nINSERT OR REPLACE INTO t VALUES(1,2);\n"
               "COMMIT;\n",
               "table 0 t (a:integer,b:any)\nrow 0 #1|#2\n"
               "change 0 t (a:integer,b:any) key a order a the last\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_sqlite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
