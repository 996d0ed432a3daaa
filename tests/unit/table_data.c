/* SPDX-License-Identifier: MIT */
#include "tests/unit/table_data.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/row_group_fragment.h"

uint64_t random_word(uint64_t *state)
{
    uint64_t word = *state += 0x9e3779b97f4a7c15;

    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
    word = (word ^ word >> 27) * 0x94d049bb133111eb;
    return word ^ word >> 31;
}

size_t random_below(uint64_t *state, size_t bound)
{
    return (size_t)(random_word(state) % bound);
}

void name_column(struct schema *schema, size_t column, const char *name)
{
    free(schema->columns[column].name);
    schema->columns[column].name = strdup(name);
    assert_non_null(schema->columns[column].name);
}

struct schema *schema_of(size_t count, const enum column_type *types)
{
    struct schema *schema = schema_create("things", count);

    assert_non_null(schema);
    for (size_t i = 0; i < count; i++) {
        char name[32];

        snprintf(name, sizeof name, "c%zu", i);
        name_column(schema, i, name);
        schema->columns[i].type = types[i];
    }
    return schema;
}

struct cell null_cell(void)
{
    return (struct cell){.class = CELL_NULL};
}

struct cell cell_of(enum cell_class class, const char *text)
{
    return cell_of_bytes(class, text, strlen(text));
}

struct cell cell_of_bytes(enum cell_class class, const void *bytes, size_t size)
{
    return (struct cell){.class = class, .size = size, .data = bytes};
}

static struct cell owned_cell(enum cell_class class, const void *bytes, size_t size)
{
    uint8_t *data = malloc(size != 0 ? size : 1);

    assert_non_null(data);
    if (size != 0)
        memcpy(data, bytes, size);
    return cell_of_bytes(class, data, size);
}

static size_t random_size(uint64_t *state)
{
    static const size_t edges[] = {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64};

    switch (random_below(state, 12)) {
    case 0: return 900 + random_below(state, 300);
    case 1: return random_below(state, 200);
    default: return edges[random_below(state, COUNT_OF(edges))];
    }
}

/* Text of SIZE bytes or up to 3 more. DENSE: how often something special stands in it. */
static struct cell random_text(uint64_t *state, size_t size, size_t dense)
{
    static const char *const special[] = {"\"", "\\", ",",        "\n",     "\r",         "\t",
                                          "/",  "é",  "€",        "\x7f",   "\U0001f600", "\b",
                                          "\f", "$",  "\x01",     "\x1f",   "'",          "\x0b",
                                          " ",  ":",  "\xc2\x80", "\ufffd", "\U0010ffff", "ß"};
    char *text = malloc(size + 8);
    size_t at = 0;

    assert_non_null(text);
    while (at < size) {
        if (random_below(state, 100) < dense) {
            const char *piece = special[random_below(state, COUNT_OF(special))];

            memcpy(text + at, piece, strlen(piece));
            at += strlen(piece);
        } else {
            text[at++] = (char)('a' + random_below(state, 26));
        }
    }

    struct cell cell = owned_cell(CELL_TEXT, text, at);

    free(text);
    return cell;
}

static struct cell random_bytes(uint64_t *state, enum cell_class class, size_t size)
{
    uint8_t *bytes = malloc(size + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)random_word(state);

    struct cell cell = owned_cell(class, bytes, size);

    free(bytes);
    return cell;
}

struct cell random_cell(uint64_t *state, enum column_type type)
{
    static const char *const numbers[] = {
        "0",       "-1",  "12345",     "1.5e-07", "-0.0", "9223372036854775807",
        "3650.28", "NaN", "-Infinity", "007",     ".5",   "Infinity"};
    static const char *const words[] = {"base64:", "text;base64:", "base64:AA==", "text;base64",
                                        "number:", "null",         "true",        "base64"};
    static const char *const documents[] = {"{\"a\":1}", "[1,\n 2]", "null",   "{\"$a\":1}", "{",
                                            "\"x\\ny\"", " 7 ",      "[\r\n]", "0",          "{}"};
    static const size_t density[] = {0, 2, 50};
    size_t dense = density[random_below(state, COUNT_OF(density))];
    const char *text;

    switch (random_below(state, 10)) {
    case 0: return null_cell();
    case 1:
    case 2:
        text = numbers[random_below(state, COUNT_OF(numbers))];
        return owned_cell(CELL_NUMBER, text, strlen(text));
    case 3: return random_bytes(state, CELL_BYTES, random_size(state));
    case 4: return random_bytes(state, CELL_TEXT, random_size(state));
    case 5:
        text = words[random_below(state, COUNT_OF(words))];
        return owned_cell(CELL_TEXT, text, strlen(text));
    case 6: return owned_cell(CELL_BOOLEAN, random_below(state, 2) == 0 ? "t" : "f", 1);
    default: break;
    }
    if (type == COLUMN_JSON && random_below(state, 2) == 0) {
        text = documents[random_below(state, COUNT_OF(documents))];
        return owned_cell(CELL_TEXT, text, strlen(text));
    }
    return random_text(state, random_size(state), dense);
}

struct cell *random_row(uint64_t *state, const struct schema *schema)
{
    struct cell *cells = calloc(schema->column_count, sizeof *cells);

    assert_non_null(cells);
    for (size_t i = 0; i < schema->column_count; i++)
        cells[i] = random_cell(state, schema->columns[i].type);
    return cells;
}

void free_cells(struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((void *)cells[i].data);
    free(cells);
}

