/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/base/utf8.h"

struct json_column {
    char *name;
    size_t size;    /* of the name */
    unsigned kinds; /* a bit for each enum json_kind that was seen; none for null */
    uint64_t row;   /* the last that had it */
};

struct json_table {
    struct row_taker *taker;
    char *name;
    struct json_column *columns;
    size_t count;
    size_t capacity;
    struct name_map *names; /* to columns */
    bool begun;             /* the taker knows it as number … */
    bool changed;           /* … as it was before */
    size_t number;
    struct schema *told; /* as this; NULL: not yet */
    uint64_t rows;       /* looked at or handed over */
    struct cell *cells;
    size_t *places; /* a member's column */
    struct buffer scratch;
};

struct json_table *json_table_create(struct row_taker *taker, const char *name)
{
    struct json_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->taker = taker;
    table->scratch = BUFFER(2 * STREAM_ROW_LIMIT);
    table->name = strdup(name);
    table->cells = allocate_array(JSON_ROWS_COLUMNS, sizeof *table->cells);
    table->places = allocate_array(JSON_ROWS_COLUMNS, sizeof *table->places);
    if (table->name == NULL || table->cells == NULL || table->places == NULL ||
        name_map_create(&table->names) != 0) {
        json_table_free(table);
        return NULL;
    }
    return table;
}

void json_table_free(struct json_table *table)
{
    if (table == NULL)
        return;
    schema_release(table->told);
    name_map_free(table->names);
    for (size_t i = 0; i < table->count; i++)
        free(table->columns[i].name);
    free(table->columns);
    free(table->cells);
    free(table->places);
    free(table->name);
    buffer_release(&table->scratch);
    free(table);
}

/* --- columns ------------------------------------------------------------------------------ */

/* NAME is taken over. */
static int add_column(struct json_table *table, char *name)
{
    int error = 0;

    if (table->count == table->capacity) {
        size_t capacity = table->capacity != 0 ? 2 * table->capacity : 32;
        struct json_column *columns = reallocarray(table->columns, capacity, sizeof *columns);

        if (columns != NULL) {
            table->columns = columns;
            table->capacity = capacity;
        }
        error = columns != NULL ? 0 : -ENOMEM;
    }
    if (error == 0 && table->count == JSON_ROWS_COLUMNS)
        error = -E2BIG;
    if (error == 0)
        error = name_map_add(table->names, name, table->count);
    if (error != 0) {
        free(name);
        return error;
    }
    table->columns[table->count++] = (struct json_column){.name = name, .size = strlen(name)};
    table->changed = true;
    return 0;
}

char *json_name_of(const uint8_t *key, size_t size, bool escaped)
{
    cleanup_free uint8_t *plain = malloc(size + 1);
    char *name = malloc(size * (sizeof UTF8_REPLACEMENT - 1) + 1);
    char *to = name;

    if (plain == NULL || name == NULL) {
        free(name);
        return NULL;
    }
    if (escaped)
        size = json_unescape(key, size, plain);
    else
        memcpy(plain, key, size);
    for (size_t at = 0; at < size;) {
        size_t length = plain[at] == '\0' ? 0 : utf8_character(plain + at, size - at);

        to = length != 0 ? mempcpy(to, plain + at, length) : stpcpy(to, UTF8_REPLACEMENT);
        at += length != 0 ? length : 1;
    }
    *to = '\0';
    return name;
}

/* The column of a key that this row has not had yet; "key (2)" if it has. -E2BIG: too many. */
static int find_column(struct json_table *table, const uint8_t *key, const struct json_piece *piece,
                       size_t *ret_column)
{
    char *name = json_name_of(key, piece->size, piece->escaped);
    cleanup_free char *plain = NULL;

    for (int i = 2; name != NULL; i++) {
        size_t *found = name_map_find(table->names, name);

        if (found == NULL) {
            int error = add_column(table, name);

            *ret_column = table->count - 1;
            return error;
        }
        if (table->columns[*found].row != table->rows) {
            free(name);
            *ret_column = *found;
            return 0;
        }
        if (plain == NULL)
            plain = steal_pointer(&name);
        free(name);
        if (asprintf(&name, "%s (%d)", plain, i) < 0)
            name = NULL;
    }
    return -ENOMEM;
}

/* Most objects have the keys of the one before, in the same order. */
static bool is_column(const struct json_table *table, size_t index, const uint8_t *key,
                      const struct json_piece *piece)
{
    if (index >= table->count || piece->escaped)
        return false;

    const struct json_column *column = &table->columns[index];

    return column->size == piece->size && column->row != table->rows &&
           memcmp(column->name, key, piece->size) == 0;
}

static enum column_type type_of(unsigned kinds)
{
    const unsigned integer = 1u << JSON_INTEGER;
    const unsigned number = 1u << JSON_NUMBER;
    const unsigned boolean = 1u << JSON_TRUE | 1u << JSON_FALSE;

    if ((kinds & 1u << JSON_NESTED) != 0)
        return COLUMN_JSON;
    if (kinds == 0)
        return COLUMN_ANY;
    if ((kinds & ~integer) == 0)
        return COLUMN_INTEGER;
    if ((kinds & ~(integer | number)) == 0)
        return COLUMN_DECIMAL;
    if ((kinds & ~boolean) == 0)
        return COLUMN_BOOLEAN;
    return kinds == 1u << JSON_STRING ? COLUMN_TEXT : COLUMN_ANY;
}

