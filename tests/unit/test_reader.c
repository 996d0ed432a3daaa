/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/image_text.h"
#include "tests/unit/open_files.h"
#include "tests/unit/reader_bench.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define THREADS 16

static void test_random(void **state)
{
    (void)state;
    struct reader_bench bench =
        reader_bench_create(sample_contacts("contacts", 2500, 1), 2 * MIB, 0);

    assert_in_range(image_parts(bench.image, FORMAT_CSV), 3, 30);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *reader = reader_bench_open(&bench, (enum table_format)i);
        size_t size = bench.files[i].size;

        reader_check_at_random(reader, &bench.files[i], 100, (uint64_t)i);
        reader_check(reader, &bench.files[i], 0, size);
        reader_check(reader, &bench.files[i], 0, size + MIB);
        reader_check(reader, &bench.files[i], size - 1, 10);
        reader_check(reader, &bench.files[i], size, 10);
        reader_check(reader, &bench.files[i], UINT64_MAX, 10);
        reader_check(reader, &bench.files[i], 0, 0);
        reader_free(reader);
    }
    reader_free(NULL);
    reader_bench_free(&bench);
    render_cache_free(NULL);
}

static void test_in_order(void **state)
{
    (void)state;
    static const size_t limits[] = {0, MIB, 64 * MIB};

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        for (unsigned threads = 0; threads <= 2; threads += 2) {
            struct reader_bench bench =
                reader_bench_create(sample_contacts("contacts", 1500, 2), limits[i], threads);

            for (int format = 0; format < FORMAT_COUNT; format++) {
                struct reader *reader = reader_bench_open(&bench, (enum table_format)format);

                reader_check_in_order(reader, &bench.files[format], 100 * KIB);
                reader_check_in_order(reader, &bench.files[format], 999999);
                reader_free(reader);
            }
            reader_bench_free(&bench);
        }
    }
}

static void test_empty(void **state)
{
    (void)state;
    struct reader_bench bench = reader_bench_create(sample_contacts("empty", 0, 2), MIB, 1);

    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *reader = reader_bench_open(&bench, (enum table_format)i);

        reader_check_in_order(reader, &bench.files[i], 3);
        reader_check(reader, &bench.files[i], 0, 4 * KIB);
        reader_free(reader);
    }
    reader_bench_free(&bench);
}

/* An image whose groups are of a row each, so that one read takes in many parts. */
static struct reader_bench tiny_groups(struct fake_table *table, size_t cache_bytes,
                                       unsigned threads)
{
    struct reader_bench bench = reader_bench_begin(cache_bytes, threads);
    size_t rows = fake_table_rows(table);
    struct image_group *groups = calloc(rows, sizeof *groups);
    struct row_group_builder *builder = row_group_builder_create(fake_table_schema(table));
    struct buffer encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT);

    must(groups != NULL && builder != NULL);
    for (size_t i = 0; i < rows; i++) {
        must(row_group_builder_add(builder, fake_table_row(table, i)) == 0);
        must(row_group_builder_finish(builder, &encoded, &groups[i].measure) == 0);
        must(spool_put(bench.spool, encoded.data, encoded.size, &groups[i].place.blob, NULL) == 0);
    }
    must(image_create(fake_table_schema(table), bench.spool, groups, rows, &bench.image) == 0);
    check_image(bench.image, table);
    reader_bench_read_files(&bench);
    row_group_builder_free(builder);
    buffer_release(&encoded);
    fake_table_release(table);
    free(groups);
    return bench;
}

static void test_tiny_groups(void **state)
{
    (void)state;
    struct reader_bench bench = tiny_groups(sample_contacts("contacts", 400, 3), 4 * MIB, 2);

    assert_int_equal(image_parts(bench.image, FORMAT_CSV), 401);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *reader = reader_bench_open(&bench, (enum table_format)i);
        struct reading reading;

        reader_check_at_random(reader, &bench.files[i], 70, 1);
        reader_check(reader, &bench.files[i], 0, MIB);
        reader_check_in_order(reader, &bench.files[i], 40 * KIB);
        /* So many parts are copied together, and hold no place in the cache. */
        assert_int_equal(reader_read(reader, 10, 100 * KIB, &reading, NULL), 0);
        assert_int_equal(reading.count, 1);
        reading_release(&reading);
        reader_free(reader);
    }
    reader_bench_free(&bench);
}

struct share {
    const struct reader_bench *bench;
    struct reader *reader; /* NULL: its own */
    unsigned index;
};

