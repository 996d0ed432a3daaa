/* SPDX-License-Identifier: MIT */
/* Views that take longer than they may. */
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
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/tree/view_bounds.h"
#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"
#include "tests/unit/sample_table.h"

#define VIEW_ROWS 20000
#define TABLE_ROWS 300 /* and one call for the end */
#define TIMEOUT_S 30

static void show_view(struct live_bench *bench, bool hurry)
{
    struct fake_table *tables[] = {sample_contacts("contacts", TABLE_ROWS, 1),
                                   sample_notes("view", VIEW_ROWS, 10, 2)};
    struct fake_behaviour behaviour = {.hurry = hurry, .faulty_table = "view", .row_delay_us = 20};

    fake_table_schema(tables[1])->kind = RELATION_VIEW;
    bench_prepare(bench, &behaviour);
    bench->view_timeout_ns = TIMEOUT_S * NS_PER_SECOND;
    fake_source_set(bench->fake, tables, 2);
    must(bench_start(bench, NULL) == 0);
}

struct passing {
    struct live_bench *bench;
    unsigned seconds;
};

/* Lets the time pass once the view is being read. */
static void *pass_within_view(void *context)
{
    const struct passing *passing = context;
    unsigned long before = fake_source_counts(passing->bench->fake).rows;

    while (fake_source_counts(passing->bench->fake).rows < before + TABLE_ROWS + 100)
        usleep(1000);
    pass_seconds(passing->seconds);
    return NULL;
}

static int look_up_while_time_passes(struct live_bench *bench, const char *name, unsigned seconds,
                                     struct failure *failure)
{
    struct passing passing = {bench, seconds};
    struct node *node = NULL;
    pthread_t thread;

    must(pthread_create(&thread, NULL, pass_within_view, &passing) == 0);

    int error = bench_try_lookup(bench, NOBODY, name, &node, failure);

    must(pthread_join(thread, NULL) == 0);
    if (error == 0)
        node_release(node);
    return error;
}

/* It is refused for ten times as long, at no cost, also when the data changes; then tried again. */
static void check_given_up(bool hurry)
{
    struct live_bench bench;
    struct failure failure = {0};
    struct node *node;

    show_view(&bench, hurry);
    assert_int_equal(look_up_while_time_passes(&bench, "view.csv", TIMEOUT_S + 1, &failure),
                     -ETIMEDOUT);
    assert_non_null(strstr(failure.text, "the view \"view\" takes longer than 30 s"));
    assert_non_null(strstr(failure.text, "view-timeout"));
    free(bench_text(&bench, NOBODY, "contacts.csv"));

    unsigned long rows = fake_source_counts(bench.fake).rows;

    assert_int_equal(bench_try_lookup(&bench, NOBODY, "view.json", &node, NULL), -ETIMEDOUT);
    pass_seconds(5);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "view.json", &node, NULL), -ETIMEDOUT);
    assert_int_equal(fake_source_counts(bench.fake).rows, rows);
    fake_source_touch(bench.fake);
    pass_seconds(5);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "view.json", &node, NULL), -ETIMEDOUT);
    assert_true(fake_source_counts(bench.fake).rows <= rows + TABLE_ROWS + 1);
    pass_seconds(VIEW_REST * TIMEOUT_S);
    bench_inode(&bench, NOBODY, "view.csv");
    bench_free(&bench);
}

static void test_given_up(void **state)
{
    (void)state;
    check_given_up(false);
}

static void test_given_up_in_a_hurry(void **state)
{
    (void)state;
    check_given_up(true);
}

/* In a hurry a slow view holds nobody up that did not ask for it; whoever does still gets it. */
static void test_unasked(void **state)
{
    (void)state;
    struct live_bench bench;
    struct failure failure = {0};

    show_view(&bench, true);
    assert_int_equal(look_up_while_time_passes(&bench, "contacts.csv", 3, &failure), 0);

    unsigned long rows = fake_source_counts(bench.fake).rows;

    assert_true(rows < VIEW_ROWS);
    /* Nor is it tried again with the next change. */
    fake_source_touch(bench.fake);
    pass_seconds(5);
    bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).rows, rows + TABLE_ROWS + 1);
    assert_int_equal(look_up_while_time_passes(&bench, "view.csv", 20, &failure), 0);
    bench_free(&bench);
}

/* Tables end by themselves. */
static void test_tables_take_their_time(void **state)
{
    (void)state;
    struct live_bench bench;
    struct fake_table *table = sample_notes("view", VIEW_ROWS, 10, 2);
    struct fake_behaviour behaviour = {.row_delay_us = 20};

    bench_prepare(&bench, &behaviour);
    bench.view_timeout_ns = TIMEOUT_S * NS_PER_SECOND;
    fake_source_set(bench.fake, &table, 1);
    must(bench_start(&bench, NULL) == 0);
    assert_int_equal(look_up_while_time_passes(&bench, "view.csv", 10 * TIMEOUT_S, NULL), 0);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_given_up_in_a_hurry),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_tables_take_their_time),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
