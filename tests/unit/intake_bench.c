/* SPDX-License-Identifier: MIT */
#include "tests/unit/intake_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/image_text.h"

const struct key_term intake_bench_by_id = {.order = KEY_NUMBER};

struct schema *intake_bench_schema(const char *name, size_t keys)
{
    struct schema *schema = schema_create(name, 2);

    must(schema != NULL);
    schema->columns[0] =
        (struct column){.name = strdup("id"), .native_type = strdup(""), .type = COLUMN_INTEGER};
    schema->columns[1] =
        (struct column){.name = strdup("text"), .native_type = strdup(""), .type = COLUMN_TEXT};
    schema->ddl = strdup("");
    schema->order_key = calloc(keys + 1, sizeof *schema->order_key);
    schema->order_key_count = keys;
    return schema;
}

void intake_bench_start(struct intake_bench *bench)
{
    struct spool_options spool = {.limit_bytes = (uint64_t)1 << 30};

    must(spool_create(&spool, &bench->spool, NULL) == 0);

    struct intake_options options = {.spool = bench->spool};

    bench->intake = intake_create(&options);
    must(bench->intake != NULL);
    bench->taker = intake_taker(bench->intake);
}

size_t intake_bench_begin(struct intake_bench *bench, const char *name,
                          const struct key_term *order)
{
    struct stream_table table = {.schema = intake_bench_schema(name, order != NULL),
                                 .term_count = order != NULL,
                                 .terms = order};
    size_t number;

    must(bench->taker->class->begin_table(bench->taker, &table, &number, NULL) == 0);
    schema_release(table.schema);
    return number;
}

void intake_bench_give(struct intake_bench *bench, size_t table, int64_t id, const char *text,
                       size_t size)
{
    char number[24];
    struct cell cells[] = {cell_integer(id, number), {CELL_TEXT, size, text}};

    must(bench->taker->class->row(bench->taker, table, cells, NULL) == 0);
}

void intake_bench_stop(struct intake_bench *bench)
{
    struct spool_usage usage;

    intake_free(bench->intake);
    spool_usage(bench->spool, &usage);
    assert_int_equal(usage.used_bytes, 0);
    spool_free(bench->spool);
}

void intake_bench_check(struct intake_bench *bench, size_t index, const char *expected)
{
    struct image *image;

    assert_int_equal(intake_image(bench->intake, index, &image, NULL), 0);

    struct buffer text = image_text(image, FORMAT_CSV);

    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    buffer_release(&text);
    image_release(image);
}
