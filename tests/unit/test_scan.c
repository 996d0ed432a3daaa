/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/table/scan.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/image_text.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define MIB ((size_t)1 << 20)

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";

/* A source of one table, and where it is scanned to. */
struct bench {
    struct fake_source *fake;
    struct fake_table *table; /* the source's */
    struct dataset *dataset;
    struct spool *spool;
};

static struct bench bench_create(struct fake_table *table, const struct fake_behaviour *behaviour)
{
    struct bench bench = {.fake = fake_source_create(), .table = table};
    struct spool_options options = {.limit_bytes = 512 * MIB};

    fake_source_set(bench.fake, &table, 1);
    if (behaviour != NULL)
        fake_source_behave(bench.fake, behaviour);
    bench.dataset = fake_source_begin(bench.fake);
    must(spool_create(&options, &bench.spool, NULL) == 0);
    return bench;
}

static void bench_free(struct bench *bench)
{
    struct spool_usage usage;

    spool_usage(bench->spool, &usage);
    must(usage.used_bytes == 0);
    spool_free(bench->spool);
    bench->dataset->class->release(bench->dataset);
    fake_source_free(bench->fake);
}

static int try_scan(struct bench *bench, unsigned threads, const bool *cancelled,
                    struct image **ret_image, struct failure *failure)
{
    struct scan_options options = {.threads = threads, .cut_key = cut_key, .cancelled = cancelled};

    return image_scan(bench->dataset, 0, bench->spool, &options, ret_image, failure);
}

static struct image *scan(struct bench *bench, unsigned threads)
{
    struct image *image;

    must(try_scan(bench, threads, NULL, &image, NULL) == 0);
    must(fake_source_counts(bench->fake).cursors_open == 0);
    return image;
}

/* Scans the table and looks at every byte. */
static void check_scan(struct fake_table *table, const struct fake_behaviour *behaviour,
                       unsigned threads)
{
    struct bench bench = bench_create(table, behaviour);
    struct image *image = scan(&bench, threads);

    check_image(image, table);
    image_release(image);
    bench_free(&bench);
}

static void test_formats(void **state)
{
    (void)state;
    check_scan(sample_contacts("contacts", 2000, 1), NULL, 1);
    check_scan(sample_contacts("one", 1, 2), NULL, 1);
    check_scan(sample_notes("notes", 20, 100000, 3), NULL, 1);
}

static void test_rows_done(void **state)
{
    (void)state;
    struct fake_table *table = sample_notes("notes", 20000, 10, 3);
    struct bench bench = bench_create(table, NULL);
    uint64_t rows_done = 5;
    struct scan_options options = {.threads = 1, .cut_key = cut_key, .rows_done = &rows_done};
    struct image *image;

    assert_int_equal(image_scan(bench.dataset, 0, bench.spool, &options, &image, NULL), 0);
    assert_int_equal(rows_done, 20005);
    image_release(image);
    bench_free(&bench);
}

static void test_empty(void **state)
{
    (void)state;
    struct fake_behaviour ranges = {.parallel = 4};
    static const struct fake_column column = {"a", COLUMN_TEXT, false};
    struct fake_table *nulls = fake_table_create("nulls", &column, 1);
    const struct cell null = cell_null();

    check_scan(sample_contacts("empty", 0, 1), NULL, 1);
    check_scan(sample_contacts("empty", 0, 1), &ranges, 4);
    fake_table_add(nulls, &null);
    check_scan(nulls, NULL, 1);
}

/* However many threads read however many ranges: the same groups. */
static void test_threads_and_ranges(void **state)
{
    (void)state;
    static const unsigned threads[] = {1, 2, 8};
    static const size_t ranges[] = {0, 1, 4, 32};
    struct fake_table *table = sample_contacts("contacts", 3500, 5);
    struct bench bench = bench_create(table, NULL);
    struct image *image = scan(&bench, 1);
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

            struct image *other = scan(&bench, threads[i]);
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
    bench_free(&bench);
}

/* No more cursors at once than the source, the caller and the ranges allow. */
static void test_cursors_at_once(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.parallel = 2, .row_delay_us = 50};
    struct bench bench = bench_create(sample_notes("notes", 200, 20000, 1), &behaviour);
    struct image *image = scan(&bench, 6);

    assert_in_range(fake_source_counts(bench.fake).cursors_open_most, 1, 2);
    check_image(image, bench.table);
    image_release(image);
    bench_free(&bench);
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
    check_scan(table, &behaviour, 4);
    /* More ranges than rows. */
    behaviour = (struct fake_behaviour){.parallel = 4, .ranges = 32};
    check_scan(few, &behaviour, 4);
    /* All rows in one of several ranges. */
    behaviour = (struct fake_behaviour){.parallel = 3, .range_starts = 3};
    behaviour.starts[1] = -5;
    behaviour.starts[2] = INT64_MAX;
    check_scan(sample_notes("notes", 300, 9000, 8), &behaviour, 3);
}

