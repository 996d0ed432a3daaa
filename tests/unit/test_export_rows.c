/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/export_rows.h"
#include "tests/fuzz/pieces.h"
#include "tests/unit/plain_render.h"
#include "tests/unit/sample_table.h"

#define COLUMNS 6

static const struct fake_column columns[COLUMNS] = {
    {"id", COLUMN_INTEGER, true}, {"name", COLUMN_TEXT, false}, {"raw", COLUMN_BYTES, false},
    {"doc", COLUMN_JSON, false},  {"any", COLUMN_ANY, false},   {"flag", COLUMN_BOOLEAN, false},
};

static const enum export_format export_formats[FORMAT_COUNT] = {
    [FORMAT_CSV] = EXPORT_CSV, [FORMAT_JSON] = EXPORT_JSON, [FORMAT_NDJSON] = EXPORT_NDJSON};

/* ---- What was written is read as it was ---- */

/* All of the table's columns, in their order, as a new table. */
static struct fake_table *read_table(struct schema *schema, const struct buffer *text,
                                     enum table_format format, size_t step)
{
    struct fake_column *same = calloc(schema->column_count, sizeof *same);
    struct pieces pieces = {{&pieces_class}, text->data, text->size, step};
    struct export_options options = {.format = export_formats[format], .schema = schema};
    struct export_rows *rows;
    struct failure failure = {0};
    const size_t *places;
    const struct cell *cells;
    size_t count;
    int found;

    must(same != NULL);
    for (size_t i = 0; i < schema->column_count; i++)
        same[i] = (struct fake_column){schema->columns[i].name, schema->columns[i].type, i == 0};

    struct fake_table *table = fake_table_create(schema->name, same, schema->column_count);

    must(export_rows_create(&pieces.stream, &options, &rows) == 0);
    must(export_rows_columns(rows, &places, &count, &failure) == 0);
    must(count == schema->column_count);
    for (size_t i = 0; i < count; i++)
        must(places[i] == i);
    while ((found = export_rows_next(rows, &cells, &failure)) == 1)
        fake_table_add(table, cells);
    if (found != 0)
        fprintf(stderr, "%s\n", failure.text);
    must(found == 0);
    export_rows_free(rows);
    free(same);
    return table;
}

static void check_same(const struct buffer *left, const struct buffer *right)
{
    must(left->size == right->size);
    must(memcmp(left->data, right->data, left->size) == 0);
}

/* Written again, in every format that tells as much, it gives the same bytes. */
static void check_round(struct fake_table *table, size_t step)
{
    for (int i = 0; i < FORMAT_COUNT; i++) {
        enum table_format format = (enum table_format)i;
        struct buffer text = plain_render(table, format);
        struct fake_table *again = read_table(fake_table_schema(table), &text, format, step);
        struct buffer rewritten = plain_render(again, format);

        check_same(&text, &rewritten);
        buffer_release(&rewritten);
        if (format != FORMAT_CSV) {
            struct buffer other = plain_render(again, FORMAT_NDJSON);
            struct buffer expected = plain_render(table, FORMAT_NDJSON);

            check_same(&other, &expected);
            buffer_release(&other);
            buffer_release(&expected);
        }
        fake_table_release(again);
        buffer_release(&text);
    }
    fake_table_release(table);
}

static void test_samples(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        check_round(sample_contacts("contacts", 300, seed), seed == 1 ? 1 : 1000 * seed);
    check_round(sample_notes("notes", 5, 700000, 1), 65536);
}

/* A cell out of the whole range of what there is, in exact classes. */
static struct cell random_value(uint64_t *seed, enum column_type type, uint8_t bytes[64])
{
    static const char *const texts[] = {"",     "a,b",    "\"",        "\"\"",  "x\ny", "\r\n",
                                        "NULL", "å🦆", "base64:AA", "text:", "{}",   "null"};
    static const char *const numbers[] = {"0", "-1", "12345678901234567890", "1.50", "1e-7", "NaN"};
    size_t size = (size_t)(sample_random(seed) % 40);
    const char *text = texts[sample_random(seed) % 12];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)sample_random(seed);
    switch (sample_random(seed) % 4) {
    case 0: return cell_null();
    case 1: return type == COLUMN_TEXT ? cell_text(text) : cell_of(CELL_BYTES, bytes, size);
    case 2:
        return type == COLUMN_TEXT || type == COLUMN_JSON
                   ? cell_of(CELL_TEXT, bytes, size)
                   : cell_number(numbers[sample_random(seed) % 6]);
    default: return cell_text(text);
    }
}

static void test_random_tables(void **state)
{
    (void)state;
    uint64_t seed = 7;

    for (int round = 0; round < 30; round++) {
        struct fake_table *table = fake_table_create("t", columns, COLUMNS - 1);

        for (int row = 0; row < 20; row++) {
            uint8_t bytes[COLUMNS][64];
            char id[24];
            struct cell cells[COLUMNS];

            cells[0] = cell_integer(row, id);
            for (size_t i = 1; i < COLUMNS - 1; i++)
                cells[i] = random_value(&seed, columns[i].type, bytes[i]);
            fake_table_add(table, cells);
        }
        check_round(table, (size_t)(1 + sample_random(&seed) % 100));
    }
}

