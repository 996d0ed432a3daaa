/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/base64.h"
#include "fs/table/format.h"
#include "fs/table/text_scan.h"
#include "tests/unit/table_data.h"

/* --- every row of the tables in fs/table/README.md --- */

struct answer {
    enum column_type type;
    enum cell_class class;
    const char *bytes; /* NULL: a NULL */
    const char *csv;
    const char *ndjson;
};

static const struct answer answers[] = {
    {COLUMN_TEXT, CELL_NULL, NULL, "", "null"},
    {COLUMN_JSON, CELL_NULL, NULL, "", "null"},
    {COLUMN_BYTES, CELL_NULL, NULL, "", "null"},

    {COLUMN_INTEGER, CELL_NUMBER, "42", "42", "42"},
    {COLUMN_INTEGER, CELL_NUMBER, "-9223372036854775808", "-9223372036854775808",
     "-9223372036854775808"},
    {COLUMN_DECIMAL, CELL_NUMBER, "12345678901234567890.10", "12345678901234567890.10",
     "12345678901234567890.10"},
    {COLUMN_FLOAT, CELL_NUMBER, "-1.5e-07", "-1.5e-07", "-1.5e-07"},
    {COLUMN_FLOAT, CELL_NUMBER, "0.1", "0.1", "0.1"},
    {COLUMN_FLOAT, CELL_NUMBER, "-0.0", "-0.0", "-0.0"},
    {COLUMN_JSON, CELL_NUMBER, "7", "7", "7"},
    {COLUMN_BYTES, CELL_NUMBER, "7", "number:7", "7"},
    {COLUMN_FLOAT, CELL_NUMBER, "Infinity", "Infinity", "{\"$number\":\"Infinity\"}"},
    {COLUMN_FLOAT, CELL_NUMBER, "-Infinity", "-Infinity", "{\"$number\":\"-Infinity\"}"},
    {COLUMN_FLOAT, CELL_NUMBER, "NaN", "NaN", "{\"$number\":\"NaN\"}"},
    {COLUMN_BYTES, CELL_NUMBER, "NaN", "number:NaN", "{\"$number\":\"NaN\"}"},
    {COLUMN_JSON, CELL_NUMBER, "NaN", "NaN", "{\"$number\":\"NaN\"}"},
    {COLUMN_INTEGER, CELL_NUMBER, "0042", "0042", "{\"$number\":\"0042\"}"},
    {COLUMN_INTEGER, CELL_NUMBER, "-", "-", "{\"$number\":\"-\"}"},
    {COLUMN_INTEGER, CELL_NUMBER, "", "\"\"", "{\"$number\":\"\"}"},

    {COLUMN_BOOLEAN, CELL_BOOLEAN, "t", "t", "true"},
    {COLUMN_BOOLEAN, CELL_BOOLEAN, "f", "f", "false"},
    {COLUMN_BOOLEAN, CELL_BOOLEAN, "1", "1", "true"},
    {COLUMN_BOOLEAN, CELL_BOOLEAN, "0", "0", "false"},
    {COLUMN_JSON, CELL_BOOLEAN, "t", "t", "true"},
    {COLUMN_BYTES, CELL_BOOLEAN, "t", "text:t", "true"},
    {COLUMN_BOOLEAN, CELL_NUMBER, "1", "1", "1"},

    {COLUMN_TEXT, CELL_TEXT, "Åsa", "Åsa", "\"Åsa\""},
    {COLUMN_TEXT, CELL_TEXT, "", "\"\"", "\"\""},
    {COLUMN_TEXT, CELL_TEXT, "a,b", "\"a,b\"", "\"a,b\""},
    {COLUMN_TEXT, CELL_TEXT, "\"", "\"\"\"\"", "\"\\\"\""},
    {COLUMN_TEXT, CELL_TEXT, "a\nb", "\"a\nb\"", "\"a\\nb\""},
    {COLUMN_TEXT, CELL_TEXT, "a\rb", "\"a\rb\"", "\"a\\rb\""},
    {COLUMN_TEXT, CELL_TEXT, " a b ", " a b ", "\" a b \""},
    {COLUMN_TEXT, CELL_TEXT, "a'b;\tc", "a'b;\tc", "\"a'b;\\tc\""},
    {COLUMN_TEXT, CELL_TEXT, "\\/\b\f\x01\x1f\x7f", "\\/\b\f\x01\x1f\x7f",
     "\"\\\\/\\b\\f\\u0001\\u001f\x7f\""},
    {COLUMN_TEXT, CELL_TEXT, "null", "null", "\"null\""},
    {COLUMN_TEXT, CELL_TEXT, "number:1", "number:1", "\"number:1\""},
    {COLUMN_TEXT, CELL_TEXT, "text:1", "text:1", "\"text:1\""},
    {COLUMN_INTEGER, CELL_TEXT, "12", "12", "\"12\""},
    {COLUMN_BYTES, CELL_TEXT, "", "text:", "\"\""},
    {COLUMN_BYTES, CELL_TEXT, "a", "text:a", "\"a\""},
    {COLUMN_BYTES, CELL_TEXT, "a,\"b\"", "\"text:a,\"\"b\"\"\"", "\"a,\\\"b\\\"\""},

    {COLUMN_TEXT, CELL_TEXT, "\xff",
     "text;base64:/w==", "{\"$base64\":true,\"encoded\":\"/w==\",\"text\":true}"},
    {COLUMN_BYTES, CELL_TEXT, "ab\xc3", "text;base64:YWLD",
     "{\"$base64\":true,\"encoded\":\"YWLD\",\"text\":true}"},
    {COLUMN_JSON, CELL_TEXT, "\"\xed\xa0\x80\"",
     "text;base64:Iu2ggCI=", "{\"$base64\":true,\"encoded\":\"Iu2ggCI=\",\"text\":true}"},

    {COLUMN_TEXT, CELL_TEXT, "base64:", "text;base64:YmFzZTY0Og==", "\"base64:\""},
    {COLUMN_TEXT, CELL_TEXT, "base64:x", "text;base64:YmFzZTY0Ong=", "\"base64:x\""},
    {COLUMN_TEXT, CELL_TEXT, "text;base64:", "text;base64:dGV4dDtiYXNlNjQ6", "\"text;base64:\""},
    {COLUMN_JSON, CELL_TEXT, "base64:", "text;base64:YmFzZTY0Og==", "{\"$text\":\"base64:\"}"},
    {COLUMN_BYTES, CELL_TEXT, "base64:", "text:base64:", "\"base64:\""},
    {COLUMN_BYTES, CELL_TEXT, "text;base64:", "text:text;base64:", "\"text;base64:\""},
    {COLUMN_TEXT, CELL_TEXT, "base64", "base64", "\"base64\""},
    {COLUMN_TEXT, CELL_TEXT, "text;base64", "text;base64", "\"text;base64\""},
    {COLUMN_TEXT, CELL_TEXT, "Base64:", "Base64:", "\"Base64:\""},

    {COLUMN_TEXT, CELL_BYTES, "", "base64:", "{\"$base64\":true,\"encoded\":\"\"}"},
    {COLUMN_TEXT, CELL_BYTES, "a", "base64:YQ==", "{\"$base64\":true,\"encoded\":\"YQ==\"}"},
    {COLUMN_JSON, CELL_BYTES, "{}", "base64:e30=", "{\"$base64\":true,\"encoded\":\"e30=\"}"},
    {COLUMN_BYTES, CELL_BYTES, "", "\"\"", "{\"$base64\":true,\"encoded\":\"\"}"},
    {COLUMN_BYTES, CELL_BYTES, "\xfb\xff,", "+/8s", "{\"$base64\":true,\"encoded\":\"+/8s\"}"},

    {COLUMN_JSON, CELL_TEXT, "{\"a\": [1, null]}", "\"{\"\"a\"\": [1, null]}\"",
     "{\"a\": [1, null]}"},
    {COLUMN_JSON, CELL_TEXT, "[1]\r\n", "\"[1]\r\n\"", "[1]  "},
    {COLUMN_JSON, CELL_TEXT, "[\n\t\"a\\n\"]", "\"[\n\t\"\"a\\n\"\"]\"", "[ \t\"a\\n\"]"},
    {COLUMN_JSON, CELL_TEXT, "1e400", "1e400", "1e400"},
    {COLUMN_JSON, CELL_TEXT, "\"a\"", "\"\"\"a\"\"\"", "\"a\""},
    {COLUMN_JSON, CELL_TEXT, "[{\"$a\":1}]", "\"[{\"\"$a\"\":1}]\"", "[{\"$a\":1}]"},
    {COLUMN_JSON, CELL_TEXT, "{\"$a\":1}", "\"{\"\"$a\"\":1}\"", "{\"$text\":\"{\\\"$a\\\":1}\"}"},
    {COLUMN_JSON, CELL_TEXT, "{\"\\u0024\":1}", "\"{\"\"\\u0024\"\":1}\"",
     "{\"$text\":\"{\\\"\\\\u0024\\\":1}\"}"},
    {COLUMN_JSON, CELL_TEXT, "{\"a\":1", "\"{\"\"a\"\":1\"", "{\"$text\":\"{\\\"a\\\":1\"}"},
    {COLUMN_JSON, CELL_TEXT, "null", "null", "{\"$text\":\"null\"}"},
    {COLUMN_JSON, CELL_TEXT, " null", " null", "{\"$text\":\" null\"}"},
    {COLUMN_JSON, CELL_TEXT, "[null]", "[null]", "[null]"},
    {COLUMN_JSON, CELL_TEXT, "hello", "hello", "{\"$text\":\"hello\"}"},
    {COLUMN_JSON, CELL_TEXT, "", "\"\"", "{\"$text\":\"\"}"},
    {COLUMN_JSON, CELL_TEXT, "1 2", "1 2", "{\"$text\":\"1 2\"}"},
};

