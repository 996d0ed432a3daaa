/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/group_rows.h"
#include "fs/table/row_group.h"
#include "tests/unit/image_text.h"
#include "tests/unit/intake_bench.h"
#include "tests/unit/sample_table.h"

static void test_tables(void **state)
{
    (void)state;
    struct intake_bench bench;

    intake_bench_start(&bench);

    size_t one = intake_bench_begin(&bench, "one", &intake_bench_by_id);
    size_t two = intake_bench_begin(&bench, "another", NULL);
    size_t gone = intake_bench_begin(&bench, "gone", NULL);
    size_t same = intake_bench_begin(&bench, "one", NULL);

    /* Mixed, as no dump is, and not in order. */
    for (int64_t id = 10; id > 0; id--) {
        intake_bench_give(&bench, one, id, "x", 1);
        intake_bench_give(&bench, two, id, "y", 1);
    }
    intake_bench_give(&bench, gone, 1, "z", 1);
    intake_bench_give(&bench, same, 7, "w", 1);
    must(bench.taker->class->drop_table(bench.taker, gone) == 0);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_table_count(bench.intake), 3);
    intake_bench_check(&bench, 0, "id,text\n10,y\n9,y\n8,y\n7,y\n6,y\n5,y\n4,y\n3,y\n2,y\n1,y\n");
    intake_bench_check(&bench, 1, "id,text\n1,x\n2,x\n3,x\n4,x\n5,x\n6,x\n7,x\n8,x\n9,x\n10,x\n");
    intake_bench_check(&bench, 2, "id,text\n7,w\n");
    assert_string_equal(intake_schema(bench.intake, 2)->name, "one (2)");
    intake_bench_stop(&bench);
}

/* Groups are cut where they are full, and nowhere before. */
static void test_full_groups(void **state)
{
    (void)state;
    struct intake_bench bench;
    char text[1000];
    const struct image_group *groups;
    struct image *image;
    size_t count;

    memset(text, 'x', sizeof text);
    intake_bench_start(&bench);

    size_t table = intake_bench_begin(&bench, "t", NULL);

    for (int64_t id = 1000; id < 3000; id++)
        intake_bench_give(&bench, table, id, text, sizeof text);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_image(bench.intake, 0, &image, NULL), 0);
    intake_groups(bench.intake, 0, &groups, &count);
    assert_int_equal(count, 6); /* 2000 rows of 1004 bytes of cells */
    for (size_t i = 0; i < count - 1; i++)
        assert_int_equal(groups[i].measure.rows, ROW_GROUP_TARGET_BYTES / (sizeof text + 4));
    image_release(image);
    intake_bench_stop(&bench);
}

static void test_key_afterwards(void **state)
{
    (void)state;
    struct intake_bench bench;
    struct key_term descending = {.order = KEY_NUMBER, .descending = true};

    intake_bench_start(&bench);

    size_t table = intake_bench_begin(&bench, "t", NULL);

    intake_bench_give(&bench, table, 2, "b", 1);
    intake_bench_give(&bench, table, 10, "c", 1);
    intake_bench_give(&bench, table, -1, "a", 1);

    struct stream_table changed = {
        .schema = intake_bench_schema("renamed", 1), .term_count = 1, .terms = &descending};

    must(bench.taker->class->change_table(bench.taker, table, &changed, NULL) == 0);
    schema_release(changed.schema);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_string_equal(intake_schema(bench.intake, 0)->name, "renamed");
    intake_bench_check(&bench, 0, "id,text\n10,c\n2,b\n-1,a\n");
    intake_bench_stop(&bench);
}

static void test_failed_table(void **state)
{
    (void)state;
    struct intake_bench bench;
    struct failure why;
    struct failure failure = {0};
    struct image *image;

    intake_bench_start(&bench);

    size_t table = intake_bench_begin(&bench, "t", NULL);

    intake_bench_give(&bench, table, 1, "a", 1);
    failure_set(&why, EIO, "line 5");
    must(bench.taker->class->fail_table(bench.taker, table, &why) == 0);
    intake_bench_give(&bench, table, 2, "a", 1);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_image(bench.intake, 0, &image, &failure), -EIO);
    assert_string_equal(failure.text, "line 5");
    intake_bench_stop(&bench);
}

/* More rows than one run holds, in no order, some larger than a group: sorted, stable, all there.
 */
