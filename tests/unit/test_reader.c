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

#include "fs/table/reader.h"
#include "fs/table/render_cache.h"
#include "fs/table/scan.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/image_text.h"
#include "tests/unit/open_files.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define THREADS 16

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";

/* An image in a spool, its files, and a cache to read it through. */
struct bench {
    char *directory;
    struct spool *spool;
    struct image *image;
    struct buffer files[FORMAT_COUNT];
    struct render_cache *cache;
};

static struct bench bench_begin(size_t cache_bytes, unsigned cache_threads)
{
    struct bench bench = {.directory = scratch_directory()};
    struct spool_options options = {.directory = bench.directory, .limit_bytes = 512 * MIB};

    must(spool_create(&options, &bench.spool, NULL) == 0);
    bench.cache = render_cache_create(cache_bytes, cache_threads);
    must(bench.cache != NULL);
    return bench;
}

static void bench_read_files(struct bench *bench)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        bench->files[i] = image_text(bench->image, (enum table_format)i);
}

/* The table is taken over. */
static struct bench bench_create(struct fake_table *table, size_t cache_bytes,
                                 unsigned cache_threads)
{
    struct bench bench = bench_begin(cache_bytes, cache_threads);
    struct fake_source *fake = fake_source_create();
    struct scan_options options = {.threads = 1, .cut_key = cut_key};

    fake_source_set(fake, &table, 1);

    struct dataset *dataset = fake_source_begin(fake);

    must(image_scan(dataset, 0, bench.spool, &options, &bench.image, NULL) == 0);
    dataset->class->release(dataset);
    fake_source_free(fake);
    bench_read_files(&bench);
    return bench;
}

static void bench_free(struct bench *bench)
{
    struct spool_usage usage;

    render_cache_free(bench->cache);
    image_release(bench->image);
    spool_usage(bench->spool, &usage);
    must(usage.used_bytes == 0);
    spool_free(bench->spool);
    for (int i = 0; i < FORMAT_COUNT; i++)
        buffer_release(&bench->files[i]);
    scratch_directory_remove(bench->directory);
}

static struct reader *open_reader(const struct bench *bench, enum table_format format)
{
    struct reader *reader = reader_create(bench->cache, bench->image, format);

    must(reader != NULL);
    return reader;
}

/* SIZE bytes of the file from OFFSET on. */
static void check_held(const struct reading *reading, const struct buffer *file, uint64_t offset,
                       size_t size)
{
    must(reading_size(reading) == size);
    for (unsigned i = 0; i < reading->count; i++) {
        const struct iovec *piece = &reading->pieces[i];

        must(piece->iov_len > 0);
        must(memcmp(piece->iov_base, file->data + offset, piece->iov_len) == 0);
        offset += piece->iov_len;
    }
}

/* Reads and compares with the same slice of the file. */
static void check_read(struct reader *reader, const struct buffer *file, uint64_t offset,
                       size_t size)
{
    struct reading reading = {.count = 99};
    size_t expected = offset >= file->size         ? 0
                      : size < file->size - offset ? size
                                                   : file->size - (size_t)offset;

    must(reader_read(reader, offset, size, &reading, NULL) == 0);
    must(reading.count <= READING_PIECES && reading.held_count <= READING_PIECES);
    check_held(&reading, file, offset, expected);
    reading_release(&reading);
    must(reading.count == 0 && reading.held_count == 0);
}

static void read_at_random(struct reader *reader, const struct buffer *file, unsigned times,
                           uint64_t seed)
{
    static const size_t sizes[] = {1, 7, 100, 4 * KIB, 128 * KIB, 300 * KIB, MIB};

    for (unsigned i = 0; i < times; i++) {
        uint64_t offset = sample_random(&seed) % (file->size + 2);

        check_read(reader, file, offset, (size_t)(sample_random(&seed) % sizes[i % 7]) + i % 2);
    }
}

static void read_in_order(struct reader *reader, const struct buffer *file, size_t step)
{
    for (uint64_t offset = 0; offset <= file->size; offset += step)
        check_read(reader, file, offset, step);
}

static void test_random(void **state)
{
    (void)state;
    struct bench bench = bench_create(sample_contacts("contacts", 2500, 1), 2 * MIB, 0);

    assert_in_range(image_parts(bench.image, FORMAT_CSV), 3, 30);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *reader = open_reader(&bench, (enum table_format)i);
        size_t size = bench.files[i].size;

        read_at_random(reader, &bench.files[i], 100, (uint64_t)i);
        check_read(reader, &bench.files[i], 0, size);
        check_read(reader, &bench.files[i], 0, size + MIB);
        check_read(reader, &bench.files[i], size - 1, 10);
        check_read(reader, &bench.files[i], size, 10);
        check_read(reader, &bench.files[i], UINT64_MAX, 10);
        check_read(reader, &bench.files[i], 0, 0);
        reader_free(reader);
    }
    reader_free(NULL);
    bench_free(&bench);
    render_cache_free(NULL);
}

