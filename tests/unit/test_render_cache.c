/* SPDX-License-Identifier: MIT */
/* What readers share: its bound, that a part is rendered once, that images are told apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>

#include "fs/table/render_cache.h"
#include "tests/unit/reader_bench.h"
#include "tests/unit/sample_table.h"

#define THREADS 16

static void test_bound(void **state)
{
    (void)state;
    struct reader_bench bench =
        reader_bench_create(sample_contacts("contacts", 6000, 6), 2 * MIB, 0);
    struct reader *reader = reader_bench_open(&bench, FORMAT_CSV);
    struct reader *other = reader_bench_open(&bench, FORMAT_JSON);
    struct reading held[2];

    assert_true(bench.files[FORMAT_CSV].size > 2 * MIB);
    assert_int_equal(render_cache_bytes(bench.cache), 0);
    for (size_t offset = 0; offset < bench.files[FORMAT_CSV].size; offset += 50 * KIB) {
        reader_check(reader, &bench.files[FORMAT_CSV], offset, 50 * KIB);
        assert_true(render_cache_bytes(bench.cache) <= 2 * MIB);
        reader_check(other, &bench.files[FORMAT_JSON], offset, 50 * KIB);
        assert_true(render_cache_bytes(bench.cache) <= 2 * MIB);
    }
    assert_true(render_cache_bytes(bench.cache) > 0);

    /* What is taken for something else is not kept, but for a quarter. */
    render_cache_reserve(bench.cache, MIB);
    reader_check_in_order(reader, &bench.files[FORMAT_CSV], 50 * KIB);
    assert_in_range(render_cache_bytes(bench.cache), MIB / 2, MIB);
    render_cache_reserve(bench.cache, 100 * MIB);
    assert_in_range(render_cache_bytes(bench.cache), 1, MIB / 2);
    render_cache_reserve(bench.cache, -101 * (int64_t)MIB);
    reader_check_in_order(reader, &bench.files[FORMAT_CSV], 50 * KIB);
    assert_true(render_cache_bytes(bench.cache) > MIB);

    /* What is held is not thrown away, however much it is; afterwards the bound holds again. */
    const struct buffer *file = &bench.files[FORMAT_CSV];
    size_t half = file->size / 2;

    assert_int_equal(reader_read(reader, 0, half, &held[0], NULL), 0);
    assert_int_equal(reader_read(reader, half, file->size - half, &held[1], NULL), 0);
    assert_true(render_cache_bytes(bench.cache) >= file->size);
    reader_check_in_order(other, &bench.files[FORMAT_JSON], MIB);
    reader_check_held(&held[0], file, 0, half);
    reader_check_held(&held[1], file, half, file->size - half);
    reading_release(&held[0]);
    reading_release(&held[1]);
    assert_true(render_cache_bytes(bench.cache) <= 2 * MIB);
    reader_free(reader);
    reader_free(other);
    reader_bench_free(&bench);

    /* A cache without room keeps nothing. */
    bench = reader_bench_create(sample_contacts("contacts", 1000, 6), 0, 0);
    reader = reader_bench_open(&bench, FORMAT_CSV);
    reader_check_in_order(reader, &bench.files[FORMAT_CSV], 100 * KIB);
    assert_int_equal(render_cache_bytes(bench.cache), 0);
    reader_free(reader);
    reader_bench_free(&bench);
}

/* Threads that hold one part at the same time, told apart by the memory that it is in. */
struct flight {
    struct reader_bench *bench;
    struct image_part part;
    pthread_barrier_t *all_hold;
    const void *bytes;
};

static void *hold_part(void *argument)
{
    struct flight *flight = argument;
    struct rendered *rendered;

    pthread_barrier_wait(flight->all_hold);
    must(render_cache_take(flight->bench->cache, flight->bench->image, FORMAT_CSV, &flight->part,
                           &rendered, NULL) == 0);
    flight->bytes = rendered_bytes(rendered);
    pthread_barrier_wait(flight->all_hold);
    render_cache_give(rendered);
    return NULL;
}

/* All who ask for a part at once get the same one: it is rendered once. */
static void test_single_flight(void **state)
{
    (void)state;
    struct reader_bench bench = reader_bench_create(sample_contacts("contacts", 3000, 7), 0, 0);
    struct image_part part = image_find(bench.image, FORMAT_CSV, bench.files[FORMAT_CSV].size / 2);

    for (int round = 0; round < 20; round++) {
        struct flight flights[THREADS];
        pthread_t threads[THREADS];
        pthread_barrier_t all_hold;

        pthread_barrier_init(&all_hold, NULL, THREADS);
        for (size_t i = 0; i < THREADS; i++) {
            flights[i] = (struct flight){&bench, part, &all_hold, NULL};
            assert_int_equal(pthread_create(&threads[i], NULL, hold_part, &flights[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 1; i < THREADS; i++)
            assert_ptr_equal(flights[i].bytes, flights[0].bytes);
        pthread_barrier_destroy(&all_hold);
        assert_int_equal(render_cache_bytes(bench.cache), 0);
    }
    reader_bench_free(&bench);
}

/* Two images in one cache are not taken for each other, whatever they have in common. */
static void test_images_apart(void **state)
{
    (void)state;
    struct reader_bench first =
        reader_bench_create(sample_contacts("contacts", 300, 1), 16 * MIB, 0);
    struct reader_bench second = reader_bench_create(sample_contacts("contacts", 300, 2), 0, 0);

    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *one = reader_bench_open(&first, (enum table_format)i);
        struct reader *other = reader_create(first.cache, second.image, (enum table_format)i);

        assert_non_null(other);
        for (int round = 0; round < 2; round++) {
            reader_check_in_order(one, &first.files[i], 30 * KIB);
            reader_check_in_order(other, &second.files[i], 30 * KIB);
        }
        reader_free(one);
        reader_free(other);
    }
    reader_bench_free(&second);
    reader_bench_free(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_single_flight),
        cmocka_unit_test(test_images_apart),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
