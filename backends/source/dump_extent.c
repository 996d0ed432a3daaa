/* SPDX-License-Identifier: MIT */
/*
 * Where a statement ends that has statements in it. END alone does not say it: CASE ends so, too,
 * and SQLite has columns of that name. A trigger of SQLite's ends as sqlite3_complete() has it, by
 * an END that is a statement of its own; what PostgreSQL has behind BEGIN ATOMIC, by the END that
 * closes it.
 */
#include "backends/source/dump_internal.h"

/* What tokens between BEGIN ATOMIC and its END open and close. */
static void see_block(struct dump_extent *extent, const struct sql_token *token)
{
    if (extent->depth != 0)
        return;
    extent->blocks += sql_is(token, "CASE");
    extent->blocks -= sql_is(token, "END") && extent->blocks != 0;
}

static void see_beginning(const struct dump_reader *reader, struct dump_extent *extent,
                          const struct sql_token *token)
{
    bool is_atomic =
        extent->makes && extent->depth == 0 && extent->begins && sql_is(token, "ATOMIC");

    extent->blocks = is_atomic;
    extent->has_body = is_atomic || (reader->dialect == SQL_SQLITE && sql_is(token, "TRIGGER"));
    extent->makes = extent->makes || sql_is(token, "FUNCTION") || sql_is(token, "PROCEDURE");
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
        see_block(extent, token);
    else if (!extent->has_none)
        see_beginning(reader, extent, token);
    extent->closed = extent->parted && sql_is(token, "END");
    extent->parted = sql_is(token, ";");
    extent->begins = sql_is(token, "BEGIN");
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

bool dump_goes_on(struct dump_reader *reader)
{
    struct dump_extent *extent = &reader->extent;

    if (reader->too_long || reader->statement.size == 0 || reader->dialect == SQL_MYSQL)
        return false;
    see_more(reader);
    if (extent->has_body)
        return reader->dialect == SQL_SQLITE ? !extent->closed : extent->blocks != 0;
    return extent->is_rule && extent->depth != 0;
}
