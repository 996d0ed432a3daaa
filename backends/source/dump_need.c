/* SPDX-License-Identifier: MIT */
/*
 * What tables of PostgreSQL's need, types, sequences and schemas, and which table has it when all
 * is read: the first by name that speaks of it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

#define OBJECTS_LIMIT 65536

/* "schema.name" as statements spell it, behind what LEXER has taken. NULL: there is none. */
char *dump_spelled_name(struct sql_lexer *lexer)
{
    struct sql_token token = sql_peek(lexer);
    const char *begin = token.at;
    char *database = NULL;
    char *name = NULL;
    char *spelled = NULL;

    if (dump_take_name(lexer, &database, &name) == 0)
        spelled = strndup(begin, (size_t)(lexer->at - begin));
    free(database);
    free(name);
    return spelled;
}

int dump_note_object(struct dump_reader *reader)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct dump_object *objects =
        reader->object_count < OBJECTS_LIMIT
            ? reallocarray(reader->objects, reader->object_count + 1, sizeof *objects)
            : NULL;
    struct dump_object object = {.used = false};

    if (objects == NULL)
        return reader->object_count == OBJECTS_LIMIT ? 0 : -ENOMEM;
    reader->objects = objects;
    sql_next(&lexer);
    sql_next(&lexer);
    object.name = dump_spelled_name(&lexer);
    object.text = dump_statement_text(reader);
    if (object.name == NULL || object.text == NULL) {
        free(object.name);
        free(object.text);
        return 0;
    }

    int error = reader->object_names != NULL ? 0 : name_map_create(&reader->object_names);

    if (error == 0)
        error = name_map_add(reader->object_names, object.name, reader->object_count);
    if (error != 0) {
        free(object.name);
        free(object.text);
        return error == -EEXIST ? 0 : error;
    }
    objects[reader->object_count++] = object;
    return 0;
}

/* ALTER SEQUENCE … OWNED BY: stands with its sequence. */
int dump_alter_sequence(struct dump_reader *reader)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);

    sql_next(&lexer);
    sql_next(&lexer);

    cleanup_free char *name = dump_spelled_name(&lexer);
    cleanup_free char *text = dump_statement_text(reader);
    const size_t *found = name != NULL && reader->object_names != NULL
                              ? name_map_find(reader->object_names, name)
                              : NULL;
    char *both;

    if (found == NULL || text == NULL || !sql_accept(&lexer, "OWNED"))
        return 0;
    if (asprintf(&both, "%s\n%s", reader->objects[*found].text, text) < 0)
        return -ENOMEM;
    free(reader->objects[*found].text);
    reader->objects[*found].text = both;
    return 0;
}

/* --- what is needed ----------------------------------------------------------------------- */

static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '$' || (byte & 0x80) != 0;
}

/*
 * Behind the name in quotes at AT, where "" is a quote that belongs to it. IN_STRING: names in a
 * string end with it, nextval('"Other".numbers'). One byte on: there is no such name.
 */
static const char *quoted_end(const char *at, bool in_string)
{
    const char *end = at + 1;

    while (*end != '\0' && (*end != '"' || end[1] == '"') &&
           (*end != '\'' || !in_string || end[1] == '\''))
        end += *end == '"' || (in_string && *end == '\'') ? 2 : 1;
    return *end == '"' ? end + 1 : at + 1;
}

/* The end of the name at AT, up to its next part: other.mood, "Other"."Mood". */
static const char *part_end(const char *at, bool in_string)
{
    if (*at == '"')
        return quoted_end(at, in_string);
    while (is_name_byte(*at))
        at++;
    return at;
}

static int add_needed(struct dump_reader *reader, const char *text, struct buffer *needed,
                      unsigned depth);

/* Takes each BYTE out of TEXT, or of TWINS one. */
static void drop_bytes(char *text, char byte, bool twins)
{
    char *to = text;

    for (; *text != '\0'; text++) {
        if (*text != byte || (twins && text[1] != byte))
            *to++ = *text;
        else if (twins)
            *to++ = *text++;
    }
    *to = '\0';
}

