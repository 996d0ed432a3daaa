/* SPDX-License-Identifier: MIT */
#include "fs/restore/table_database.h"

#include <errno.h>
#include <string.h>

#include "backends/source/sql_text.h"
#include "backends/target/ddl.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"

#define NAME_BYTES ((size_t)1 << 12)

/* As postgres_catalogue.c has it: a part that could be mistaken for two is quoted. */
static int print_part(enum target_engine engine, const char *part, struct buffer *name)
{
    cleanup_free char *quoted = NULL;

    if (engine != ENGINE_POSTGRES || strpbrk(part, ".\"") == NULL)
        return buffer_append_text(name, part);
    quoted = sql_name(part);
    return quoted != NULL ? buffer_append_text(name, quoted) : -ENOMEM;
}

/*
 * LEXER stands before [schema.]name: as its own database shows it, in NAME, with a NUL; empty where
 * that cannot be said: PostgreSQL's statements that name no schema are about whichever was the
 * first to be looked in.
 */
static int take_name(struct sql_lexer *lexer, enum target_engine engine, struct buffer *name)
{
    struct sql_token token = sql_next(lexer);
    cleanup_free char *first = token.type != SQL_END ? sql_text(lexer, &token) : strdup("");
    cleanup_free char *second = NULL;
    int error = 0;

    if (first == NULL)
        return -ENOMEM;
    if (sql_accept(lexer, ".")) {
        token = sql_next(lexer);
        second = token.type != SQL_END ? sql_text(lexer, &token) : strdup("");
        if (second == NULL)
            return -ENOMEM;
    }
    if (engine == ENGINE_POSTGRES && second == NULL)
        return 0;
    if (engine == ENGINE_POSTGRES && strcmp(first, "public") != 0) {
        error = print_part(engine, first, name);
        if (error == 0)
            error = buffer_append_text(name, ".");
    }
    if (error == 0)
        error = print_part(engine, second != NULL ? second : first, name);
    return error == 0 ? buffer_append(name, "", 1) : error;
}

/* What SHOWN, a table's name, has before OWN and the dot between; 0: it is no more than that. */
static size_t prefix_before(const char *shown, const char *own)
{
    size_t whole = strlen(shown), part = strlen(own);

    return part != 0 && whole > part + 1 && shown[whole - part - 1] == '.' &&
                   strcmp(shown + whole - part, own) == 0
               ? whole - part - 1
               : 0;
}

int table_database(const struct schema *schema, enum target_engine engine, size_t *ret_size)
{
    struct sql_lexer lexer = ddl_lexer(engine, schema->ddl != NULL ? schema->ddl : "");
    bool creates = false;
    int error = 0;

    *ret_size = 0;
    while (!ddl_ended(&lexer) && error == 0 && *ret_size == 0) {
        cleanup_buffer struct buffer name = BUFFER(NAME_BYTES);
        struct sql_token token = sql_next(&lexer);

        if (sql_is(&token, ";"))
            creates = false;
        else if (sql_is(&token, "CREATE"))
            creates = true;
        if (!creates || (!sql_is(&token, "TABLE") && !sql_is(&token, "VIEW")))
            continue;
        creates = false;
        (void)sql_accept_only_new(&lexer);
        error = take_name(&lexer, engine, &name);
        if (error == 0 && name.size != 0)
            *ret_size = prefix_before(schema->name, (const char *)name.data);
        if (error == -EFBIG)
            error = 0;
    }
    return error;
}
