/* SPDX-License-Identifier: MIT */
/* Random rows against the rules of fs/table/README.md once more, written as plainly as can be. */
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
static struct cell *steady_rows(uint64_t *random, const struct schema *schema, size_t rows)
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
        struct cell *cells = steady_rows(&random, schema, rows);
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

/* A buffer that may hold exactly the result, or a byte less. */
static void test_limit_of_output(void **state)
{
    uint64_t random = 6;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct schema *schema = random_schema(&random, 4);
        struct cell *cells = steady_rows(&random, schema, 9);
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
        cmocka_unit_test(test_random_rows),
        cmocka_unit_test(test_random_fragments),
        cmocka_unit_test(test_limit_of_output),
        cmocka_unit_test(test_base64_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
