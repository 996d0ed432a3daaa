/* SPDX-License-Identifier: MIT */
/*
 * Any cells at all, built, rendered and read back: CSV by a small strict reader
 * that turns fields into cells again, JSON by jansson. What was measured is what
 * was rendered, and a row in fragments is the same row.
 */
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/format.h"
#include "fs/table/json_check.h"
#include "fs/table/row_group.h"
#include "fs/table/row_group_fragment.h"
#include "fs/table/text_scan.h"
#include "tests/fuzz/target.h"

#define COLUMNS_MOST 4
#define ROWS_MOST 64
#define CELLS_MOST ((size_t)ROWS_MOST * COLUMNS_MOST)

/* --- from the fuzzer's bytes to a table --- */

struct input {
    const uint8_t *at;
    size_t size;
};

static uint8_t take_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->at++;
}

struct table {
    struct schema *schema;
    size_t rows;
    struct cell cells[CELLS_MOST];
    uint8_t *copies[CELLS_MOST];
};

static struct schema *take_schema(struct input *input)
{
    static const enum column_type types[] = {COLUMN_TEXT, COLUMN_BYTES, COLUMN_JSON,
                                             COLUMN_INTEGER};
    uint8_t byte = take_byte(input);
    struct schema *schema = schema_create("t", 1 + byte % COLUMNS_MOST);

    require(schema != NULL);
    for (size_t i = 0; i < schema->column_count; i++) {
        schema->columns[i].type = types[byte >> (2 + i) & 3];
        require(asprintf(&schema->columns[i].name, "%zu", i) > 0);
    }
    return schema;
}

static bool is_number(const uint8_t *text, size_t size)
{
    struct json_check check;

    json_check_begin(&check);
    json_check_feed(&check, text, size);
    return size != 0 && json_check_end(&check) && strchr("-0123456789", text[0]) != NULL &&
           strchr("0123456789", text[size - 1]) != NULL;
}

/* A cell in memory of exactly its size. A source's numbers are numbers, its booleans t or f. */
static void take_cell(struct input *input, struct table *table, size_t index)
{
    uint8_t byte = take_byte(input);
    struct cell *cell = &table->cells[index];
    size_t size = byte >> 3;

    cell->class = byte % 5;
    if (size == 31)
        size += (size_t)take_byte(input) * 8;
    if (size > input->size)
        size = input->size;
    if (cell->class == CELL_NULL)
        return;
    if (cell->class == CELL_NUMBER && !is_number(input->at, size)) {
        cell->data = "-Infinity";
        cell->size = 9;
        return;
    }
    if (cell->class == CELL_BOOLEAN) {
        cell->data = size % 2 == 0 ? "t" : "f";
        cell->size = 1;
        return;
    }
    table->copies[index] = malloc(size != 0 ? size : 1);
    require(table->copies[index] != NULL);
    if (size != 0)
        memcpy(table->copies[index], input->at, size);
    cell->data = table->copies[index];
    cell->size = size;
    input->at += size;
    input->size -= size;
}

static void take_table(struct input *input, struct table *table)
{
    *table = (struct table){.schema = take_schema(input)};
    while (input->size != 0 && table->rows < ROWS_MOST) {
        for (size_t i = 0; i < table->schema->column_count; i++)
            take_cell(input, table, table->rows * table->schema->column_count + i);
        table->rows++;
    }
}

static void release_table(struct table *table)
{
    for (size_t i = 0; i < CELLS_MOST; i++)
        free(table->copies[i]);
    schema_release(table->schema);
}

/* --- CSV back to cells --- */

struct field {
    char *text; /* without quotes */
    size_t size;
    bool quoted;
};

/* Takes a field and the comma or LF after it; quotes only where the rules want them. */
static struct field take_field(struct input *csv, char end)
{
    struct field field = {.text = malloc(csv->size + 1), .quoted = false};
    bool special = false;

