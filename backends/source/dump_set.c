/* SPDX-License-Identifier: MIT */
/* SET: what the statements that follow are written in, and what they are about. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

static void set_sql_mode(struct dump_reader *reader, const char *mode)
{
    /* All stand for several modes, of which ANSI_QUOTES is one. */
    static const char *const ansi[] = {"ANSI", "POSTGRESQL", "ORACLE", "MSSQL", "DB2", "MAXDB"};

    reader->backslash = strcasestr(mode, "NO_BACKSLASH_ESCAPES") == NULL;
    reader->ansi_quotes = false;
    for (size_t i = 0; i < sizeof ansi / sizeof *ansi; i++)
        reader->ansi_quotes = reader->ansi_quotes || strcasestr(mode, ansi[i]) != NULL;
}

/*
 * "@x = @@sql_mode" keeps it, and "sql_mode = @x" has it back, as mysqldump does around what makes
 * a trigger, between two tables: each program keeps one at a time, whatever it calls it.
 */
static int take_sql_mode(struct dump_reader *reader, struct sql_lexer *lexer)
{
    sql_accept(lexer, ":");
    if (!sql_accept(lexer, "=")) {
        reader->kept_backslash = reader->backslash;
        reader->kept_ansi_quotes = reader->ansi_quotes;
        return 0;
    }

    struct sql_token token = sql_next(lexer);

    if (sql_is(&token, "@")) {
        reader->backslash = reader->kept_backslash;
        reader->ansi_quotes = reader->kept_ansi_quotes;
    }
    if (token.type == SQL_SIGN || token.type == SQL_END)
        return 0;

    cleanup_free char *mode = sql_text(lexer, &token);

    if (mode == NULL)
        return -ENOMEM;
    set_sql_mode(reader, mode);
    return 0;
}

/* "@x = @@time_zone" and "time_zone = @x" go as those of sql_mode. */
static int take_zone(struct dump_reader *reader, struct sql_lexer *lexer)
{
    static const char *const utc[] = {"+00:00", "-00:00", "UTC"};

    sql_accept(lexer, ":");
    if (!sql_accept(lexer, "=")) {
        memcpy(reader->kept_zone, reader->zone, sizeof reader->zone);
        return 0;
    }

    struct sql_token token = sql_next(lexer);

    if (sql_is(&token, "@"))
        memcpy(reader->zone, reader->kept_zone, sizeof reader->zone);
    if (token.type != SQL_STRING && token.type != SQL_NAME)
        return 0;

    cleanup_free char *zone = sql_text(lexer, &token);

    reader->zone_said = true;

    if (zone == NULL)
        return -ENOMEM;
    snprintf(reader->zone, sizeof reader->zone, "%s", zone);
    for (size_t i = 0; i < sizeof utc / sizeof *utc; i++) {
        if (ascii_equal(zone, utc[i]))
            reader->zone[0] = '\0';
    }
    return 0;
}

void dump_note_zone(struct dump_reader *reader, const struct dump_table *table)
{
    /* mysqldump says it, unless it is asked not to. */
    bool unsaid = reader->ends && !reader->zone_said;
    size_t column = 0;

    if ((reader->zone[0] == '\0' && !unsaid) || reader->zone_told || reader->dialect != SQL_MYSQL)
        return;
    while (column < table->column_count && table->columns[column].type.type != COLUMN_TIMESTAMP)
        column++;
    if (column == table->column_count)
        return;
    reader->zone_told = true;
    dump_tell(reader, unsaid ? ENOTUNIQ : EILSEQ,
              "here the time zone is %.40s: what is in column %.200s of "
              "table %.200s, and in others of TIMESTAMP, shows as it stands, and not in UTC",
              unsaid ? "not said" : reader->zone, table->columns[column].name, table->name);
}

/* What NAME is set to, for which there is one word. */
static int take_word(struct dump_reader *reader, struct sql_lexer *lexer,
                     const struct sql_token *name)
{
    if (!sql_accept(lexer, "="))
        sql_accept(lexer, "TO");

    struct sql_token token = sql_next(lexer);

    if (token.type == SQL_SIGN || token.type == SQL_END)
        return 0;

    cleanup_free char *value = sql_text(lexer, &token);

    if (value == NULL)
        return -ENOMEM;
    if (sql_is(name, "standard_conforming_strings")) {
        reader->backslash = strcasecmp(value, "off") == 0;
    } else if (!reader->wide) {
        dump_set_charset(reader, value);
    }
    return 0;
}

/*
 * "@x = @@character_set_client" and "character_set_client = @x" go as those of sql_mode: mysqldump
 * writes CREATE TABLE in UTF-8 between them, whatever the rows are in. What phpMyAdmin, HeidiSQL
 * and others end with is one, too, as mysqldump does but for a comment.
 */
static int take_client(struct dump_reader *reader, struct sql_lexer *lexer,
                       const struct sql_token *name)
{
    struct sql_lexer ahead = *lexer;

    sql_accept(&ahead, ":");
    if (!sql_accept(&ahead, "=")) {
        reader->kept_charset = reader->charset;
        reader->kept_pairs = reader->pairs;
        reader->kept_own_bytes = reader->own_bytes;
        return 0;
    }
    if (!sql_accept(&ahead, "@"))
        return take_word(reader, lexer, name);
    *lexer = ahead;
    reader->charset = reader->kept_charset;
    reader->pairs = reader->kept_pairs;
    reader->own_bytes = reader->kept_own_bytes;
    reader->ended = sql_accept(lexer, "OLD_CHARACTER_SET_CLIENT") || reader->ended;
    return 0;
}

/* "FOREIGN_KEY_CHECKS = 1" */
static void take_checks(struct dump_reader *reader, const struct sql_lexer *lexer)
{
    struct sql_lexer ahead = *lexer;
    struct sql_token value;

    if (!reader->ends_checked || !sql_accept(&ahead, "="))
        return;
    value = sql_next(&ahead);
    reader->ended = reader->ended || (value.size == 1 && value.at[0] == '1');
}

/* SET NAMES x; SET client_encoding = 'x'; SET sql_mode = '…'. */
int dump_take_set(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct sql_token name;
    int error = 0;

    while (error == 0 && (name = sql_next(lexer)).type != SQL_END) {
        if (sql_is(&name, "search_path") && reader->dialect == SQL_POSTGRES)
            return dump_take_search_path(reader, lexer);
        if (sql_is(&name, "foreign_key_checks"))
            take_checks(reader, lexer);
        if (sql_is(&name, "sql_mode"))
            error = take_sql_mode(reader, lexer);
        else if (sql_is(&name, "time_zone"))
            error = take_zone(reader, lexer);
        else if (sql_is(&name, "character_set_client"))
            error = take_client(reader, lexer, &name);
        else if (sql_is(&name, "OLD_CHARACTER_SET_CLIENT"))
            reader->ended = false; /* one dump may stand behind another */
        else if (sql_is(&name, "NAMES") || sql_is(&name, "client_encoding") ||
                 sql_is(&name, "standard_conforming_strings"))
            error = take_word(reader, lexer, &name);
        if (sql_is(&name, "NAMES"))
            reader->named = reader->charset;
    }
    return error;
}
