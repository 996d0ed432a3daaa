/* SPDX-License-Identifier: MIT */
/*
 * Shadow tables: what a virtual table's module keeps its rows and indexes in. The virtual table
 * shows all that is in them, so they are left out of the catalogue.
 *
 * SQLite calls a table a shadow by its name alone: notes_content beside a full-text table notes is
 * one, although it may be an ordinary table that notes was only told to index. So a table is left
 * out only if the module makes one of this name with the options that the virtual table has, and
 * if its columns are those that the module declares. In doubt it is shown: rows that are there
 * twice do no harm, rows that are nowhere are lost.
 */
#include <string.h>

#include "backends/source/sql_lexer.h"
#include "backends/source/sqlite_internal.h"
#include "fs/base/ascii.h"

struct shadow {
    const char *ending;  /* of the name, behind the virtual table's and "_" */
    const char *columns; /* a line each: name, type, place in the primary key */
    const char *unless;  /* an option with which the module makes none; NULL: it always does */
    bool numbered;       /* further columns follow, one for each of the virtual table's */
    bool not_fts3;       /* FTS4 makes it, which names its tables as FTS3 */
};

static const struct shadow shadows[] = {
    /* FTS5 */
    {.ending = "data", .columns = "id INTEGER 1\nblock BLOB 0\n"},
    {.ending = "idx", .columns = "segid  1\nterm  2\npgno  0\n"},
    {.ending = "config", .columns = "k  1\nv  0\n"},
    {.ending = "content", .columns = "id INTEGER 1\n", .unless = "content", .numbered = true},
    {.ending = "docsize", .columns = "id INTEGER 1\nsz BLOB 0\n", .unless = "columnsize"},
    {.ending = "docsize",
     .columns = "id INTEGER 1\nsz BLOB 0\norigin INTEGER 0\n",
     .unless = "columnsize"},
    /* FTS3 and FTS4 */
    {.ending = "segments", .columns = "blockid INTEGER 1\nblock BLOB 0\n"},
    {.ending = "segdir",
     .columns = "level INTEGER 1\nidx INTEGER 2\nstart_block INTEGER 0\n"
                "leaves_end_block INTEGER 0\nend_block INTEGER 0\nroot BLOB 0\n"},
    {.ending = "content", .columns = "docid INTEGER 1\n", .unless = "content", .numbered = true},
    {.ending = "docsize",
     .columns = "docid INTEGER 1\nsize BLOB 0\n",
     .unless = "matchinfo",
     .not_fts3 = true},
    {.ending = "stat", .columns = "id INTEGER 1\nvalue BLOB 0\n", .not_fts3 = true},
    /* R*Tree and Geopoly; before SQLite 3.24 with types */
    {.ending = "node", .columns = "nodeno INTEGER 1\ndata  0\n"},
    {.ending = "node", .columns = "nodeno INTEGER 1\ndata BLOB 0\n"},
    {.ending = "parent", .columns = "nodeno INTEGER 1\nparentnode  0\n"},
    {.ending = "parent", .columns = "nodeno INTEGER 1\nparentnode INTEGER 0\n"},
    {.ending = "rowid", .columns = "rowid INTEGER 1\nnodeno  0\n", .numbered = true},
    {.ending = "rowid", .columns = "rowid INTEGER 1\nnodeno INTEGER 0\n"},
};

/* Whether all LINES are columns without a type, named a letter and a number, and what is indexed;
 * or langid. */
static bool are_numbered(const char *lines)
{
    for (const char *end; *lines != '\0'; lines = end + 1) {
        end = strchr(lines, '\n');
        if (end == NULL || end - lines < 5 || strncmp(end - 3, "  0", 3) != 0)
            return false;
        if (strncmp(lines, "langid  0\n", 10) != 0 &&
            (strchr("acl", *lines) == NULL || !ascii_is_digit(lines[1])))
            return false;
    }
    return true;
}

/* Goes on in the arguments: an option's beginning stands for it in FTS5, 1 is as without it. */
static bool gives_option(struct sql_lexer *lexer, const char *option)
{
    for (struct sql_token token; (token = sql_next(lexer)).type != SQL_END;) {
        if (token.type != SQL_WORD || token.size > strlen(option) ||
            sqlite3_strnicmp(token.at, option, (int)token.size) != 0 || !sql_accept(lexer, "="))
            continue;
        token = sql_peek(lexer);
        if (token.size != 1 || *token.at != '1')
            return true;
    }
    return false;
}

/* Whether the module makes such a table for the virtual table that STATEMENT makes. */
static bool is_made_for(const struct shadow *shadow, const char *statement)
{
    struct sql_lexer lexer = {
        .dialect = SQL_SQLITE,
        .ansi_quotes = true,
        .at = statement,
        .end = statement + strlen(statement),
    };
    struct sql_token token = sql_next(&lexer);

    while (token.type != SQL_END && !sql_is(&token, "USING"))
        token = sql_next(&lexer);
    if (sql_accept(&lexer, "FTS3"))
        return !shadow->not_fts3;
    return shadow->unless == NULL || !gives_option(&lexer, shadow->unless);
}

static bool is_shadow(const char *ending, const char *columns, const char *statement)
{
    for (size_t i = 0; i < sizeof shadows / sizeof *shadows; i++) {
        const struct shadow *shadow = &shadows[i];
        size_t size = strlen(shadow->columns);

        if (ascii_equal(shadow->ending, ending) && strncmp(columns, shadow->columns, size) == 0 &&
            (columns[size] == '\0' || (shadow->numbered && are_numbered(columns + size))))
            return is_made_for(shadow, statement);
    }
    return false;
}

int table_is_shadow(struct connection *connection, const char *name, bool *ret_shadow)
{
    const char *ending = strrchr(name, '_');
    sqlite3_stmt *statement;

    *ret_shadow = false;
    if (ending == NULL)
        return SQLITE_OK;

    int code = connection_prepare(
        connection, &statement,
        "SELECT sql, (SELECT group_concat(name || ' ' || upper(type) || ' ' || pk || char(10), '')"
        " FROM pragma_table_xinfo('%q', 'main')) FROM main.sqlite_schema WHERE type = 'table'"
        " AND name = '%.*q' COLLATE NOCASE AND sql LIKE 'CREATE VIRTUAL %%'",
        name, (int)(ending - name), name);

    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_shadow =
            is_shadow(ending + 1, connection_text(statement, 1), connection_text(statement, 0));
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}