static void test_in_order(void **state)
{
    (void)state;
    static const size_t limits[] = {0, MIB, 64 * MIB};

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        for (unsigned threads = 0; threads <= 2; threads += 2) {
            struct bench bench =
                bench_create(sample_contacts("contacts", 1500, 2), limits[i], threads);

            for (int format = 0; format < FORMAT_COUNT; format++) {
                struct reader *reader = open_reader(&bench, (enum table_format)format);

                read_in_order(reader, &bench.files[format], 100 * KIB);
                read_in_order(reader, &bench.files[format], 999999);
                reader_free(reader);
            }
            bench_free(&bench);
        }
    }
}

static void test_empty(void **state)
{
    (void)state;
    struct bench bench = bench_create(sample_contacts("empty", 0, 2), MIB, 1);

    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *reader = open_reader(&bench, (enum table_format)i);

        read_in_order(reader, &bench.files[i], 3);
        check_read(reader, &bench.files[i], 0, 4 * KIB);
        reader_free(reader);
    }
    bench_free(&bench);
}

/* An image whose groups are of a row each, so that one read takes in many parts. */
static struct bench tiny_groups(struct fake_table *table, size_t cache_bytes, unsigned threads)
{
    struct bench bench = bench_begin(cache_bytes, threads);
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
    bench_read_files(&bench);
    row_group_builder_free(builder);
    buffer_release(&encoded);
    fake_table_release(table);
    free(groups);
    return bench;
}

static void test_tiny_groups(void **state)
{
    (void)state;
    struct bench bench = tiny_groups(sample_contacts("contacts", 400, 3), 4 * MIB, 2);

    assert_int_equal(image_parts(bench.image, FORMAT_CSV), 401);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *reader = open_reader(&bench, (enum table_format)i);
        struct reading reading;

        read_at_random(reader, &bench.files[i], 70, 1);
        check_read(reader, &bench.files[i], 0, MIB);
        read_in_order(reader, &bench.files[i], 40 * KIB);
        /* So many parts are copied together, and hold no place in the cache. */
        assert_int_equal(reader_read(reader, 10, 100 * KIB, &reading, NULL), 0);
        assert_int_equal(reading.count, 1);
        reading_release(&reading);
        reader_free(reader);
    }
    bench_free(&bench);
}

struct share {
    const struct bench *bench;
    struct reader *reader; /* NULL: its own */
    unsigned index;
};

static void *read_along(void *argument)
{
    const struct share *share = argument;
    enum table_format format =
        share->reader != NULL ? FORMAT_CSV : (enum table_format)(share->index % FORMAT_COUNT);
    struct reader *reader =
        share->reader != NULL ? share->reader : open_reader(share->bench, format);
    const struct buffer *file = &share->bench->files[format];

    if (share->index % 2 == 0)
        read_in_order(reader, file, 4000 + 30000 * share->index);
    else
        read_at_random(reader, file, 40, share->index);
    if (share->reader == NULL)
        reader_free(reader);
    return NULL;
}

static void run_threads(const struct bench *bench, struct reader *reader)
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
        struct bench bench = bench_create(sample_contacts("contacts", 1500, 4), limits[i], 2);
        struct reader *reader = open_reader(&bench, FORMAT_CSV);

        run_threads(&bench, NULL);
        run_threads(&bench, reader);
        reader_free(reader);
        bench_free(&bench);
    }
}

/* Whoever closes early leaves nothing behind, whatever is being rendered ahead. */
static void test_early_end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        struct bench bench = tiny_groups(sample_contacts("contacts", 60, 5), MIB, 1 + i % 3);
        struct reader *reader = open_reader(&bench, FORMAT_JSON);

        for (uint64_t offset = 0; offset < (uint64_t)i * 100; offset += 100)
            check_read(reader, &bench.files[FORMAT_JSON], offset, 100);
        reader_free(reader);
        bench_free(&bench);
    }
}