static struct cell cell_of_answer(const struct answer *answer)
{
    return answer->bytes == NULL ? null_cell() : cell_of(answer->class, answer->bytes);
}

static void assert_rendered(struct schema *schema, const struct cell *cells, size_t rows,
                            enum table_format format, const char *expected)
{
    struct made_group group = group_of(schema, cells, rows);
    size_t size;
    char *text = rendered(schema, format, &group, true, &size);

    assert_string_equal(text, expected);
    free(text);
    release_group(&group);
}

/* Alone, where its column has flags of its own, and as one of several. */
static void test_every_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        const struct answer *answer = &answers[i];
        enum column_type types[] = {answer->type, COLUMN_TEXT};
        struct schema *one = schema_of(1, types);
        struct schema *two = schema_of(2, types);
        struct cell cell = cell_of_answer(answer);
        struct cell rows[] = {cell, null_cell(), cell_of(CELL_TEXT, "x,\"y"), cell};
        char expected[400];

        snprintf(expected, sizeof expected, "%s\n", answer->csv);
        assert_rendered(one, &cell, 1, FORMAT_CSV, expected);
        snprintf(expected, sizeof expected, "{\"c0\":%s}\n", answer->ndjson);
        assert_rendered(one, &cell, 1, FORMAT_NDJSON, expected);
        assert_rendered(one, &cell, 1, FORMAT_JSON, expected);
        rows[3] = cell_of(CELL_TEXT, "z");
        snprintf(expected, sizeof expected, "%s,\n\"%sx,\"\"y\",z\n", answer->csv,
                 answer->type == COLUMN_BYTES ? "text:" : "");
        assert_rendered(two, rows, 2, FORMAT_CSV, expected);
        snprintf(expected, sizeof expected, "{\"c0\":%s,\"c1\":null}\n{\"c0\":%s,\"c1\":\"z\"}\n",
                 answer->ndjson,
                 answer->type == COLUMN_JSON ? "{\"$text\":\"x,\\\"y\"}" : "\"x,\\\"y\"");
        assert_rendered(two, rows, 2, FORMAT_NDJSON, expected);
        schema_release(one);
        schema_release(two);
    }
}

