/* SPDX-License-Identifier: MIT */
#include "tests/unit/scan_bench.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/image_text.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

const uint8_t scan_cut_key[CUTTER_KEY_BYTES] = "a key for tests";

struct scan_bench scan_bench_create(struct fake_table *table,
                                    const struct fake_behaviour *behaviour)
{
    struct scan_bench bench = {.fake = fake_source_create(), .table = table};
    struct spool_options options = {.limit_bytes = (uint64_t)512 << 20};

    fake_source_set(bench.fake, &table, 1);
    if (behaviour != NULL)
        fake_source_behave(bench.fake, behaviour);
    bench.dataset = fake_source_begin(bench.fake);
    must(spool_create(&options, &bench.spool, NULL) == 0);
    return bench;
}

void scan_bench_free(struct scan_bench *bench)
{
    struct spool_usage usage;

    spool_usage(bench->spool, &usage);
    must(usage.used_bytes == 0);
    spool_free(bench->spool);
    bench->dataset->class->release(bench->dataset);
    fake_source_free(bench->fake);
}

int scan_bench_try(struct scan_bench *bench, unsigned threads, const bool *cancelled,
                   struct image **ret_image, struct failure *failure)
{
    struct scan_options options = {
        .threads = threads, .cut_key = scan_cut_key, .cancelled = cancelled};

    return image_scan(bench->dataset, 0, bench->spool, &options, ret_image, failure);
}

struct image *scan_bench_scan(struct scan_bench *bench, unsigned threads)
{
    struct image *image;

    must(scan_bench_try(bench, threads, NULL, &image, NULL) == 0);
    must(fake_source_counts(bench->fake).cursors_open == 0);
    return image;
}

void scan_bench_check(struct fake_table *table, const struct fake_behaviour *behaviour,
                      unsigned threads)
{
    struct scan_bench bench = scan_bench_create(table, behaviour);
    struct image *image = scan_bench_scan(&bench, threads);

    check_image(image, table);
    image_release(image);
    scan_bench_free(&bench);
}

struct fake_table *scan_large_cells(void)
{
    static const struct fake_column columns[] = {
        {"id", COLUMN_INTEGER, true}, {"text", COLUMN_TEXT, false}, {"bytes", COLUMN_BYTES, false},
        {"json", COLUMN_JSON, false}, {"any", COLUMN_ANY, false},
    };
    struct fake_table *table = fake_table_create("large", columns, COUNT_OF(columns));
    size_t size = ((size_t)1 << 20) + 12345;
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
