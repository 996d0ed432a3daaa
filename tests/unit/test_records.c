/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/record_index.h"
#include "fs/table/record_rows.h"
#include "fs/table/records.h"
#include "fs/table/scan.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/image_text.h"
#include "tests/unit/open_files.h"
#include "tests/unit/sample_table.h"

#define NOTE_SIZE 1500
#define MIB ((size_t)1 << 20)

static const uint8_t cut_key[CUTTER_KEY_BYTES] = "a key for tests";

struct bench {
    char *directory;
    struct spool *spool;
    struct records *records;
    struct image *image;
    struct buffer text; /* its NDJSON */
};

/* The table is taken over. */
static struct bench bench_create(struct fake_table *table)
{
    struct bench bench = {.directory = scratch_directory()};
    struct spool_options options = {.directory = bench.directory, .limit_bytes = 512 * MIB};
    struct fake_source *fake = fake_source_create();
    struct scan_options scan = {.threads = 1, .cut_key = cut_key};

    must(spool_create(&options, &bench.spool, NULL) == 0);
    bench.records = records_create(bench.spool);
    must(bench.records != NULL);
    fake_source_set(fake, &table, 1);

    struct dataset *dataset = fake_source_begin(fake);

    must(image_scan(dataset, 0, bench.spool, &scan, &bench.image, NULL) == 0);
    dataset->class->release(dataset);
    fake_source_free(fake);
    bench.text = image_text(bench.image, FORMAT_NDJSON);
    return bench;
}

static void bench_free(struct bench *bench)
{
    struct spool_usage usage;

    records_free(bench->records);
    image_release(bench->image);
    spool_usage(bench->spool, &usage);
    must(usage.used_bytes == 0);
    spool_free(bench->spool);
    buffer_release(&bench->text);
    scratch_directory_remove(bench->directory);
}

/* A table of ROWS rows under the keys that WRITE_KEY makes, each with a note. */
static struct fake_table *make_table(size_t rows, enum column_type type,
                                     void (*write_key)(size_t row, char key[32]))
{
    const struct fake_column columns[] = {{"note", COLUMN_TEXT, false}, {"key", type, true}};
    struct fake_table *table = fake_table_create("t", columns, 2);
    char note[NOTE_SIZE + 1];

    memset(note, 'n', NOTE_SIZE);
    note[NOTE_SIZE] = '\0';
    for (size_t i = 0; i < rows; i++) {
        char key[32];

        write_key(i, key);
        fake_table_add(table,
                       (struct cell[]){cell_text(note),
                                       type == COLUMN_INTEGER ? cell_number(key) : cell_text(key)});
    }
    return table;
}

/* The row NAME is line ROW of the table. */
static void check_found(const struct bench *bench, const char *name, size_t row)
{
    struct record record;
    const uint8_t *line = bench->text.data;

    must(records_find(bench->records, bench->image, name, NULL, &record, NULL) == 0);
    for (size_t i = 0; i < row; i++)
        line = (const uint8_t *)memchr(line, '\n', NOTE_SIZE + 100) + 1;
    must(record.offset == (uint64_t)(line - bench->text.data));
    must(line[record.bytes - 1] == '\n');
    must(memchr(line, '\n', record.bytes - 1) == NULL);
}

static void check_absent(const struct bench *bench, const char *name)
{
    struct record record;

    must(records_find(bench->records, bench->image, name, NULL, &record, NULL) == -ENOENT);
}

static void rising(size_t row, char key[32])
{
    snprintf(key, 32, "%lld", 10 * (long long)row - 7000);
}

static void falling(size_t row, char key[32])
{
    snprintf(key, 32, "%lld", 20000 - 10 * (long long)row);
}

/* Some collation's order, which is not that of the bytes. */
static void shuffled(size_t row, char key[32])
{
    snprintf(key, 32, "w%zu", row * 7919 % 3001);
}

static void check_all(size_t rows, enum column_type type, void (*write_key)(size_t, char[32]))
{
    struct bench bench = bench_create(make_table(rows, type, write_key));
    uint64_t seed = 1;

    must(image_group_count(bench.image) > 5);
    for (size_t i = 0; i < 60; i++) {
        size_t row = i < 2 ? i * (rows - 1) : (size_t)(sample_random(&seed) % rows);
        char key[32];

        write_key(row, key);
        check_found(&bench, key, row);
        memcpy(key + strlen(key), ".5", sizeof ".5");
        check_absent(&bench, key);
    }
    check_absent(&bench, "");
    check_absent(&bench, "%");
    check_absent(&bench, "-99999999999999999999");
    check_absent(&bench, "99999999999999999999");
    check_absent(&bench, "1,2");
    bench_free(&bench);
}

static void test_rising(void **state)
{
    (void)state;
    check_all(3000, COLUMN_INTEGER, rising);
}

static void test_falling(void **state)
{
    (void)state;
    check_all(3000, COLUMN_INTEGER, falling);
}

static void test_shuffled(void **state)
{
    (void)state;
    check_all(3001, COLUMN_TEXT, shuffled);
}

