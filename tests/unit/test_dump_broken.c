/* SPDX-License-Identifier: MIT */
/* Dumps whose program broke off in a table, and went on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

#define BEGIN "-- MariaDB dump 10\nCREATE TABLE a (x int);\n"
#define LOCK "LOCK TABLES `a` WRITE;\nINSERT INTO `a` VALUES (1);\n"
#define UNLOCK "UNLOCK TABLES;\n"
#define MAKE_B "CREATE TABLE b (x int);\n-- Dumping data for table `b`\n"
#define END "-- Dump completed\n"
#define BROKEN                                                                                   \
    "the rows of table a ended without UNLOCK TABLES: the program that made the dump broke off " \
    "in them, and went on (--force): it may lack rows, look for another dump\n"

/* Whatever stands there next. */
static void test_locks(void **state)
{
    (void)state;
    check_dump(BEGIN LOCK MAKE_B END,
               "table 0 a (x:integer)\nrow 0 #1\nfail 0 line 5, byte 117 of the dump: " BROKEN
               "table 1 b (x:integer)\n");
    check_dump(BEGIN LOCK "DROP TABLE IF EXISTS b;\n" END,
               "table 0 a (x:integer)\nrow 0 #1\nfail 0 line 5, byte 117 of the dump: " BROKEN);
    check_dump(BEGIN MAKE_B LOCK "LOCK TABLES `b` WRITE;\n" UNLOCK END,
               "table 0 a (x:integer)\ntable 1 b (x:integer)\nrow 0 #1\n"
               "fail 0 line 7, byte 170 of the dump: " BROKEN);
    check_dump(BEGIN LOCK END, "table 0 a (x:integer)\nrow 0 #1\n"
                               "fail 0 line 5, byte 94 of the dump: " BROKEN);
    check_dump(BEGIN
               "LOCK TABLES `a` WRITE;\n"
               "/*!40000 ALTER TABLE `a` DISABLE KEYS */;\nset autocommit=0;\n"
               "INSERT INTO `a` VALUES (1);\n/*!40000 ALTER TABLE `a` ENABLE KEYS */;\n" UNLOCK
               "commit;\n" MAKE_B END,
               "table 0 a (x:integer)\nrow 0 #1\ntable 1 b (x:integer)\n");
    /* Others may leave a lock to its end. */
    check_dump("CREATE TABLE a (x int);\n" LOCK MAKE_B,
               "table 0 a (x:integer)\nrow 0 #1\ntable 1 b (x:integer)\n");
}

/* What the program said of it, without locks, and what it says otherwise. */
static void test_program_lines(void **state)
{
    (void)state;
    check_dump(BEGIN "INSERT INTO `a` VALUES (1);\n"
                     "mariadb-dump: Error 1317: Query execution was interrupted when dumping table "
                     "`a` at row: 1\n" MAKE_B END,
               "table 0 a (x:integer)\nrow 0 #1\nfail 0 line 5, byte 162 of the dump: what made "
               "the dump could not read table a to its end, and says: mariadb-dump: Error 1317: "
               "Query execution was interrupted when dumping table `a` at row: 1; look for another "
               "dump\ntable 1 b (x:integer)\n");
    check_dump("mysqldump: [Warning] Using a password on the command line interface can be "
               "insecure.\n" BEGIN
               "/opt/mysql/bin/mysqldump.exe: Couldn't execute 'show create table `v`': gone (1)\n"
               "mysqldump: Error: 'Access denied' when trying to dump tablespaces\n" MAKE_B LOCK
                   UNLOCK END,
               "table 0 a (x:integer)\ntrouble line 5 of the dump: what made the dump says: "
               "/opt/mysql/bin/mysqldump.exe: Couldn't execute 'show create table `v`': gone (1)\n"
               "trouble line 6 of the dump: what made the dump says: mysqldump: Error: 'Access "
               "denied' when trying to dump tablespaces\ntable 1 b (x:integer)\nrow 0 #1\n");
    check_dump(BEGIN "INSERT INTO a VALUES (mysqldump: 1);\n" END,
               "table 0 a (x:integer)\n"
               "fail 0 line 3, byte 64 of the dump: a row of table a makes no sense here\n"
               "trouble line 3 of the dump: " DUMP_DOUBTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_program_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