static void test_nul_bytes(void **state)
{
    const enum column_type types[] = {COLUMN_TEXT, COLUMN_BYTES};
    struct schema *schema = schema_of(2, types);
    const struct cell cells[] = {cell_of_bytes(CELL_TEXT, "a\0b", 3),
                                 cell_of_bytes(CELL_BYTES, "\0\0\0", 3)};
    struct made_group group = group_of(schema, cells, 1);
    size_t size;
    char *csv = rendered(schema, FORMAT_CSV, &group, true, &size);

    (void)state;
    assert_int_equal(size, 9);
    assert_memory_equal(csv, "a\0b,AAAA\n", 9);
    free(csv);
    release_group(&group);
    assert_rendered(schema, cells, 1, FORMAT_NDJSON,
                    "{\"c0\":\"a\\u0000b\",\"c1\":{\"$base64\":true,\"encoded\":\"AAAA\"}}\n");
    schema_release(schema);
}

static void assert_end(const struct format_plan *plan, bool head, enum table_format format,
                       const char *expected)
{
    size_t size;
    const char *text = head ? format_head(plan, format, &size) : format_tail(format, &size);

    assert_int_equal(size, strlen(expected));
    assert_memory_equal(text, expected, size);
}

static void test_heads_and_tails(void **state)
{
    static const enum column_type types[4] = {COLUMN_TEXT};
    struct schema *schema = schema_of(4, types);
    struct format_plan *plan;
    const struct cell cells[] = {cell_of(CELL_NUMBER, "1"), cell_of(CELL_NUMBER, "2"), null_cell(),
                                 cell_of(CELL_TEXT, "x")};

    (void)state;
    name_column(schema, 0, "Order, \"Details\"");
    name_column(schema, 1, "");
    name_column(schema, 2, "a\nb\\");
    name_column(schema, 3, "base64:é");
    plan = format_plan_create(schema);
    assert_non_null(plan);
    assert_end(plan, true, FORMAT_CSV, "\"Order, \"\"Details\"\"\",\"\",\"a\nb\\\",base64:é\n");
    assert_end(plan, false, FORMAT_CSV, "");
    assert_end(plan, true, FORMAT_NDJSON, "");
    assert_end(plan, false, FORMAT_NDJSON, "");
    assert_end(plan, true, FORMAT_JSON, "[\n");
    assert_end(plan, false, FORMAT_JSON, "]\n");
    format_plan_free(plan);
    assert_rendered(
        schema, cells, 1, FORMAT_NDJSON,
        "{\"Order, \\\"Details\\\"\":1,\"\":2,\"a\\nb\\\\\":null,\"base64:é\":\"x\"}\n");
    schema_release(schema);
    assert_string_equal(table_format_extension(FORMAT_CSV), "csv");
    assert_string_equal(table_format_extension(FORMAT_JSON), "json");
    assert_string_equal(table_format_extension(FORMAT_NDJSON), "ndjson");
}

