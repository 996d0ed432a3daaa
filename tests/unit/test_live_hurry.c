/* SPDX-License-Identifier: MIT */
/* Live sources whose writers must wait while they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"

static void test_hurry(void **state)
{
    (void)state;
    struct live_bench bench;

    bench_create_usual(&bench, &bench_hurried);
    /* Nobody has asked for rows, so nobody is held up. */
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    bench_walk(&bench, NOBODY);
    assert_int_equal(fake_source_counts(bench.fake).rows, 0);
    bench_inode(&bench, NOBODY, "notes.csv");

    struct fake_counts counts = fake_source_counts(bench.fake);

    assert_int_equal(counts.transactions_open, 0);
    assert_int_equal(counts.verifies, 1);
    assert_int_equal(counts.cursors, 2);
    free(bench_text(&bench, NOBODY, "contacts.csv"));
    free(bench_text(&bench, NOBODY, "notes.json"));
    assert_int_equal(fake_source_counts(bench.fake).rows, counts.rows);
    assert_int_equal(fake_source_counts(bench.fake).begins, counts.begins);
    bench_free(&bench);
}

/* A moment that was none is not shown: it is read again. */
static void test_hurry_stale(void **state)
{
    (void)state;
    struct live_bench bench;
    struct fake_behaviour behaviour = {.hurry = true, .stale_verifies = 2};
    struct node *node;
    struct failure failure = {0};

    bench_create_usual(&bench, &behaviour);
    bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).verifies, 3);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);

    uint64_t used = bench_spool_used(&bench);

    bench_inode(&bench, NOBODY, "notes.csv");
    assert_int_equal(fake_source_counts(bench.fake).verifies, 3);
    assert_int_equal(bench_spool_used(&bench), used);

    /* One that changes all the time is given up, in words. */
    behaviour.stale_verifies = 1000;
    fake_source_behave(bench.fake, &behaviour);
    bench_change(&bench, 2);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "contacts.csv", &node, &failure), -EBUSY);
    assert_int_equal(failure.code, EBUSY);
    assert_non_null(strstr(failure.text, "try again"));
    assert_int_equal(bench_spool_used(&bench), 0);
    behaviour.stale_verifies = 0;
    fake_source_behave(bench.fake, &behaviour);
    pass_seconds(1);
    free(bench_text(&bench, NOBODY, "contacts.csv"));
    bench_free(&bench);
}

/* What a locked source makes one table wait for, it says to all of them for a while. */
static void test_locked_is_told_to_all(void **state)
{
    (void)state;
    static const char *const names[] = {"contacts.csv", "notes.csv", "notes.json"};
    struct fake_behaviour locked = {.hurry = true, .begin_error = -EBUSY};
    struct live_bench bench;
    struct node *node;

    bench_create_usual(&bench, &bench_hurried);
    fake_source_behave(bench.fake, &locked);

    unsigned begins = fake_source_counts(bench.fake).begins;

    for (unsigned round = 1; round <= 2; round++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            struct failure failure = {0};

            assert_int_equal(bench_try_lookup(&bench, NOBODY, names[i], &node, &failure), -EBUSY);
            assert_non_null(strstr(failure.text, "cannot be read now"));
        }
        assert_int_equal(fake_source_counts(bench.fake).begins, begins + round);
        pass_seconds(1);
    }
    fake_source_behave(bench.fake, &bench_hurried);
    free(bench_text(&bench, NOBODY, "contacts.csv"));
    free(bench_text(&bench, NOBODY, "notes.json"));
    bench_free(&bench);
}

static const struct fake_behaviour faulty_contacts = {.hurry = true,
                                                      .faulty_table = "contacts",
                                                      .row_fails = true,
                                                      .faulty_row = 10,
                                                      .row_error = -EILSEQ};

/* A table that cannot be read does not keep the others from being read, nor holds writers up. */
static void test_hurry_faulty_table(void **state)
{
    (void)state;
    struct live_bench bench;
    struct node *node;
    struct failure failure = {0};

    bench_create_usual(&bench, &faulty_contacts);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "contacts.csv", &node, &failure), -EILSEQ);
    assert_non_null(strstr(failure.text, "row 10 of contacts"));
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);

    struct node *notes = bench_lookup(&bench, NOBODY, "notes.csv");
    struct node_attributes told = node_told(notes);
    struct fake_counts counts = fake_source_counts(bench.fake);

    /* Not tried again at once; then, as the source has not changed, only that table. */
    failure = (struct failure){0};
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "contacts.csv", &node, &failure), -EILSEQ);
    assert_non_null(strstr(failure.text, "row 10 of contacts"));
    assert_int_equal(fake_source_counts(bench.fake).begins, counts.begins);
    pass_seconds(2);
    fake_source_behave(bench.fake, &bench_hurried);
    free(bench_text(&bench, NOBODY, "contacts.csv"));
    assert_int_equal(fake_source_counts(bench.fake).cursors, counts.cursors + 1);

    struct node_attributes now = node_told(notes);

    check_same_attributes(&now, &told);
    node_release(notes);
    bench_free(&bench);
}

/* What has been told of a table stays true, even if what is read later was no one moment. */
static void test_hurry_told_stays(void **state)
{
    (void)state;
    struct live_bench bench;
    const struct fake_behaviour stale = {.hurry = true, .stale_verifies = 1};

    bench_create_usual(&bench, &faulty_contacts);

    struct bench_file notes = bench_open(&bench, NOBODY, "notes.csv");
    struct node_attributes told = node_told(notes.node);

    fake_source_behave(bench.fake, &stale);
    pass_seconds(2);
    free(bench_text(&bench, NOBODY, "contacts.csv"));

    struct node_attributes now = node_told(notes.node);

    check_same_attributes(&now, &told);

    struct buffer text = handle_text(notes.handle);

    assert_int_equal(text.size, told.bytes);
    buffer_release(&text);
    bench_close(&notes);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_hurry_stale),
        cmocka_unit_test(test_locked_is_told_to_all),
        cmocka_unit_test(test_hurry_faulty_table),
        cmocka_unit_test(test_hurry_told_stays),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
