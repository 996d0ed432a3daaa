/* SPDX-License-Identifier: MIT */
/*
 * Triggers. Nothing of them is carried out. Those of SQLite's (dump_sqlite) and PostgreSQL's are
 * among the statements of their table, as they are live; of MySQL's, which are programs between
 * delimiters of their own, it is only said that there are such.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

struct dump_table *dump_triggering(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct sql_token token;

    do {
        token = sql_next(lexer);
    } while (token.type != SQL_END && !sql_is(&token, "ON"));
    if (dump_take_name(lexer, &database, &name) != 0)
        return NULL;
    return dump_table_find(reader, reader->dialect == SQL_SQLITE ? "" : database, name);
}

int dump_add_trigger(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct dump_table *table = dump_triggering(reader, lexer);

    return table != NULL ? dump_ddl_add(reader, table) : 0;
}

int dump_note_trigger(struct dump_reader *reader, struct sql_lexer *lexer)
{
    return dump_note_left_out(reader, lexer, "trigger", &reader->trigger_told, ENOEXEC,
                              "none is in schema.sql, nor made by a restore");
}