static void test_external_sort(void **state)
{
    (void)state;
    enum { ROWS = 60000 };
    struct intake_bench bench;
    uint64_t random = 5;
    cleanup_free char *large = calloc(1, 3000000);
    struct image *image;

    memset(large, 'L', 3000000);
    intake_bench_start(&bench);

    size_t table = intake_bench_begin(&bench, "t", &intake_bench_by_id);

    for (int i = 0; i < ROWS; i++) {
        char text[700];
        size_t size = sample_random(&random) % 600 + 20;

        memset(text, 'x', sizeof text);
        snprintf(text, 16, "%012d", i);
        text[12] = ' ';
        intake_bench_give(&bench, table, (int64_t)(sample_random(&random) % (ROWS / 2)), text,
                          size);
    }
    intake_bench_give(&bench, table, ROWS / 4, large, 3000000);
    intake_bench_give(&bench, table, -5, large, 2000000);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_image(bench.intake, 0, &image, NULL), 0);
    assert_int_equal(image_rows(image), ROWS + 2);

    const struct image_group *groups;
    size_t count;
    const struct cell *cells;
    int64_t last = INT64_MIN;
    int last_number = -1;
    size_t seen = 0;

    intake_groups(bench.intake, 0, &groups, &count);

    struct group_rows *rows = group_rows_create(bench.spool, 2, groups, count);

    while (group_rows_next(rows, &cells, NULL) > 0) {
        char number[24] = "";
        char text[13] = "";

        memcpy(number, cells[0].data, (size_t)cells[0].size);
        memcpy(text, cells[1].data, 12);

        int64_t id = strtoll(number, NULL, 10);
        int place = text[0] == 'L' ? ROWS : atoi(text);

        if (text[0] == 'L') {
            assert_true(cells[1].size == 3000000 || cells[1].size == 2000000);
            assert_memory_equal(cells[1].data, large, (size_t)cells[1].size);
        }
        assert_true(id > last || (id == last && place > last_number));
        last = id;
        last_number = place;
        seen++;
    }
    assert_int_equal(seen, ROWS + 2);
    group_rows_free(rows);
    image_release(image);
    intake_bench_stop(&bench);
}

/* Columns that come late, and a text column that turns out to be JSON's; large rows too. */
static void test_late_columns(void **state)
{
    (void)state;
    struct intake_bench bench;
    struct image *image;
    const size_t large_size = 1500000;
    cleanup_free char *large = malloc(large_size);

    memset(large, '"', large_size);
    intake_bench_start(&bench);

    size_t table = intake_bench_begin(&bench, "t", &intake_bench_by_id);

    intake_bench_give(&bench, table, 2, "a\"b", 3);
    intake_bench_give(&bench, table, 3, large, large_size);
    intake_bench_give(&bench, table, 4, "\xff", 1);

    struct schema *schema = schema_create("t", 3);

    for (size_t i = 0; i < 3; i++) {
        static const char *const names[] = {"id", "text", "more"};

        schema->columns[i] = (struct column){.name = strdup(names[i]),
                                             .native_type = strdup(""),
                                             .type = i == 1 ? COLUMN_JSON : COLUMN_INTEGER};
    }
    schema->ddl = strdup("");
    schema->order_key = calloc(1, sizeof *schema->order_key);
    schema->order_key_count = 1;

    struct stream_table changed = {.schema = schema, .term_count = 1, .terms = &intake_bench_by_id};
    struct cell cells[] = {{CELL_NUMBER, 1, "1"}, {CELL_TEXT, 2, "[]"}, {CELL_NUMBER, 1, "7"}};

    must(bench.taker->class->change_table(bench.taker, table, &changed, NULL) == 0);
    schema_release(schema);
    must(bench.taker->class->row(bench.taker, table, cells, NULL) == 0);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_image(bench.intake, 0, &image, NULL), 0);

    struct buffer text = image_text(image, FORMAT_NDJSON);
    const char *first = "{\"id\":1,\"text\":[],\"more\":7}\n"
                        "{\"id\":2,\"text\":\"a\\\"b\",\"more\":null}\n"
                        "{\"id\":3,\"text\":\"\\\"\\\"";
    const char *last = "\\\"\",\"more\":null}\n{\"id\":4,\"text\":{\"$base64\":true,"
                       "\"encoded\":\"/w==\",\"text\":true},\"more\":null}\n";

    assert_true(text.size > 2 * large_size);
    assert_memory_equal(text.data, first, strlen(first));
    assert_memory_equal(text.data + text.size - strlen(last), last, strlen(last));
    buffer_release(&text);
    image_release(image);
    intake_bench_stop(&bench);
}