/* ---- To the letter ---- */

struct reading {
    enum export_format format;
    bool whole;
    const char *text;
    const char *expected; /* a word a cell, a line a row; or what the refusal says */
};

#define OUTPUT_SIZE 1000

static void add_text(char output[OUTPUT_SIZE], const char *text, size_t size)
{
    size_t used = strlen(output);

    snprintf(output + used, OUTPUT_SIZE - used, "%.*s", (int)size, text);
}

static void add_word(char output[OUTPUT_SIZE], const char *word)
{
    add_text(output, word, strlen(word));
}

static void add_cell(char output[OUTPUT_SIZE], const struct cell *cell)
{
    static const char *const names[] = {"null", "number", "text", "bytes", "boolean"};

    add_word(output, names[cell->class]);
    if (cell->class == CELL_NULL)
        return;
    add_word(output, "(");
    add_text(output, cell->data, (size_t)cell->size);
    add_word(output, ")");
}

static void check_reading(const struct reading *reading)
{
    struct fake_table *table = fake_table_create("t", columns, COLUMNS);
    struct pieces pieces = {
        {&pieces_class}, (const uint8_t *)reading->text, strlen(reading->text), 3};
    struct export_options options = {
        .format = reading->format, .schema = fake_table_schema(table), .whole = reading->whole};
    struct export_rows *rows;
    struct failure failure = {0};
    const size_t *places;
    const struct cell *cells;
    char output[OUTPUT_SIZE] = "";
    size_t count;

    assert_int_equal(export_rows_create(&pieces.stream, &options, &rows), 0);

    int found = export_rows_columns(rows, &places, &count, &failure);

    while (found >= 0 && (found = export_rows_next(rows, &cells, &failure)) == 1) {
        for (size_t i = 0; i < count; i++) {
            if (i != 0)
                add_word(output, " ");
            add_word(output, columns[places[i]].name);
            add_word(output, "=");
            add_cell(output, &cells[i]);
        }
        add_word(output, "\n");
    }
    if (found < 0) {
        assert_int_equal(found, -EINVAL);
        if (reading->expected[0] == '\0' || strstr(failure.text, reading->expected) == NULL)
            fail_msg("%s: %s", reading->text, failure.text);
    } else {
        assert_string_equal(output, reading->expected);
    }
    export_rows_free(rows);
    fake_table_release(table);
}

