/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's tables that are made of others. One that INHERITS has its parents' columns before
 * its own, and its rows to itself. A partition is no table of its own: its rows are those of the
 * table that it is a part of, whatever order its columns stand in.
 *
 * pg_dump writes a partition as any table, then ALTER TABLE parent ATTACH PARTITION it, and its
 * rows behind all that; before version 12, CREATE TABLE it PARTITION OF parent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

struct dump_table *dump_table_whole(struct dump_table *table)
{
    while (table->whole != NULL)
        table = table->whole;
    return table->dropped ? NULL : table;
}

size_t dump_table_place(const struct dump_table *table, size_t column,
                        const struct dump_table *whole)
{
    if (table == whole)
        return table->shown[column];

    ssize_t found = dump_table_column(whole, table->columns[column].name);

    return found >= 0 ? whole->shown[found] : SIZE_MAX;
}

static bool is_part_of(const struct dump_table *table, const struct dump_table *whole)
{
    while (table != NULL && table != whole)
        table = table->whole;
    return table == whole;
}

/* PART is shown no more. Rows of it that were given away cannot be had back. */
static int attach(struct dump_reader *reader, struct dump_table *part, struct dump_table *whole)
{
    if (is_part_of(whole, part) || part->whole != NULL)
        return 0;
    if (part->seen)
        return dump_table_fail(reader, whole,
                               "rows of table %s stand before what says that they are those of "
                               "table %s",
                               part->name, whole->name);

    int error = dump_table_drop(reader, part);

    if (error == 0) {
        part->whole = whole;
        whole->part_count++;
    }
    return error;
}

static int copy_column(const struct dump_column *from, struct dump_column *to)
{
    *to = (struct dump_column){
        .name = strdup(from->name),
        .native = strdup(from->native),
        .collation = from->collation != NULL ? strdup(from->collation) : NULL,
        .type = from->type,
        .not_null = from->not_null,
        .generated = from->generated,
        .defaulted = from->defaulted,
        .left_out = from->generated,
        .inherited = true,
    };
    return to->name == NULL || to->native == NULL ||
                   (from->collation != NULL && to->collation == NULL)
               ? -ENOMEM
               : 0;
}

/* Those that it has not got of another parent. */
static int add_columns(struct dump_table *table, const struct dump_table *parent)
{
    int error = 0;

    for (size_t i = 0; i < parent->column_count && error == 0; i++) {
        struct dump_column *column;

        if (dump_table_column(table, parent->columns[i].name) >= 0)
            continue;
        error = dump_table_add_column(table, &column);
        if (error == 0)
            error = copy_column(&parent->columns[i], column);
    }
    table->inherited_count = table->column_count;
    return error;
}

/* "a, public.b)": a parent that the dump lacks has columns that nobody knows. */
static int take_parents(struct dump_reader *reader, struct sql_lexer *lexer,
                        struct dump_table *table, struct failure *failure)
{
    int error = 0;

    do {
        cleanup_free char *database = NULL;
        cleanup_free char *name = NULL;
        const struct dump_table *parent;

        error = dump_take_name(lexer, &database, &name);
        if (error != 0)
            break;
        parent = dump_table_find(reader, database, name);
        error = parent != NULL
                    ? add_columns(table, parent)
                    : failure_set(failure, EILSEQ,
                                  "line %llu of the dump: table %.200s is left out: it inherits "
                                  "columns of table %.200s, which is not in the dump",
                                  (unsigned long long)byte_window_line(&reader->window),
                                  table->name, name);
    } while (error == 0 && sql_accept(lexer, ","));
    return error;
}

static int take_partition(struct dump_reader *reader, struct sql_lexer *lexer,
                          struct dump_table *table, struct failure *failure)
{
    struct sql_lexer ahead = *lexer;
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    int error = take_parents(reader, lexer, table, failure);

    if (error == 0)
        error = dump_take_name(&ahead, &database, &name);
    if (error != 0)
        return error;

    struct dump_table *whole = dump_table_find(reader, database, name);

    error = attach(reader, table, whole);
    return error != 0 || table->whole != whole ? error : dump_ddl_attach(table, whole, ahead.at);
}

int dump_inherit(struct dump_reader *reader, const struct sql_lexer *lexer,
                 struct dump_table *table, struct failure *failure)
{
    struct sql_lexer ahead = *lexer;
    struct sql_token token;

    if (reader->dialect != SQL_POSTGRES)
        return 0;
    if (sql_accept(&ahead, "PARTITION"))
        return sql_accept(&ahead, "OF") ? take_partition(reader, &ahead, table, failure) : -EILSEQ;
    if (!sql_accept(&ahead, "("))
        return 0;
    sql_skip_parentheses(&ahead);
    while ((token = sql_next(&ahead)).type != SQL_END) {
        if (sql_is(&token, "PARTITION") && sql_accept(&ahead, "BY"))
            table->divided = true;
        if (sql_is(&token, "INHERITS") && sql_accept(&ahead, "("))
            return take_parents(reader, &ahead, table, failure);
    }
    return 0;
}

int dump_attach(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *whole)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct dump_table *part = NULL;

    if (!sql_accept(lexer, "PARTITION"))
        return 0; /* of an index */
    if (dump_take_name(lexer, &database, &name) == 0)
        part = dump_table_find(reader, database, name);
    if (part == NULL)
        return 0;

    int error = attach(reader, part, whole);

    return error != 0 || part->whole != whole ? error : dump_ddl_attach(part, whole, lexer->at);
}