static void note_kind(struct json_table *table, struct json_column *column, enum json_kind kind)
{
    unsigned kinds = column->kinds | (kind != JSON_NULL ? 1u << kind : 0);

    if (kinds == column->kinds)
        return;
    table->changed = table->changed || type_of(kinds) != type_of(column->kinds);
    column->kinds = kinds;
}

int json_table_look(struct json_table *table, const uint8_t *base,
                    const struct json_member *members, size_t count, struct failure *failure)
{
    size_t next = 0;

    table->rows++;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *key = base + members[i].key.at;

        if (!is_column(table, next, key, &members[i].key)) {
            int error = find_column(table, key, &members[i].key, &next);

            if (error == -E2BIG)
                return failure_set(failure, E2BIG, "there are more than %zu different keys",
                                   JSON_ROWS_COLUMNS);
            if (error != 0)
                return error;
        }
        table->columns[next].row = table->rows;
        note_kind(table, &table->columns[next], members[i].value.kind);
        table->places[i] = next++;
    }
    return 0;
}

/* --- the taker ---------------------------------------------------------------------------- */

static struct schema *make_schema(const struct json_table *table)
{
    struct schema *schema = schema_create(table->name, table->count);

    if (schema == NULL)
        return NULL;
    schema->ddl = strdup("");

    bool whole = schema->ddl != NULL;

    for (size_t i = 0; i < table->count && whole; i++) {
        schema->columns[i].name = strdup(table->columns[i].name);
        schema->columns[i].type = type_of(table->columns[i].kinds);
        schema->columns[i].native_type = strdup("");
        whole = schema->columns[i].name != NULL && schema->columns[i].native_type != NULL;
    }
    if (!whole) {
        schema_release(schema);
        return NULL;
    }
    return schema;
}

static int tell(struct json_table *table, struct failure *failure)
{
    const struct row_taker_class *class = table->taker->class;
    struct schema *schema;
    int error = 0;

    if (table->begun && !table->changed)
        return 0;
    /* Objects without keys are rows all the same. */
    if (table->count == 0) {
        char *name = strdup("column1");

        error = name != NULL ? add_column(table, name) : -ENOMEM;
    }
    if (error != 0)
        return error;
    schema = make_schema(table);
    if (schema == NULL)
        return -ENOMEM;

    struct stream_table told = {.schema = schema};

    error = table->begun ? class->change_table(table->taker, table->number, &told, failure)
                         : class->begin_table(table->taker, &told, &table->number, failure);
    if (error != 0) {
        schema_release(schema);
        return error;
    }
    schema_release(table->told);
    table->told = schema;
    table->begun = true;
    table->changed = false;
    return 0;
}

struct schema *json_table_told(const struct json_table *table, size_t *ret_number)
{
    *ret_number = table->number;
    return table->told;
}

int json_table_finish(struct json_table *table, struct failure *failure)
{
    const struct row_taker_class *class = table->taker->class;

    return class->finish_table != NULL ? class->finish_table(table->taker, table->number, failure)
                                       : 0;
}

int json_table_fail(struct json_table *table, const struct failure *why, struct failure *failure)
{
    int error = tell(table, failure);

    return error != 0 ? error : table->taker->class->fail_table(table->taker, table->number, why);
}

/* --- rows --------------------------------------------------------------------------------- */

/* There is room in scratch for all strings of the row. */
static struct cell string_cell(struct json_table *table, const uint8_t *at,
                               const struct json_piece *piece, bool json)
{
    struct cell cell = {CELL_TEXT, piece->size, at};

    if (piece->escaped) {
        uint8_t *to = table->scratch.data + table->scratch.size;

        cell = (struct cell){CELL_TEXT, json_unescape(at, piece->size, to), to};
        table->scratch.size += (size_t)cell.size;
    }
    /* In a json column a string is JSON, with its quotes; what is no UTF-8 cannot be. */
    if (json && utf8_whole(cell.data, (size_t)cell.size))
        return (struct cell){CELL_TEXT, piece->size + 2, at - 1};
    return cell;
}

static struct cell make_cell(struct json_table *table, const uint8_t *at,
                             const struct json_piece *piece, bool json)
{
    switch (piece->kind) {
    case JSON_NULL: return (struct cell){.class = CELL_NULL};
    case JSON_TRUE:
    case JSON_FALSE: return (struct cell){CELL_BOOLEAN, piece->size, at};
    case JSON_INTEGER:
    case JSON_NUMBER: return (struct cell){CELL_NUMBER, piece->size, at};
    case JSON_STRING: return string_cell(table, at, piece, json);
    case JSON_NESTED: break;
    }
    return (struct cell){CELL_TEXT, piece->size, at};
}

int json_table_row(struct json_table *table, const uint8_t *base, size_t size,
                   const struct json_member *members, size_t count, struct failure *failure)
{
    int error = json_table_look(table, base, members, count, failure);

    if (error == 0)
        error = tell(table, failure);
    if (error != 0)
        return error;
    buffer_clear(&table->scratch);
    error = buffer_reserve(&table->scratch, size);
    if (error != 0)
        return error;
    for (size_t i = 0; i < table->count; i++)
        table->cells[i] = (struct cell){.class = CELL_NULL};
    for (size_t i = 0; i < count; i++) {
        size_t column = table->places[i];
        bool json = type_of(table->columns[column].kinds) == COLUMN_JSON;

        table->cells[column] =
            make_cell(table, base + members[i].value.at, &members[i].value, json);
    }
    return table->taker->class->row(table->taker, table->number, table->cells, failure);
}