static void test_no_columns(void **state)
{
    struct schema *schema = schema_of(0, NULL);
    struct format_plan *plan = format_plan_create(schema);
    struct row_group_builder *builder = row_group_builder_create(schema);

    (void)state;
    assert_non_null(plan);
    assert_end(plan, true, FORMAT_CSV, "\n");
    assert_end(plan, true, FORMAT_JSON, "[\n");
    assert_int_equal(row_group_builder_add(builder, NULL), -EINVAL);
    row_group_builder_free(builder);
    format_plan_free(plan);
    schema_release(schema);
}

/* Commas stand between all rows of all groups, but for the table's last. */
static void test_commas_between_objects(void **state)
{
    static const enum column_type types[] = {COLUMN_INTEGER};
    struct schema *schema = schema_of(1, types);
    const struct cell cells[] = {cell_of(CELL_NUMBER, "1"), cell_of(CELL_NUMBER, "2")};
    struct made_group group = group_of(schema, cells, 2);
    size_t size;
    char *middle = rendered(schema, FORMAT_JSON, &group, false, &size);
    char *last = rendered(schema, FORMAT_JSON, &group, true, &size);

    (void)state;
    assert_string_equal(middle, "{\"c0\":1},\n{\"c0\":2},\n");
    assert_string_equal(last, "{\"c0\":1},\n{\"c0\":2}\n");
    free(middle);
    free(last);
    release_group(&group);
    schema_release(schema);
}