static void test_bound(void **state)
{
    (void)state;
    struct bench bench = bench_create(sample_contacts("contacts", 6000, 6), 2 * MIB, 0);
    struct reader *reader = open_reader(&bench, FORMAT_CSV);
    struct reader *other = open_reader(&bench, FORMAT_JSON);
    struct reading held[2];

    assert_true(bench.files[FORMAT_CSV].size > 2 * MIB);
    assert_int_equal(render_cache_bytes(bench.cache), 0);
    for (size_t offset = 0; offset < bench.files[FORMAT_CSV].size; offset += 50 * KIB) {
        check_read(reader, &bench.files[FORMAT_CSV], offset, 50 * KIB);
        assert_true(render_cache_bytes(bench.cache) <= 2 * MIB);
        check_read(other, &bench.files[FORMAT_JSON], offset, 50 * KIB);
        assert_true(render_cache_bytes(bench.cache) <= 2 * MIB);
    }
    assert_true(render_cache_bytes(bench.cache) > 0);

    /* What is taken for something else is not kept, but for a quarter. */
    render_cache_reserve(bench.cache, MIB);
    read_in_order(reader, &bench.files[FORMAT_CSV], 50 * KIB);
    assert_in_range(render_cache_bytes(bench.cache), MIB / 2, MIB);
    render_cache_reserve(bench.cache, 100 * MIB);
    assert_in_range(render_cache_bytes(bench.cache), 1, MIB / 2);
    render_cache_reserve(bench.cache, -101 * (int64_t)MIB);
    read_in_order(reader, &bench.files[FORMAT_CSV], 50 * KIB);
    assert_true(render_cache_bytes(bench.cache) > MIB);

    /* What is held is not thrown away, however much it is; afterwards the bound holds again. */
    const struct buffer *file = &bench.files[FORMAT_CSV];
    size_t half = file->size / 2;

    assert_int_equal(reader_read(reader, 0, half, &held[0], NULL), 0);
    assert_int_equal(reader_read(reader, half, file->size - half, &held[1], NULL), 0);
    assert_true(render_cache_bytes(bench.cache) >= file->size);
    read_in_order(other, &bench.files[FORMAT_JSON], MIB);
    check_held(&held[0], file, 0, half);
    check_held(&held[1], file, half, file->size - half);
    reading_release(&held[0]);
    reading_release(&held[1]);
    assert_true(render_cache_bytes(bench.cache) <= 2 * MIB);
    reader_free(reader);
    reader_free(other);
    bench_free(&bench);

    /* A cache without room keeps nothing. */
    bench = bench_create(sample_contacts("contacts", 1000, 6), 0, 0);
    reader = open_reader(&bench, FORMAT_CSV);
    read_in_order(reader, &bench.files[FORMAT_CSV], 100 * KIB);
    assert_int_equal(render_cache_bytes(bench.cache), 0);
    reader_free(reader);
    bench_free(&bench);
}

/* Threads that hold one part at the same time, told apart by the memory that it is in. */
struct flight {
    struct bench *bench;
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
    struct bench bench = bench_create(sample_contacts("contacts", 3000, 7), 0, 0);
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
    bench_free(&bench);
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
        struct bench bench = bench_create(sample_contacts("contacts", 3000, 8), 0, threads);
        struct reader *reader = open_reader(&bench, FORMAT_CSV);
        const struct buffer *file = &bench.files[FORMAT_CSV];
        struct reading reading;
        int descriptor;

        assert_int_equal(open_files_in(bench.directory, &descriptor, 1), 1);
        /* The first group; others still can be read. */
        damage_file(descriptor, 100);
        assert_damaged(reader, 100);
        check_read(reader, file, file->size - 1000, 1000);
        assert_int_equal(reader_read(reader, 0, file->size, &reading, NULL), -EIO);
        assert_damaged(reader, 200);
        damage_file(descriptor, 100);
        check_read(reader, file, 100, 10);
        read_in_order(reader, file, 200 * KIB);
        reader_free(reader);
        bench_free(&bench);
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
    struct bench bench = bench_create(sample_contacts("contacts", 1500, 9), MIB, 2);
    struct reader *reader = open_reader(&bench, FORMAT_CSV);
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
    read_in_order(reader, &bench.files[FORMAT_CSV], 100 * KIB);
    reader_free(reader);
    bench_free(&bench);
}

/* Two images in one cache are not taken for each other, whatever they have in common. */
static void test_images_apart(void **state)
{
    (void)state;
    struct bench first = bench_create(sample_contacts("contacts", 300, 1), 16 * MIB, 0);
    struct bench second = bench_create(sample_contacts("contacts", 300, 2), 0, 0);

    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct reader *one = open_reader(&first, (enum table_format)i);
        struct reader *other = reader_create(first.cache, second.image, (enum table_format)i);

        assert_non_null(other);
        for (int round = 0; round < 2; round++) {
            read_in_order(one, &first.files[i], 30 * KIB);
            read_in_order(other, &second.files[i], 30 * KIB);
        }
        reader_free(one);
        reader_free(other);
    }
    bench_free(&second);
    bench_free(&first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),       cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_empty),        cmocka_unit_test(test_tiny_groups),
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_early_end),
        cmocka_unit_test(test_bound),        cmocka_unit_test(test_single_flight),
        cmocka_unit_test(test_damage),       cmocka_unit_test(test_damage_threads),
        cmocka_unit_test(test_images_apart),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
