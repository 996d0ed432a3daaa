/* SPDX-License-Identifier: MIT */
/* The stored form of row groups and fragments, byte by byte, and how much goes into one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/row_group.h"
#include "fs/table/row_group_fragment.h"
#include "tests/unit/table_data.h"

/* The stored form, byte by byte: a change here is a change of format. */
static void test_layout(void **state)
{
    struct schema *schema = schema_of(3, three_types);
    /* clang-format off */
    static const uint8_t expected[] = {
        'C', 'R', 'G', '1', 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        KIND_NUMBER, 1, 0, 0, 3, 0, 0, 0,
        0xff, 1, 3, 0, 3, 0, 0, 0,
        KIND_NULL, 0, 0, 0, 0, 0, 0, 0,
        1, 2, '1', '2', '3',
        KIND_TEXT, KIND_NULL, 3, 0, 'a', ',', '\n',
        0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    };
    /* clang-format on */
    struct made_group group = group_of_two(schema);

    (void)state;
    assert_int_equal(group.encoded.size, sizeof expected);
    assert_memory_equal(group.encoded.data, expected, sizeof expected);
    assert_int_equal(group.measure.csv_bytes, strlen("1,\"a,\n\",\n23,,\n"));
    assert_int_equal(group.measure.ndjson_bytes, strlen("{\"c0\":1,\"c1\":\"a,\\n\",\"c2\":null}\n"
                                                        "{\"c0\":23,\"c1\":null,\"c2\":null}\n"));
    release_group(&group);
    schema_release(schema);
}

static int keep_fragments(void *context, const struct buffer *encoded,
                          const struct row_group_measure *measure, struct failure *failure)
{
    (void)failure;
    (void)measure;
    return buffer_append(context, encoded->data, encoded->size);
}

static void test_fragment_layout(void **state)
{
    struct schema *schema = schema_of(3, three_types);
    const struct cell cells[] = {cell_of(CELL_NUMBER, "1"), cell_of(CELL_TEXT, "abc\"d"),
                                 null_cell()};
    /* clang-format off */
    static const uint8_t expected[] = {
        'C', 'R', 'G', '1', 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
        KIND_NUMBER, 0, 0, 0, 1, 0, 0, 0,
        1, 0, 0, 0, '1',
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,

        'C', 'R', 'G', '1', 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 5, KIND_TEXT, 1, 0,
        KIND_TEXT, 0, 1, 0, 3, 0, 0, 0,
        3, 0, 0, 0, 'a', 'b', 'c',
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,

        'C', 'R', 'G', '1', 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, KIND_TEXT, 1, 0,
        KIND_TEXT, 0, 3, 0, 2, 0, 0, 0,
        2, 0, 0, 0, '"', 'd',
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,

        'C', 'R', 'G', '1', 1, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0,
        KIND_NULL, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    };
    /* clang-format on */
    struct buffer kept = BUFFER(10000);
    const struct row_cut cut = {
        .schema = schema,
        .cells = cells,
        .fragment_bytes = 3,
        .take = keep_fragments,
        .context = &kept,
    };

    (void)state;
    assert_int_equal(row_group_cut(&cut, NULL), 0);
    assert_int_equal(kept.size, sizeof expected);
    assert_memory_equal(kept.data, expected, sizeof expected);
    buffer_release(&kept);
    schema_release(schema);
}

static const void *cell_at(const struct row_group_view *view, size_t column, uint32_t row,
                           uint32_t *ret_length, uint8_t *ret_kind)
{
    const struct column_view *part = &view->columns[column];
    const uint8_t *data = part->data;
    uint32_t length = 0;

    for (uint32_t i = 0;; i++) {
        length = part->length;
        if (part->length_bytes != 0) {
            length = 0;
            for (unsigned j = 0; j < part->length_bytes; j++)
                length |= (uint32_t)part->lengths[i * part->length_bytes + j] << 8 * j;
        }
        if (i == row)
            break;
        data += length;
    }
    *ret_length = length;
    *ret_kind = part->kinds != NULL ? part->kinds[row] : part->kind;
    return data;
}

