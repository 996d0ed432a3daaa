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

#define OBJECTS_LIMIT 65536

char *dump_statement_text(const struct dump_reader *reader)
{
    const char *raw = (const char *)reader->raw.data;
    char *text;

    raw += strspn(raw, " \t\r\n");
    /* Within a version comment: what it holds. */
    if (raw[0] == '/')
        raw = (const char *)reader->statement.data +
              strspn((const char *)reader->statement.data, " \t\r\n");
    return asprintf(&text, "%s;", raw) < 0 ? NULL : text;
}

/* "schema.name" as statements spell it, behind what LEXER has taken. NULL: there is none. */
static char *spelled_name(struct sql_lexer *lexer)
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
    object.name = spelled_name(&lexer);
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

    cleanup_free char *name = spelled_name(&lexer);
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

/* The end of the name at AT, up to its next part: other.mood, "Other"."Mood". */
static const char *part_end(const char *at)
{
    const char *quote = *at == '"' ? strchr(at + 1, '"') : NULL;

    if (*at == '"')
        return quote != NULL ? quote + 1 : at + 1;
    while (is_name_byte(*at))
        at++;
    return at;
}

static int add_needed(struct dump_reader *reader, const char *text, struct buffer *needed,
                      unsigned depth);

/* The object of that name, if no table has it yet, behind what it needs itself. */
static int add_object(struct dump_reader *reader, const char *name, size_t size,
                      struct buffer *needed, unsigned depth)
{
    cleanup_free char *plain = malloc(size + 1);
    const size_t *found;
    char *to = plain;

    if (plain == NULL)
        return -ENOMEM;
    memcpy(plain, name, size);
    plain[size] = '\0';
    found = name_map_find(reader->object_names, plain);
    for (size_t i = 0; i < size && found == NULL; i++) {
        if (name[i] != '"')
            *to++ = name[i];
    }
    if (found == NULL) {
        *to = '\0';
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
    int error = 0;

    while (*text != '\0' && error == 0) {
        const char *end = part_end(text);
        const char *first = end;

        while (end > text && *end == '.' && (is_name_byte(end[1]) || end[1] == '"'))
            end = part_end(end + 1);
        if (end != first)
            error = add_object(reader, text, (size_t)(first - text), needed, depth);
        if (end > text && error == 0)
            error = add_object(reader, text, (size_t)(end - text), needed, depth);
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

/* --- a table's own ------------------------------------------------------------------------ */

/* "old\ntext", or TEXT. */
static int append_line(char **place, const char *text)
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
        cleanup_free char *parent = spelled_name(lexer);
        cleanup_free char *text = NULL;

        if (parent == NULL)
            return 0;
        if (asprintf(&text, "ALTER TABLE %s INHERIT %s;", head, parent) < 0) {
            text = NULL;
            return -ENOMEM;
        }
        error = append_line(&table->additions, text);
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
    name = spelled_name(&lexer);
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
    return own != NULL ? append_line(&table->additions, own) : -ENOMEM;
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
        error = append_line(&root->partitions, (const char *)text.data);
    if (error == 0 && part->partitions != NULL)
        error = append_line(&root->partitions, part->partitions);
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
