/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/group_rows.h"
#include "fs/table/group_sort.h"
#include "fs/table/intake.h"
#include "fs/table/key_compare.h"
#include "fs/table/row_group.h"
#include "tests/unit/image_text.h"
#include "tests/unit/sample_table.h"

struct bench {
    struct spool *spool;
    struct intake *intake;
    struct row_taker *taker;
    struct schema *schema;
    size_t table;
};

/* A table of an integer and a text. */
static struct schema *make_schema(const char *name, size_t keys)
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

static void start(struct bench *bench)
{
    struct spool_options spool = {.limit_bytes = (uint64_t)1 << 30};

    must(spool_create(&spool, &bench->spool, NULL) == 0);

    struct intake_options options = {.spool = bench->spool};

    bench->intake = intake_create(&options);
    must(bench->intake != NULL);
    bench->taker = intake_taker(bench->intake);
    bench->schema = NULL;
}

/* Keyed by id when ORDER is not NULL. */
static size_t begin(struct bench *bench, const char *name, const struct key_term *order)
{
    struct stream_table table = {
        .schema = make_schema(name, order != NULL), .term_count = order != NULL, .terms = order};
    size_t number;

    must(bench->taker->class->begin_table(bench->taker, &table, &number, NULL) == 0);
    schema_release(table.schema);
    return number;
}

static void give(struct bench *bench, size_t table, int64_t id, const char *text, size_t size)
{
    char number[24];
    struct cell cells[] = {cell_integer(id, number), {CELL_TEXT, size, text}};

    must(bench->taker->class->row(bench->taker, table, cells, NULL) == 0);
}

static void stop(struct bench *bench)
{
    struct spool_usage usage;

    intake_free(bench->intake);
    spool_usage(bench->spool, &usage);
    assert_int_equal(usage.used_bytes, 0);
    spool_free(bench->spool);
}

static void check_csv(struct bench *bench, size_t index, const char *expected)
{
    struct image *image;

    assert_int_equal(intake_image(bench->intake, index, &image, NULL), 0);

    struct buffer text = image_text(image, FORMAT_CSV);

    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    buffer_release(&text);
    image_release(image);
}

static const struct key_term by_id = {.order = KEY_NUMBER};

static void test_tables(void **state)
{
    (void)state;
    struct bench bench;

    start(&bench);

    size_t one = begin(&bench, "one", &by_id);
    size_t two = begin(&bench, "another", NULL);
    size_t gone = begin(&bench, "gone", NULL);
    size_t same = begin(&bench, "one", NULL);

    /* Mixed, as no dump is, and not in order. */
    for (int64_t id = 10; id > 0; id--) {
        give(&bench, one, id, "x", 1);
        give(&bench, two, id, "y", 1);
    }
    give(&bench, gone, 1, "z", 1);
    give(&bench, same, 7, "w", 1);
    must(bench.taker->class->drop_table(bench.taker, gone) == 0);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_table_count(bench.intake), 3);
    check_csv(&bench, 0, "id,text\n10,y\n9,y\n8,y\n7,y\n6,y\n5,y\n4,y\n3,y\n2,y\n1,y\n");
    check_csv(&bench, 1, "id,text\n1,x\n2,x\n3,x\n4,x\n5,x\n6,x\n7,x\n8,x\n9,x\n10,x\n");
    check_csv(&bench, 2, "id,text\n7,w\n");
    assert_string_equal(intake_schema(bench.intake, 2)->name, "one (2)");
    stop(&bench);
}

/* Groups are cut where they are full, and nowhere before. */
static void test_full_groups(void **state)
{
    (void)state;
    struct bench bench;
    char text[1000];
    const struct image_group *groups;
    struct image *image;
    size_t count;

    memset(text, 'x', sizeof text);
    start(&bench);

    size_t table = begin(&bench, "t", NULL);

    for (int64_t id = 1000; id < 3000; id++)
        give(&bench, table, id, text, sizeof text);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_image(bench.intake, 0, &image, NULL), 0);
    intake_groups(bench.intake, 0, &groups, &count);
    assert_int_equal(count, 6); /* 2000 rows of 1004 bytes of cells */
    for (size_t i = 0; i < count - 1; i++)
        assert_int_equal(groups[i].measure.rows, ROW_GROUP_TARGET_BYTES / (sizeof text + 4));
    image_release(image);
    stop(&bench);
}

static void test_key_afterwards(void **state)
{
    (void)state;
    struct bench bench;
    struct key_term descending = {.order = KEY_NUMBER, .descending = true};

    start(&bench);

    size_t table = begin(&bench, "t", NULL);

    give(&bench, table, 2, "b", 1);
    give(&bench, table, 10, "c", 1);
    give(&bench, table, -1, "a", 1);

    struct stream_table changed = {
        .schema = make_schema("renamed", 1), .term_count = 1, .terms = &descending};

    must(bench.taker->class->change_table(bench.taker, table, &changed, NULL) == 0);
    schema_release(changed.schema);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_string_equal(intake_schema(bench.intake, 0)->name, "renamed");
    check_csv(&bench, 0, "id,text\n10,c\n2,b\n-1,a\n");
    stop(&bench);
}