static void assert_holds(const struct made_group *group, const struct schema *schema,
                         const struct cell *cells, size_t rows)
{
    struct row_group_view view = {0};

    assert_int_equal(
        row_group_open(&view, schema->column_count, group->encoded.data, group->encoded.size), 0);
    assert_int_equal(view.rows, rows);
    assert_int_equal(view.column_count, schema->column_count);
    assert_false(view.fragment);
    for (uint32_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < schema->column_count; i++) {
            const struct cell *cell = &cells[row * schema->column_count + i];
            uint32_t length;
            uint8_t kind;
            const void *data = cell_at(&view, i, row, &length, &kind);

            assert_int_equal(kind == KIND_NULL, cell->class == CELL_NULL);
            assert_int_equal(kind == KIND_BYTES, cell->class == CELL_BYTES);
            assert_int_equal(length, cell->size);
            if (length != 0)
                assert_memory_equal(data, cell->data, length);
        }
    }
    row_group_view_release(&view);
}

static void test_round_trip(void **state)
{
    uint64_t random = 11;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct random_table table = random_table(&random, 60);

        assert_holds(&table.group, table.schema, table.cells, table.rows);
        release_random_table(&table);
    }
}

/* Lengths of one, two and four bytes, and many rows. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 255, 256, 65535, 65536, 900000};
    struct schema *schema = schema_of(1, three_types + 1);
    char *text = malloc(900000);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', 900000);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const struct cell cells[] = {cell_of_bytes(CELL_TEXT, text, sizes[i]),
                                     cell_of(CELL_TEXT, "y"), null_cell(),
                                     cell_of_bytes(CELL_TEXT, text, sizes[i])};
        struct made_group one = group_of(schema, cells, 1);
        struct made_group group = group_of(schema, cells, sizes[i] > 500000 ? 3 : 4);

        assert_holds(&one, schema, cells, 1);
        assert_holds(&group, schema, cells, sizes[i] > 500000 ? 3 : 4);
        release_group(&one);
        release_group(&group);
    }
    free(text);
    schema_release(schema);
}

static size_t add_until_full(struct row_group_builder *builder, const struct cell *cells)
{
    size_t rows = 0;
    int error;

    while ((error = row_group_builder_add(builder, cells)) == 0)
        rows++;
    assert_int_equal(error, -EFBIG);
    assert_int_equal(row_group_builder_rows(builder), rows);
    return rows;
}

static void assert_full_group(struct row_group_builder *builder, struct schema *schema,
                              const struct cell *cells, size_t rows)
{
    struct made_group group = {.encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT)};
    struct row_group_view view = {0};

    assert_int_equal(row_group_builder_finish(builder, &group.encoded, &group.measure), 0);
    assert_int_equal(group.measure.rows, rows);
    assert_true(group.measure.csv_bytes <= ROW_GROUP_RENDERED_LIMIT);
    assert_true(group.measure.ndjson_bytes <= ROW_GROUP_RENDERED_LIMIT);
    assert_int_equal(
        row_group_open(&view, schema->column_count, group.encoded.data, group.encoded.size), 0);
    row_group_view_release(&view);
    assert_int_equal(row_group_builder_rows(builder), 0);
    assert_int_equal(row_group_builder_bytes(builder), 0);
    assert_int_equal(row_group_builder_add(builder, cells), 0);
    assert_int_equal(row_group_builder_finish(builder, &group.encoded, &group.measure), 0);
    release_group(&group);
}

/* Each limit in turn: bytes of cells, bytes rendered, rows. */
static void test_limits(void **state)
{
    struct schema *schema = schema_of(1, three_types + 1);
    struct row_group_builder *builder = row_group_builder_create(schema);
    char *text = malloc(ROW_GROUP_LARGEST_BYTES + 1);
    struct cell cell;
    size_t rows;

    (void)state;
    assert_non_null(builder);
    assert_non_null(text);
    memset(text, 'x', ROW_GROUP_LARGEST_BYTES + 1);
    cell = cell_of_bytes(CELL_TEXT, text, 100000);
    rows = add_until_full(builder, &cell);
    assert_int_equal(rows, ROW_GROUP_LARGEST_BYTES / 100000);
    assert_full_group(builder, schema, &cell, rows);
    memset(text, '\x01', 1000);
    cell.size = 1000;
    rows = add_until_full(builder, &cell);
    assert_int_equal(rows, ROW_GROUP_RENDERED_LIMIT / (6000 + strlen("{\"c0\":\"\"}\n")));
    assert_full_group(builder, schema, &cell, rows);
    cell = null_cell();
    rows = add_until_full(builder, &cell);
    assert_int_equal(rows, ROW_GROUP_ROWS_LIMIT);
    assert_full_group(builder, schema, &cell, rows);

    memset(text, 'x', 1000);
    cell = cell_of_bytes(CELL_TEXT, text, ROW_GROUP_LARGEST_BYTES);
    assert_int_equal(row_group_builder_add(builder, &cell), 0);
    row_group_builder_free(builder);
    builder = row_group_builder_create(schema);
    assert_non_null(builder);
    cell.size++;
    assert_int_equal(row_group_builder_add(builder, &cell), -EFBIG);
    cell = (struct cell){.class = CELL_TEXT, .size = 1};
    assert_int_equal(row_group_builder_add(builder, &cell), -EFBIG);
    cell.size = UINT64_MAX;
    assert_int_equal(row_group_builder_add(builder, &cell), -EFBIG);

    struct buffer encoded = BUFFER(1000);
    struct row_group_measure measure;

    assert_int_equal(row_group_builder_finish(builder, &encoded, &measure), -EINVAL);
    row_group_builder_free(builder);
    free(text);
    schema_release(schema);
}

