/* SPDX-License-Identifier: MIT */
#include "tests/unit/reader_bench.h"

#include <string.h>

#include "fs/table/scan.h"
#include "tests/unit/image_text.h"
#include "tests/unit/open_files.h"
#include "tests/unit/sample_table.h"

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";

struct reader_bench reader_bench_begin(size_t cache_bytes, unsigned cache_threads)
{
    struct reader_bench bench = {.directory = scratch_directory()};
    struct spool_options options = {.directory = bench.directory,
                                    .limit_bytes = (uint64_t)512 << 20};

    must(spool_create(&options, &bench.spool, NULL) == 0);
    bench.cache = render_cache_create(cache_bytes, cache_threads);
    must(bench.cache != NULL);
    return bench;
}

void reader_bench_read_files(struct reader_bench *bench)
{
    for (int i = 0; i < FORMAT_COUNT; i++)
        bench->files[i] = image_text(bench->image, (enum table_format)i);
}

struct reader_bench reader_bench_create(struct fake_table *table, size_t cache_bytes,
                                        unsigned cache_threads)
{
    struct reader_bench bench = reader_bench_begin(cache_bytes, cache_threads);
    struct fake_source *fake = fake_source_create();
    struct scan_options options = {.threads = 1, .cut_key = cut_key};

    fake_source_set(fake, &table, 1);

    struct dataset *dataset = fake_source_begin(fake);

    must(image_scan(dataset, 0, bench.spool, &options, &bench.image, NULL) == 0);
    dataset->class->release(dataset);
    fake_source_free(fake);
    reader_bench_read_files(&bench);
    return bench;
}

void reader_bench_free(struct reader_bench *bench)
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

struct reader *reader_bench_open(const struct reader_bench *bench, enum table_format format)
{
    struct reader *reader = reader_create(bench->cache, bench->image, format);

    must(reader != NULL);
    return reader;
}

void reader_check_held(const struct reading *reading, const struct buffer *file, uint64_t offset,
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

void reader_check(struct reader *reader, const struct buffer *file, uint64_t offset, size_t size)
{
    struct reading reading = {.count = 99};
    size_t expected = offset >= file->size         ? 0
                      : size < file->size - offset ? size
                                                   : file->size - (size_t)offset;

    must(reader_read(reader, offset, size, &reading, NULL) == 0);
    must(reading.count <= READING_PIECES && reading.held_count <= READING_PIECES);
    reader_check_held(&reading, file, offset, expected);
    reading_release(&reading);
    must(reading.count == 0 && reading.held_count == 0);
}

void reader_check_at_random(struct reader *reader, const struct buffer *file, unsigned times,
                            uint64_t seed)
{
    static const size_t sizes[] = {1, 7, 100, 4 * KIB, 128 * KIB, 300 * KIB, MIB};

    for (unsigned i = 0; i < times; i++) {
        uint64_t offset = sample_random(&seed) % (file->size + 2);

        reader_check(reader, file, offset, (size_t)(sample_random(&seed) % sizes[i % 7]) + i % 2);
    }
}

void reader_check_in_order(struct reader *reader, const struct buffer *file, size_t step)
{
    for (uint64_t offset = 0; offset <= file->size; offset += step)
        reader_check(reader, file, offset, step);
}