    require(field.text != NULL && csv->size != 0);
    field.quoted = *csv->at == '"';
    if (field.quoted)
        take_byte(csv);
    for (;;) {
        require(csv->size != 0);
        if (!field.quoted && (*csv->at == ',' || *csv->at == '\n'))
            break;

        uint8_t byte = take_byte(csv);

        if (byte == '"') {
            require(field.quoted && csv->size != 0);
            if (*csv->at != '"')
                break;
            take_byte(csv);
        }
        special |= byte == ',' || byte == '"' || byte == '\n' || byte == '\r';
        field.text[field.size++] = (char)byte;
    }
    require(field.quoted == (special || (field.quoted && field.size == 0)));
    require(take_byte(csv) == (uint8_t)end);
    return field;
}

static bool drop_prefix(struct field *field, const char *prefix)
{
    size_t size = strlen(prefix);

    if (field->size < size || memcmp(field->text, prefix, size) != 0)
        return false;
    field->size -= size;
    memmove(field->text, field->text + size, field->size);
    return true;
}

static void decode_base64(struct field *field)
{
    size_t size;
    unsigned char *bytes = malloc(field->size + 1);

    require(bytes != NULL);
    require(sodium_base642bin(bytes, field->size + 1, field->text, field->size, NULL, &size, NULL,
                              sodium_base64_VARIANT_ORIGINAL) == 0);
    memcpy(field->text, bytes, size);
    field->size = size;
    free(bytes);
}

/* What the field stands for must be the cell; in a bytes column that tells its class, too. */
static void check_field(struct field *field, const struct cell *cell, bool bytes_column)
{
    if (field->size == 0 && !field->quoted) {
        require(cell->class == CELL_NULL);
        return;
    }
    require(cell->class != CELL_NULL);
    if (drop_prefix(field, "text;base64:")) {
        require(cell->class == CELL_TEXT);
        decode_base64(field);
    } else if (!bytes_column) {
        require((cell->class == CELL_BYTES) == drop_prefix(field, "base64:"));
        if (cell->class == CELL_BYTES)
            decode_base64(field);
    } else if (drop_prefix(field, "number:")) {
        require(cell->class == CELL_NUMBER);
    } else if (drop_prefix(field, "text:")) {
        require(cell->class == CELL_TEXT || cell->class == CELL_BOOLEAN);
    } else {
        require(cell->class == CELL_BYTES);
        decode_base64(field);
    }
    require(field->size == cell->size);
    require(field->size == 0 || memcmp(field->text, cell->data, field->size) == 0);
}

static void check_csv(const struct table *table, const struct buffer *text)
{
    struct input csv = {.at = text->data, .size = text->size};
    size_t columns = table->schema->column_count;

    for (size_t i = 0; i < table->rows * columns; i++) {
        struct field field = take_field(&csv, i % columns + 1 < columns ? ',' : '\n');

        check_field(&field, &table->cells[i],
                    table->schema->columns[i % columns].type == COLUMN_BYTES);
        free(field.text);
    }
    require(csv.size == 0);
}

/* --- JSON back to cells --- */