/* --- random rows against the rules once more, written as plainly as can be --- */

static void put(struct buffer *to, const char *text)
{
    assert_int_equal(buffer_append_text(to, text), 0);
}

static void put_bytes(struct buffer *to, const void *bytes, size_t size)
{
    assert_int_equal(buffer_append(to, bytes, size), 0);
}

static void put_base64(struct buffer *to, const struct cell *cell)
{
    size_t room = sodium_base64_encoded_len(cell->size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);

    assert_non_null(text);
    sodium_bin2base64(text, room, cell->data, cell->size, sodium_base64_VARIANT_ORIGINAL);
    put(to, text);
    free(text);
}

static bool begins(const struct cell *cell, const char *text)
{
    return cell->size >= strlen(text) && memcmp(cell->data, text, strlen(text)) == 0;
}

static void put_field(struct buffer *to, const char *prefix, const struct cell *cell)
{
    const char *text = cell->data;
    bool quoted = prefix[0] == '\0' && cell->size == 0;

    for (size_t i = 0; i < cell->size; i++)
        quoted |= text[i] == ',' || text[i] == '"' || text[i] == '\r' || text[i] == '\n';
    put(to, quoted ? "\"" : "");
    put(to, prefix);
    for (size_t i = 0; i < cell->size; i++) {
        put(to, text[i] == '"' ? "\"" : "");
        put_bytes(to, text + i, 1);
    }
    put(to, quoted ? "\"" : "");
}

static void put_csv_cell(struct buffer *to, const struct cell *cell, enum column_type type)
{
    bool bytes = type == COLUMN_BYTES;

    switch (cell->class) {
    case CELL_NULL: return;
    case CELL_NUMBER: put_field(to, bytes ? "number:" : "", cell); return;
    case CELL_BOOLEAN: put_field(to, bytes ? "text:" : "", cell); return;
    case CELL_BYTES:
        put(to, !bytes ? "base64:" : cell->size == 0 ? "\"\"" : "");
        put_base64(to, cell);
        return;
    default: break;
    }
    if (!utf8_valid(cell->data, cell->size) ||
        (!bytes && (begins(cell, "base64:") || begins(cell, "text;base64:")))) {
        put(to, "text;base64:");
        put_base64(to, cell);
    } else {
        put_field(to, bytes ? "text:" : "", cell);
    }
}

static void put_string(struct buffer *to, const struct cell *cell)
{
    static const char plain[] = "\"\\\b\t\n\f\r";
    static const char letters[] = "\"\\btnfr";
    const char *text = cell->data;

    put(to, "\"");
    for (size_t i = 0; i < cell->size; i++) {
        const char *found = text[i] == '\0' ? NULL : strchr(plain, text[i]);

        if (found != NULL) {
            put(to, "\\");
            put_bytes(to, &letters[found - plain], 1);
        } else if ((uint8_t)text[i] < 0x20) {
            assert_int_equal(buffer_print(to, "\\u%04x", (unsigned)text[i]), 0);
        } else {
            put_bytes(to, text + i, 1);
        }
    }
    put(to, "\"");
}

