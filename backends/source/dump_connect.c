/* SPDX-License-Identifier: MIT */
/*
 * Which database and schema the statements of a PostgreSQL dump are about that do not say so.
 * pg_dumpall has a "\connect" before each database; pg_dump, before versions 10.3 and 9.6.8, has a
 * SET search_path before the tables of each schema.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

int dump_take_search_path(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct sql_token token;

    if (!sql_accept(lexer, "="))
        sql_accept(lexer, "TO");
    while ((token = sql_next(lexer)).type != SQL_END) {
        cleanup_free char *schema = token.type != SQL_SIGN ? sql_text(lexer, &token) : strdup("");

        if (schema == NULL)
            return -ENOMEM;
        if (schema[0] != '\0' && strcmp(schema, "$user") != 0 && strcmp(schema, "pg_catalog") != 0)
            return dump_use_database(reader, steal_pointer(&schema));
    }
    return 0;
}

/* What stands at TEXT: a word, or 'quoted', where a doubled quote or one behind a backslash is one.
 */
static char *take_word(const char **text)
{
    const char *at = *text;
    char quote = *at == '\'' || *at == '"' ? *at++ : '\0';
    char *word = malloc(strlen(at) + 1);
    char *to = word;

    if (word == NULL)
        return NULL;
    while (*at != '\0' && (quote != '\0' || strchr(" \t\r;", *at) == NULL)) {
        bool escaped = quote == '\'' && at[0] == '\\' && at[1] != '\0';

        if (escaped || (quote != '\0' && at[0] == quote && at[1] == quote))
            at++;
        else if (at[0] == quote)
            break;
        *to++ = *at++;
    }
    *to = '\0';
    *text = quote != '\0' && *at == quote ? at + 1 : at;
    return word;
}

/* "dbname='a b' host=x", as a name of its own. */
static int take_conninfo(char **name)
{
    const char *value = strstr(*name, "dbname=");
    char *plain;

    if (value != *name)
        return 0;
    value += strlen("dbname=");
    plain = take_word(&value);
    free(*name);
    *name = plain;
    return plain != NULL ? 0 : -ENOMEM;
}

int dump_take_psql_line(struct dump_reader *reader, const char *line)
{
    size_t size = strcspn(line, " \t\r;");

    if (strncmp(line, "\\connect", size) != 0 ||
        (size != strlen("\\c") && size != strlen("\\connect")))
        return dump_note_client_line(reader, line);
    line += size;
    line += strspn(line, " \t");
    if (strncmp(line, "-reuse-previous=", strlen("-reuse-previous=")) == 0) {
        line += strcspn(line, " \t");
        line += strspn(line, " \t");
    }

    cleanup_free char *name = take_word(&line);
    int error = name != NULL ? take_conninfo(&name) : -ENOMEM;

    if (error != 0 || name[0] == '\0' || strcmp(name, "-") == 0)
        return error;
    free(reader->connected);
    reader->connected = steal_pointer(&name);
    dump_connect_locale(reader);
    return dump_use_database(reader, strdup("public"));
}