struct made_group group_of(struct schema *schema, const struct cell *cells, size_t rows)
{
    struct made_group group = {.encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT)};
    struct row_group_builder *builder = row_group_builder_create(schema);

    assert_non_null(builder);
    for (size_t row = 0; row < rows; row++)
        assert_int_equal(row_group_builder_add(builder, cells + row * schema->column_count), 0);
    assert_int_equal(row_group_builder_finish(builder, &group.encoded, &group.measure), 0);
    assert_int_equal(group.measure.rows, rows);
    row_group_builder_free(builder);
    return group;
}

void release_group(struct made_group *group)
{
    buffer_release(&group->encoded);
}

const enum column_type three_types[3] = {COLUMN_INTEGER, COLUMN_TEXT, COLUMN_BYTES};

struct made_group group_of_two(struct schema *schema)
{
    const struct cell cells[] = {
        cell_of(CELL_NUMBER, "1"),
        cell_of(CELL_TEXT, "a,\n"),
        null_cell(),
        cell_of(CELL_NUMBER, "23"),
        null_cell(),
        null_cell(),
    };

    return group_of(schema, cells, 2);
}

struct random_table random_table(uint64_t *state, size_t rows_most)
{
    struct random_table table = {.schema = schema_of(1 + random_below(state, 3), three_types)};
    size_t columns = table.schema->column_count;

    table.rows = 1 + random_below(state, rows_most);
    table.cells = calloc(table.rows * columns, sizeof *table.cells);
    assert_non_null(table.cells);
    for (size_t i = 0; i < table.rows * columns; i++)
        table.cells[i] = random_cell(state, table.schema->columns[i % columns].type);
    table.group = group_of(table.schema, table.cells, table.rows);
    return table;
}

void release_random_table(struct random_table *table)
{
    release_group(&table->group);
    free_cells(table->cells, table->rows * table->schema->column_count);
    schema_release(table->schema);
}

static uint64_t measured(const struct row_group_measure *measure, enum table_format format,
                         bool last)
{
    switch (format) {
    case FORMAT_CSV: return measure->csv_bytes;
    case FORMAT_NDJSON: return measure->ndjson_bytes;
    default: return measure->ndjson_bytes + measure->rows - (last && measure->rows != 0 ? 1 : 0);
    }
}

static void append_rendered(struct schema *schema, enum table_format format,
                            const struct buffer *encoded, const struct row_group_measure *measure,
                            bool last, struct buffer *output)
{
    struct format_plan *plan = format_plan_create(schema);
    struct row_group_view view = {0};
    uint8_t *exact = malloc(encoded->size);
    size_t before = output->size;

    assert_non_null(plan);
    assert_non_null(exact);
    memcpy(exact, encoded->data, encoded->size);
    assert_int_equal(row_group_open(&view, schema->column_count, exact, encoded->size), 0);
    assert_int_equal(format_render(plan, format, &view, last, output), 0);
    assert_int_equal(output->size - before, measured(measure, format, last));
    row_group_view_release(&view);
    free(exact);
    format_plan_free(plan);
}

char *rendered(struct schema *schema, enum table_format format, const struct made_group *group,
               bool last, size_t *ret_size)
{
    struct buffer output = BUFFER(SIZE_MAX / 2);

    append_rendered(schema, format, &group->encoded, &group->measure, last, &output);
    *ret_size = output.size;
    assert_int_equal(buffer_append(&output, "", 1), 0);
    return (char *)output.data;
}

struct fragments {
    struct schema *schema;
    enum table_format format;
    bool last;
    size_t bytes;
    struct buffer output;
    uint32_t rows;
};

static int take_fragment(void *context, const struct buffer *encoded,
                         const struct row_group_measure *measure, struct failure *failure)
{
    struct fragments *fragments = context;

    (void)failure;
    assert_int_equal(fragments->rows, 0);
    fragments->rows += measure->rows;
    append_rendered(fragments->schema, fragments->format, encoded, measure, fragments->last,
                    &fragments->output);
    return 0;
}

/* A cursor that gives nothing but the cells of one row, by pieces. */
struct cell_cursor {
    struct cursor cursor;
    const struct cell *cells;
};

static int read_cell(struct cursor *cursor, size_t column, uint64_t offset, void *buffer,
                     size_t size, struct failure *failure)
{
    const struct cell *cell = &((struct cell_cursor *)cursor)->cells[column];

    (void)failure;
    assert_true(offset <= cell->size && size <= cell->size - offset);
    memcpy(buffer, (const uint8_t *)cell->data + offset, size);
    return 0;
}

char *rendered_in_fragments(struct schema *schema, enum table_format format,
                            const struct cell *cells, bool without_data, size_t fragment_bytes,
                            bool last, size_t *ret_size)
{
    static const struct cursor_class class = {.read_cell = read_cell};
    struct cell_cursor cursor = {.cursor = {.class = &class}, .cells = cells};
    struct cell *given = calloc(schema->column_count, sizeof *given);
    struct fragments fragments = {
        .schema = schema,
        .format = format,
        .last = last,
        .output = BUFFER(SIZE_MAX / 2),
    };
    struct row_cut cut = {
        .schema = schema,
        .cursor = &cursor.cursor,
        .cells = given,
        .fragment_bytes = fragment_bytes,
        .take = take_fragment,
        .context = &fragments,
    };
    struct failure failure = {0};

    assert_non_null(given);
    memcpy(given, cells, schema->column_count * sizeof *given);
    for (size_t i = 0; i < schema->column_count && without_data; i++)
        given[i].data = NULL;
    assert_int_equal(row_group_cut(&cut, &failure), 0);
    assert_int_equal(fragments.rows, 1);
    free(given);
    *ret_size = fragments.output.size;
    assert_int_equal(buffer_append(&fragments.output, "", 1), 0);
    return (char *)fragments.output.data;
}