static bool stands_as_document(const struct cell *cell)
{
    json_t *document = json_loadb(cell->data, cell->size,
                                  JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    bool stands = document != NULL && !json_is_null(document);

    if (json_is_object(document) && json_object_size(document) != 0)
        stands = json_object_iter_key(json_object_iter(document))[0] != '$';
    json_decref(document);
    return stands;
}

static bool is_json_number(const struct cell *cell)
{
    json_t *number =
        json_loadb(cell->data, cell->size, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, NULL);
    bool is_number = json_is_number(number);

    json_decref(number);
    return is_number;
}

static void put_json_cell(struct buffer *to, const struct cell *cell, enum column_type type)
{
    bool valid = cell->class == CELL_TEXT && utf8_valid(cell->data, cell->size);

    if (cell->class == CELL_NULL) {
        put(to, "null");
    } else if (cell->class == CELL_BOOLEAN) {
        put(to, *(const char *)cell->data == 't' ? "true" : "false");
    } else if (cell->class == CELL_NUMBER && is_json_number(cell)) {
        put_bytes(to, cell->data, cell->size);
    } else if (cell->class == CELL_NUMBER) {
        put(to, "{\"$number\":");
        put_string(to, cell);
        put(to, "}");
    } else if (!valid) {
        put(to, "{\"$base64\":true,\"encoded\":\"");
        put_base64(to, cell);
        put(to, cell->class == CELL_TEXT ? "\",\"text\":true}" : "\"}");
    } else if (type == COLUMN_JSON && stands_as_document(cell)) {
        for (size_t i = 0; i < cell->size; i++) {
            const char *byte = (const char *)cell->data + i;

            put_bytes(to, *byte == '\n' || *byte == '\r' ? " " : byte, 1);
        }
    } else {
        put(to, type == COLUMN_JSON ? "{\"$text\":" : "");
        put_string(to, cell);
        put(to, type == COLUMN_JSON ? "}" : "");
    }
}

static void put_row(struct buffer *to, const struct schema *schema, const struct cell *cells,
                    enum table_format format, bool last)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        if (format == FORMAT_CSV) {
            put(to, i == 0 ? "" : ",");
            put_csv_cell(to, &cells[i], schema->columns[i].type);
        } else {
            put(to, i == 0 ? "{\"" : ",\"");
            put(to, schema->columns[i].name);
            put(to, "\":");
            put_json_cell(to, &cells[i], schema->columns[i].type);
        }
    }
    if (format == FORMAT_CSV)
        put(to, "\n");
    else
        put(to, format == FORMAT_JSON && !last ? "},\n" : "}\n");
}

static void assert_same(const struct buffer *expected, const char *found, size_t size)
{
    assert_int_equal(size, expected->size);
    if (size != 0)
        assert_memory_equal(found, expected->data, size);
}

/* jansson reads back each text cell that is a string. */
static void assert_reads_back(const struct schema *schema, const struct cell *cells, size_t rows,
                              const char *text, size_t size)
{
    struct buffer whole = BUFFER(SIZE_MAX / 2);
    json_t *array;

    put(&whole, "[\n");
    put_bytes(&whole, text, size);
    put(&whole, "]\n");
    array =
        json_loadb((char *)whole.data, whole.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    assert_int_equal(json_array_size(array), rows);
    for (size_t i = 0; i < rows * schema->column_count; i++) {
        const struct column *column = &schema->columns[i % schema->column_count];
        json_t *value =
            json_object_get(json_array_get(array, i / schema->column_count), column->name);

        assert_non_null(value);
        if (cells[i].class != CELL_TEXT || column->type == COLUMN_JSON || !json_is_string(value))
            continue;
        assert_int_equal(json_string_length(value), cells[i].size);
        assert_memory_equal(json_string_value(value), cells[i].data, cells[i].size);
    }
    json_decref(array);
    buffer_release(&whole);
}

static struct schema *random_schema(uint64_t *random, size_t most)
{
    static const enum column_type types[] = {COLUMN_TEXT, COLUMN_BYTES, COLUMN_JSON, COLUMN_INTEGER,
                                             COLUMN_TEXT};
    enum column_type chosen[16];
    size_t count = 1 + random_below(random, most);

    for (size_t i = 0; i < count; i++)
        chosen[i] = types[random_below(random, COUNT_OF(types))];
    return schema_of(count, chosen);
}

/* Rows whose columns often keep to one class, as real ones do, so that flags matter. */
static struct cell *random_rows(uint64_t *random, const struct schema *schema, size_t rows)
{
    size_t count = rows * schema->column_count;
    struct cell *cells = calloc(count, sizeof *cells);
    bool steady = random_below(random, 2) == 0;

    assert_non_null(cells);
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &schema->columns[i % schema->column_count];
        size_t first = i % schema->column_count;

        cells[i] = random_cell(random, column->type);
        while (steady && i != first && cells[i].class != cells[first].class) {
            free((void *)cells[i].data);
            cells[i] = random_cell(random, column->type);
        }
    }
    return cells;
}

