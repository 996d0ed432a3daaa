/* SPDX-License-Identifier: MIT */
/*
 * Rows that a dump says to be in other files: LOAD DATA, COPY … FROM a file, and lines that have a
 * client read one. Nothing but the dump itself is read: their tables fail, or it is told.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

int dump_note_file(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct dump_table *named;
    struct dump_table *table;
    int error = dump_take_name(lexer, &database, &name);

    if (error != 0)
        return error == -EILSEQ ? 0 : error;
    named = dump_table_find(reader, database, name);
    if (named == NULL)
        return dump_note_unknown(reader, database, name);
    table = dump_table_whole(named);
    return table != NULL
               ? dump_table_fail(reader, table,
                                 "rows of table %s are in a file of their own, which is not read: "
                                 "load the dump where that is, and mount the database",
                                 table->name)
               : 0;
}

int dump_note_load_data(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct sql_token token;

    do
        token = sql_next(lexer);
    while (token.type != SQL_END && !sql_is(&token, "TABLE"));
    return dump_note_file(reader, lexer);
}

bool dump_copies_from(struct sql_lexer *lexer)
{
    struct sql_token token;

    while ((token = sql_next(lexer)).type != SQL_END) {
        if (sql_is(&token, "FROM"))
            return true;
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
    }
    return false;
}

/* "\copy public.t (a, b) from 'x.csv'", behind the first word. */
static int note_copy(struct dump_reader *reader, const char *line)
{
    struct sql_lexer lexer = dump_lexer(reader, line, strlen(line));
    struct sql_lexer ahead = lexer;

    return dump_copies_from(&ahead) ? dump_note_file(reader, &lexer) : 0;
}

int dump_note_client_line(struct dump_reader *reader, const char *line)
{
    static const char *const words[] = {"source", "\\.",      "\\i",     "\\ir", "\\include",
                                        ".read",  ".restore", ".import", NULL};
    size_t size = strcspn(line, " \t\r;");
    const struct byte_window *window = &reader->window;
    uint64_t behind = window->at != 0 && window->data[window->at - 1] == '\n';
    struct failure why;
    size_t i = 0;

    if (size == strlen("\\copy") && memcmp(line, "\\copy", size) == 0)
        return note_copy(reader, line + size);
    while (words[i] != NULL && (strlen(words[i]) != size || strncasecmp(words[i], line, size) != 0))
        i++;
    if (words[i] == NULL)
        return 0;
    failure_set(&why, EILSEQ,
                "line %llu of %.300s: %.200s: what is in that file is left out, as nothing but the "
                "dump is read: load both, and mount the database",
                (unsigned long long)(byte_window_line(window) - behind), reader->place, line);
    reader->taker->class->trouble(reader->taker, &why);
    return 0;
}
