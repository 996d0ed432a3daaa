/* SPDX-License-Identifier: MIT */
/* What a dump is by how it begins: whether it is one, and whose. */
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

/* The first line that is no comment and no white space. */
static const char *first_statement(const char *text, size_t size, size_t *ret_size)
{
    const char *end = text + size;

    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));

        while (text < end && (*text == ' ' || *text == '\t' || *text == '\r'))
            text++;
        if (line_end == NULL)
            line_end = end;
        if (text < line_end && !begins(text, line_end, "--") && *text != '#' &&
            (*text != '/' || begins(text, end, "/*!")))
            break;
        text = line_end < end ? line_end + 1 : end;
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

bool dump_recognise(const void *begin, size_t size)
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
    static const char *const words[] = {
        "CREATE TABLE",      "CREATE DATABASE", "CREATE SCHEMA", "INSERT INTO", "INSERT IGNORE",
        "DROP TABLE",        "DROP DATABASE",   "SET",           "USE",         "BEGIN",
        "BEGIN TRANSACTION", "PRAGMA",          "ALTER TABLE",   "COPY",        "LOCK TABLES",
        "START TRANSACTION", "REPLACE INTO"};
    const char *text = begin;
    size_t left;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (memchr(text, '\0', size) != NULL)
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

enum sql_dialect dump_dialect_of(const char *text, size_t size)
{
    size_t left;
    const char *statement = first_statement(text, size, &left);

    if (holds(text, size, "-- PostgreSQL database") || holds(text, size, "\nSET client_encoding") ||
        holds(text, size, "FROM stdin;") || holds(text, size, "pg_catalog."))
        return SQL_POSTGRES;
    if (begins_with_word(statement, left, "PRAGMA") ||
        begins_with_word(statement, left, "BEGIN TRANSACTION"))
        return SQL_SQLITE;
    return SQL_MYSQL;
}

bool dump_says_its_end(const char *text, size_t size, enum sql_dialect dialect)
{
    if (dialect == SQL_SQLITE)
        return holds(text, size, "BEGIN TRANSACTION;");
    return holds(text, size, "-- MySQL dump") || holds(text, size, "-- MariaDB dump") ||
           holds(text, size, "-- PostgreSQL database dump");
}
