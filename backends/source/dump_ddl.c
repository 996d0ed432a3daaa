/* SPDX-License-Identifier: MIT */
/*
 * The statements that make a table of PostgreSQL's again, out of a dump that has them here and
 * there: the types and schemas that it needs, with the first table, by name, that does; its own
 * CREATE TABLE; its partitions; sequences, and what is added to it afterwards: defaults,
 * keys, indexes. So all tables' statements can be run one after the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/memory.h"

char *dump_statement_text(const struct dump_reader *reader)
{
    const char *raw = (const char *)reader->raw.data;
    size_t size;
    char *text;

    raw += strspn(raw, " \t\r\n");
    size = strlen(raw);
    /* Within version comments: what they hold, which has no comments at its end. Nor does MySQL
     * keep what people write into a statement, and what is added to it could not tell it apart. */
    if (raw[0] == '/' || (reader->commented && reader->dialect == SQL_MYSQL)) {
        raw = (const char *)reader->statement.data;
        raw += strspn(raw, " \t\r\n");
        size = strlen(raw);
        while (size > 0 && strchr(" \t\r\n", raw[size - 1]) != NULL)
            size--;
    }
    return asprintf(&text, "%.*s;", (int)size, raw) < 0 ? NULL : text;
}

int dump_append_line(char **place, const char *text)
{
    char *both;

    if (*place != NULL && strlen(*place) + strlen(text) > DUMP_DDL_LIMIT)
        return 0;
    if (asprintf(&both, "%s%s%s", *place != NULL ? *place : "", *place != NULL ? "\n" : "", text) <
        0)
        return -ENOMEM;
    free(*place);
    *place = both;
    return 0;
}

static int print_inherited(struct buffer *text, const struct dump_table *table)
{
    int error = 0;

    for (size_t i = 0; i < table->inherited_count && error == 0; i++) {
        const struct dump_column *column = &table->columns[i];
        cleanup_free char *name = sql_name(column->name);

        if (!column->inherited)
            continue;
        error = name != NULL ? buffer_print(text, "    %s %s%s,\n", name, column->native,
                                            column->not_null ? " NOT NULL" : "")
                             : -ENOMEM;
    }
    return error;
}

/* ALTER TABLE … INHERIT, of each parent that LEXER stands before. */
static int add_parents(struct dump_table *table, struct sql_lexer *lexer, const char *head)
{
    int error = 0;

    do {
        cleanup_free char *parent = dump_spelled_name(lexer);
        cleanup_free char *text = NULL;

        if (parent == NULL)
            return 0;
        if (asprintf(&text, "ALTER TABLE %s INHERIT %s;", head, parent) < 0) {
            text = NULL;
            return -ENOMEM;
        }
        error = dump_append_line(&table->additions, text);
    } while (error == 0 && sql_accept(lexer, ","));
    return error;
}

/*
 * One that inherits, as if it did not, and then made an heir: its parents may be made after it, as
 * tables are by their names.
 */
static int begin_heir(struct dump_reader *reader, struct dump_table *table)
{
    cleanup_buffer struct buffer text = BUFFER(DUMP_DDL_LIMIT);
    struct sql_lexer lexer = dump_statement_lexer(reader);
    cleanup_free char *name = NULL;
    const char *body;

    while (!sql_accept(&lexer, "TABLE"))
        sql_next(&lexer);
    name = dump_spelled_name(&lexer);
    if (name == NULL || !sql_accept(&lexer, "("))
        return -EILSEQ;
    body = lexer.at;
    sql_skip_parentheses(&lexer);

    size_t size = (size_t)(lexer.at - body) - 1;
    int error = buffer_print(&text, "CREATE TABLE %s (\n", name);

    if (error == 0)
        error = print_inherited(&text, table);
    /* Without columns of its own the last comma is one too many. */
    if (error == 0 && strspn(body, " \t\r\n") >= size)
        text.size -= text.size > 2 && text.data[text.size - 2] == ',' ? 2 : 0;
    if (error == 0)
        error = buffer_append(&text, body, size);
    if (error == 0)
        error = buffer_append(&text, ");", sizeof ");");
    if (error != 0)
        return error;
    table->ddl = (char *)steal_pointer(&text.data);
    return sql_accept(&lexer, "INHERITS") && sql_accept(&lexer, "(")
               ? add_parents(table, &lexer, name)
               : 0;
}