/* Boundaries only within one range, or in none: rows small enough that chance makes few. */
static void test_without_boundaries(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.parallel = 8, .ranges = 32};

    check_scan(sample_notes("short", 500, 3, 1), &behaviour, 8);
    check_scan(sample_notes("none", 3000, 0, 1), &behaviour, 8);
    check_scan(sample_notes("long", 10, 380000, 1), &behaviour, 8);
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
    check_scan(table, NULL, 1);
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
    check_scan(table, NULL, 1);
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
    check_scan(table, &behaviour, 2);
}

/* Cells of more than a megabyte of all kinds, between ordinary ones. */
static struct fake_table *large_cells(void)
{
    static const struct fake_column columns[] = {
        {"id", COLUMN_INTEGER, true}, {"text", COLUMN_TEXT, false}, {"bytes", COLUMN_BYTES, false},
        {"json", COLUMN_JSON, false}, {"any", COLUMN_ANY, false},
    };
    struct fake_table *table = fake_table_create("large", columns, COUNT_OF(columns));
    size_t size = MIB + 12345;
    char *text = malloc(size);
    char *json = malloc(size);
    uint8_t *raw = malloc(size);
    uint64_t random = 11;
    const struct cell small = cell_text("small, \"quoted\"");

    must(text != NULL && json != NULL && raw != NULL);
    for (size_t i = 0; i < size; i++) {
        uint64_t bits = sample_random(&random);

        raw[i] = (uint8_t)bits;
        text[i] = bits % 97 == 0 ? '"' : bits % 89 == 0 ? '\n' : (char)('a' + bits % 26);
        json[i] = bits % 51 == 0 ? '\n' : (char)('0' + bits % 10);
    }
    memcpy(text + 1000, "\xe2\x82\xac", 3);
    json[0] = json[size - 1] = '"';
    for (size_t i = 1; i < size - 1; i++)
        json[i] = json[i] == '\n' ? ' ' : json[i];

    const struct cell null = cell_null();
    const struct cell words = cell_of(CELL_TEXT, text, size);
    const struct cell document = cell_of(CELL_TEXT, json, size);
    const struct cell broken = cell_of(CELL_TEXT, raw, size);
    const struct cell blob = cell_of(CELL_BYTES, raw, size);
    const struct cell rows[][4] = {
        {words, small, null, small},
        {small, blob, small, null},
        {null, null, document, cell_number("17")},
        {small, small, null, broken},
        {small, null, small, small},
        {null, small, words, blob},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char number[24];
        const struct cell cells[] = {cell_integer((int64_t)i * 10, number), rows[i][0], rows[i][1],
                                     rows[i][2], rows[i][3]};

        fake_table_add(table, cells);
    }
    free(text);
    free(json);
    free(raw);
    return table;
}

static void test_large_cells(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.parallel = 2, .ranges = 4};

    check_scan(large_cells(), &behaviour, 2);
    behaviour.without_data = true;
    check_scan(large_cells(), &behaviour, 2);
}

/* Whether the large cells' data comes at once or later, the image is the same. */
static void test_without_data(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {.without_data = true};
    struct bench bench = bench_create(large_cells(), NULL);
    struct image *with = scan(&bench, 1);

    assert_int_equal(fake_source_counts(bench.fake).cell_reads, 0);
    fake_source_behave(bench.fake, &behaviour);

    struct image *without = scan(&bench, 1);
    struct image_identity left = image_identity(with);
    struct image_identity right = image_identity(without);

    assert_true(fake_source_counts(bench.fake).cell_reads > 0);
    assert_memory_equal(&left, &right, sizeof left);
    image_release(with);
    image_release(without);

    struct failure failure = {0};

    behaviour.cell_error = -EIO;
    fake_source_behave(bench.fake, &behaviour);
    assert_int_equal(try_scan(&bench, 1, NULL, &without, &failure), -EIO);
    assert_non_null(strstr(failure.text, "cannot be read"));
    bench_free(&bench);
}

static void test_identity(void **state)
{
    (void)state;
    struct fake_table *table = sample_contacts("contacts", 3000, 1);
    struct bench first = bench_create(table, NULL);
    struct bench same = bench_create(sample_contacts("contacts", 3000, 1), NULL);
    struct bench fewer = bench_create(fake_table_part(table, 0, 2999, NULL), NULL);
    struct bench other = bench_create(sample_contacts("contacts", 3000, 2), NULL);
    struct bench *benches[] = {&first, &same, &fewer, &other};
    struct image_identity identities[4];

    for (size_t i = 0; i < 4; i++) {
        struct image *image = scan(benches[i], 1);

        identities[i] = image_identity(image);
        assert_true(image_stored_bytes(image) > 0);
        assert_ptr_equal(image_schema(image), fake_table_schema(benches[i]->table));
        image_release(image_reference(image));
        image_release(image);
        bench_free(benches[i]);
    }
    image_release(NULL);
    assert_memory_equal(&identities[0], &identities[1], sizeof identities[0]);
    assert_memory_not_equal(identities[0].digest, identities[2].digest, IMAGE_DIGEST_BYTES);
    assert_memory_not_equal(identities[0].digest, identities[3].digest, IMAGE_DIGEST_BYTES);
    assert_int_equal(identities[2].rows, 2999);
}

