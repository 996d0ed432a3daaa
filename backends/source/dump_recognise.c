/* SPDX-License-Identifier: MIT */
/* What a dump is by how it begins: whether it is one, and whose. */
#include <stdio.h>
#include <string.h>

#include "backends/source/dump_internal.h"

static bool holds(const char *text, size_t size, const char *words)
{
    return memmem(text, size, words, strlen(words)) != NULL;
}

static bool begins(const char *text, const char *end, const char *mark)
{
    size_t size = strlen(mark);

    return (size_t)(end - text) >= size && memcmp(text, mark, size) == 0;
}

/* Behind the comment that stands at TEXT; TEXT: none does. A version comment of MySQL's is none. */
static const char *behind_comment(const char *text, const char *end)
{
    const char *close = end;

    if (begins(text, end, "--") || *text == '#')
        close = memchr(text, '\n', (size_t)(end - text));
    else if (begins(text, end, "/*") && !begins(text, end, "/*!"))
        close = memmem(text, (size_t)(end - text), "*/", 2);
    else
        return text;
    if (close == NULL)
        return end;
    return close + (*close == '*' ? 2 : 1);
}

/* What stands behind comments and white space. */
static const char *first_statement(const char *text, size_t size, size_t *ret_size)
{
    const char *end = text + size;

    while (text < end) {
        const char *behind =
            strchr(" \t\r\n", *text) != NULL ? text + 1 : behind_comment(text, end);

        if (behind == text)
            break;
        text = behind;
    }
    *ret_size = (size_t)(end - text);
    return text;
}

static bool begins_with_word(const char *text, size_t size, const char *word)
{
    size_t length = strlen(word);

    return size > length && strncasecmp(text, word, length) == 0 &&
           strchr(" \t\r\n;`\"('", text[length]) != NULL;
}

/* How much of it stands before the first rows, whose texts may say anything. */
static size_t size_before_rows(const char *text, size_t size)
{
    const char *end = text + size;

    for (const char *line = text; line != NULL && line < end; line++) {
        if (begins_with_word(line, (size_t)(end - line), "INSERT") ||
            begins_with_word(line, (size_t)(end - line), "REPLACE"))
            return (size_t)(line - text);
        line = memchr(line, '\n', (size_t)(end - line));
        if (line == NULL)
            break;
    }
    return size;
}

/* A script for Microsoft's SQL Server, whose statements go on to a line of "GO". */
static bool is_of_sql_server(const char *text, size_t size)
{
    size = size_before_rows(text, size);
    return holds(text, size, "\nGO\n") || holds(text, size, "\nGO\r\n");
}

static bool is_dump(const char *text, size_t size)
{
    static const char *const heads[] = {"-- MySQL dump",
                                        "-- MariaDB dump",
                                        "-- phpMyAdmin SQL Dump",
                                        "-- PostgreSQL database",
                                        "/*M!999999",
                                        "/*!40101 SET",
                                        "-- Adminer",
                                        "-- HeidiSQL",
                                        "-- Dumping data"};
    static const char *const words[] = {"CREATE TABLE",
                                        "CREATE DATABASE",
                                        "CREATE SCHEMA",
                                        "INSERT INTO",
                                        "INSERT IGNORE",
                                        "DROP TABLE",
                                        "DROP DATABASE",
                                        "SET",
                                        "USE",
                                        "BEGIN",
                                        "BEGIN TRANSACTION",
                                        "PRAGMA",
                                        "ALTER TABLE",
                                        "COPY",
                                        "LOCK TABLES",
                                        "START TRANSACTION",
                                        "REPLACE INTO",
                                        "DROP SEQUENCE",
                                        "CREATE SEQUENCE",
                                        "CREATE TYPE",
                                        "DROP TYPE",
                                        "CREATE EXTENSION",
                                        "DROP VIEW"};
    size_t left;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (memchr(text, '\0', size) != NULL || is_of_sql_server(text, size))
        return false;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (holds(text, size, heads[i]))
            return true;
    }

    const char *statement = first_statement(text, size, &left);

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (begins_with_word(statement, left, words[i]) && memchr(statement, ';', left) != NULL)
            return true;
    }
    return strncmp(statement, "/*!", left < 3 ? left : 3) == 0 && left > 3;
}