int dump_ddl_begin(struct dump_reader *reader, struct dump_table *table)
{
    if (table->inherited_count != 0 && table->whole == NULL)
        return begin_heir(reader, table);
    table->ddl = dump_statement_text(reader);
    return table->ddl != NULL ? 0 : -ENOMEM;
}

/* ALTER TABLE ONLY, CREATE INDEX … ON ONLY a table with partitions: theirs are made with it. */
static void take_only_out(char *text)
{
    static const char *const places[] = {"ALTER TABLE ONLY ", " ON ONLY "};

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *found = strstr(text, places[i]);

        if (found == NULL || (i == 0 && found != text))
            continue;
        found += strlen(places[i]);
        memmove(found - strlen("ONLY "), found, strlen(found) + 1);
        return;
    }
}

int dump_ddl_add(struct dump_reader *reader, struct dump_table *table)
{
    /* A partition's are made with those of the table that it is a part of. */
    if (reader->dialect != SQL_POSTGRES || table->whole != NULL || table->dropped)
        return 0;

    cleanup_free char *own = dump_statement_text(reader);

    if (own != NULL && table->part_count != 0)
        take_only_out(own);
    table->changed = true;
    return own != NULL ? dump_append_line(&table->additions, own) : -ENOMEM;
}

/* What a CREATE TABLE says at its end of partitions; "": nothing. */
static const char *partitioning(const char *ddl)
{
    const char *found = ddl != NULL ? strstr(ddl, "PARTITION BY ") : NULL;

    return found != NULL ? found - 1 : ";";
}

static int print_name(struct buffer *text, const struct dump_table *table)
{
    cleanup_free char *database = sql_name(table->database);
    cleanup_free char *name = sql_name(table->name);

    if (database == NULL || name == NULL)
        return -ENOMEM;
    return table->database[0] != '\0' ? buffer_print(text, "%s.%s", database, name)
                                      : buffer_append_text(text, name);
}

int dump_ddl_attach(struct dump_table *part, struct dump_table *whole, const char *bound)
{
    cleanup_buffer struct buffer text = BUFFER(DUMP_DDL_LIMIT);
    struct dump_table *root = whole;
    int error = buffer_append_text(&text, "CREATE TABLE ");

    while (root->whole != NULL)
        root = root->whole;
    if (error == 0)
        error = print_name(&text, part);
    if (error == 0)
        error = buffer_append_text(&text, " PARTITION OF ");
    if (error == 0)
        error = print_name(&text, whole);
    /* What says how it is divided itself is in BOUND, or where it was made. */
    if (error == 0)
        error =
            buffer_print(&text, "%s%s", bound,
                         strstr(bound, "PARTITION BY ") != NULL ? ";" : partitioning(part->ddl));
    if (error == 0)
        error = buffer_append(&text, "", 1);
    if (error == 0)
        error = dump_append_line(&root->partitions, (const char *)text.data);
    if (error == 0 && part->partitions != NULL)
        error = dump_append_line(&root->partitions, part->partitions);
    root->changed = true;
    return error == -EFBIG ? 0 : error;
}

char *dump_ddl_of(const struct dump_table *table)
{
    const char *partitions = table->partitions;
    char *text;

    if (asprintf(&text, "%s%s%s%s%s%s%s", table->needed != NULL ? table->needed : "",
                 table->ddl != NULL ? table->ddl : "", partitions != NULL ? "\n" : "",
                 partitions != NULL ? partitions : "", table->additions != NULL ? "\n" : "",
                 table->needed_later != NULL ? table->needed_later : "",
                 table->additions != NULL ? table->additions : "") < 0)
        return NULL;
    return text;
}