/* A scan fails, says why, and leaves nothing: neither in the spool nor open. */
static void check_failure(struct bench *bench, unsigned threads, int expected, const char *words)
{
    struct image *image = NULL;
    struct failure failure = {0};
    struct spool_usage usage;

    must(try_scan(bench, threads, NULL, &image, &failure) == -expected);
    must(image == NULL);
    must(failure.code == expected);
    if (strstr(failure.text, words) == NULL)
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", words, failure.text);
    must(strstr(failure.text, words) != NULL);
    must(try_scan(bench, threads, NULL, &image, NULL) == -expected);
    spool_usage(bench->spool, &usage);
    must(usage.used_bytes == 0);
    must(fake_source_counts(bench->fake).cursors_open == 0);
}

static void test_errors(void **state)
{
    (void)state;
    static const size_t rows[] = {0, 1, 700, 1999, 2000};
    static const unsigned threads[] = {1, 4};
    struct bench bench =
        bench_create(sample_notes("notes", 2000, 2000, 4), &(struct fake_behaviour){.parallel = 4});

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t j = 0; j < COUNT_OF(threads); j++) {
            struct fake_behaviour behaviour = {
                .row_fails = true, .faulty_row = rows[i], .row_error = -EILSEQ};
            char words[40];

            fake_source_behave(bench.fake, &behaviour);
            snprintf(words, sizeof words, "row %zu of notes", rows[i]);
            check_failure(&bench, threads[j], EILSEQ, words);
        }
    }
    fake_source_behave(bench.fake, &(struct fake_behaviour){.plan_error = -EBUSY});
    check_failure(&bench, 4, EBUSY, "no plan");
    fake_source_behave(bench.fake, &(struct fake_behaviour){.open_error = -EIO});
    check_failure(&bench, 4, EIO, "no cursor");

    /* And then it works. */
    fake_source_behave(bench.fake, &(struct fake_behaviour){0});

    struct image *image = scan(&bench, 4);

    check_image(image, bench.table);
    image_release(image);
    bench_free(&bench);
}

static void test_spool_full(void **state)
{
    (void)state;
    struct bench bench =
        bench_create(sample_notes("notes", 2000, 2000, 4), &(struct fake_behaviour){.parallel = 4});
    struct spool_options options = {.limit_bytes = MIB};

    spool_free(bench.spool);
    assert_int_equal(spool_create(&options, &bench.spool, NULL), 0);
    check_failure(&bench, 1, ENOSPC, "spool-size");
    check_failure(&bench, 4, ENOSPC, "spool-size");
    bench_free(&bench);

    /* In the middle of a row that is cut. */
    bench = bench_create(large_cells(), &(struct fake_behaviour){.without_data = true});
    spool_free(bench.spool);
    options.limit_bytes = 3 * MIB;
    assert_int_equal(spool_create(&options, &bench.spool, NULL), 0);
    check_failure(&bench, 1, ENOSPC, "spool-size");
    bench_free(&bench);
}

static void *cancel_soon(void *cancelled)
{
    usleep(50000);
    __atomic_store_n((bool *)cancelled, true, __ATOMIC_RELAXED);
    return NULL;
}

static void test_cancelled(void **state)
{
    (void)state;
    /* It would take ten seconds; groups begin every hundredth of one. */
    struct fake_behaviour behaviour = {.parallel = 2, .row_delay_us = 10000};
    struct bench bench = bench_create(sample_notes("notes", 1000, 50000, 4), &behaviour);
    struct image *image = NULL;
    bool cancelled = true;
    pthread_t thread;

    assert_int_equal(try_scan(&bench, 2, &cancelled, &image, NULL), -ECANCELED);
    cancelled = false;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
    assert_int_equal(try_scan(&bench, 2, &cancelled, &image, NULL), -ECANCELED);
    pthread_join(thread, NULL);
    assert_null(image);
    assert_true(fake_source_counts(bench.fake).rows < 900);
    bench_free(&bench);

    /* Where no group begins for long: in a range's rows that belong to another's group. */
    behaviour = (struct fake_behaviour){.parallel = 2, .ranges = 2};
    bench = bench_create(sample_notes("short", 60000, 0, 4), &behaviour);
    cancelled = true;
    assert_int_equal(try_scan(&bench, 2, &cancelled, &image, NULL), -ECANCELED);
    assert_true(fake_source_counts(bench.fake).rows < 20000);
    bench_free(&bench);
}

static int say_timed_out(void *context)
{
    (void)context;
    return -ETIMEDOUT;
}

static void test_bound(void **state)
{
    (void)state;
    struct bench bench = bench_create(sample_notes("notes", 20000, 10, 3), NULL);
    struct scan_options options = {
        .threads = 2, .cut_key = cut_key, .bound = {say_timed_out, NULL}};
    struct image *image;

    assert_int_equal(image_scan(bench.dataset, 0, bench.spool, &options, &image, NULL), -ETIMEDOUT);
    assert_null(bench.dataset->bound.look);
    bench_free(&bench);
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
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_spool_full),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_bound),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
