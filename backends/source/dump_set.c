/* SPDX-License-Identifier: MIT */
/* SET: what the statements that follow are written in, and what they are about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

/* SET NAMES x; SET client_encoding = 'x'; SET sql_mode = '…'. */
int dump_take_set(struct dump_reader *reader, struct sql_lexer *lexer)
{
    for (;;) {
        struct sql_token name = sql_next(lexer);

        if (name.type == SQL_END)
            return 0;
        if (sql_is(&name, "search_path") && reader->dialect == SQL_POSTGRES)
            return dump_take_search_path(reader, lexer);
        if (!sql_is(&name, "NAMES") && !sql_is(&name, "client_encoding") &&
            !sql_is(&name, "sql_mode") && !sql_is(&name, "standard_conforming_strings"))
            continue;
        if (!sql_accept(lexer, "="))
            sql_accept(lexer, "TO");

        struct sql_token token = sql_next(lexer);

        if (token.type == SQL_SIGN || token.type == SQL_END)
            continue; /* @OLD_SQL_MODE: as it was before the dump */

        cleanup_free char *value = sql_text(lexer, &token);

        if (value == NULL)
            return -ENOMEM;
        if (sql_is(&name, "sql_mode")) {
            reader->backslash = strcasestr(value, "NO_BACKSLASH_ESCAPES") == NULL;
            reader->ansi_quotes = strcasestr(value, "ANSI_QUOTES") != NULL;
        } else if (sql_is(&name, "standard_conforming_strings")) {
            reader->backslash = strcasecmp(value, "off") == 0;
        } else if (!reader->wide) {
            reader->charset = dump_charset_find(reader->dialect, value);
            reader->own_bytes = reader->dialect == SQL_MYSQL && strcasecmp(value, "binary") == 0;
        }
    }
}
