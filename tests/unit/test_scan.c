/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/image_text.h"
#include "tests/unit/sample_table.h"
#include "tests/unit/scan_bench.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void test_formats(void **state)
{
    (void)state;
    scan_bench_check(sample_contacts("contacts", 2000, 1), NULL, 1);
    scan_bench_check(sample_contacts("one", 1, 2), NULL, 1);
    scan_bench_check(sample_notes("notes", 20, 100000, 3), NULL, 1);
}

static void test_rows_done(void **state)
{
    (void)state;
    struct fake_table *table = sample_notes("notes", 20000, 10, 3);
    struct scan_bench bench = scan_bench_create(table, NULL);
    uint64_t rows_done = 5;
    struct scan_options options = {.threads = 1, .cut_key = scan_cut_key, .rows_done = &rows_done};
    struct image *image;

    assert_int_equal(image_scan(bench.dataset, 0, bench.spool, &options, &image, NULL), 0);
    assert_int_equal(rows_done, 20005);
    image_release(image);
    scan_bench_free(&bench);
}

static void test_empty(void **state)
{
    (void)state;
    struct fake_behaviour ranges = {.parallel = 4};
    static const struct fake_column column = {"a", COLUMN_TEXT, false};
    struct fake_table *nulls = fake_table_create("nulls", &column, 1);
    const struct cell null = cell_null();

    scan_bench_check(sample_contacts("empty", 0, 1), NULL, 1);
    scan_bench_check(sample_contacts("empty", 0, 1), &ranges, 4);
    fake_table_add(nulls, &null);
    scan_bench_check(nulls, NULL, 1);
}

/* However many threads read however many ranges: the same groups. */
static void test_threads_and_ranges(void **state)
{
    (void)state;
    static const unsigned threads[] = {1, 2, 8};
    static const size_t ranges[] = {0, 1, 4, 32};
    struct fake_table *table = sample_contacts("contacts", 3500, 5);
    struct scan_bench bench = scan_bench_create(table, NULL);
    struct image *image = scan_bench_scan(&bench, 1);
    struct image_identity identity = image_identity(image);
    size_t parts = image_parts(image, FORMAT_CSV);
    struct buffer csv = image_text(image, FORMAT_CSV);

    assert_in_range(parts, 3, 30);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        for (size_t j = 0; j < COUNT_OF(ranges); j++) {
            struct fake_behaviour behaviour = {.parallel = 8, .ranges = ranges[j]};

            bench.dataset->class->release(bench.dataset);
            fake_source_behave(bench.fake, &behaviour);
            bench.dataset = fake_source_begin(bench.fake);

            struct image *other = scan_bench_scan(&bench, threads[i]);
            struct image_identity its = image_identity(other);
            struct buffer text = image_text(other, FORMAT_CSV);

            assert_memory_equal(&its, &identity, sizeof its);
            assert_int_equal(image_parts(other, FORMAT_CSV), parts);
            assert_int_equal(text.size, csv.size);
            assert_memory_equal(text.data, csv.data, csv.size);
            assert_true(image_number(other) != image_number(image));
            buffer_release(&text);
            image_release(other);
        }
    }
    buffer_release(&csv);
    check_image(image, table);
    image_release(image);
    scan_bench_free(&bench);
}

/* No more cursors at once than the source, the caller and the ranges allow. */
static void test_cursors_at_once(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.parallel = 2, .row_delay_us = 50};
    struct scan_bench bench = scan_bench_create(sample_notes("notes", 200, 20000, 1), &behaviour);
    struct image *image = scan_bench_scan(&bench, 6);

    assert_in_range(fake_source_counts(bench.fake).cursors_open_most, 1, 2);
    check_image(image, bench.table);
    image_release(image);
    scan_bench_free(&bench);
}

static void test_odd_ranges(void **state)
{
    (void)state;
    struct fake_table *table = sample_notes("notes", 600, 3000, 7);
    struct fake_behaviour behaviour = {.parallel = 4, .range_starts = MOST_RANGES};
    struct fake_table *few = sample_notes("few", 5, 200000, 7);

    /* Ranges of one row each, in which no group begins; before the first row; past the last. */
    for (int i = 0; i < MOST_RANGES; i++)
        behaviour.starts[i] = i < 10 ? i : i < 50 ? 1000400 + i : 2000000 + i;
    scan_bench_check(table, &behaviour, 4);
    /* More ranges than rows. */
    behaviour = (struct fake_behaviour){.parallel = 4, .ranges = 32};
    scan_bench_check(few, &behaviour, 4);
    /* All rows in one of several ranges. */
    behaviour = (struct fake_behaviour){.parallel = 3, .range_starts = 3};
    behaviour.starts[1] = -5;
    behaviour.starts[2] = INT64_MAX;
    scan_bench_check(sample_notes("notes", 300, 9000, 8), &behaviour, 3);
}

/* Boundaries only within one range, or in none: rows small enough that chance makes few. */
static void test_without_boundaries(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.parallel = 8, .ranges = 32};

    scan_bench_check(sample_notes("short", 500, 3, 1), &behaviour, 8);
    scan_bench_check(sample_notes("none", 3000, 0, 1), &behaviour, 8);
    scan_bench_check(sample_notes("long", 10, 380000, 1), &behaviour, 8);
}