/* The object of that name, if no table has it yet, behind what it needs itself. */
static int add_object(struct dump_reader *reader, const char *name, size_t size,
                      struct buffer *needed, unsigned depth)
{
    cleanup_free char *plain = strndup(name, size);
    const size_t *found;

    if (plain == NULL)
        return -ENOMEM;
    found = name_map_find(reader->object_names, plain);
    /* As it is in a string, and as it may be without quotes. */
    if (found == NULL && strstr(plain, "''") != NULL) {
        drop_bytes(plain, '\'', true);
        found = name_map_find(reader->object_names, plain);
    }
    if (found == NULL) {
        drop_bytes(plain, '"', false);
        found = name_map_find(reader->object_names, plain);
    }
    if (found == NULL || reader->objects[*found].used)
        return 0;
    reader->objects[*found].used = true;

    int error = depth < DUMP_OBJECT_DEPTH
                    ? add_needed(reader, reader->objects[*found].text, needed, depth + 1)
                    : 0;

    return error == 0 ? buffer_print(needed, "%s\n", reader->objects[*found].text) : error;
}

/* Every name in TEXT, and what each begins with, which may be its schema. */
static int add_needed(struct dump_reader *reader, const char *text, struct buffer *needed,
                      unsigned depth)
{
    bool in_string = false;
    int error = 0;

    while (*text != '\0' && error == 0) {
        const char *end = part_end(text, in_string);
        const char *first = end;

        while (end > text && *end == '.' && (is_name_byte(end[1]) || end[1] == '"'))
            end = part_end(end + 1, in_string);
        if (end != first)
            error = add_object(reader, text, (size_t)(first - text), needed, depth);
        if (end > text && error == 0)
            error = add_object(reader, text, (size_t)(end - text), needed, depth);
        in_string ^= *text == '\'';
        text = end > text ? end : text + 1;
    }
    return error;
}

static int need(struct dump_reader *reader, const char *first, const char *second,
                char **ret_needed)
{
    cleanup_buffer struct buffer needed = BUFFER(DUMP_DDL_LIMIT);
    int error = first != NULL ? add_needed(reader, first, &needed, 0) : 0;

    if (error == 0 && second != NULL)
        error = add_needed(reader, second, &needed, 0);
    if (error != 0)
        return error == -EFBIG ? 0 : error;
    free(*ret_needed);
    *ret_needed = needed.size != 0 ? strndup((const char *)needed.data, needed.size) : NULL;
    return needed.size != 0 && *ret_needed == NULL ? -ENOMEM : 0;
}

struct named_table {
    char *name;
    struct dump_table *table;
};

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct named_table *)left)->name,
                  ((const struct named_table *)right)->name);
}

/* As they are made again one after another: each needs what no table before it has needed. */
static int settle(struct dump_reader *reader, const struct named_table *tables, size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        struct dump_table *table = tables[i].table;

        error = need(reader, table->ddl, table->partitions, &table->needed);
        if (error == 0)
            error = need(reader, table->additions, NULL, &table->needed_later);
        table->changed = table->changed || table->needed != NULL || table->needed_later != NULL;
    }
    return error;
}

int dump_ddl_settle(struct dump_reader *reader)
{
    struct named_table *tables;
    size_t count = 0;
    int error = 0;

    if (reader->object_count == 0)
        return 0;
    tables = allocate_array(reader->table_count, sizeof *tables);
    if (tables == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        if (reader->tables[i]->dropped)
            continue;
        tables[count] = (struct named_table){.name = dump_shown_name(reader, reader->tables[i]),
                                             .table = reader->tables[i]};
        error = tables[count++].name != NULL ? 0 : -ENOMEM;
    }
    if (error == 0) {
        qsort(tables, count, sizeof *tables, by_name);
        error = settle(reader, tables, count);
    }
    for (size_t i = 0; i < count; i++)
        free(tables[i].name);
    free(tables);
    return error;
}