/* Numbers need no index, which is what makes one row of a snapshot quick to have. */
static void test_numbers_need_no_index(void **state)
{
    (void)state;
    struct bench bench = bench_create(make_table(3000, COLUMN_INTEGER, rising));
    struct spool_usage before;
    struct spool_usage after;

    spool_usage(bench.spool, &before);
    check_found(&bench, "13000", 2000);
    check_absent(&bench, "13001");
    spool_usage(bench.spool, &after);
    assert_int_equal(before.used_bytes, after.used_bytes);
    bench_free(&bench);
}

/* More tables than indexes are kept of; none of it is left in the spool. */
static void test_many_indexes(void **state)
{
    (void)state;
    struct bench benches[6];

    for (size_t i = 0; i < 6; i++)
        benches[i] = bench_create(make_table(1500, COLUMN_TEXT, shuffled));
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < 6; i++) {
            struct record record;

            must(records_find(benches[i].records, benches[i].image, "w1", NULL, &record, NULL) ==
                 0);
            check_absent(&benches[i], "w3001");
        }
    }
    for (size_t i = 0; i < 6; i++)
        bench_free(&benches[i]);
}

static void test_cancelled(void **state)
{
    (void)state;
    struct bench bench = bench_create(make_table(1500, COLUMN_TEXT, shuffled));
    struct record record;
    bool cancelled = true;

    assert_int_equal(records_find(bench.records, bench.image, "w9999", &cancelled, &record, NULL),
                     -ECANCELED);
    check_absent(&bench, "w9999");
    bench_free(&bench);
}

static void check_name(enum cell_kind kind, enum column_type type, const char *bytes, size_t size,
                       const char *expected)
{
    const struct fake_column columns[] = {{"key", type, true}};
    struct fake_table *table = fake_table_create("t", columns, 1);
    struct buffer name = BUFFER(RECORD_KEY_LIMIT);
    struct buffer memory = BUFFER(RECORD_KEY_LIMIT);
    uint8_t padded[2048] = {0};
    struct cell_view view = {.data = padded, .size = (uint32_t)size, .kind = (uint8_t)kind};
    struct record_key key;
    struct cell cell;

    memcpy(padded, bytes, size);
    must(record_key_of(fake_table_schema(table), &key));
    must(record_name_append(fake_table_schema(table), &key, &view, &name) == 0);
    must(buffer_append(&name, "", 1) == 0);
    assert_string_equal((char *)name.data, expected);
    if (strchr(expected, '~') == NULL && memchr(bytes, '\0', size) == NULL) {
        must(record_name_parse(fake_table_schema(table), &key, expected, &memory, &cell) == 0);
        assert_int_equal(cell.size, size);
        assert_memory_equal(cell.data, bytes, size);
    }
    if (record_name_is_cut(expected))
        assert_int_equal(
            record_name_parse(fake_table_schema(table), &key, expected, &memory, &cell), -EINVAL);
    assert_int_equal(record_name_is_cut(expected), strchr(expected, '~') != NULL);
    buffer_release(&name);
    buffer_release(&memory);
    fake_table_release(table);
}

static void test_names(void **state)
{
    (void)state;
    check_name(KIND_NUMBER, COLUMN_INTEGER, "-42", 3, "-42");
    check_name(KIND_TEXT, COLUMN_TEXT, "", 0, "%");
    check_name(KIND_TEXT, COLUMN_TEXT, "..", 2, "%2E.");
    check_name(KIND_TEXT, COLUMN_TEXT, "a/b,c%\n\x7f", 8, "a%2Fb%2Cc%25%0A%7F");
    check_name(KIND_TEXT, COLUMN_TEXT, "a\0b", 3, "a%00b");
    check_name(KIND_TEXT, COLUMN_TEXT, "\"q\"", 3, "\"q\"");
    check_name(KIND_TEXT, COLUMN_TEXT, "base64:x", 8, "text;base64:YmFzZTY0Ong=");
    check_name(KIND_RAW_TEXT, COLUMN_TEXT, "\xff", 1, "text;base64:%2Fw==");
    check_name(KIND_BYTES, COLUMN_BYTES, "\xff\xfe", 2, "%2F%2F4=");
    check_name(KIND_BYTES, COLUMN_ANY, "\xff\xfe", 2, "base64:%2F%2F4=");
    check_name(KIND_NUMBER, COLUMN_BYTES, "7", 1, "number:7");
    check_name(KIND_TEXT, COLUMN_BYTES, "7", 1, "text:7");
}

static void test_long_names(void **state)
{
    (void)state;
    char text[1001];

    memset(text, '/', 1000);
    text[1000] = '\0';
    check_name(KIND_TEXT, COLUMN_TEXT, text, 1000,
               "%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F"
               "%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F"
               "%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F~e4"
               "96372d599ea8c8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rising),       cmocka_unit_test(test_falling),
        cmocka_unit_test(test_shuffled),     cmocka_unit_test(test_numbers_need_no_index),
        cmocka_unit_test(test_many_indexes), cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_long_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
