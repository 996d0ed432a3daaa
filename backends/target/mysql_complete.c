/* SPDX-License-Identifier: MIT */
/*
 * New tables in MySQL when their rows are there: indexes, foreign keys, and their own names; or
 * they are dropped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/mysql_target.h"
#include "fs/base/memory.h"

const char *mysql_current_name(const struct mysql_target *target, const char *name)
{
    for (size_t i = target->place_count; i-- > 0;) {
        if (strcmp(target->places[i]->schema->name, name) == 0)
            return target->places[i]->table->schema->name;
    }
    return NULL;
}

/* A foreign key's line of the table's own statement, with the name that its parent has now. */
static int add_own_key(const struct mysql_target *target, const char *line, struct buffer *text)
{
    const char *reference = strstr(line, ") REFERENCES `");
    const char *begin = reference != NULL ? reference + strlen(") REFERENCES `") : NULL;
    const char *end = begin != NULL ? strchr(begin, '`') : NULL;
    cleanup_free char *parent = end != NULL ? strndup(begin, (size_t)(end - begin)) : NULL;
    /* What is followed by another name is a database. */
    const char *now = parent != NULL && end[1] != '.' ? mysql_current_name(target, parent) : NULL;
    int error;

    if (now == NULL)
        return buffer_append_text(text, line);
    error = buffer_print(text, "%.*s", (int)(begin - 1 - line), line);
    if (error == 0)
        error = mysql_add_name(text, now);
    return error == 0 ? buffer_append_text(text, end + 1) : error;
}

/* "ALTER TABLE … ADD ", of the name that the table has now. */
static int begin_add(const struct mysql_place *place, struct buffer *text)
{
    int error = buffer_append_text(text, "ALTER TABLE ");

    if (error == 0)
        error = mysql_add_name(text, place->table->schema->name);
    return error == 0 ? buffer_append_text(text, " ADD ") : error;
}

/* The foreign keys of the table's own statement, a line each. */
static int add_own_keys(struct mysql_target *target, const struct mysql_place *place,
                        struct failure *failure)
{
    const char *at = place->later;
    int error = 0;

    while (*at != '\0' && error == 0) {
        size_t length = mysql_definition_length(at);
        cleanup_free char *line = strndup(at, length);
        struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);

        if (line == NULL)
            return -ENOMEM;
        at += length + (at[length] == '\n');
        error = begin_add(place, &text);
        if (error == 0)
            error = add_own_key(target, line, &text);
        if (error == 0)
            error = mysql_target_run(target, &text, failure);
        buffer_release(&text);
    }
    return error;
}

/* Indexes of a table of another database. */
static int add_indexes(struct mysql_target *target, const struct mysql_place *place,
                       struct failure *failure)
{
    const struct table_extras *extras = &place->extras;
    int error = 0;

    for (size_t i = 0; i < extras->index_count && error == 0; i++) {
        struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
        char name[CREATE_INDEX_NAME_SIZE];

        create_index_name(ENGINE_MYSQL, place->schema, extras, i, false, name);
        error = create_index_write(ENGINE_MYSQL, place->schema, &extras->indexes[i], name,
                                   place->table->schema->name, &text);
        if (error == 0)
            error = mysql_target_run(target, &text, failure);
        buffer_release(&text);
    }
    return error;
}

/* Foreign keys of a table of another database. */
static int add_foreign_keys(struct mysql_target *target, const struct mysql_place *place,
                            struct failure *failure)
{
    int error = 0;

    for (size_t f = 0; f < place->schema->foreign_key_count && error == 0; f++) {
        const struct foreign_key *key = &place->schema->foreign_keys[f];
        cleanup_buffer struct buffer name = BUFFER(MYSQL_STATEMENT_LIMIT);
        struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
        const struct mysql_place *parent = NULL;

        for (size_t i = 0; i < target->place_count; i++) {
            if (strcmp(target->places[i]->schema->name, key->target_table) == 0)
                parent = target->places[i];
        }
        if (parent == NULL)
            continue;
        error = begin_add(place, &text);
        if (error == 0)
            error = mysql_add_name(&name, parent->table->schema->name);
        if (error == 0)
            error = buffer_append(&name, "", 1);
        if (error == 0)
            error =
                create_foreign_key_write(ENGINE_MYSQL, place->schema, key, parent->table->schema,
                                         (const char *)name.data, &place->extras.rules, &text);
        if (error == 0)
            error = mysql_target_run(target, &text, failure);
        buffer_release(&text);
    }
    return error;
}

int mysql_complete_tables(struct mysql_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct mysql_place *place = target->places[i];

        if (!place->is_made)
            continue;
        /* ALTER TABLE commits what nobody sees under this name. */
        target->open = false;
        error = place->is_own ? add_own_keys(target, place, failure)
                              : add_indexes(target, place, failure);
        if (error == 0 && place->later[0] == '\0')
            error = add_foreign_keys(target, place, failure);
    }
    return error;
}

int mysql_rename_tables(struct mysql_target *target, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    bool any = false;
    int error = buffer_append_text(&text, "RENAME TABLE ");

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct mysql_place *place = target->places[i];

        if (!place->is_made)
            continue;
        error = buffer_append_text(&text, any ? ", " : "");
        if (error == 0)
            error = mysql_add_name(&text, place->table->schema->name);
        if (error == 0)
            error = buffer_append_text(&text, " TO ");
        if (error == 0)
            error = mysql_add_name(&text, place->schema->name);
        any = true;
    }
    if (error == 0 && any)
        error = mysql_target_run(target, &text, failure);
    buffer_release(&text);
    if (error == 0)
        target->made_count = 0;
    return error;
}

void mysql_drop_made(struct mysql_target *target)
{
    for (size_t i = 0; i < target->place_count && target->made_count != 0; i++) {
        const struct mysql_place *place = target->places[i];
        struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);

        if (place->is_made && place->made.schema != NULL &&
            buffer_append_text(&text, "DROP TABLE IF EXISTS ") == 0 &&
            mysql_add_name(&text, place->table->schema->name) == 0)
            mysql_target_run(target, &text, NULL);
        buffer_release(&text);
    }
    target->made_count = 0;
}
