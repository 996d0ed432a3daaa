/* SPDX-License-Identifier: MIT */
/* What a dump is by how it begins: whether it is one, and whose. */
#include <stdio.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

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

/* Whether MARK begins a line, and not within double quotes, as other texts may hold it. */
static bool begins_line(const char *text, size_t size, const char *mark)
{
    const char *end = text + size;
    const char *at = text;
    bool quoted = false;

    for (const char *found = text; found != NULL; at++) {
        found = memmem(at, (size_t)(end - at), mark, strlen(mark));
        for (; found != NULL && at < found; at++)
            quoted = quoted != (*at == '"');
        if (found != NULL && !quoted && (at == text || at[-1] == '\n'))
            return true;
    }
    return false;
}

static bool begins_with_any(const char *text, size_t size, const char *const *words)
{
    while (*words != NULL && !begins_with_word(text, size, *words))
        words++;
    return *words != NULL;
}

/* Words that a statement begins with, and hardly anything else. */
static const char *const statements[] = {
    "CREATE TABLE", "CREATE DATABASE",   "CREATE SCHEMA",     "INSERT INTO",   "INSERT IGNORE",
    "DROP TABLE",   "DROP DATABASE",     "BEGIN TRANSACTION", "PRAGMA",        "ALTER TABLE",
    "LOCK TABLES",  "START TRANSACTION", "REPLACE INTO",      "DROP SEQUENCE", "CREATE SEQUENCE",
    "CREATE TYPE",  "DROP TYPE",         "CREATE EXTENSION",  "DROP VIEW",     NULL};

/* … and words that name columns, too, as in "Set Name;Price". */
static const char *const common_words[] = {"SET", "USE", "BEGIN", "COPY", NULL};

/* Whether the line holds whole statements, or begins SET x = y, which may go on. */
static bool is_statement_line(const char *text, size_t size)
{
    const char *line_end = memchr(text, '\n', size);
    const char *end = line_end != NULL ? line_end : text + size;
    const char *behind = memchr(text, ';', (size_t)(end - text));
    size_t left;

    if (behind == NULL)
        return begins_with_word(text, size, "SET") && memchr(text, ';', size) != NULL &&
               memchr(text, '=', (size_t)(end - text)) != NULL;
    behind++;
    while (behind < end && strchr(" \t\r", *behind) != NULL)
        behind++;
    left = (size_t)(text + size - behind);
    return behind == end || behind_comment(behind, text + size) != behind ||
           begins_with_any(behind, left, statements) || begins_with_any(behind, left, common_words);
}

/*
 * Whether it begins CREATE TABLE name (, or INSERT INTO name (names) VALUES (: such a statement may
 * be longer than what is looked at.
 */
static bool begins_long_statement(const char *text, size_t size)
{
    struct sql_lexer lexer = {
        .dialect = SQL_MYSQL, .backslash = true, .at = text, .end = text + size};
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    bool makes = sql_accept(&lexer, "CREATE") && sql_accept(&lexer, "TABLE");
    struct sql_token token = sql_peek(&lexer);

    if (makes)
        (void)sql_accept_only_new(&lexer);
    while (!makes && token.type == SQL_WORD && !sql_is(&token, "INTO"))
        token = sql_next(&lexer);
    if ((!makes && !sql_is(&token, "INTO")) || dump_take_name(&lexer, &database, &name) != 0)
        return false;
    if (!makes && sql_accept(&lexer, "("))
        sql_skip_parentheses(&lexer);
    return (makes || sql_accept(&lexer, "VALUES") || sql_accept(&lexer, "VALUE")) &&
           sql_accept(&lexer, "(");
}

/* MORE: it goes on behind what is looked at. */
static bool is_dump(const char *text, size_t size, bool more)
{
    static const char *const heads[] = {"-- MySQL dump",
                                        "-- MariaDB dump",
                                        "-- phpMyAdmin SQL Dump",
                                        "-- PostgreSQL database",
                                        "/*M!999999",
                                        "/*!40101 SET",
                                        "-- Adminer",
                                        "-- HeidiSQL",
                                        "-- Dumping data",
                                        ".dbconfig defensive "};
    size_t left;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    if (memchr(text, '\0', size) != NULL || is_of_sql_server(text, size))
        return false;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (begins_line(text, size, heads[i]))
            return true;
    }

    const char *statement = first_statement(text, size, &left);

    if (begins_with_any(statement, left, statements) &&
        (memchr(statement, ';', left) != NULL || (more && begins_long_statement(statement, left))))
        return true;
    if (begins_with_any(statement, left, common_words) && is_statement_line(statement, left))
        return true;
    return strncmp(statement, "/*!", left < 3 ? left : 3) == 0 && left > 3;
}

size_t dump_begin_size(const void *begin, size_t size)
{
    size_t mark;
    size_t left;

    if (text_set_is_wide(text_set_detect(begin, size, &mark)))
        return DUMP_BEGIN_BYTES;
    first_statement((const char *)begin + mark, size - mark, &left);
    return size - left + DUMP_BEGIN_BYTES;
}

