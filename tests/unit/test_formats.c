/* SPDX-License-Identifier: MIT */
/* Every row of the tables in fs/table/README.md, and what stands around rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/format.h"
#include "tests/unit/table_data.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_heads_and_tails),
        cmocka_unit_test(test_no_columns),
        cmocka_unit_test(test_commas_between_objects),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