static void test_failed_table(void **state)
{
    (void)state;
    struct bench bench;
    struct failure why;
    struct failure failure = {0};
    struct image *image;

    start(&bench);

    size_t table = begin(&bench, "t", NULL);

    give(&bench, table, 1, "a", 1);
    failure_set(&why, EIO, "line 5");
    must(bench.taker->class->fail_table(bench.taker, table, &why) == 0);
    give(&bench, table, 2, "a", 1);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    assert_int_equal(intake_image(bench.intake, 0, &image, &failure), -EIO);
    assert_string_equal(failure.text, "line 5");
    stop(&bench);
}

/* --- tables that are shown while the stream goes on ---------------------------------------- */

struct waiting {
    struct bench *bench;
    const char *name;
    bool cancelled;
    int result;
    struct image *image;
};

static void *wait_early(void *argument)
{
    struct waiting *waiting = argument;

    waiting->result = intake_early_image(waiting->bench->intake, waiting->name, &waiting->cancelled,
                                         &waiting->image, NULL);
    return NULL;
}

static void start_waiting(pthread_t *thread, struct waiting *waiting, struct bench *bench,
                          const char *name)
{
    *waiting = (struct waiting){.bench = bench, .name = name};
    must(pthread_create(thread, NULL, wait_early, waiting) == 0);
}

static void check_early(struct waiting *waiting, const char *expected)
{
    assert_int_equal(waiting->result, 0);

    struct buffer text = image_text(waiting->image, FORMAT_CSV);

    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
    buffer_release(&text);
    image_release(waiting->image);
}

static void finish(struct bench *bench, size_t table)
{
    must(bench->taker->class->finish_table(bench->taker, table, NULL) == 0);
}

static void test_early(void **state)
{
    (void)state;
    struct bench bench;
    pthread_t threads[3];
    struct waiting waiting[3];

    start(&bench);
    start_waiting(&threads[0], &waiting[0], &bench, "one");
    start_waiting(&threads[1], &waiting[1], &bench, "later");
    start_waiting(&threads[2], &waiting[2], &bench, "never");

    size_t one = begin(&bench, "one", &by_id);

    give(&bench, one, 2, "b", 1);
    give(&bench, one, 1, "a", 1);
    finish(&bench, one);
    pthread_join(threads[0], NULL);
    check_early(&waiting[0], "id,text\n1,a\n2,b\n");

    size_t later = begin(&bench, "later", NULL);

    give(&bench, later, 1, "c", 1);
    /* Of the same name, and finished first: not what the name stands for. */
    finish(&bench, begin(&bench, "later", NULL));
    __atomic_store_n(&waiting[2].cancelled, true, __ATOMIC_RELAXED);
    pthread_join(threads[2], NULL);
    assert_int_equal(waiting[2].result, -ECANCELED);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    intake_close(bench.intake);
    pthread_join(threads[1], NULL);
    assert_int_equal(waiting[1].result, -EAGAIN);
    check_csv(&bench, 0, "id,text\n1,c\n");
    check_csv(&bench, 2, "id,text\n1,a\n2,b\n");
    stop(&bench);
}

/* More comes of a table that was shown: what was shown stays, and in the end all is there. */
static void test_early_undone(void **state)
{
    (void)state;
    struct bench bench;
    struct waiting waiting[2] = {{.bench = &bench, .name = "t"}, {.bench = &bench, .name = "t"}};
    struct key_term descending = {.order = KEY_NUMBER, .descending = true};
    struct stream_table changed = {
        .schema = make_schema("t", 1), .term_count = 1, .terms = &descending};

    start(&bench);

    size_t table = begin(&bench, "t", &by_id);

    give(&bench, table, 2, "b", 1);
    finish(&bench, table);
    wait_early(&waiting[0]);
    give(&bench, table, 1, "a", 1);
    finish(&bench, table);
    wait_early(&waiting[1]);
    must(bench.taker->class->change_table(bench.taker, table, &changed, NULL) == 0);
    schema_release(changed.schema);
    check_early(&waiting[0], "id,text\n2,b\n");
    check_early(&waiting[1], "id,text\n1,a\n2,b\n");
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    check_csv(&bench, 0, "id,text\n2,b\n1,a\n");
    stop(&bench);
}

/* More rows than one run holds, in no order, some larger than a group: sorted, stable, all there.
 */
static void test_external_sort(void **state)
{
    (void)state;
    enum { ROWS = 60000 };
    struct bench bench;
    uint64_t random = 5;
    cleanup_free char *large = calloc(1, 3000000);
    struct image *image;

    memset(large, 'L', 3000000);
    start(&bench);

    size_t table = begin(&bench, "t", &by_id);

    for (int i = 0; i < ROWS; i++) {
        char text[700];
        size_t size = sample_random(&random) % 600 + 20;

        memset(text, 'x', sizeof text);
        snprintf(text, 16, "%012d", i);
        text[12] = ' ';
        give(&bench, table, (int64_t)(sample_random(&random) % (ROWS / 2)), text, size);
    }
    give(&bench, table, ROWS / 4, large, 3000000);
    give(&bench, table, -5, large, 2000000);
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
    stop(&bench);
}