/* A row that was refused, whatever it held, leaves no trace. */
static void test_refused_row(void **state)
{
    struct schema *schema = schema_of(3, three_types);
    struct row_group_builder *builder = row_group_builder_create(schema);
    const struct cell good[] = {cell_of(CELL_NUMBER, "1"), cell_of(CELL_TEXT, "plain"),
                                null_cell()};
    const struct cell bad[] = {cell_of(CELL_TEXT, "a,\"\x02\xff"),
                               cell_of(CELL_TEXT, "\n"),
                               {.class = CELL_BYTES, .size = 9}};
    struct made_group expected = group_of(schema, good, 1);
    struct buffer encoded = BUFFER(1000);
    struct row_group_measure measure;

    (void)state;
    assert_non_null(builder);
    assert_int_equal(row_group_builder_add(builder, bad), -EFBIG);
    assert_int_equal(row_group_builder_add(builder, good), 0);
    assert_int_equal(row_group_builder_add(builder, bad), -EFBIG);
    assert_int_equal(row_group_builder_rows(builder), 1);
    assert_int_equal(row_group_builder_bytes(builder), 6);
    /* No room for the result leaves all as it was, too. */
    encoded.limit = 20;
    assert_int_equal(row_group_builder_finish(builder, &encoded, &measure), -EFBIG);
    encoded.limit = 1000;
    assert_int_equal(row_group_builder_finish(builder, &encoded, &measure), 0);
    assert_int_equal(encoded.size, expected.encoded.size);
    assert_memory_equal(encoded.data, expected.encoded.data, encoded.size);
    assert_int_equal(measure.rows, expected.measure.rows);
    assert_int_equal(measure.csv_bytes, expected.measure.csv_bytes);
    assert_int_equal(measure.ndjson_bytes, expected.measure.ndjson_bytes);
    buffer_release(&encoded);
    release_group(&expected);
    row_group_builder_free(builder);
    schema_release(schema);
}

static void test_many_columns(void **state)
{
    enum { COUNT = 32767 };
    enum column_type *types = calloc(COUNT, sizeof *types);
    struct cell *cells = calloc((size_t)2 * COUNT, sizeof *cells);

    (void)state;
    assert_non_null(types);
    assert_non_null(cells);
    for (size_t i = 0; i < COUNT; i++) {
        types[i] = COLUMN_TEXT;
        cells[i] = i % 3 == 0 ? null_cell() : cell_of(CELL_TEXT, "ab");
    }

    struct schema *schema = schema_of(COUNT, types);
    struct made_group group = group_of(schema, cells, 2);
    size_t size;
    size_t whole_size;
    char *whole = rendered(schema, FORMAT_NDJSON, &group, true, &whole_size);
    char *cut = rendered_in_fragments(schema, FORMAT_NDJSON, cells, false, 30000, true, &size);

    assert_holds(&group, schema, cells, 2);
    assert_memory_equal(whole, cut, size);
    free(whole);
    free(cut);
    release_group(&group);
    schema_release(schema);
    free(cells);
    free(types);
}

