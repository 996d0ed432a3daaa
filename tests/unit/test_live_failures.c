/* SPDX-License-Identifier: MIT */
/* Live sources that cannot be read, now or at all. */
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
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void assert_lookup_fails(struct live_bench *bench, const char *name, int expected,
                                const char *words)
{
    struct node *node;
    struct failure failure = {0};

    assert_int_equal(bench_try_lookup(bench, NOBODY, name, &node, &failure), -expected);
    assert_int_equal(failure.code, expected);
    assert_non_null(strstr(failure.text, words));
    assert_int_equal(bench_try_lookup(bench, NOBODY, name, &node, NULL), -expected);
}

static void test_source_fails(void **state)
{
    (void)state;
    struct live_bench bench;
    struct caller caller = {.process = NOBODY};
    struct listing *listing;
    struct failure failure = {0};

    bench_create_usual(&bench, &bench_well);
    bench_inode(&bench, NOBODY, "contacts.csv");
    fake_source_behave(bench.fake, &(struct fake_behaviour){.version_error = -EIO});
    /* Not noticed before it is asked again, and then told to everyone, but asked once a second. */
    bench_inode(&bench, NOBODY, "contacts.csv");
    pass_seconds(2);

    unsigned versions = fake_source_counts(bench.fake).versions;

    assert_lookup_fails(&bench, "contacts.csv", EIO, "does not tell its version");
    assert_int_equal(bench.folder->class->list(bench.folder, &caller, &listing, &failure), -EIO);
    assert_int_equal(fake_source_counts(bench.fake).versions, versions + 1);
    pass_seconds(1);
    assert_lookup_fails(&bench, "contacts.csv", EIO, "does not tell its version");
    assert_int_equal(fake_source_counts(bench.fake).versions, versions + 2);
    fake_source_behave(bench.fake, &bench_well);
    assert_lookup_fails(&bench, "contacts.csv", EIO, "does not tell its version");
    pass_seconds(1);
    bench_inode(&bench, NOBODY, "contacts.csv");

    /* The next generation cannot be begun. */
    fake_source_behave(bench.fake, &(struct fake_behaviour){.begin_error = -EBUSY});
    bench_change(&bench, 2);
    assert_lookup_fails(&bench, "contacts.csv", EBUSY, "cannot be read now");
    fake_source_behave(bench.fake, &bench_well);
    pass_seconds(1);
    free(bench_text(&bench, NOBODY, "contacts.csv"));
    bench_free(&bench);
}

static void test_table_fails(void **state)
{
    (void)state;
    struct live_bench bench;
    struct fake_behaviour behaviour = {
        .faulty_table = "contacts", .row_fails = true, .faulty_row = 150, .row_error = -EILSEQ};

    bench_create_usual(&bench, &behaviour);
    assert_lookup_fails(&bench, "contacts.csv", EILSEQ, "row 150 of contacts");
    assert_int_equal(bench_spool_used(&bench), 0);

    unsigned cursors = fake_source_counts(bench.fake).cursors;

    assert_lookup_fails(&bench, "contacts.json", EILSEQ, "row 150 of contacts");
    assert_int_equal(fake_source_counts(bench.fake).cursors, cursors);
    free(bench_text(&bench, NOBODY, "notes.csv"));
    free(bench_text(&bench, NOBODY, "schema.sql"));
    fake_source_behave(bench.fake, &bench_well);
    assert_lookup_fails(&bench, "contacts.csv", EILSEQ, "row 150 of contacts");
    pass_seconds(1);
    free(bench_text(&bench, NOBODY, "contacts.csv"));

    /* The moment is gone when it is asked for again. */
    fake_source_behave(bench.fake, &(struct fake_behaviour){.open_error = -ESTALE});
    bench_change(&bench, 2);
    assert_lookup_fails(&bench, "contacts.csv", EBUSY, "changes faster");
    fake_source_behave(bench.fake, &bench_well);
    free(bench_text(&bench, NOBODY, "contacts.csv"));
    bench_free(&bench);
}

static void test_create_fails(void **state)
{
    (void)state;
    static const struct fake_behaviour faults[] = {{.version_error = -EACCES},
                                                   {.begin_error = -EACCES}};

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        struct live_bench bench;
        struct failure failure = {0};

        bench_prepare(&bench, &faults[i]);
        assert_int_equal(bench_start(&bench, &failure), -EACCES);
        assert_int_equal(failure.code, EACCES);
        assert_null(bench.live);
        bench_free(&bench);
    }
}

/* What cannot be told leaves what was there before. */
static void test_outputs_stay(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {
        .faulty_table = "contacts", .row_fails = true, .faulty_row = 10, .row_error = -EIO};
    struct node_attributes attributes = {.bytes = 4711};
    struct listing_entry entry;
    struct live_bench bench;
    uint64_t valid_ns = 42;

    bench_create_usual(&bench, &behaviour);

    struct listing *listing = bench_list(&bench, NOBODY);

    listing->class->entry(listing, 0, &entry);
    for (int wait = 0; wait <= 1; wait++) {
        int error =
            entry.node->class->attributes(entry.node, wait != 0, &attributes, &valid_ns, NULL);

        assert_int_equal(error, wait != 0 ? -EIO : -EAGAIN);
        assert_int_equal(attributes.bytes, 4711);
        assert_int_equal(valid_ns, 42);
    }
    listing->class->close(listing);
    bench_free(&bench);
}

static void test_cancelled(void **state)
{
    (void)state;
    struct fake_table *tables[] = {sample_notes("large", 10000, 10, 1),
                                   sample_notes("other", 10000, 10, 2)};
    struct live_bench bench;
    struct node *node;

    bench_create(&bench, tables, 2, &bench_hurried);
    __atomic_store_n(&bench.cancelled, true, __ATOMIC_RELAXED);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "large.csv", &node, NULL), -ECANCELED);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    assert_int_equal(fake_source_counts(bench.fake).cursors, 1);
    bench_free(&bench);
}

/* A request may be long dead when its turn comes. */
static void test_dead_begin_nothing(void **state)
{
    (void)state;
    bool dead = true;
    const struct caller caller = {.process = NOBODY, .cancelled = &dead};
    struct live_bench bench;
    struct node *node;
    uint64_t valid_ns;

    for (int hurried = 0; hurried < 2; hurried++) {
        bench_create_usual(&bench, hurried ? &bench_hurried : &bench_well);
        assert_int_equal(
            bench.folder->class->lookup(bench.folder, "notes.csv", &caller, &node, &valid_ns, NULL),
            -ECANCELED);
        assert_int_equal(fake_source_counts(bench.fake).cursors, 0);
        dead = false;
        assert_int_equal(
            bench.folder->class->lookup(bench.folder, "notes.csv", &caller, &node, &valid_ns, NULL),
            0);
        node_release(node);
        dead = true;
        /* What is known costs nothing. */
        assert_int_equal(
            bench.folder->class->lookup(bench.folder, "notes.csv", &caller, &node, &valid_ns, NULL),
            0);
        node_release(node);
        bench_free(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source_fails), cmocka_unit_test(test_table_fails),
        cmocka_unit_test(test_create_fails), cmocka_unit_test(test_outputs_stay),
        cmocka_unit_test(test_cancelled),    cmocka_unit_test(test_dead_begin_nothing),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
