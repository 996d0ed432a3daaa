/* SPDX-License-Identifier: MIT */
/* An image, its files, and a cache to read it through. What goes wrong ends the program. */
#ifndef CRMFS_TESTS_UNIT_READER_BENCH_H
#define CRMFS_TESTS_UNIT_READER_BENCH_H

#include "fs/table/reader.h"
#include "tests/unit/fake_source.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

struct reader_bench {
    char *directory;
    struct spool *spool;
    struct image *image;
    struct buffer files[FORMAT_COUNT];
    struct render_cache *cache;
};

/* An image of TABLE, which is taken over. */
struct reader_bench reader_bench_create(struct fake_table *table, size_t cache_bytes,
                                        unsigned cache_threads);

/* The same in two steps: without an image; and the files of one that was put there. */
struct reader_bench reader_bench_begin(size_t cache_bytes, unsigned cache_threads);
void reader_bench_read_files(struct reader_bench *bench);

/* Nothing is left in its spool. */
void reader_bench_free(struct reader_bench *bench);

struct reader *reader_bench_open(const struct reader_bench *bench, enum table_format format);

/* That what was read is SIZE bytes of FILE from OFFSET on. */
void reader_check_held(const struct reading *reading, const struct buffer *file, uint64_t offset,
                       size_t size);

/* Reads, and compares with the same slice of FILE; the same of many slices, of all of it. */
void reader_check(struct reader *reader, const struct buffer *file, uint64_t offset, size_t size);
void reader_check_at_random(struct reader *reader, const struct buffer *file, unsigned times,
                            uint64_t seed);
void reader_check_in_order(struct reader *reader, const struct buffer *file, size_t step);

#endif
