/* SPDX-License-Identifier: MIT */
/*
 * New tables in MySQL. One that was a MySQL table is made by its own CREATE TABLE, under another
 * name and without its foreign keys, which follow when all rows are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/target/create.h"
#include "backends/target/mysql_target.h"
#include "backends/target/notes.h"
#include "fs/base/memory.h"

#define FOREIGN_LINE " FOREIGN KEY ("

/*
 * The engine of a table whose rows are those of other tables, or of another server; NULL: they are
 * its own. By its statement what is written to it would be written there.
 */
static const char *foreign_engine(const struct schema *like)
{
    static const char *const engines[] = {"MRG_MyISAM", "FEDERATED", "CONNECT", "SPIDER"};
    static const char line[] = "\n) ENGINE=";
    const char *at = strstr(like->ddl, line);

    for (size_t i = 0; at != NULL && i < sizeof engines / sizeof *engines; i++) {
        size_t length = strlen(engines[i]);

        if (strncasecmp(at + strlen(line), engines[i], length) == 0)
            return engines[i];
    }
    return NULL;
}

/* What follows "CREATE TABLE `name` (" of the table's own statement; NULL: it is another. */
static const char *own_body(const struct schema *like)
{
    cleanup_buffer struct buffer head = BUFFER(MYSQL_STATEMENT_LIMIT);

    if (foreign_engine(like) != NULL)
        return NULL;
    if (buffer_append_text(&head, "CREATE TABLE ") != 0 || mysql_add_name(&head, like->name) != 0 ||
        buffer_append(&head, " (", 3) != 0 ||
        strncmp(like->ddl, (const char *)head.data, head.size - 1) != 0)
        return NULL;
    /* Keys that a dump adds later, and that had no place in it. */
    if (like->primary_key_count != 0 && strstr(like->ddl, "PRIMARY KEY") == NULL)
        return NULL;
    return like->ddl + head.size - 1;
}

size_t mysql_definition_length(const char *text)
{
    bool in_name = false;
    bool in_string = false;
    const char *at = text;

    for (; *at != '\0' && (*at != '\n' || in_name); at++) {
        if (in_name) {
            in_name = *at != '`';
        } else if (in_string && *at == '\\' && at[1] != '\0' && at[1] != '\n') {
            at++;
        } else if (in_string) {
            in_string = *at != '\'';
        } else {
            in_name = *at == '`';
            in_string = *at == '\'';
        }
    }
    return (size_t)(at - text);
}

/* Copies BODY without its lines of foreign keys, which go to LATER as they stand. */
static int split_body(const char *body, struct buffer *text, struct buffer *later)
{
    bool first = true;
    int error = buffer_append_text(text, " (");

    while (*body != '\0' && *body != ')' && error == 0) {
        size_t length = mysql_definition_length(body);
        bool comma = length != 0 && body[length - 1] == ',';
        cleanup_free char *line = strndup(body, comma ? length - 1 : length);

        if (line == NULL)
            return -ENOMEM;
        body += length + (body[length] == '\n');
        if (strncmp(line, "  CONSTRAINT ", 13) == 0 && strstr(line, FOREIGN_LINE) != NULL) {
            error = buffer_print(later, "%s\n", line + 2);
        } else if (line[0] != '\0') {
            error = buffer_print(text, "%s\n%s", first ? "" : ",", line);
            first = false;
        }
    }

    /* Options, and PARTITION BY on lines of its own. */
    size_t end = strlen(body);

    end -= end != 0 && body[end - 1] == ';';
    return error == 0 && end != 0 ? buffer_print(text, "\n%.*s", (int)end, body) : error;
}

/* What the server will say of a column that is made with TYPE. To MariaDB json is text with a
 * check. */
static const char *type_as_said(const char *type, bool mariadb)
{
    return mariadb && strcmp(type, "json") == 0 ? "longtext" : type;
}

