/* SPDX-License-Identifier: MIT */
/* CREATE TABLE as the servers' dumps have it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* PostgreSQL has tables without columns: there is nothing in them that could be shown. */
static int leave_empty_out(struct dump_reader *reader, struct dump_table *table)
{
    dump_tell(reader, ENODATA, "table %.200s has no columns: there is nothing to show of it",
              table->name);
    return dump_table_drop(reader, table);
}

/* The table cannot be shown; the others can. */
static int pass_over(struct dump_reader *reader, struct dump_table *table,
                     const struct failure *own)
{
    if (own->code != 0)
        reader->taker->class->trouble(reader->taker, own);
    else
        dump_tell(reader, EILSEQ,
                  "the CREATE TABLE that ends here cannot be made out, and its table is left out: "
                  "%.200s",
                  (const char *)reader->statement.data);
    return table != NULL ? dump_table_drop(reader, table) : 0;
}

int dump_take_name(struct sql_lexer *lexer, char **ret_database, char **ret_name)
{
    cleanup_free char *database = strdup("");
    cleanup_free char *name = NULL;
    struct sql_token token;

    for (;;) {
        token = sql_next(lexer);
        if (token.type == SQL_END || token.type == SQL_SIGN)
            return -EILSEQ;
        name = sql_text(lexer, &token);
        if (name == NULL || database == NULL)
            return -ENOMEM;
        if (!sql_accept(lexer, "."))
            break;
        free(database);
        database = steal_pointer(&name);
    }
    if (name[0] == '\0' && lexer->dialect != SQL_SQLITE)
        return -EILSEQ;
    *ret_database = steal_pointer(&database);
    *ret_name = steal_pointer(&name);
    return 0;
}

static int take_items(struct sql_lexer *lexer, struct dump_table *table)
{
    /* A partition is like what it is a part of. */
    if (table->whole != NULL)
        return 0;
    if (!sql_accept(lexer, "("))
        return -EILSEQ;
    /* All columns are inherited, or there are none. */
    if (sql_accept(lexer, ")"))
        return 0;
    do {
        int got = dump_take_constraint(lexer, table);

        if (got == 0)
            got = dump_take_column(lexer, table);
        if (got < 0)
            return got;
    } while (sql_accept(lexer, ","));
    return sql_accept(lexer, ")") ? 0 : -EILSEQ;
}

/* Where none is said, or one that is not known, the user's wish counts. */
static const char *charset_of(const struct dump_reader *reader, const struct dump_table *table,
                              const struct dump_column *column)
{
    bool own = column->charset != NULL || column->collation != NULL;
    const char *charset = own ? column->charset : table->charset;
    const char *collation = own ? column->collation : table->collation;
    const char *found = dump_charset_of_column(charset, collation);
    const char *said = charset != NULL ? charset : collation;

    return found == NULL && (said == NULL || !dump_charset_is_utf8(said))
               ? dump_charset_wished(reader)
               : found;
}

/* MySQL's own JSON is in UTF-8 wherever it stands; MariaDB's is a text with a check. */
static bool is_in_charset(const struct dump_column *column)
{
    return column->type.type == COLUMN_TEXT ||
           (column->type.type == COLUMN_JSON && !ascii_equal(column->native, "json"));
}

/* The table's own collation and character set count for columns that have none. */
static void take_collation(const struct dump_reader *reader, struct sql_lexer *lexer,
                           struct dump_table *table)
{
    struct sql_token token;

    while ((token = sql_next(lexer)).type != SQL_END) {
        table->of_query = table->of_query || sql_is(&token, "SELECT");
        if (sql_is(&token, "SYSTEM") && sql_accept(lexer, "VERSIONING"))
            table->versioned = true;

        bool charset =
            sql_is(&token, "CHARSET") || (sql_is(&token, "CHARACTER") && sql_accept(lexer, "SET"));
        char **place = charset ? &table->charset : &table->collation;

        if (!charset && !sql_is(&token, "COLLATE"))
            continue;
        sql_accept(lexer, "=");
        token = sql_next(lexer);
        if (token.type == SQL_END || token.type == SQL_SIGN)
            continue;
        free(*place);
        *place = sql_text(lexer, &token);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        struct dump_column *column = &table->columns[i];

        if (reader->dialect == SQL_POSTGRES ||
            (column->type.type == COLUMN_TEXT && column->type.order == KEY_LETTERS))
            column->type =
                dump_type_here(reader, column->native,
                               column->collation != NULL ? column->collation : table->collation);
        if (is_in_charset(column))
            column->type.charset = charset_of(reader, table, column);
    }
}

