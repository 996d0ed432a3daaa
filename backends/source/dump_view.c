/* SPDX-License-Identifier: MIT */
/*
 * Views. A dump has the statement that makes one, and none of its rows: it becomes a relation
 * without columns, of which schema.sql has the statement, and a restore makes it again. Nothing of
 * it is carried out here: what a view shows is what its own database makes of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

#define NAMES_LIMIT 400 /* bytes of names in a failure's words */

/* MySQL's ALGORITHM = x, DEFINER = `user`@`host`, SQL SECURITY x. */
static void skip_options(struct sql_lexer *lexer)
{
    for (;;) {
        if (sql_accept(lexer, "ALGORITHM")) {
            sql_accept(lexer, "=");
            sql_next(lexer);
        } else if (sql_accept(lexer, "DEFINER")) {
            sql_accept(lexer, "=");
            sql_next(lexer);
            if (sql_accept(lexer, "@"))
                sql_next(lexer);
            else if (sql_accept(lexer, "("))
                sql_skip_parentheses(lexer);
        } else if (sql_accept(lexer, "SQL")) {
            sql_accept(lexer, "SECURITY");
            sql_next(lexer);
        } else {
            return;
        }
    }
}

bool dump_makes_view(struct sql_lexer *lexer, enum relation_kind *ret_kind)
{
    if (lexer->dialect == SQL_MYSQL)
        skip_options(lexer);
    else if (lexer->dialect == SQL_POSTGRES)
        sql_accept(lexer, "RECURSIVE");
    *ret_kind = lexer->dialect == SQL_POSTGRES && sql_accept(lexer, "MATERIALIZED")
                    ? RELATION_STORED_VIEW
                    : RELATION_VIEW;
    return sql_accept(lexer, "VIEW");
}

/* Behind VIEW. One of the same name is replaced: what stands in for it until all tables are there.
 */
int dump_create_view(struct dump_reader *reader, struct sql_lexer *lexer, enum relation_kind kind)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct dump_table *view;

    (void)sql_accept_only_new(lexer);

    int error = dump_take_name(lexer, &database, &name);

    if (error != 0)
        return error == -EILSEQ ? 0 : error;
    error = dump_table_add(reader, database, name, &view);
    if (error != 0)
        return error;
    view->kind = kind;
    view->seen = true; /* no rows are waited for */
    view->ddl = dump_statement_text(reader);
    return view->ddl != NULL ? 0 : -ENOMEM;
}

/* The statement is REFRESH MATERIALIZED VIEW …: it belongs to what makes it. */
int dump_refresh_view(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    int error;

    if (!sql_accept(lexer, "MATERIALIZED") || !sql_accept(lexer, "VIEW"))
        return 0;
    error = dump_take_name(lexer, &database, &name);
    if (error != 0)
        return error == -EILSEQ ? 0 : error;

    struct dump_table *view = dump_table_find(reader, database, name);

    return view != NULL ? dump_ddl_add(reader, view) : 0;
}

/* --- what the user is told ---------------------------------------------------------------- */

/* "a, b, c and 3 more": names as long as there is room. */
struct name_list {
    struct buffer text;
    size_t count;
    size_t shown;
};

static int list_name(struct name_list *list, const char *table, const char *column)
{
    list->count++;
    if (list->text.size > NAMES_LIMIT)
        return 0;
    list->shown++;
    return buffer_print(&list->text, "%s%.100s%s%.100s", list->shown > 1 ? ", " : "", table,
                        column[0] != '\0' ? "." : "", column);
}

/* Those that are generated, or those that are only invisible. */
static int list_columns(struct name_list *list, const struct dump_table *table, bool generated,
                        const char *shown)
{
    int error = 0;

    for (size_t i = 0; i < table->column_count && error == 0; i++) {
        const struct dump_column *column = &table->columns[i];

        if (column->left_out && !column->computed && column->generated == generated)
            error = list_name(list, shown, column->name);
    }
    return error;
}

/* ENODATA: there is nothing that would be lost. */
static int tell(struct dump_reader *reader, struct name_list *list, const char *words)
{
    struct failure why;
    int error = 0;

    if (list->count > list->shown)
        error = buffer_print(&list->text, " and %zu more", list->count - list->shown);
    if (error == 0 && list->count != 0) {
        failure_set(&why, ENODATA, "%.*s: %s", (int)list->text.size, (const char *)list->text.data,
                    words);
        reader->taker->class->trouble(reader->taker, &why);
    }
    buffer_release(&list->text);
    return error;
}

int dump_tell_left_out(struct dump_reader *reader)
{
    struct name_list views = {.text = BUFFER((size_t)2 * NAMES_LIMIT)};
    struct name_list columns = {.text = BUFFER((size_t)2 * NAMES_LIMIT)};
    struct name_list invisible = {.text = BUFFER((size_t)2 * NAMES_LIMIT)};
    int error = 0;

    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        const struct dump_table *table = reader->tables[i];
        cleanup_free char *shown = table->dropped ? NULL : dump_shown_name(reader, table);

        if (table->dropped)
            continue;
        if (shown == NULL)
            error = -ENOMEM;
        else if (table->kind != RELATION_TABLE)
            error = list_name(&views, shown, "");
        else
            error = list_columns(&columns, table, true, shown);
        if (error == 0 && shown != NULL)
            error = list_columns(&invisible, table, false, shown);
    }
    int told =
        tell(reader, &views, "views, of which a dump has no rows: schema.sql has what makes them");
    int told_columns = tell(reader, &columns,
                            "generated columns, of which the dump has no values: schema.sql has "
                            "what makes them");

    int told_invisible =
        tell(reader, &invisible,
             "invisible columns, of which the dump has no values, and that are not "
             "shown for this");

    if (error == 0)
        error = told != 0 ? told : told_columns;
    return error != 0 ? error : told_invisible;
}