static void *read_along(void *argument)
{
    const struct share *share = argument;
    enum table_format format =
        share->reader != NULL ? FORMAT_CSV : (enum table_format)(share->index % FORMAT_COUNT);
    struct reader *reader =
        share->reader != NULL ? share->reader : reader_bench_open(share->bench, format);
    const struct buffer *file = &share->bench->files[format];

    if (share->index % 2 == 0)
        reader_check_in_order(reader, file, 4000 + 30000 * share->index);
    else
        reader_check_at_random(reader, file, 40, share->index);
    if (share->reader == NULL)
        reader_free(reader);
    return NULL;
}

static void run_threads(const struct reader_bench *bench, struct reader *reader)
{
    struct share shares[THREADS];
    pthread_t threads[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        shares[i] = (struct share){bench, reader, i};
        must(pthread_create(&threads[i], NULL, read_along, &shares[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void test_threads(void **state)
{
    (void)state;
    static const size_t limits[] = {0, 2 * MIB, 64 * MIB};

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        struct reader_bench bench =
            reader_bench_create(sample_contacts("contacts", 1500, 4), limits[i], 2);
        struct reader *reader = reader_bench_open(&bench, FORMAT_CSV);

        run_threads(&bench, NULL);
        run_threads(&bench, reader);
        reader_free(reader);
        reader_bench_free(&bench);
    }
}

/* Whoever closes early leaves nothing behind, whatever is being rendered ahead. */
static void test_early_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct reader_bench bench = tiny_groups(sample_contacts("contacts", 60, 5), MIB, 1 + i % 3);
        struct reader *reader = reader_bench_open(&bench, FORMAT_JSON);

        for (uint64_t offset = 0; offset < (uint64_t)i * 100; offset += 100)
            reader_check(reader, &bench.files[FORMAT_JSON], offset, 100);
        reader_free(reader);
        reader_bench_free(&bench);
    }
}

static void assert_damaged(struct reader *reader, uint64_t offset)
{
    struct reading reading = {.count = 77};
    struct failure failure = {0};

    assert_int_equal(reader_read(reader, offset, 10, &reading, &failure), -EIO);
    assert_int_equal(reading.count, 77);
    assert_int_equal(failure.code, EIO);
    assert_non_null(strstr(failure.text, "damaged"));
    assert_int_equal(reader_read(reader, offset, 10, &reading, NULL), -EIO);
}

static void test_damage(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads <= 2; threads += 2) {
        struct reader_bench bench =
            reader_bench_create(sample_contacts("contacts", 3000, 8), 0, threads);
        struct reader *reader = reader_bench_open(&bench, FORMAT_CSV);
        const struct buffer *file = &bench.files[FORMAT_CSV];
        struct reading reading;
        int descriptor;

        assert_int_equal(open_files_in(bench.directory, &descriptor, 1), 1);
        /* The first group; others still can be read. */
        damage_file(descriptor, 100);
        assert_damaged(reader, 100);
        reader_check(reader, file, file->size - 1000, 1000);
        assert_int_equal(reader_read(reader, 0, file->size, &reading, NULL), -EIO);
        assert_damaged(reader, 200);
        damage_file(descriptor, 100);
        reader_check(reader, file, 100, 10);
        reader_check_in_order(reader, file, 200 * KIB);
        reader_free(reader);
        reader_bench_free(&bench);
    }
}

/* Failures that several threads wait for at once reach all of them. */
static void *read_damaged(void *argument)
{
    const struct share *share = argument;

    for (int i = 0; i < 100; i++) {
        struct reading reading;
        struct failure failure = {0};

        must(reader_read(share->reader, 100, 10, &reading, &failure) == -EIO);
        must(failure.code == EIO);
    }
    return NULL;
}

static void test_damage_threads(void **state)
{
    (void)state;
    struct reader_bench bench = reader_bench_create(sample_contacts("contacts", 1500, 9), MIB, 2);
    struct reader *reader = reader_bench_open(&bench, FORMAT_CSV);
    struct share share = {&bench, reader, 0};
    pthread_t threads[THREADS];
    int descriptor;

    assert_int_equal(open_files_in(bench.directory, &descriptor, 1), 1);
    damage_file(descriptor, 100);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_damaged, &share), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    damage_file(descriptor, 100);
    reader_check_in_order(reader, &bench.files[FORMAT_CSV], 100 * KIB);
    reader_free(reader);
    reader_bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),  cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_empty),   cmocka_unit_test(test_tiny_groups),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_early_end),
        cmocka_unit_test(test_damage),  cmocka_unit_test(test_damage_threads),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
