/* SPDX-License-Identifier: MIT */
/*
 * Foreign keys of tables that are made elsewhere. What PostgreSQL says of a table's foreign keys
 * stands with whichever of the two tables comes last in its schema. Whoever makes the table
 * elsewhere is to have it with the table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/notes.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

#define DDL_LIMIT ((size_t)16 << 20)
#define BEGIN "ALTER TABLE "

/* Appends the lines of DDL that add a foreign key to some table; the reader finds its own. */
static int add_lines(const char *ddl, struct buffer *text)
{
    int error = 0;

    while (*ddl != '\0' && error == 0) {
        size_t length = strcspn(ddl, "\n");
        const char *key = memmem(ddl, length, " FOREIGN KEY ", strlen(" FOREIGN KEY "));

        if (key != NULL && strncmp(ddl, BEGIN, strlen(BEGIN)) == 0) {
            error = buffer_append_text(text, "\n");
            if (error == 0)
                error = buffer_append(text, ddl, length);
        }
        ddl += length + (ddl[length] == '\n');
    }
    return error;
}

int restore_make_by(struct restore_table *table, struct buffer *ddl)
{
    struct schema *like = schema_copy(table->like != NULL ? table->like : table->source);

    if (like == NULL)
        return -ENOMEM;
    free(like->ddl);
    like->ddl = (char *)steal_pointer(&ddl->data);
    schema_release(table->like);
    table->like = like;
    return 0;
}

int restore_gather_keys(struct restore_plan *plan, struct restore_table *table)
{
    const struct schema *from = table->like != NULL ? table->like : table->source;
    const size_t count = plan->dataset->class->table_count(plan->dataset);
    cleanup_buffer struct buffer text = BUFFER(DDL_LIMIT);
    int error;

    if (strncmp(plan->kind, "postgres", 8) != 0)
        return 0;
    if (strcmp(plan->kind, plan->target->class->kind) == 0)
        return restore_gather_statements(plan, table);
    if (from->foreign_key_count == 0)
        return 0;
    error = buffer_append_text(&text, from->ddl);
    for (size_t i = 0; i < count && error == 0; i++) {
        const struct schema *other = plan->dataset->class->schema(plan->dataset, i);

        if (i != table->source_table)
            error = add_lines(other->ddl, &text);
    }
    if (error == 0)
        error = buffer_append(&text, "", 1);
    return error == 0 ? restore_make_by(table, &text) : error;
}

/* Whether a table's own statement may refer to what is not there. */
static bool waits_for_parents(const struct restore_plan *plan)
{
    const char *kind = plan->target->class->kind;

    return strcmp(kind, "sqlite") == 0 ||
           (strcmp(kind, "mysql") == 0 && strcmp(plan->kind, kind) == 0);
}

int restore_note_keys(const struct restore_plan *plan, struct restore_table *table)
{
    const struct schema *source = table->source;
    struct buffer notes = BUFFER(DDL_LIMIT);
    int error = table->notes != NULL ? buffer_print(&notes, "%s\n", table->notes) : 0;
    size_t before = notes.size;

    for (size_t f = 0; f < source->foreign_key_count && error == 0; f++) {
        const char *parent = source->foreign_keys[f].target_table;

        /* SQLite and MySQL have them wait for the table. */
        if (waits_for_parents(plan) || restore_plan_find(plan, parent) != NULL ||
            target_find_table(plan->target, parent) != NULL)
            continue;
        error = notes_add(&notes, "the foreign key to \"%s\" is not made: there is no such table",
                          parent);
    }
    if (error == 0)
        error = restore_note_ties(plan, table, &notes);
    if (error == 0 && notes.size != before) {
        free(table->notes);
        table->notes = strndup((const char *)notes.data, notes.size - 1);
        error = table->notes != NULL ? 0 : -ENOMEM;
    }
    buffer_release(&notes);
    return error;
}
