/* SPDX-License-Identifier: MIT */
/* Tables that are shown while the stream goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/unit/image_text.h"
#include "tests/unit/intake_bench.h"

struct waiting {
    struct intake_bench *bench;
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

static void start_waiting(pthread_t *thread, struct waiting *waiting, struct intake_bench *bench,
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

static void finish(struct intake_bench *bench, size_t table)
{
    must(bench->taker->class->finish_table(bench->taker, table, NULL) == 0);
}

static void test_early(void **state)
{
    (void)state;
    struct intake_bench bench;
    pthread_t threads[3];
    struct waiting waiting[3];

    intake_bench_start(&bench);
    start_waiting(&threads[0], &waiting[0], &bench, "one");
    start_waiting(&threads[1], &waiting[1], &bench, "later");
    start_waiting(&threads[2], &waiting[2], &bench, "never");

    size_t one = intake_bench_begin(&bench, "one", &intake_bench_by_id);

    intake_bench_give(&bench, one, 2, "b", 1);
    intake_bench_give(&bench, one, 1, "a", 1);
    finish(&bench, one);
    pthread_join(threads[0], NULL);
    check_early(&waiting[0], "id,text\n1,a\n2,b\n");

    size_t later = intake_bench_begin(&bench, "later", NULL);

    intake_bench_give(&bench, later, 1, "c", 1);
    /* Of the same name, and finished first: not what the name stands for. */
    finish(&bench, intake_bench_begin(&bench, "later", NULL));
    __atomic_store_n(&waiting[2].cancelled, true, __ATOMIC_RELAXED);
    pthread_join(threads[2], NULL);
    assert_int_equal(waiting[2].result, -ECANCELED);
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    intake_close(bench.intake);
    pthread_join(threads[1], NULL);
    assert_int_equal(waiting[1].result, -EAGAIN);
    intake_bench_check(&bench, 0, "id,text\n1,c\n");
    intake_bench_check(&bench, 2, "id,text\n1,a\n2,b\n");
    intake_bench_stop(&bench);
}

/* More comes of a table that was shown: what was shown stays, and in the end all is there. */
static void test_early_undone(void **state)
{
    (void)state;
    struct intake_bench bench;
    struct waiting waiting[2] = {{.bench = &bench, .name = "t"}, {.bench = &bench, .name = "t"}};
    struct key_term descending = {.order = KEY_NUMBER, .descending = true};
    struct stream_table changed = {
        .schema = intake_bench_schema("t", 1), .term_count = 1, .terms = &descending};

    intake_bench_start(&bench);

    size_t table = intake_bench_begin(&bench, "t", &intake_bench_by_id);

    intake_bench_give(&bench, table, 2, "b", 1);
    finish(&bench, table);
    wait_early(&waiting[0]);
    intake_bench_give(&bench, table, 1, "a", 1);
    finish(&bench, table);
    wait_early(&waiting[1]);
    must(bench.taker->class->change_table(bench.taker, table, &changed, NULL) == 0);
    schema_release(changed.schema);
    check_early(&waiting[0], "id,text\n2,b\n");
    check_early(&waiting[1], "id,text\n1,a\n2,b\n");
    assert_int_equal(intake_end(bench.intake, NULL), 0);
    intake_bench_check(&bench, 0, "id,text\n2,b\n1,a\n");
    intake_bench_stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_early),
        cmocka_unit_test(test_early_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