bool dump_recognise(const void *begin, size_t size, enum text_set *ret_set)
{
    uint8_t narrow[DUMP_BEGIN_BYTES];
    size_t mark;
    enum text_set set = text_set_detect(begin, size, &mark);

    *ret_set = TEXT_UNDECIDED;
    if (!text_set_is_wide(set))
        return is_dump(begin, size);
    size = size < sizeof narrow ? size : sizeof narrow;
    size = text_set_narrow(set, (const uint8_t *)begin + mark, size - mark, narrow);
    if (!is_dump((const char *)narrow, size))
        return false;
    *ret_set = set;
    return true;
}

static bool holds_any(const char *text, size_t size, const char *const *marks)
{
    while (*marks != NULL && !holds(text, size, *marks))
        marks++;
    return *marks != NULL;
}

/* What of one database's alone a program has written that is not its own dump program. */
static enum sql_dialect dialect_of_others(const char *text, size_t size)
{
    static const char *const postgres[] = {"nextval(",
                                           "::",
                                           "CREATE SEQUENCE ",
                                           "CREATE TABLE \"",
                                           "CREATE TABLE IF NOT EXISTS \"",
                                           "\n\\c ",
                                           "\n\\connect ",
                                           NULL};

    if (holds(text, size, "`") || holds(text, size, "/*!"))
        return SQL_MYSQL;
    if (holds(text, size, "AUTOINCREMENT"))
        return SQL_SQLITE;
    return holds_any(text, size, postgres) ? SQL_POSTGRES : SQL_MYSQL;
}

enum sql_dialect dump_dialect_of(const char *text, size_t size)
{
    static const char *const postgres[] = {"-- PostgreSQL database",
                                           "\nSET client_encoding",
                                           "FROM stdin;",
                                           "pg_catalog.",
                                           "Source Server Type    : PostgreSQL",
                                           NULL};
    const char *line_end = memchr(text, '\n', size);
    size_t line_size = line_end != NULL ? (size_t)(line_end - text) : size;
    size_t left;
    const char *statement = first_statement(text, size, &left);

    size = size_before_rows(text, size);
    if (holds_any(text, size, postgres))
        return SQL_POSTGRES;
    if (begins_with_word(statement, left, "PRAGMA") ||
        begins_with_word(statement, left, "BEGIN TRANSACTION"))
        return SQL_SQLITE;
    if (begins(text, text + size, "-- Adminer")) {
        if (holds(text, line_size, " SQLite "))
            return SQL_SQLITE;
        return holds(text, line_size, " PostgreSQL ") ? SQL_POSTGRES : SQL_MYSQL;
    }
    return dialect_of_others(text, size);
}

/* Whether mysqldump's last line says that it is one: since its version 10.10, of MySQL 5.0. */
static bool completes(const char *text, size_t size)
{
    static const char mark[] = "-- MySQL dump ";
    const char *found = memmem(text, size, mark, sizeof mark - 1);
    char version[16] = "";
    unsigned major;
    unsigned minor;

    if (found == NULL)
        return holds(text, size, "-- MariaDB dump");
    found += sizeof mark - 1;
    size -= (size_t)(found - text);
    memcpy(version, found, size < sizeof version ? size : sizeof version - 1);
    return sscanf(version, "%u.%u", &major, &minor) != 2 || major > 10 ||
           (major == 10 && minor >= 10);
}

bool dump_is_in_turn(const char *text, size_t size)
{
    return holds(text, size, "-- MySQL dump") || holds(text, size, "-- MariaDB dump");
}

bool dump_says_its_end(const char *text, size_t size, enum sql_dialect dialect)
{
    if (dialect == SQL_SQLITE)
        return holds(text, size, "BEGIN TRANSACTION;");
    return completes(text, size) || holds(text, size, DUMP_KEEPS_CLIENT) ||
           holds(text, size, "-- PostgreSQL database dump");
}

bool dump_is_cluster(const char *text, size_t size)
{
    return holds(text, size, "-- PostgreSQL database cluster dump");
}
