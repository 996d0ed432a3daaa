/* SPDX-License-Identifier: MIT */
/* What could have stood in a stretch of a dump that cannot be made out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

#define MARIADB "-- MariaDB dump 10\n"
#define COMPLETE "-- Dump completed\n"
#define POSTGRES "-- PostgreSQL database dump\n"
#define POSTGRES_COMPLETE "-- PostgreSQL database dump complete\n"

#define UNHEARD(number, name)                                                                     \
    "fail " number " table " name ": the dump cannot be made out as a whole, at line 7, and has " \
    "no word of this table's rows, which may have stood there\n"

/* DUMP, each of whose '@' stands for twenty zeros. */
static void check_holed(const char *dump, const char *expected)
{
    static const char zeros[20];
    struct buffer holed = BUFFER(4096);

    for (; *dump != '\0'; dump++)
        assert_int_equal(*dump == '@' ? buffer_append(&holed, zeros, sizeof zeros)
                                      : buffer_append(&holed, dump, 1),
                         0);
    check_dump_sized((const char *)holed.data, holed.size, expected);
    buffer_release(&holed);
}

/* Rows of b, all of c and of d, and the beginning of e's are gone. */
static void test_tables_of_postgres(void **state)
{
    (void)state;
    check_holed(POSTGRES
                "CREATE TABLE public.a (x int);\nCREATE TABLE public.b (x int);\n"
                "CREATE TABLE public.c (x int);\nCREATE TABLE public.p (x int) PARTITION BY LIST "
                "(x);\nCOPY public.a (x) FROM stdin;\n1@3\n\\.\nCOPY public.c (x) FROM "
                "stdin;\n\\.\n" POSTGRES_COMPLETE,
                "table 0 a (x:integer)\ntable 1 b (x:integer)\ntable 2 c (x:integer)\n"
                "table 3 p (x:integer)\n"
                "fail 0 line 7, byte 204 of the dump: here are zeros within a row of table a, "
                "which may lack rows: the file was damaged, look for another copy\n"
                "trouble line 7 of the dump: " DUMP_DOUBTED UNHEARD("1", "b") UNHEARD("3", "p"));
}

/* Whose rows they were is in the hole. */
static void test_holes_in_heads(void **state)
{
    static const char *const heads[] = {"INSERT@", "INSERT IN@", "INSERT INTO @"};

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        char dump[400];
        char expected[400];

        snprintf(dump, sizeof dump, "%s%s%s%s",
                 MARIADB "CREATE TABLE a (x int);\n"
                         "INSERT INTO a VALUES (1);\n",
                 heads[i], "2);\nINSERT INTO a VALUES (3);\n", COMPLETE);
        snprintf(expected, sizeof expected,
                 "table 0 a (x:integer)\nrow 0 #1\n"
                 "trouble line 4 of the dump: here are zeros instead of statements\n"
                 "fail 0 line 4, byte %zu of the dump: here are zeros instead of statements, and "
                 "table a may lack rows\n",
                 98 + strlen(heads[i]) - strlen(heads[0]));
        check_holed(dump, expected);
    }
}

/* Of what a crash left of another file nothing is zero. */
static void test_senseless_lines(void **state)
{
    (void)state;
    check_dump(POSTGRES "CREATE TABLE public.a (x int);\nCREATE TABLE public.b (x int);\n"
                        "CREATE TABLE public.c (x int);\n\nCOPY public.a (x) FROM stdin;\n"
                        "1\t2\t\n\\.\nCOPY public.c (x) FROM stdin;\n\\.\n" POSTGRES_COMPLETE,
               "table 0 a (x:integer)\ntable 1 b (x:integer)\ntable 2 c (x:integer)\n"
               "fail 0 line 7, byte 152 of the dump: a line makes no sense among the rows of "
               "table a\ntrouble line 7 of the dump: " DUMP_DOUBTED UNHEARD("1", "b"));
    check_dump(MARIADB "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1),(b),(3);\n" COMPLETE,
               "table 0 a (x:integer)\nrow 0 #1\n"
               "fail 0 line 3, byte 68 of the dump: a row of table a makes no sense here\n"
               "trouble line 3 of the dump: " DUMP_DOUBTED);
    /* Others may mean something by it. */
    check_dump("CREATE TABLE a (x int);\nINSERT INTO a VALUES (1),(b),(3);\n",
               "table 0 a (x:integer)\nrow 0 #1\n"
               "fail 0 line 2, byte 49 of the dump: a row of table a makes no sense here\n");
}

static void test_senseless_statements(void **state)
{
    (void)state;
    check_dump(MARIADB "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\n),(5);\n" COMPLETE,
               "table 0 a (x:integer)\nrow 0 #1\n"
               "trouble line 4 of the dump: " DUMP_DOUBTED
               "fail 0 line 4, byte 75 of the dump: what ends here makes no sense, and table a may "
               "lack rows\n");
    /* What is unlocked has all its rows. */
    check_dump(MARIADB "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nUNLOCK TABLES;\n"
                       "),(5);\n" COMPLETE,
               "table 0 a (x:integer)\nrow 0 #1\n"
               "trouble line 5 of the dump: " DUMP_DOUBTED);
}

/* In what made a table; and behind it rows come of one that nothing is known of. */
static void test_tables_in_doubt(void **state)
{
    (void)state;
    check_holed(MARIADB "CREATE TABLE a (x int@);\nINSERT INTO a VALUES (1);\n"
                        "INSERT INTO b (x) VALUES (2);\n" COMPLETE,
                "trouble line 2 of the dump: here are zeros instead of statements\n"
                "table 0 a (x:integer)\n"
                "fail 0 line 2, byte 62 of the dump: here are zeros within what makes table a\n"
                "table 1 b (x:any)\n"
                "fail 1 line 4, byte 113 of the dump: no CREATE TABLE of table b was found, nor "
                "perhaps its first rows: both may have stood in what cannot be made out before\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_of_postgres), cmocka_unit_test(test_holes_in_heads),
        cmocka_unit_test(test_senseless_lines),    cmocka_unit_test(test_senseless_statements),
        cmocka_unit_test(test_tables_in_doubt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