static void count_report(void *context, const struct failure *why)
{
    struct failure *last = context;

    last->code++;
    memcpy(last->text, why->text, sizeof last->text);
}

/* However much is wrong, a few lines say so, now and after the next mount. */
static void test_troubles(void **state)
{
    (void)state;
    struct intake_bench bench;
    struct failure told = {.code = 0};
    struct failure why;
    size_t count;

    intake_bench_start(&bench);
    intake_free(bench.intake);

    struct intake_options options = {
        .spool = bench.spool, .report = count_report, .report_context = &told};

    bench.intake = intake_create(&options);
    bench.taker = intake_taker(bench.intake);
    for (int i = 0; i < 1000; i++) {
        failure_set(&why, i == 900 ? EACCES : EILSEQ, "part %d", i);
        bench.taker->class->trouble(bench.taker, &why);
    }
    assert_int_equal(told.code, INTAKE_TROUBLES_KEPT);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(told.code, INTAKE_TROUBLES_KEPT + 1);
    assert_string_equal(told.text, "and 968 more parts of it, for such reasons");

    const struct failure *troubles = intake_troubles(bench.intake, &count);

    assert_int_equal(count, INTAKE_TROUBLES_KEPT + 1);
    assert_string_equal(troubles[INTAKE_TROUBLES_KEPT].text, told.text);
    assert_int_equal(troubles[INTAKE_TROUBLES_KEPT].code, EILSEQ);
    assert_false(intake_is_lasting(bench.intake));
    intake_bench_stop(&bench);
}

/* Of notices nothing is missed, however many they are, and they are the same at the next reading.
 */
static void test_many_notices(void **state)
{
    static const int codes[] = {ENOTUNIQ, ENOEXEC, ENODATA};
    struct intake_bench bench;
    struct failure why;
    size_t count;

    (void)state;
    intake_bench_start(&bench);
    for (int i = 0; i < 1000; i++) {
        failure_set(&why, codes[i % 3], "part %d", i);
        bench.taker->class->trouble(bench.taker, &why);
    }
    assert_int_equal(intake_end(bench.intake, NULL), 0);

    const struct failure *troubles = intake_troubles(bench.intake, &count);

    assert_int_equal(count, INTAKE_TROUBLES_KEPT + 1);
    assert_int_equal(troubles[INTAKE_TROUBLES_KEPT].code, ENOTUNIQ);
    assert_true(intake_is_lasting(bench.intake));
    intake_bench_stop(&bench);
}

/* Thousands of archives are looked into, and each keeps one. */
static void test_small_ones_take_little(void **state)
{
    enum { INTAKES = 100, MOST_BYTES = 2000 };
    const struct stream_member member = {.path = "t.sql", .bytes = 1};
    struct intake_bench benches[INTAKES];
    struct image *image;
    size_t before = 0;

    (void)state;
    for (int i = 0; i < INTAKES; i++)
        intake_bench_start(&benches[i]);
    before = mallinfo2().uordblks;
    for (int i = 0; i < INTAKES; i++) {
        struct intake_bench *bench = &benches[i];
        size_t table = intake_bench_begin(bench, "t", &intake_bench_by_id);

        for (int64_t id = 0; id < 50; id++)
            intake_bench_give(bench, table, id, "text", 4);
        must(bench->taker->class->member(bench->taker, &member, NULL) == 0);
        assert_int_equal(intake_end(bench->intake, NULL), 0);
        assert_int_equal(intake_image(bench->intake, 0, &image, NULL), 0);
        image_release(image);
    }
    assert_true(mallinfo2().uordblks < before + (size_t)INTAKES * MOST_BYTES);
    for (int i = 0; i < INTAKES; i++)
        intake_bench_stop(&benches[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_full_groups),
        cmocka_unit_test(test_key_afterwards),
        cmocka_unit_test(test_failed_table),
        cmocka_unit_test(test_external_sort),
        cmocka_unit_test(test_late_columns),
        cmocka_unit_test(test_troubles),
        cmocka_unit_test(test_many_notices),
        cmocka_unit_test(test_small_ones_take_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