static void test_random_rows(void **state)
{
    uint64_t random = 4;

    (void)state;
    for (int round = 0; round < 1500; round++) {
        struct schema *schema = random_schema(&random, 6);
        size_t rows = 1 + random_below(&random, 20);
        struct cell *cells = random_rows(&random, schema, rows);
        struct made_group group = group_of(schema, cells, rows);
        bool last = random_below(&random, 2) == 0;

        for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
            struct buffer expected = BUFFER(SIZE_MAX / 2);
            size_t size;
            char *text = rendered(schema, format, &group, last, &size);

            for (size_t row = 0; row < rows; row++)
                put_row(&expected, schema, cells + row * schema->column_count, format,
                        last && row + 1 == rows);
            assert_same(&expected, text, size);
            if (format == FORMAT_JSON && last)
                assert_reads_back(schema, cells, rows, text, size);
            buffer_release(&expected);
            free(text);
        }
        release_group(&group);
        free_cells(cells, rows * schema->column_count);
        schema_release(schema);
    }
}

static void test_random_fragments(void **state)
{
    static const size_t sizes[] = {3, 6, 9, 12, 15, 48, 300, 3000};
    uint64_t random = 5;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct schema *schema = random_schema(&random, 5);
        struct cell *cells = random_row(&random, schema);
        bool without_data = random_below(&random, 2) == 0;
        bool last = random_below(&random, 2) == 0;
        size_t fragment = sizes[random_below(&random, COUNT_OF(sizes))];

        for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
            struct buffer expected = BUFFER(SIZE_MAX / 2);
            size_t size;
            char *text =
                rendered_in_fragments(schema, format, cells, without_data, fragment, last, &size);

            put_row(&expected, schema, cells, format, last);
            assert_same(&expected, text, size);
            buffer_release(&expected);
            free(text);
        }
        free_cells(cells, schema->column_count);
        schema_release(schema);
    }
}

/* --- limits --- */

/* A buffer that may hold exactly the result, or a byte less. */
static void test_limit_of_output(void **state)
{
    uint64_t random = 6;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct schema *schema = random_schema(&random, 4);
        struct cell *cells = random_rows(&random, schema, 9);
        struct made_group group = group_of(schema, cells, 9);
        struct format_plan *plan = format_plan_create(schema);
        struct row_group_view view = {0};

        assert_non_null(plan);
        assert_int_equal(
            row_group_open(&view, schema->column_count, group.encoded.data, group.encoded.size), 0);
        for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
            size_t size;
            char *text = rendered(schema, format, &group, true, &size);
            struct buffer output = BUFFER(size + 2);

            assert_int_equal(buffer_append(&output, "ab", 2), 0);
            assert_int_equal(format_render(plan, format, &view, true, &output), 0);
            assert_int_equal(output.size, size + 2);
            assert_memory_equal(output.data, "ab", 2);
            assert_memory_equal(output.data + 2, text, size);
            assert_true(output.capacity <= output.limit);
            buffer_release(&output);
            output.limit = size - 1;
            assert_int_equal(format_render(plan, format, &view, true, &output), -EFBIG);
            assert_int_equal(output.size, 0);
            buffer_release(&output);
            free(text);
        }
        row_group_view_release(&view);
        format_plan_free(plan);
        release_group(&group);
        free_cells(cells, 9 * schema->column_count);
        schema_release(schema);
    }
}

static void test_base64_sizes(void **state)
{
    uint64_t random = 7;

    (void)state;
    for (size_t size = 0; size < 300; size++) {
        uint8_t bytes[300];
        uint8_t text[404];
        struct buffer expected = BUFFER(SIZE_MAX / 2);
        const struct cell cell = cell_of_bytes(CELL_BYTES, bytes, size);

        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)random_word(&random);
        put_base64(&expected, &cell);
        assert_int_equal(base64_size(size), expected.size);
        assert_ptr_equal(base64_write(text, bytes, size), text + expected.size);
        assert_same(&expected, (char *)text, expected.size);
        buffer_release(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_heads_and_tails),
        cmocka_unit_test(test_no_columns),
        cmocka_unit_test(test_commas_between_objects),
        cmocka_unit_test(test_random_rows),
        cmocka_unit_test(test_random_fragments),
        cmocka_unit_test(test_limit_of_output),
        cmocka_unit_test(test_base64_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
