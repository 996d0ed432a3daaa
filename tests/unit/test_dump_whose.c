/* SPDX-License-Identifier: MIT */
/* How a dump is known, and whose; and how it is known to be whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/dump.h"
#include "fs/base/memory.h"
#include "tests/unit/dump_reading.h"

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
        "mysqldump: [Warning] a password can be insecure.\n-- MySQL dump 10.13\n",
        "BEGIN; CREATE TABLE t (a int);",
        "SET a = 1; -- x\nDROP TABLE t;\n",
        "SET @a = 1,\n  @b = 2;\n",
        ".dbconfig defensive off\nBEGIN;\nPRAGMA writable_schema = on;\n",
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
        "Set Name;Price\nA;1\n",
        "Use Case;Owner\r\n1;2\r\n",
        "Begin;End;\n1;2;\n",
        "Copy Count,Note\n1,a;\n",
        "id,text\n1,\"see:\n-- MySQL dump 10.13\n\"\n",
        "[{\"text\":\"-- MySQL dump 10.13\"}]",
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

/* A statement that does not end where it is looked for is known by how it begins. */
static void test_recognise_long(void **state)
{
    static const char *const begins[] = {
        "INSERT INTO `t` (`a`, `b`) VALUES (1,'",
        "insert ignore into crm.t values\n('",
        "REPLACE INTO t VALUES ('",
        "CREATE TABLE IF NOT EXISTS t (a int COMMENT '",
    };
    static const char *const others[] = {
        "INSERT INTO t SELECT '",
        "INSERT INTO (",
        "Insert into the form, then (",
        "CREATE TABLE of contents ",
    };
    char text[DUMP_BEGIN_BYTES];
    enum text_set set;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        memset(text, 'x', sizeof text);
        memcpy(text, begins[i], strlen(begins[i]));
        assert_true(dump_recognise(text, sizeof text, &set));
        assert_false(dump_recognise(text, sizeof text - 1, &set));
        memset(text, 'x', sizeof text);
        memcpy(text, others[i], strlen(others[i]));
        assert_false(dump_recognise(text, sizeof text, &set));
    }
}

/* Comments of any size may stand before the first statement. */
static void test_recognise_behind_comments(void **state)
{
    static const char statement[] = "CREATE TABLE t (a int);";
    char text[3 * DUMP_BEGIN_BYTES];
    enum text_set set;

    (void)state;
    for (int block = 0; block < 2; block++) {
        size_t size = sizeof text - (sizeof statement - 1);

        memset(text, 'x', size);
        memcpy(text, block == 1 ? "/*" : "--", 2);
        memcpy(text + size - 2, block == 1 ? "*/" : "-\n", 2);
        memcpy(text + size, statement, sizeof statement - 1);
        assert_true(dump_recognise(text, sizeof text, &set));
        assert_int_equal(dump_begin_size(text, sizeof text), size + DUMP_BEGIN_BYTES);
        assert_true(dump_begin_size(text, DUMP_BEGIN_BYTES) > DUMP_BEGIN_BYTES);
        assert_false(dump_recognise(text, size, &set));
    }
    memset(text, 'x', sizeof text);
    assert_int_equal(dump_begin_size(text, sizeof text), DUMP_BEGIN_BYTES);
}

/* A backslash is itself, but in MySQL. */
static void test_whose(void **state)
{
    static const char rows[] = "INSERT INTO t VALUES (1,'c:\\new`');\n-- 2024-01-01 10:00:00\n";
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
        "INSERT INTO \"t\" (a, b) VALUES (0, '`');\n",
        "insert into public.t (a, b) values (0, '`');\n",
        "CREATE TABLE IF NOT EXISTS public.t (a int, b text);\n",
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
            assert_int_equal(
                dump_read(&stream.stream, TEXT_UNDECIDED, NULL, &recording.taker, NULL), 0);
            assert_non_null(strstr(recording_text(&recording), kinds[i].row));
            recording_end(&recording);
        }
    }
}

/* Rows alone, as DBeaver and DataGrip write them of any database. */
static void test_guessed(void **state)
{
    (void)state;
    check_dump(
        "INSERT INTO crm.t (a) VALUES ('x');\nINSERT INTO crm.t (a) VALUES ('C:\\temp');\n"
        "INSERT INTO crm.t (a) VALUES ('\\'');\n",
        "table 0 t (a:any)\nrow 0 \"x\n"
        "trouble line 2 of the dump: nothing says whose dump this is: a backslash in table t "
        "is taken for MySQL's, which is none of the text; in another database it would be: "
        "then load the dump there, and mount the database\nrow 0 \"C:\temp\nrow 0 \"'\n");
    check_dump("INSERT INTO `t` (a) VALUES ('C:\\temp');\n",
               "table 0 t (a:any)\nrow 0 \"C:\temp\n");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_whose),
        cmocka_unit_test(test_ends_within),
        cmocka_unit_test(test_ends_of_others),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_recognise_long),
        cmocka_unit_test(test_recognise_behind_comments),
        cmocka_unit_test(test_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
