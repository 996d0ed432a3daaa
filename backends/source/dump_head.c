/* SPDX-License-Identifier: MIT */
/* What stands in an INSERT before its rows. */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

#define HEAD_LIMIT ((size_t)1 << 20)

/* The names in parentheses, if they stand here. */
static int take_columns(struct sql_lexer *lexer, char ***ret_names, size_t *ret_count)
{
    size_t count = 0;

    if (!sql_accept(lexer, "("))
        return 0;
    *ret_names = allocate_array(DUMP_COLUMNS_LIMIT, sizeof(char *));
    if (*ret_names == NULL)
        return -ENOMEM;
    do {
        struct sql_token token = sql_next(lexer);

        if (count == DUMP_COLUMNS_LIMIT || token.type == SQL_END || token.type == SQL_SIGN)
            return -EILSEQ;
        (*ret_names)[count] = sql_text(lexer, &token);
        if ((*ret_names)[count] == NULL)
            return -ENOMEM;
        *ret_count = ++count;
    } while (sql_accept(lexer, ","));
    return sql_accept(lexer, ")") ? 0 : -EILSEQ;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++)
        free(names[i]);
    free((void *)names);
}

void dump_head_release(struct dump_head *head)
{
    free(head->database);
    free(head->name);
    free_names(head->names, head->count);
}

static int take_head(struct sql_lexer *lexer, struct dump_head *head)
{
    struct sql_token token;

    do {
        token = sql_next(lexer);
        if (sql_is(&token, "REPLACE"))
            head->same_key = SAME_KEY_LAST;
        else if (sql_is(&token, "IGNORE"))
            head->same_key = SAME_KEY_FIRST;
    } while (token.type == SQL_WORD && !sql_is(&token, "INTO"));
    if (!sql_is(&token, "INTO"))
        return -EILSEQ;

    int error = dump_take_name(lexer, &head->database, &head->name);

    if (error == 0)
        error = take_columns(lexer, &head->names, &head->count);
    if (error == 0 && sql_accept(lexer, "OVERRIDING")) {
        sql_next(lexer); /* SYSTEM */
        sql_accept(lexer, "VALUE");
    }
    head->values = sql_accept(lexer, "VALUES") || sql_accept(lexer, "VALUE");
    return error;
}

int dump_take_head(struct dump_reader *reader, struct dump_head *head, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    for (;;) {
        const char *text = (const char *)window->data + window->at;
        size_t size = window->end - window->at;
        struct sql_lexer lexer = dump_lexer(reader, text, size);
        struct dump_head read = {.count = 0};
        int error = take_head(&lexer, &read);

        /* A token at the end may go on. */
        if (error == 0 && read.values && lexer.at < lexer.end) {
            window->at += (size_t)(lexer.at - text);
            *head = read;
            return 0;
        }

        /* What it stopped at may be the beginning of something: "VAL". */
        sql_next(&lexer);

        bool whole = lexer.at < lexer.end || size > HEAD_LIMIT;

        dump_head_release(&read);
        if (error == -ENOMEM || whole)
            return error != 0 ? error : -EILSEQ;

        int more = byte_window_more(window, failure);

        if (more <= 0)
            return more < 0 ? more : -EILSEQ;
    }
}
