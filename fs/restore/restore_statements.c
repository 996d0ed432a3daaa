/* SPDX-License-Identifier: MIT */
/*
 * A table's own statements between PostgreSQL databases. In a source's schemas, what several tables
 * need stands with the first of them by name, and what ties two together with the last. But tables
 * are made parents first, or some of them alone: each is to have all that it needs, its own ties,
 * and nobody else's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/ddl.h"
#include "backends/target/notes.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"
#include "fs/restore/statement_list.h"

#define DDL_LIMIT ((size_t)16 << 20)

/* The statements of DDL that are its table's alone. */
static int write_own(const struct statement_list *list, const char *ddl, struct buffer *own)
{
    struct sql_lexer lexer = ddl_lexer(ENGINE_POSTGRES, ddl);

    for (;;) {
        cleanup_free char *text = NULL;
        bool is_own;
        int error = statement_list_next(list, &lexer, &text, &is_own);

        if (error == 0 && text != NULL && is_own)
            error = buffer_print(own, "%s;\n", text);
        if (error != 0 || text == NULL)
            return error;
    }
}

/* ---- What it needs --------------------------------------------------------------------------- */

/* Whether TEXT speaks of what ITEM makes. */
static bool is_said(const struct stated *item, const char *text)
{
    size_t length = strlen(item->name);
    const char *at = strstr(text, item->name);

    while (at != NULL && item->kind == STATED_SCHEMA && at[length] != '.')
        at = strstr(at + 1, item->name);
    return at != NULL;
}

/* Marks those that SAID, NUL-terminated, speaks of, or stand with TABLE, and adds them to it. */
static int mark_needed(struct statement_list *list, size_t table, struct buffer *said,
                       bool *ret_more)
{
    int error = 0;

    *ret_more = false;
    for (size_t i = 0; i < list->count && error == 0; i++) {
        struct stated *item = &list->items[i];

        if (item->needed || item->parent != NULL ||
            (item->table != table && !is_said(item, (const char *)said->data)))
            continue;
        item->needed = *ret_more = true;
        said->size--;
        error = buffer_print(said, "%s\n", item->text);
        if (error == 0)
            error = buffer_append(said, "", 1);
    }
    return error;
}

/* Marks what the statements OWN of TABLE need, and what that is made of. */
static int find_needed(struct statement_list *list, size_t table, const struct buffer *own)
{
    cleanup_buffer struct buffer said = BUFFER(2 * DDL_LIMIT);
    bool more = true;
    int error = buffer_append(&said, own->data, own->size);

    if (error == 0)
        error = buffer_append(&said, "", 1);
    for (size_t i = 0; i < list->count; i++)
        list->items[i].needed = false;
    while (more && error == 0)
        error = mark_needed(list, table, &said, &more);
    return error;
}

/* ---- What it is tied to ---------------------------------------------------------------------- */

/* BEFORE: … since before this restore. */
static bool is_there(const struct restore_plan *plan, size_t table, bool before)
{
    const char *name = plan->dataset->class->schema(plan->dataset, table)->name;

    return target_find_table(plan->target, name) != NULL ||
           (!before && restore_plan_find(plan, name) != NULL);
}

/* Whether it is made with TABLE: what this refers to is there; an heir that came before waits. */
static bool is_made_with(const struct restore_plan *plan, const struct stated *item, size_t table)
{
    size_t child = statement_list_table(plan->statements, item->name);
    size_t parent = statement_list_table(plan->statements, item->parent);

    if (child == table)
        return parent == SIZE_MAX || is_there(plan, parent, false);
    return item->kind == STATED_HEIR && parent == table && is_there(plan, child, true);
}

/* What of ITEM, which ties TABLE to what is not there, is said. */
static int note_untied(const struct restore_plan *plan, const struct restore_table *table,
                       const struct stated *item, size_t parent, struct buffer *notes)
{
    const struct statement_list *list = plan->statements;
    const char *name = plan->dataset->class->schema(plan->dataset, parent)->name;

    if (item->kind == STATED_HEIR)
        return notes_add(notes,
                         "it does not inherit from \"%s\", which is not there; when that is "
                         "restored as well, it will",
                         name);
    /* The table's own keys are its schema's (restore_note_keys). */
    return strcmp(item->name, list->made[table->source_table]) == 0
               ? 0
               : notes_add(notes,
                           "the foreign key of its partition %s to \"%s\" is not made: there is "
                           "no such table",
                           item->name, name);
}

int restore_note_ties(const struct restore_plan *plan, const struct restore_table *table,
                      struct buffer *notes)
{
    const struct statement_list *list = plan->statements;
    int error = 0;

    for (size_t i = 0; list != NULL && i < list->count && error == 0; i++) {
        const struct stated *item = &list->items[i];
        size_t parent = item->parent != NULL ? statement_list_table(list, item->parent) : SIZE_MAX;

        if (parent != SIZE_MAX && !is_there(plan, parent, false) &&
            statement_list_table(list, item->name) == table->source_table)
            error = note_untied(plan, table, item, parent, notes);
    }
    return error;
}

/* ---- All of it ------------------------------------------------------------------------------- */

static int write_all(const struct restore_plan *plan, size_t table, const struct buffer *own,
                     struct buffer *text)
{
    const struct statement_list *list = plan->statements;
    int error = 0;

    for (int kind = STATED_SCHEMA; kind <= STATED_SEQUENCE && error == 0; kind++) {
        for (size_t i = 0; i < list->count && error == 0; i++) {
            if ((int)list->items[i].kind == kind && list->items[i].needed)
                error = buffer_print(text, "%s;\n", list->items[i].text);
        }
    }
    if (error == 0)
        error = buffer_append(text, own->data, own->size);
    for (size_t i = 0; i < list->count && error == 0; i++) {
        if (list->items[i].parent != NULL && is_made_with(plan, &list->items[i], table))
            error = buffer_print(text, "%s;\n", list->items[i].text);
    }
    return error == 0 ? buffer_append(text, "", 1) : error;
}

int restore_read_statements(struct restore_plan *plan)
{
    bool wanted = false;

    for (size_t i = 0; i < plan->count && !wanted; i++)
        wanted = plan->tables[i].target == NULL;
    if (!wanted || plan->statements != NULL || strcmp(plan->kind, "postgresql") != 0 ||
        strcmp(plan->target->class->kind, "postgresql") != 0)
        return 0;
    return statement_list_read(plan->dataset, &plan->statements);
}

int restore_gather_statements(struct restore_plan *plan, struct restore_table *table)
{
    const struct schema *from = table->like != NULL ? table->like : table->source;
    cleanup_buffer struct buffer own = BUFFER(DDL_LIMIT);
    cleanup_buffer struct buffer text = BUFFER(2 * DDL_LIMIT);
    int error = 0;

    if (plan->statements == NULL)
        error = statement_list_read(plan->dataset, &plan->statements);
    if (error != 0 || plan->statements->made[table->source_table] == NULL)
        return error;
    error = write_own(plan->statements, from->ddl, &own);
    if (error == 0)
        error = find_needed(plan->statements, table->source_table, &own);
    if (error == 0)
        error = write_all(plan, table->source_table, &own, &text);
    return error == 0 ? restore_make_by(table, &text) : error;
}
