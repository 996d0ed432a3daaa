/* SPDX-License-Identifier: MIT */
/*
 * Indexes, and constraints that have one, are called by names that are their schema's, not their
 * table's: one that is to be made may find its name taken. contacts_pkey still is when contacts was
 * renamed to contacts_old, and contacts is to come back. It is made by another name then.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/sql_text.h"
#include "backends/target/create.h"
#include "backends/target/ddl.h"
#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

#define NAMES_TRIED 100

/* The schema that SQL says its table is of, as it is spelled there; of size 0: it says none. */
static struct sql_token find_schema(const char *sql)
{
    struct sql_lexer lexer = ddl_lexer(ENGINE_POSTGRES, sql);
    struct sql_token token;

    do {
        token = sql_next(&lexer);
    } while (token.type != SQL_END && !sql_is(&token, "TABLE") && !sql_is(&token, "ON"));
    do {
        token = sql_next(&lexer);
    } while (sql_is(&token, "ONLY") || sql_is(&token, "IF") || sql_is(&token, "EXISTS"));
    return sql_accept(&lexer, ".") ? token : (struct sql_token){.at = sql};
}

/* Goes on to the next name of an index in what LEXER has of SQL. False: there is none. */
static bool find_name(struct sql_lexer *lexer, const char *sql, struct sql_token *ret_name)
{
    if (lexer->at == sql && sql_accept(lexer, "CREATE")) {
        sql_accept(lexer, "UNIQUE");
        if (sql_accept(lexer, "INDEX")) {
            sql_accept_only_new(lexer);
            *ret_name = sql_next(lexer);
            return ret_name->type != SQL_END;
        }
    }
    for (;;) {
        struct sql_token token = sql_next(lexer);

        if (token.type == SQL_END)
            return false;
        if (!sql_is(&token, "CONSTRAINT"))
            continue;
        *ret_name = sql_next(lexer);
        token = sql_peek(lexer);
        if (sql_is(&token, "PRIMARY") || sql_is(&token, "UNIQUE") || sql_is(&token, "EXCLUDE"))
            return true;
    }
}

static int is_taken(struct postgres_target *target, const struct sql_token *schema,
                    const char *name, bool *ret_taken, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_buffer struct buffer whole = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    cleanup_free char *literal = NULL;
    int error = buffer_append(&whole, schema->at, schema->size);

    if (error == 0 && schema->size != 0)
        error = buffer_append_text(&whole, ".");
    if (error == 0)
        error = create_add_name(ENGINE_POSTGRES, name, &whole);
    if (error == 0)
        error = buffer_append(&whole, "", 1);
    if (error != 0)
        return error;
    literal = sql_literal((const char *)whole.data);
    if (literal == NULL)
        return -ENOMEM;
    error = buffer_print(&sql, "SELECT pg_catalog.to_regclass(%s) IS NOT NULL", literal);
    if (error == 0)
        error = postgres_target_run(target, &sql, &result, failure);
    *ret_taken = error == 0 && PQgetvalue(result, 0, 0)[0] == 't';
    return error;
}

/* A name that is free, in the place of NAME if that is not. 1: it is another; 0: it is NAME. */
static int find_free(struct postgres_target *target, const struct sql_token *schema,
                     const char *name, char free_name[CREATE_INDEX_NAME_SIZE],
                     struct failure *failure)
{
    bool taken;
    int error = is_taken(target, schema, name, &taken, failure);

    if (error != 0 || !taken)
        return error;
    for (unsigned number = 1; number <= NAMES_TRIED && error == 0; number++) {
        create_other_name(ENGINE_POSTGRES, name, number, free_name);
        error = is_taken(target, schema, free_name, &taken, failure);
        if (error == 0 && !taken)
            return 1;
    }
    return error != 0 ? error
                      : failure_set(failure, EEXIST,
                                    "the name \"%s\" of an index is taken, and so are all that "
                                    "were tried in its place",
                                    name);
}

/* SQL, with other names for those that are taken: 1; 0: none is; -errno. */
static int rename_taken(struct postgres_target *target, const char *sql, struct buffer *renamed,
                        struct failure *failure)
{
    struct sql_lexer lexer = ddl_lexer(ENGINE_POSTGRES, sql);
    const struct sql_token schema = find_schema(sql);
    const char *from = sql;
    struct sql_token token;
    int error = 0;
    bool any = false;

    while (error == 0 && find_name(&lexer, sql, &token)) {
        cleanup_free char *name = sql_text(&lexer, &token);
        char free_name[CREATE_INDEX_NAME_SIZE];
        int found = name != NULL ? find_free(target, &schema, name, free_name, failure) : -ENOMEM;

        error = found < 0 ? found : 0;
        if (found != 1)
            continue;
        any = true;
        error = buffer_append(renamed, from, (size_t)(token.at - from));
        if (error == 0)
            error = create_add_name(ENGINE_POSTGRES, free_name, renamed);
        from = token.at + token.size;
    }
    if (error == 0)
        error = buffer_append(renamed, from, strlen(from) + 1);
    return error == 0 ? any : error;
}

int postgres_make(struct postgres_target *target, const char *sql, bool may_be_there,
                  struct failure *failure)
{
    cleanup_buffer struct buffer renamed = BUFFER(POSTGRES_SQL_LIMIT);
    struct sql_lexer lexer = ddl_lexer(ENGINE_POSTGRES, sql);
    struct sql_token name;
    int result;

    if (!find_name(&lexer, sql, &name))
        return postgres_try_statement(target, sql, may_be_there, failure);
    result = postgres_try_statement(target, sql, true, failure);
    if (result != 1)
        return result;
    result = rename_taken(target, sql, &renamed, failure);
    if (result < 0 || (result == 0 && may_be_there))
        return result;
    return postgres_try_statement(target, (const char *)renamed.data, false, failure);
}