/* Rows of no bytes never begin a group, so that only their number ends one. */
static void test_null_rows(void **state)
{
    (void)state;
    static const struct fake_column columns[] = {
        {"a", COLUMN_TEXT, false},
        {"b", COLUMN_BYTES, false},
    };
    const struct cell cells[] = {cell_null(), cell_null()};
    struct fake_table *table = fake_table_create("nulls", columns, 2);

    for (uint32_t i = 0; i < ROW_GROUP_ROWS_LIMIT + 5000; i++)
        fake_table_add(table, cells);
    scan_bench_check(table, NULL, 1);
}

/* A table so wide that its rows take far more in JSON than their cells do. */
static void test_wide(void **state)
{
    (void)state;
    enum { WIDE = 2000 };
    static struct fake_column columns[WIDE];
    static char names[WIDE][100];
    static struct cell cells[WIDE];

    for (size_t i = 0; i < WIDE; i++) {
        snprintf(names[i], sizeof names[i], "a column with rather a long name, number %zu", i);
        columns[i] = (struct fake_column){names[i], COLUMN_ANY, false};
        cells[i] = i % 100 == 1 ? cell_text("x") : cell_null();
    }

    struct fake_table *table = fake_table_create("wide", columns, WIDE);

    for (int i = 0; i < 40; i++)
        fake_table_add(table, cells);
    /* One row that is large by itself, of cells that are not. */
    static char text[560];

    memset(text, '"', sizeof text);
    for (size_t i = 0; i < WIDE; i++)
        cells[i] = cell_of(CELL_TEXT, text, sizeof text);
    fake_table_add(table, cells);
    cells[7] = cell_null();
    fake_table_add(table, cells);
    scan_bench_check(table, NULL, 1);
}

/* Control characters are six bytes each in JSON. */
static void test_growing_text(void **state)
{
    (void)state;
    static char text[150000];
    static const struct fake_column columns[] = {
        {"id", COLUMN_INTEGER, true},
        {"note", COLUMN_TEXT, false},
    };
    struct fake_table *table = fake_table_create("growing", columns, 2);
    struct fake_behaviour behaviour = {.parallel = 2, .ranges = 5};

    memset(text, 1, sizeof text);
    for (int i = 0; i < 12; i++) {
        char number[24];
        const struct cell cells[] = {cell_integer(i, number),
                                     cell_of(CELL_TEXT, text, sizeof text)};

        fake_table_add(table, cells);
    }
    /* In one cell, below the size of a group of its own. */
    static char large[900000];
    char number[24];

    memset(large, 2, sizeof large);

    const struct cell cells[] = {cell_integer(99, number), cell_of(CELL_TEXT, large, sizeof large)};

    fake_table_add(table, cells);
    scan_bench_check(table, &behaviour, 2);
}

static void test_large_cells(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.parallel = 2, .ranges = 4};

    scan_bench_check(scan_large_cells(), &behaviour, 2);
    behaviour.without_data = true;
    scan_bench_check(scan_large_cells(), &behaviour, 2);
}

/* Whether the large cells' data comes at once or later, the image is the same. */
static void test_without_data(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.without_data = true};
    struct scan_bench bench = scan_bench_create(scan_large_cells(), NULL);
    struct image *with = scan_bench_scan(&bench, 1);

    assert_int_equal(fake_source_counts(bench.fake).cell_reads, 0);
    fake_source_behave(bench.fake, &behaviour);

    struct image *without = scan_bench_scan(&bench, 1);
    struct image_identity left = image_identity(with);
    struct image_identity right = image_identity(without);

    assert_true(fake_source_counts(bench.fake).cell_reads > 0);
    assert_memory_equal(&left, &right, sizeof left);
    image_release(with);
    image_release(without);

    struct failure failure = {0};

    behaviour.cell_error = -EIO;
    fake_source_behave(bench.fake, &behaviour);
    assert_int_equal(scan_bench_try(&bench, 1, NULL, &without, &failure), -EIO);
    assert_non_null(strstr(failure.text, "cannot be read"));
    scan_bench_free(&bench);
}

static void test_identity(void **state)
{
    (void)state;
    struct fake_table *table = sample_contacts("contacts", 3000, 1);
    struct scan_bench first = scan_bench_create(table, NULL);
    struct scan_bench same = scan_bench_create(sample_contacts("contacts", 3000, 1), NULL);
    struct scan_bench fewer = scan_bench_create(fake_table_part(table, 0, 2999, NULL), NULL);
    struct scan_bench other = scan_bench_create(sample_contacts("contacts", 3000, 2), NULL);
    struct scan_bench *benches[] = {&first, &same, &fewer, &other};
    struct image_identity identities[4];

    for (size_t i = 0; i < 4; i++) {
        struct image *image = scan_bench_scan(benches[i], 1);

        identities[i] = image_identity(image);
        assert_true(image_stored_bytes(image) > 0);
        assert_ptr_equal(image_schema(image), fake_table_schema(benches[i]->table));
        image_release(image_reference(image));
        image_release(image);
        scan_bench_free(benches[i]);
    }
    image_release(NULL);
    assert_memory_equal(&identities[0], &identities[1], sizeof identities[0]);
    assert_memory_not_equal(identities[0].digest, identities[2].digest, IMAGE_DIGEST_BYTES);
    assert_memory_not_equal(identities[0].digest, identities[3].digest, IMAGE_DIGEST_BYTES);
    assert_int_equal(identities[2].rows, 2999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_rows_done),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_threads_and_ranges),
        cmocka_unit_test(test_cursors_at_once),
        cmocka_unit_test(test_odd_ranges),
        cmocka_unit_test(test_without_boundaries),
        cmocka_unit_test(test_null_rows),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_growing_text),
        cmocka_unit_test(test_large_cells),
        cmocka_unit_test(test_without_data),
        cmocka_unit_test(test_identity),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
