/* SPDX-License-Identifier: MIT */
/*
 * Where a statement ends that has statements in it. END alone does not say it: CASE ends so, too,
 * and SQLite has columns of that name. A trigger of SQLite's ends as sqlite3_complete() has it, by
 * an END that is a statement of its own; what PostgreSQL has behind BEGIN ATOMIC, and MySQL behind
 * BEGIN, by the END that closes it. MySQL's own client would have to be told of another delimiter;
 * others send the whole at once, and write it so.
 */
#include <string.h>

#include "backends/source/dump_internal.h"

/* What stands behind MySQL's END, if that closes what is not counted. */
static bool is_uncounted(const struct sql_token *token)
{
    return sql_is(token, "IF") || sql_is(token, "LOOP") || sql_is(token, "WHILE") ||
           sql_is(token, "REPEAT") || sql_is(token, "FOR");
}

/* What tokens behind BEGIN open and close. */
static void see_block(const struct dump_reader *reader, struct dump_extent *extent,
                      const struct sql_token *token)
{
    bool behind_end = extent->ends;

    extent->ends = false;
    if (extent->depth != 0 || extent->dotted)
        return;
    if (reader->dialect == SQL_MYSQL && behind_end)
        extent->blocks += is_uncounted(token);
    else
        extent->blocks += sql_is(token, "CASE");
    if (reader->dialect == SQL_MYSQL)
        extent->blocks += sql_is(token, "BEGIN");
    extent->ends = sql_is(token, "END") && extent->blocks != 0;
    extent->blocks -= extent->ends;
}

/* Whether TOKEN is the first of those that a body begins with. */
static bool begins_body(const struct dump_reader *reader, const struct dump_extent *extent,
                        const struct sql_token *token)
{
    if (reader->dialect == SQL_SQLITE)
        return sql_is(token, "TRIGGER");
    if (!extent->makes || extent->depth != 0)
        return false;
    return reader->dialect == SQL_MYSQL ? sql_is(token, "BEGIN")
                                        : extent->begins && sql_is(token, "ATOMIC");
}

static void see_beginning(const struct dump_reader *reader, struct dump_extent *extent,
                          const struct sql_token *token)
{
    extent->has_body = begins_body(reader, extent, token);
    extent->blocks = extent->has_body;
    extent->makes =
        extent->makes || sql_is(token, "FUNCTION") || sql_is(token, "PROCEDURE") ||
        (reader->dialect == SQL_MYSQL && (sql_is(token, "TRIGGER") || sql_is(token, "EVENT")));
    /* A function may return a table. */
    extent->has_none = !extent->makes &&
                       (sql_is(token, "TABLE") || sql_is(token, "INDEX") || sql_is(token, "VIEW"));
}

static void see_token(const struct dump_reader *reader, struct dump_extent *extent,
                      const struct sql_token *token)
{
    size_t place = extent->tokens++;

    if (place == 0)
        extent->creates = sql_is(token, "CREATE");
    /* Or behind OR REPLACE. */
    if (place == 1 || place == 3)
        extent->is_rule =
            extent->is_rule || (reader->dialect == SQL_POSTGRES && sql_is(token, "RULE"));
    extent->depth += sql_is(token, "(");
    extent->depth -= sql_is(token, ")") && extent->depth != 0;
    if (extent->has_body)
        see_block(reader, extent, token);
    else if (!extent->has_none)
        see_beginning(reader, extent, token);
    extent->closed = extent->parted && sql_is(token, "END");
    extent->parted = sql_is(token, ";");
    extent->begins = sql_is(token, "BEGIN");
    extent->dotted = sql_is(token, ".");
}

/*
 * Goes on where it stopped at the semicolon before, as there may be as many as bytes. A semicolon
 * outside quotes ends a token.
 */
static void see_more(struct dump_reader *reader)
{
    struct dump_extent *extent = &reader->extent;
    const char *text = (const char *)reader->statement.data;
    size_t size = reader->statement.size;
    struct sql_lexer lexer = dump_lexer(reader, text + extent->seen, size - extent->seen);
    struct sql_token token;

    while ((extent->tokens == 0 || extent->creates) && (token = sql_next(&lexer)).type != SQL_END)
        see_token(reader, extent, &token);
    extent->seen = size;
}

/* Whether all that is open in the statement is closed, as far as it was seen. */
static bool is_closed(const struct dump_reader *reader)
{
    const struct dump_extent *extent = &reader->extent;

    if (extent->has_body)
        return reader->dialect == SQL_SQLITE ? extent->closed : extent->blocks == 0;
    return !extent->is_rule || extent->depth == 0;
}

bool dump_goes_on(struct dump_reader *reader)
{
    /* Behind another delimiter of MySQL's there is only that. */
    if (reader->too_long || reader->statement.size == 0 || strcmp(reader->delimiter, ";") != 0)
        return false;
    see_more(reader);
    return !is_closed(reader);
}

bool dump_has_no_end(struct dump_reader *reader)
{
    if (!reader->extent.has_body)
        return false;
    if (!reader->too_long)
        see_more(reader);
    return reader->too_long || !is_closed(reader);
}