int dump_take_definitions(const struct dump_reader *reader, struct sql_lexer *lexer,
                          struct dump_table *table)
{
    int error = take_items(lexer, table);

    if (error == 0)
        take_collation(reader, lexer, table);
    return error;
}

static int fill_table(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *table,
                      struct failure *failure)
{
    int error;

    if (reader->dialect == SQL_SQLITE) {
        error = dump_sqlite_columns(reader, table, failure);
    } else {
        error = dump_inherit(reader, lexer, table, failure);
        if (error == 0)
            error = dump_take_definitions(reader, lexer, table);
        if (error == 0)
            error = dump_label_columns(reader, table);
    }
    if (error == 0 && table->column_count == 0)
        error = -EILSEQ;
    return error == 0 ? dump_ddl_begin(reader, table) : error;
}

/* A table of that name is there, and no DROP TABLE was before this statement: what is told of it.
 */
static void tell_replaced(struct dump_reader *reader, const struct dump_table *table)
{

    dump_tell(reader, EILSEQ,
              "table %.200s is made once more: its rows before this line are "
              "left out",
              table->name);
}

/* LEXER stands behind TABLE. *ret_same: it is to be made only if it is not there, and is. */
static int add_table(struct dump_reader *reader, struct sql_lexer *lexer,
                     struct dump_table **ret_table, bool *ret_same)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    bool only_new = sql_accept_only_new(lexer);
    struct dump_table *before;
    int error = dump_take_name(lexer, &database, &name);

    if (error != 0)
        return error;
    before = dump_table_find(reader, database, name);
    *ret_same = before != NULL && only_new;
    if (*ret_same)
        return 0;
    if (before != NULL && before->seen && before->kind == RELATION_TABLE)
        tell_replaced(reader, before);
    return dump_table_add(reader, database, name, ret_table);
}

int dump_create_temporary(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;

    sql_accept(lexer, "TABLE");
    (void)sql_accept_only_new(lexer);

    int error = dump_take_name(lexer, &database, &name);

    return error == 0         ? dump_table_add_temporary(reader, database, name)
           : error == -EILSEQ ? 0
                              : error;
}

/* Behind the name: "()", and nothing that columns could come from. */
static bool has_no_columns(const struct dump_reader *reader, const struct dump_table *table,
                           struct sql_lexer lexer)
{
    return reader->dialect == SQL_POSTGRES && table != NULL && table->column_count == 0 &&
           sql_accept(&lexer, "(") && sql_accept(&lexer, ")") && sql_next(&lexer).type == SQL_END;
}

int dump_create_table(struct dump_reader *reader, struct failure *failure)
{
    struct failure own = {0};
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct dump_table *table = NULL;
    struct sql_lexer behind_name;
    bool same = false;

    while (!sql_accept(&lexer, "TABLE"))
        sql_next(&lexer);

    int error = add_table(reader, &lexer, &table, &same);

    if (error == 0 && same)
        return 0;
    behind_name = lexer;
    if (error == 0)
        error = fill_table(reader, &lexer, table, &own);
    if (error == -EILSEQ && has_no_columns(reader, table, behind_name))
        return leave_empty_out(reader, table);
    if (error == -EILSEQ)
        return pass_over(reader, table, &own);
    reader->last = table;
    if (error != 0 || table->dropped)
        return error;
    if (table->of_query)
        return dump_table_fail(
            reader, table,
            "the first rows of table %s are those of a query that is not carried "
            "out: load the dump, and mount the database",
            table->name);
    return dump_has_left_out(table) ? 0 : dump_table_tell(reader, table, failure);
}