/* Names so long that one row in JSON is more than a group may be. */
static void test_wide_names(void **state)
{
    enum { COUNT = 64, NAME = 100000 };
    enum column_type types[COUNT] = {COLUMN_TEXT};
    struct cell cells[COUNT] = {{0}};
    struct schema *schema = schema_of(COUNT, types);
    struct row_group_builder *builder;
    char *name = malloc(NAME + 1);
    size_t size;
    char *cut;

    (void)state;
    assert_non_null(name);
    memset(name, 'n', NAME);
    name[NAME] = '\0';
    for (size_t i = 0; i < COUNT; i++)
        name_column(schema, i, name);
    builder = row_group_builder_create(schema);
    assert_non_null(builder);
    assert_int_equal(row_group_builder_add(builder, cells), -EFBIG);
    cut = rendered_in_fragments(schema, FORMAT_NDJSON, cells, false, ROW_GROUP_FRAGMENT_BYTES, true,
                                &size);
    assert_int_equal(size, (NAME + strlen(",\"\":null")) * COUNT + strlen("}\n"));
    free(cut);
    row_group_builder_free(builder);
    free(name);
    schema_release(schema);
}

struct counted {
    uint64_t csv_bytes, ndjson_bytes, cell_bytes;
    uint32_t rows, fragments;
};

static int count_fragment(void *context, const struct buffer *encoded,
                          const struct row_group_measure *measure, struct failure *failure)
{
    struct counted *counted = context;

    (void)failure;
    assert_true(encoded->size < ROW_GROUP_FRAGMENT_BYTES + 200);
    assert_true(measure->csv_bytes <= ROW_GROUP_RENDERED_LIMIT);
    assert_true(measure->ndjson_bytes <= ROW_GROUP_RENDERED_LIMIT);
    counted->csv_bytes += measure->csv_bytes;
    counted->ndjson_bytes += measure->ndjson_bytes;
    counted->rows += measure->rows;
    counted->fragments++;
    return counted->fragments == 7 && counted->rows == 99 ? -ENOSPC : 0;
}

static int read_zeros(struct cursor *cursor, size_t column, uint64_t offset, void *buffer,
                      size_t size, struct failure *failure)
{
    (void)cursor;
    if (column == 1 && offset > 1000000)
        return failure_set(failure, EIO, "the disk is gone");
    memset(buffer, 0, size);
    return 0;
}

static void test_cut_row(void **state)
{
    static const struct cursor_class class = {.read_cell = read_zeros};
    static const enum column_type types[] = {COLUMN_TEXT, COLUMN_BYTES};
    const uint64_t large = (uint64_t)20 << 20;
    struct cursor cursor = {.class = &class};
    struct schema *schema = schema_of(2, types);
    struct cell cells[] = {{.class = CELL_TEXT, .size = large}, cell_of(CELL_BYTES, "abc")};
    struct counted counted = {0};
    struct failure failure = {0};

    (void)state;
    assert_int_equal(row_group_cut_row(schema, &cursor, cells, count_fragment, &counted, &failure),
                     0);
    assert_int_equal(counted.rows, 1);
    assert_int_equal(counted.csv_bytes, large + strlen(",YWJj\n"));
    assert_int_equal(counted.ndjson_bytes,
                     6 * large +
                         strlen("{\"c0\":\"\",\"c1\":{\"$base64\":true,\"encoded\":\"YWJj\"}}\n"));
    /* What fails, and what TAKE refuses, ends it. */
    cells[1] = (struct cell){.class = CELL_BYTES, .size = large};
    counted = (struct counted){0};
    assert_int_equal(row_group_cut_row(schema, &cursor, cells, count_fragment, &counted, &failure),
                     -EIO);
    assert_string_equal(failure.text, "the disk is gone");
    counted = (struct counted){.rows = 99};
    assert_int_equal(row_group_cut_row(schema, &cursor, cells, count_fragment, &counted, &failure),
                     -ENOSPC);
    assert_int_equal(row_group_cut_row(schema, NULL, cells, count_fragment, &counted, &failure),
                     -EINVAL);
    schema_release(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),       cmocka_unit_test(test_fragment_layout),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_refused_row),
        cmocka_unit_test(test_many_columns), cmocka_unit_test(test_wide_names),
        cmocka_unit_test(test_cut_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