/* A schema and a table of the new one, as its types make it. */
static int describe(struct mysql_place *place, const struct schema *like, const char *kind,
                    const struct table_extras *extras, const char *new_name, bool mariadb)
{
    bool same = target_engine_of(kind) == ENGINE_MYSQL;

    place->schema = schema_copy(like);
    place->is_made = true;
    place->table = &place->made;
    place->made.columns = allocate_array(like->column_count, sizeof *place->made.columns);
    if (place->schema == NULL || place->made.columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < like->column_count; i++) {
        struct column *column = &place->schema->columns[i];
        char native[CREATE_TYPE_SIZE];
        char type[CREATE_TYPE_SIZE];
        bool is_text;

        create_column_type(ENGINE_MYSQL, like, kind, extras, column, i, native);
        snprintf(type, sizeof type, "%.*s", (int)strcspn(native, "( "), native);
        is_text = strstr(type, "char") != NULL || strstr(type, "text") != NULL ||
                  strcmp(type, "enum") == 0 || strcmp(type, "set") == 0;
        column->type = same && column->type == COLUMN_JSON
                           ? COLUMN_JSON
                           : mysql_column_type(type, native, is_text ? "utf8mb4" : NULL,
                                               &place->made.columns[i]);
        if (same && column->type == COLUMN_JSON)
            mysql_column_type("json", native, NULL, &place->made.columns[i]);
        column->generated = same && column->generated;
        free(column->native_type);
        column->native_type = strdup(type_as_said(native, mariadb));
        if (column->native_type == NULL)
            return -ENOMEM;
    }
    place->made.schema = schema_copy(place->schema);
    if (place->made.schema == NULL)
        return -ENOMEM;
    free(place->made.schema->name);
    place->made.schema->name = strdup(new_name);
    place->made.schema->order_key_count = place->schema->primary_key_count;
    free(place->made.schema->order_key);
    place->made.schema->order_key =
        allocate_array(place->schema->primary_key_count, sizeof(size_t));
    if (place->made.schema->name == NULL || place->made.schema->order_key == NULL)
        return -ENOMEM;
    if (place->schema->primary_key_count != 0)
        memcpy(place->made.schema->order_key, place->schema->primary_key,
               place->schema->primary_key_count * sizeof(size_t));
    return 0;
}

/* BODY: of the table's own statement; NULL: it is another database's. */
static int write_table(const struct schema *like, const char *kind, const char *body,
                       const struct table_extras *extras, const char *new_name, bool mariadb,
                       struct buffer *text, struct buffer *later, struct buffer *notes)
{
    int error;

    if (body != NULL) {
        error = buffer_append_text(text, "CREATE TABLE ");
        if (error == 0)
            error = mysql_add_name(text, new_name);
        return error == 0 ? split_body(body, text, later) : error;
    }
    error = create_table_write(ENGINE_MYSQL, like, kind, extras, new_name, text, notes);
    if (error == 0 && target_engine_of(kind) == ENGINE_MYSQL && foreign_engine(like) != NULL)
        error = notes_add(notes, "its rows were kept elsewhere (engine %s), and are its own now",
                          foreign_engine(like));
    /* Two texts are the same when their bytes are, as where they come from. */
    if (error == 0)
        error = buffer_print(text, "\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=%s",
                             mariadb ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin");
    return error;
}

static int make(struct mysql_target *target, const struct schema *like, const char *kind,
                struct mysql_place *place, char **ret_notes, struct failure *failure)
{
    struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct buffer later = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct buffer notes = BUFFER(MYSQL_STATEMENT_LIMIT);
    char new_name[MYSQL_UNFINISHED_SIZE];
    struct table_extras *extras = &place->extras;
    const char *body = target_engine_of(kind) == ENGINE_MYSQL ? own_body(like) : NULL;
    int error = create_check_names(ENGINE_MYSQL, like, failure);

    if (error == 0)
        error = table_extras_read(like, kind, extras);
    if (error != 0)
        return error;
    place->is_own = body != NULL;
    mysql_unfinished_name(target->source, target->made_count + 1, new_name);
    /* A key that counts must be the first of an index; only a primary key is sure to be. */
    if (like->primary_key_count == 0 || extras->counting != like->primary_key[0])
        extras->counting = SIZE_MAX;
    error = describe(place, like, kind, extras, new_name, target->link->mariadb);
    if (error == 0)
        error = write_table(like, kind, body, extras, new_name, target->link->mariadb, &text,
                            &later, &notes);
    if (error == 0)
        error = mysql_target_run(target, &text, failure);
    if (error == 0)
        error = buffer_append(&later, "", 1);
    if (error == 0)
        place->later = (char *)steal_pointer(&later.data);
    if (error == 0)
        error = create_notes(&notes, ret_notes);
    buffer_release(&text);
    buffer_release(&later);
    buffer_release(&notes);
    return error;
}

int mysql_create_table(struct target *base, const struct schema *like, const char *kind,
                       struct schema **ret_schema, char **ret_notes, struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    struct mysql_place **places =
        reallocarray((void *)target->places, target->place_count + 1, sizeof(struct mysql_place *));
    struct mysql_place *place;
    int error;

    *ret_notes = NULL;
    if (places == NULL)
        return -ENOMEM;
    target->places = places;
    place = calloc(1, sizeof *place);
    if (place == NULL)
        return -ENOMEM;
    places[target->place_count++] = place;
    /* It commits; nothing has been written yet. */
    target->open = false;
    error = make(target, like, kind, place, ret_notes, failure);
    if (error != 0)
        return failure != NULL && failure->code != 0
                   ? failure_prefix(failure, -error, "table \"%s\"", like->name)
                   : error;
    target->made_count++;
    *ret_schema = schema_reference(place->schema);
    return 0;
}