bool dump_recognise(const void *begin, size_t size, enum text_set *ret_set)
{
    uint8_t narrow[DUMP_BEGIN_BYTES];
    size_t mark;
    enum text_set set = text_set_detect(begin, size, &mark);
    size_t enough = dump_begin_size(begin, size);
    bool more = size >= enough;

    size = more ? enough : size;
    *ret_set = TEXT_UNDECIDED;
    if (!text_set_is_wide(set))
        return is_dump(begin, size, more);
    size = text_set_narrow(set, (const uint8_t *)begin + mark, size - mark, narrow);
    if (!is_dump((const char *)narrow, size, more))
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

/* Behind INSERT … INTO, if rows stand at TEXT: the name of their table; of size 0: they do not. */
static struct sql_token name_of_rows(const char *text, size_t size)
{
    struct sql_lexer lexer = {.dialect = SQL_MYSQL, .at = text, .end = text + size};
    struct sql_token token;

    do
        token = sql_next(&lexer);
    while (token.type == SQL_WORD && !sql_is(&token, "INTO"));
    return sql_next(&lexer);
}

/* Between double quotes, or in the schema that PostgreSQL's tables are in. */
static bool is_postgres_name(const struct sql_token *name)
{
    return name->size != 0 && (name->at[0] == '"' || sql_is(name, "public"));
}

/*
 * What of one database's alone a program has written that is not its own dump program. BEFORE: how
 * much stands before the rows.
 */
static enum sql_dialect dialect_of_others(const char *text, size_t before, size_t size)
{
    static const char *const postgres[] = {"nextval(",
                                           "::",
                                           "CREATE SEQUENCE ",
                                           "CREATE TABLE \"",
                                           "CREATE TABLE IF NOT EXISTS \"",
                                           "CREATE TABLE public.",
                                           "CREATE TABLE IF NOT EXISTS public.",
                                           "\n\\c ",
                                           "\n\\connect ",
                                           NULL};

    if (holds(text, before, "`") || holds(text, before, "/*!"))
        return SQL_MYSQL;
    if (holds(text, before, "AUTOINCREMENT"))
        return SQL_SQLITE;

    struct sql_token name = name_of_rows(text + before, size - before);

    return holds_any(text, before, postgres) || is_postgres_name(&name) ? SQL_POSTGRES : SQL_MYSQL;
}

bool dump_is_surely_of_mysql(const char *text, size_t size)
{
    static const char *const marks[] = {"`",          "/*!",       "ENGINE=",
                                        "ENGINE =",   "SET NAMES", "AUTO_INCREMENT",
                                        "-- MySQL",   "-- Maria",  "Source Server Type    : M",
                                        "-- Adminer", NULL};
    size_t before = size_before_rows(text, size);

    struct sql_token name = name_of_rows(text + before, size - before);

    return holds_any(text, before, marks) || (name.size != 0 && name.at[0] == '`');
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

    size_t before = size_before_rows(text, size);

    if (holds_any(text, before, postgres))
        return SQL_POSTGRES;
    if (begins_with_word(statement, left, "PRAGMA") ||
        begins_with_word(statement, left, "BEGIN TRANSACTION") ||
        begins_line(text, before, "PRAGMA "))
        return SQL_SQLITE;
    if (begins(text, text + before, "-- Adminer")) {
        if (holds(text, line_size, " SQLite "))
            return SQL_SQLITE;
        return holds(text, line_size, " PostgreSQL ") ? SQL_POSTGRES : SQL_MYSQL;
    }
    return dialect_of_others(text, before, size);
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

bool dump_is_of_shell(const char *text, size_t size)
{
    return holds(text, size, "-- MySQLShell dump");
}

bool dump_ends_dated(const char *text, size_t size, enum sql_dialect dialect)
{
    static const char mark[] = "-- Adminer ";
    char version[16] = "";
    unsigned major;

    if (dialect != SQL_MYSQL || !begins(text, text + size, mark))
        return false;
    text += sizeof mark - 1;
    size -= sizeof mark - 1;
    memcpy(version, text, size < sizeof version ? size : sizeof version - 1);
    return sscanf(version, "%u.", &major) == 1 && major >= 4;
}

bool dump_ends_checked(const char *text, size_t size)
{
    return holds(text, size, " Navicat ") && holds(text, size, "\nSET FOREIGN_KEY_CHECKS = 0;");
}

bool dump_says_its_end(const char *text, size_t size, enum sql_dialect dialect)
{
    if (dialect == SQL_SQLITE)
        return holds(text, size, "BEGIN TRANSACTION;") ||
               begins_line(text, size_before_rows(text, size), "BEGIN;");
    return completes(text, size) || holds(text, size, DUMP_KEEPS_CLIENT) ||
           holds(text, size, "-- PostgreSQL database dump") ||
           dump_ends_dated(text, size, dialect) || dump_ends_checked(text, size);
}

bool dump_is_cluster(const char *text, size_t size)
{
    return holds(text, size, "-- PostgreSQL database cluster dump");
}