/* Columns that come late, and a text column that turns out to be JSON's; large rows too. */
static void test_late_columns(void **state)
{
    (void)state;
    struct bench bench;
    struct image *image;
    const size_t large_size = 1500000;
    cleanup_free char *large = malloc(large_size);

    memset(large, '"', large_size);
    start(&bench);

    size_t table = begin(&bench, "t", &by_id);

    give(&bench, table, 2, "a\"b", 3);
    give(&bench, table, 3, large, large_size);
    give(&bench, table, 4, "\xff", 1);

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

    struct stream_table changed = {.schema = schema, .term_count = 1, .terms = &by_id};
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
    stop(&bench);
}

/* --- keys --------------------------------------------------------------------------------- */

static int compare(enum key_order order, const char *left, const char *right, bool *ret_sure)
{
    struct key_term term = {.order = order};
    struct key_rule rule = {1, &term, false};
    struct cell one = {order == KEY_NUMBER ? CELL_NUMBER : CELL_TEXT, strlen(left), left};
    struct cell other = {order == KEY_NUMBER ? CELL_NUMBER : CELL_TEXT, strlen(right), right};

    return key_compare(&rule, &one, &other, ret_sure);
}

static void check_rising(enum key_order order, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int result = compare(order, texts[i], texts[j], NULL);

            assert_int_equal((result > 0) - (result < 0), (i > j) - (i < j));
        }
    }
}

static void test_orders(void **state)
{
    (void)state;
    static const char *const numbers[] = {"-1e300",
                                          "-18446744073709551615.5",
                                          "-10",
                                          "-9.5",
                                          "-9",
                                          "-0.001",
                                          "0",
                                          "0.0001",
                                          "0.01",
                                          "1",
                                          "2.5",
                                          "2.50001",
                                          "10",
                                          "100",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "1e30",
                                          "NaN"};
    static const char *const bytes[] = {"", "A", "B", "a", "aa", "\xc3\xa9"};
    static const char *const letters[] = {"", "-", "1", "A", "aa", "B", "b1", "c"};

    check_rising(KEY_NUMBER, numbers, sizeof numbers / sizeof *numbers);
    check_rising(KEY_BYTES, bytes, sizeof bytes / sizeof *bytes);
    check_rising(KEY_LETTERS, letters, sizeof letters / sizeof *letters);
    assert_int_equal(compare(KEY_NUMBER, "1.0", "01.00", NULL), 0);
    assert_int_equal(compare(KEY_NUMBER, "-0", "0.0", NULL), 0);
    assert_int_equal(compare(KEY_LETTERS, "aB", "Ab", NULL), 0);
    assert_int_equal(compare(KEY_NOCASE, "aB_", "Ab_", NULL), 0);
    assert_true(compare(KEY_NOCASE, "a_", "aB", NULL) < 0);
    assert_int_equal(compare(KEY_TRIMMED, "a  ", "a", NULL), 0);
}

/* Of what collations disagree nothing is said for sure. */
static void test_sureness(void **state)
{
    (void)state;
    bool sure;

    compare(KEY_LETTERS, "a-1", "a-2", &sure);
    assert_true(sure);
    compare(KEY_LETTERS, "a_", "ab", &sure);
    assert_false(sure);
    compare(KEY_LETTERS, "\xc3\xa9", "z", &sure);
    assert_false(sure);
    compare(KEY_LETTERS, "a ", "a", &sure);
    assert_false(sure);
}

static void test_classes(void **state)
{
    (void)state;
    struct cell cells[] = {
        {.class = CELL_NULL}, {CELL_NUMBER, 1, "9"}, {CELL_TEXT, 1, "1"}, {CELL_BYTES, 1, "0"}};
    struct key_term term = {.order = KEY_BYTES};
    struct key_rule first = {1, &term, false};
    struct key_rule last = {1, &term, true};

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_int_equal(key_compare(&first, &cells[i], &cells[j], NULL), (i > j) - (i < j));
    }
    assert_true(key_compare(&last, &cells[0], &cells[1], NULL) > 0);
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
    struct bench bench;
    struct failure told = {.code = 0};
    struct failure why;
    size_t count;

    start(&bench);
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
    assert_false(intake_is_lasting(bench.intake));
    stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),         cmocka_unit_test(test_full_groups),
        cmocka_unit_test(test_key_afterwards), cmocka_unit_test(test_failed_table),
        cmocka_unit_test(test_external_sort),  cmocka_unit_test(test_orders),
        cmocka_unit_test(test_sureness),       cmocka_unit_test(test_classes),
        cmocka_unit_test(test_early),          cmocka_unit_test(test_early_undone),
        cmocka_unit_test(test_late_columns),   cmocka_unit_test(test_troubles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
