/* SPDX-License-Identifier: MIT */
/* Tables that a dump was made without the rows of, and those that merely have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/unit/dump_reading.h"

#define MAKE "CREATE TABLE a (x int);\nCREATE TABLE b (x int);\n"
#define MADE "table 0 a (x:integer)\ntable 1 b (x:integer)\n"
#define MARIADB "-- MariaDB dump 10\n" MAKE
#define COMPLETE "-- Dump completed\n"
#define POSTGRES                                                    \
    "-- PostgreSQL database dump\nCREATE TABLE public.a (x int);\n" \
    "CREATE TABLE public.b (x int);\n"
#define POSTGRES_COMPLETE "-- PostgreSQL database dump complete\n"
#define WITHOUT(name, options) \
    "table " name              \
    ": the dump has none of its rows, if it has any: it was made without them (" options ")\n"
#define MYSQL_WITHOUT(name)                                                               \
    WITHOUT(name, "--ignore-table-data, a second dump with --no-data, or an engine that " \
                  "keeps none there")
#define WITHOUT_PARTITIONS(name) \
    WITHOUT(name, "--table, --exclude-table: its partitions would have them")
#define POSTGRES_WITHOUT(name) WITHOUT(name, "--exclude-table-data, --no-unlogged-table-data")

static void test_mysql(void **state)
{
    (void)state;
    check_dump(MARIADB "--\n-- Dumping data for table `a`\n--\n\n" COMPLETE,
               MADE "fail 1 " MYSQL_WITHOUT("b"));
    check_dump(MARIADB "LOCK TABLES `b` WRITE;\nUNLOCK TABLES;\n" COMPLETE,
               MADE "fail 0 " MYSQL_WITHOUT("a"));
    check_dump(MARIADB "-- Dumping data for table a\n-- Dumping data for table `b`\n" COMPLETE,
               MADE);
    /* It has rows and does not say so: then it means nothing that others are not said to have any.
     */
    check_dump(MARIADB "LOCK TABLES `b` WRITE;\nUNLOCK TABLES;\nCREATE TABLE c (x int);\n"
                       "INSERT INTO c VALUES (1);\n" COMPLETE,
               MADE "table 2 c (x:integer)\nrow 2 #1\n");
    check_dump(MARIADB "INSERT INTO a VALUES (1);\n" COMPLETE, MADE "row 0 #1\n");
    /* Of others it is not known whether they say it of all. */
    check_dump("-- phpMyAdmin SQL Dump\n" MAKE "-- Dumping data for table `a`\n"
               "INSERT INTO a VALUES (1);\n",
               MADE "row 0 #1\n");
}

static void test_postgres(void **state)
{
    (void)state;
    check_dump(POSTGRES
               "--\n-- Data for Name: a; Type: TABLE DATA; Schema: public; Owner: x\n--\n\n"
               "COPY public.a (x) FROM stdin;\n1\n\\.\n" POSTGRES_COMPLETE,
               MADE "row 0 #1\nfail 1 " POSTGRES_WITHOUT("b"));
    /* --inserts; as version 7.4 has it; of what an extension made. */
    check_dump(
        POSTGRES
        "-- Data for Name: b; Type: TABLE DATA; Schema: public; Owner: x\n"
        "-- Data for TOC entry 3 (OID 17146)\n"
        "-- Name: a; Type: TABLE DATA; Schema: public; Owner: x\n"
        "-- Data for Name: c; Type: TABLE DATA; Schema: public; Owner: x\n" POSTGRES_COMPLETE,
        MADE);
    check_dump(POSTGRES "COPY public.a (x) FROM stdin;\n1\n\\.\n" POSTGRES_COMPLETE,
               MADE "row 0 #1\n");
}

/* The rows of one part are in the dump, and those of the other are not. */
static void test_partitions(void **state)
{
    (void)state;
    check_dump(
        "-- PostgreSQL database dump\n"
        "CREATE TABLE public.p (x int) PARTITION BY LIST (x);\n"
        "CREATE TABLE public.q (x int) PARTITION BY LIST (x);\n"
        "CREATE TABLE public.p1 (x int);\nCREATE TABLE public.p2 (x int);\n"
        "ALTER TABLE ONLY public.p ATTACH PARTITION public.p1 FOR VALUES IN (1);\n"
        "ALTER TABLE ONLY public.p ATTACH PARTITION public.p2 FOR VALUES IN (2);\n"
        "-- Data for Name: p1; Type: TABLE DATA; Schema: public; Owner: x\n"
        "COPY public.p1 (x) FROM stdin;\n1\n\\.\n" POSTGRES_COMPLETE,
        "table 0 p (x:integer)\ntable 1 q (x:integer)\ntable 2 p1 (x:integer)\n"
        "table 3 p2 (x:integer)\ndrop 2\ndrop 3\nrow 0 #1\nfail 1 " WITHOUT_PARTITIONS(
            "q") "fail 0 table p: of its partition p2 the dump has none of its rows, if it has any: "
                 "it was made without them (--exclude-table-data, --no-unlogged-table-data)\n"
                 "change 0 p (x:integer)\n");
}

/* pg_dump --table takes a table's partitions not along, and so none of its rows. */
static void test_without_partitions(void **state)
{
    (void)state;
    check_dump("-- PostgreSQL database dump\n"
               "CREATE TABLE public.p (x int) PARTITION BY LIST (x);\n" POSTGRES_COMPLETE,
               "table 0 p (x:integer)\nfail 0 " WITHOUT_PARTITIONS("p"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mysql),
        cmocka_unit_test(test_postgres),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_without_partitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