/* Valid, and yet jansson refuses it alone already: \ud800, 1e999. */
static bool jansson_refuses(const struct cell *cell)
{
    struct json_check check;
    json_t *document;

    json_check_begin(&check);
    json_check_feed(&check, cell->data, cell->size);
    if (cell->class == CELL_NULL || cell->class == CELL_BYTES || !json_check_end(&check))
        return false;
    document = json_loadb(cell->data, cell->size,
                          JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    json_decref(document);
    return document == NULL;
}

static void check_value(const struct cell *cell, enum column_type type, json_t *value)
{
    require(value != NULL);
    if (cell->class == CELL_NULL)
        require(json_is_null(value));
    if (cell->class == CELL_BYTES)
        require(json_is_true(json_object_get(value, "$base64")) &&
                json_object_get(value, "text") == NULL);
    if (cell->class == CELL_BOOLEAN)
        require(json_is_boolean(value));
    if (cell->class == CELL_NUMBER)
        require(json_is_real(value) || json_is_string(json_object_get(value, "$number")));
    if (cell->class != CELL_TEXT)
        return;
    if (!utf8_valid(cell->data, cell->size)) {
        require(json_is_true(json_object_get(value, "text")));
        return;
    }
    if (type == COLUMN_JSON)
        value = json_object_get(value, "$text");
    if (type == COLUMN_JSON && value == NULL)
        return;
    require(json_is_string(value) && json_string_length(value) == cell->size);
    require(cell->size == 0 || memcmp(json_string_value(value), cell->data, cell->size) == 0);
}

static void check_json(const struct table *table, const struct buffer *text)
{
    size_t columns = table->schema->column_count;
    struct buffer whole = BUFFER(SIZE_MAX / 2);
    json_t *array;

    for (size_t i = 0; i < table->rows * columns; i++)
        if (jansson_refuses(&table->cells[i]))
            return;
    require(buffer_append(&whole, "[\n", 2) == 0);
    require(buffer_append(&whole, text->data, text->size) == 0);
    require(buffer_append(&whole, "]\n", 2) == 0);
    array =
        json_loadb((char *)whole.data, whole.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    require(json_array_size(array) == table->rows);
    for (size_t i = 0; i < table->rows * columns; i++) {
        const struct column *column = &table->schema->columns[i % columns];

        check_value(&table->cells[i], column->type,
                    json_object_get(json_array_get(array, i / columns), column->name));
    }
    json_decref(array);
    buffer_release(&whole);
}

/* --- rendering --- */

struct rendering {
    const struct schema *schema;
    struct format_plan *plan;
    enum table_format format;
    struct buffer output;
};

/* As row_group_take: renders the table's only group, or a fragment, and compares the sizes. */
static int render_encoded(void *context, const struct buffer *encoded,
                          const struct row_group_measure *measure, struct failure *failure)
{
    struct rendering *rendering = context;
    struct row_group_view view = {0};
    uint64_t expected = rendering->output.size;

    (void)failure;
    expected += rendering->format == FORMAT_CSV ? measure->csv_bytes : measure->ndjson_bytes;
    if (rendering->format == FORMAT_JSON && measure->rows != 0)
        expected += measure->rows - 1;
    require(row_group_open(&view, rendering->schema->column_count, encoded->data, encoded->size) ==
            0);
    require(format_render(rendering->plan, rendering->format, &view, true, &rendering->output) ==
            0);
    require(rendering->output.size == expected);
    row_group_view_release(&view);
    return 0;
}

/* The first row alone, whole and in fragments. */
static void check_fragments(const struct table *table, const struct rendering *whole,
                            size_t fragment_bytes)
{
    struct rendering pieces = *whole;
    const struct row_cut cut = {
        .schema = table->schema,
        .cells = table->cells,
        .fragment_bytes = fragment_bytes,
        .take = render_encoded,
        .context = &pieces,
    };

    pieces.output = BUFFER(SIZE_MAX / 2);
    require(row_group_cut(&cut, NULL) == 0);
    /* The whole goes on with other rows; JSON puts a comma before them. */
    size_t same = pieces.output.size - (whole->format == FORMAT_JSON ? 1 : 0);

    require(pieces.output.size <= whole->output.size);
    require(memcmp(pieces.output.data, whole->output.data, same) == 0);
    buffer_release(&pieces.output);
}

static void check_table(struct table *table, size_t fragment_bytes)
{
    struct buffer encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT);
    struct row_group_builder *builder = row_group_builder_create(table->schema);
    struct rendering rendering = {
        .schema = table->schema,
        .plan = format_plan_create(table->schema),
    };
    struct row_group_measure measure;

    require(builder != NULL && rendering.plan != NULL);
    for (size_t row = 0; row < table->rows; row++)
        require(row_group_builder_add(builder, table->cells + row * table->schema->column_count) ==
                0);
    require(row_group_builder_finish(builder, &encoded, &measure) == 0);
    for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
        rendering.format = format;
        rendering.output = BUFFER(SIZE_MAX / 2);
        render_encoded(&rendering, &encoded, &measure, NULL);
        if (format == FORMAT_CSV)
            check_csv(table, &rendering.output);
        if (format == FORMAT_JSON)
            check_json(table, &rendering.output);
        check_fragments(table, &rendering, fragment_bytes);
        buffer_release(&rendering.output);
    }
    buffer_release(&encoded);
    format_plan_free(rendering.plan);
    row_group_builder_free(builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {.at = data, .size = size};
    size_t fragment_bytes = 3 + (size_t)3 * (take_byte(&input) % 32);
    struct table table;

    take_table(&input, &table);
    if (table.rows != 0)
        check_table(&table, fragment_bytes);
    release_table(&table);
    return 0;
}