static void test_to_the_letter(void **state)
{
    (void)state;
    static const struct reading readings[] = {
        {EXPORT_CSV, false, "id,name\n1,\n2,\"\"\n3,NULL\n",
         "id=number(1) name=null\nid=number(2) name=text()\nid=number(3) name=text(NULL)\n"},
        {EXPORT_CSV, false, "name,id\r\n\"a \"\"b\"\"\",x\r\n", "name=text(a \"b\") id=text(x)\n"},
        {EXPORT_CSV, false, "\xef\xbb\xbfname\n\n", "name=null\n"},
        {EXPORT_CSV, false, "raw,any,flag\nQQ==,base64:QQ==,t\nnumber:7,7,0\ntext:x,07,x\n\"\",,\n",
         "raw=bytes(A) any=bytes(A) flag=boolean(t)\n"
         "raw=number(7) any=number(7) flag=number(0)\n"
         "raw=text(x) any=text(07) flag=text(x)\n"
         "raw=bytes() any=null flag=null\n"},
        {EXPORT_CSV, false, "id,name\n", ""},
        {EXPORT_CSV, true, "id\n007", "id=number(007)\n"},
        {EXPORT_CSV, false, "", "the file is empty"},
        {EXPORT_CSV, false, "id", "no line end"},
        {EXPORT_CSV, false, "id,name\n1,a", "line 2: no line end"},
        {EXPORT_CSV, false, "id,name\n1,\"a\nb\"\n2\n", "line 4: the row has 1 fields"},
        {EXPORT_CSV, false, "id,name\n1,a,b\n", "line 2: the row has 3 fields"},
        {EXPORT_CSV, false, "id,name\n1,\"a\n", "line 2: the file ends within quotes"},
        {EXPORT_CSV, false, "id,name\n1,\"a\"b\n", "line 2: a quote"},
        {EXPORT_CSV, false, "id,name\n1,a\"b\n", "line 2: a quote"},
        {EXPORT_CSV, false, "id,name\n1,a\rb\n", "line 2: a quote, a carriage return"},
        {EXPORT_CSV, false, "id,nome\n", "no column \"nome\""},
        {EXPORT_CSV, false, "id,id\n", "\"id\" is there twice"},
        {EXPORT_CSV, false, "id,name,raw,doc,any,flag,x\n", "there are 7 columns"},
        {EXPORT_CSV, false, "raw\nQ\n", "\"raw\": what stands there is not base64"},
        {EXPORT_CSV, false, "raw\nnumber:x\n", "no number"},
        {EXPORT_CSV, false, "name\n\xff\n", "not UTF-8"},
        {EXPORT_NDJSON, false, "{\"id\":1,\"name\":null}\n{\"name\":\"\\u00e5\\\"\",\"id\":2.50}\n",
         "id=number(1) name=null\nid=number(2.50) name=text(å\")\n"},
        {EXPORT_NDJSON, false,
         "{\"raw\":{\"$base64\":true,\"encoded\":\"QQ==\"},\"any\":{\"$number\":\"-Infinity\"}}\n"
         "{\"raw\":{\"$base64\":true,\"encoded\":\"QQ==\",\"text\":true},\"any\":true}\n",
         "raw=bytes(A) any=number(-Infinity)\nraw=text(A) any=boolean(t)\n"},
        {EXPORT_NDJSON, false,
         "{\"doc\":{\"a\": [1]}}\n{\"doc\":\"s\"}\n{\"doc\":{\"$text\":\"{\"}}\n{\"doc\":1.0}\n",
         "doc=text({\"a\": [1]})\ndoc=text(\"s\")\ndoc=text({)\ndoc=text(1.0)\n"},
        {EXPORT_NDJSON, false,
         "{\"doc\": {} ,\"id\":1}\n{ \"doc\": {} , \"id\": 2}\n{\"id\":3,\"doc\": [ ] }\n",
         "doc=text( {} ) id=number(1)\ndoc=text({}) id=number(2)\ndoc=text( [ ] ) id=number(3)\n"},
        {EXPORT_NDJSON, false, "", ""},
        {EXPORT_NDJSON, true, "{\"id\":1}", "id=number(1)\n"},
        {EXPORT_NDJSON, false, "{\"id\":1}", "line 1: no line end"},
        {EXPORT_NDJSON, false, "{\"id\":1}\n{\"id\"", "line 2: the file ends within a row"},
        {EXPORT_NDJSON, false, "{\"id\":1}{\"id\":2}\n", "line 1: behind the row"},
        {EXPORT_NDJSON, false, "{\"id\":1}\n{\"id\":1,\"name\":2}\n", "the row has 2 columns"},
        {EXPORT_NDJSON, false, "{\"id\":1}\n{\"name\":1}\n", "\"name\" is not among"},
        {EXPORT_NDJSON, false, "{\"id\":1,\"id\":2}\n", "\"id\" is there twice"},
        {EXPORT_NDJSON, false, "{\"x\":1}\n", "no column \"x\""},
        {EXPORT_NDJSON, false, "{\"name\":[]}\n", "column \"name\" holds no JSON"},
        {EXPORT_NDJSON, false, "{\"name\":{\"$odd\":1}}\n", "is not known"},
        {EXPORT_NDJSON, false, "{\"name\":\"\\ud800\"}\n", "half a surrogate pair"},
        {EXPORT_NDJSON, false, "[]\n", "no JSON object"},
        {EXPORT_JSON, false, "[\n{\"id\":1},\n{\"id\":2}\n]\n", "id=number(1)\nid=number(2)\n"},
        {EXPORT_JSON, false, " [ { \"id\" : 1 } ] ", "id=number(1)\n"},
        {EXPORT_JSON, false, "[]", ""},
        {EXPORT_JSON, false, "[\n{\"id\":1},\n", "ends within its array"},
        {EXPORT_JSON, false, "[\n{\"id\":1}\n", "ends within its array"},
        {EXPORT_JSON, false, "[{\"id\":1} {\"id\":2}]", "a ',' or a ']' is missing"},
        {EXPORT_JSON, false, "[] []", "behind the array's end"},
        {EXPORT_JSON, false, "{}", "one array"},
        {EXPORT_JSON, false, "", "ends within its array"},
    };

    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++)
        check_reading(&readings[i]);
}

/* ---- Too much ---- */

static void test_row_limit(void **state)
{
    (void)state;
    struct fake_table *table = fake_table_create("t", columns, COLUMNS);
    size_t size = ((size_t)32 << 20) + 100;
    uint8_t *text = malloc(size);
    struct failure failure = {0};
    const struct cell *cells;
    struct export_options options = {.format = EXPORT_CSV, .schema = fake_table_schema(table)};
    struct pieces pieces = {{&pieces_class}, text, size, 1 << 20};
    struct export_rows *rows;

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "name\n", 5);
    assert_int_equal(export_rows_create(&pieces.stream, &options, &rows), 0);
    assert_int_equal(export_rows_next(rows, &cells, &failure), -EFBIG);
    assert_non_null(strstr(failure.text, "line 2: the row is larger"));
    export_rows_free(rows);
    free(text);
    fake_table_release(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_random_tables),
        cmocka_unit_test(test_to_the_letter),
        cmocka_unit_test(test_row_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
