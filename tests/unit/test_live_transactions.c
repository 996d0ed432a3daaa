/* SPDX-License-Identifier: MIT */
/* For how long a live source's transaction is kept, and what is shown when it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"
#include "tests/unit/sample_table.h"

static void test_idle_transaction(void **state)
{
    (void)state;
    struct live_bench bench;
    uint64_t contacts;

    bench_create_usual(&bench, &bench_well);
    contacts = bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    bench_pass_seconds(&bench, 1);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    /* The source has not changed: the generation goes on. */
    assert_int_equal(bench_inode(&bench, NOBODY, "notes.csv"), contacts + 3);
    assert_int_equal(fake_source_counts(bench.fake).begins, 2);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);

    /* It has changed, but nobody has noticed so far. */
    bench_change(&bench, 2);
    contacts = bench_inode(&bench, NOBODY, "contacts.csv");
    pass_seconds(1);
    assert_int_equal(bench_inode(&bench, NOBODY, "contacts.csv"), contacts);
    usleep(250000);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    bench_show(&bench, 3);
    assert_true(bench_inode(&bench, NOBODY, "notes.csv") > contacts + 7);
    assert_true(bench_inode(&bench, NOBODY, "contacts.csv") > contacts + 7);

    /* Somebody is on a walk: the transaction stays. */
    pid_t process = process_spawn();

    bench_change(&bench, 4);

    struct bench_file file = bench_open(&bench, process, "contacts.csv");

    bench_pass_seconds(&bench, 20);
    bench_show(&bench, 5);
    assert_int_equal(bench_inode(&bench, process, "notes.csv"), file.node->inode + 3);
    bench_close(&file);
    process_end(process);
    bench_free(&bench);
}

/* A table was made anew: the source cannot show it as it was. */
static void lose_notes(struct live_bench *bench)
{
    fake_source_behave(bench->fake,
                       &(struct fake_behaviour){.faulty_table = "notes", .open_error = -ESTALE});
}

static void check_refused(struct live_bench *bench, pid_t process, const char *name)
{
    struct failure failure = {.code = 0};
    struct node *node;

    assert_int_equal(bench_try_lookup(bench, process, name, &node, &failure), -EIO);
    assert_int_equal(failure.code, EIO);
    assert_non_null(strstr(failure.text, "older moment"));
}

/* Who has read a file of one moment is not shown another table of the next. */
static void test_broken_off_walk(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t walker = process_spawn();
    pid_t reader = process_spawn();
    pid_t lister = process_spawn();

    bench_create_usual(&bench, &bench_well);
    bench_walk(&bench, lister);
    bench_walk(&bench, walker);

    uint64_t contacts = bench_read_through(&bench, walker, "contacts.csv");

    assert_int_equal(bench_read_through(&bench, reader, "contacts.csv"), contacts);
    lose_notes(&bench);
    bench_show(&bench, 2);
    check_refused(&bench, walker, "notes.csv");
    fake_source_behave(bench.fake, &bench_well);
    check_refused(&bench, walker, "notes.json");
    check_refused(&bench, reader, "notes.csv");
    /* What it has is still there, and of the same moment. */
    assert_int_equal(bench_inode(&bench, walker, "contacts.json"), contacts + 1);
    assert_int_equal(bench_read_through(&bench, walker, "contacts.csv"), contacts);
    /* Who has read nothing is in no moment yet. */
    assert_true(bench_read_through(&bench, lister, "notes.csv") > contacts + 7);
    check_refused(&bench, walker, "notes.ndjson");
    /* A new walk is of the new moment. */
    bench_walk(&bench, walker);
    assert_true(bench_read_through(&bench, walker, "notes.csv") > contacts + 7);
    assert_true(bench_read_through(&bench, walker, "contacts.csv") > contacts + 7);
    process_end(walker);
    process_end(reader);
    process_end(lister);
    bench_free(&bench);
}

/* The source says that it is the same moment, but what is there has other numbers. */
static void test_unnoticed_table(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);
    struct fake_table *tables[] = {
        sample_contacts("a new one", 20, 1),
        sample_contacts("contacts", 201, 1),
        sample_notes("notes", 301, 40, 1),
    };
    struct listing *listing = bench_list(&bench, process);
    uint64_t contacts = bench_read_through(&bench, process, "contacts.csv");

    bench_pass_seconds(&bench, 20);
    bench_pass_seconds(&bench, 20);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    fake_source_behave(bench.fake, &(struct fake_behaviour){.unnoticed = true});
    fake_source_set(bench.fake, tables, 3);
    check_refused(&bench, process, "notes.csv");
    assert_true(bench_read_through(&bench, NOBODY, "notes.csv") > contacts + 7);
    listing->class->close(listing);
    bench_free_with_process(&bench, process);
}

/*
 * A folder that stays open holds no transaction for ever; what its walk asks for after a long
 * rest is still of its moment, or refused.
 */
static void test_resting_walk(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);
    struct listing *listing = bench_list(&bench, process);
    uint64_t contacts = bench_read_through(&bench, process, "contacts.csv");

    bench_inode(&bench, process, "contacts.json");
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    bench_pass_seconds(&bench, 20);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    bench_pass_seconds(&bench, 20);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    /* Nothing has changed. */
    assert_int_equal(bench_inode(&bench, process, "contacts.ndjson"), contacts + 2);
    bench_pass_seconds(&bench, 40);
    bench_change(&bench, 2);
    check_refused(&bench, process, "notes.csv");
    assert_true(bench_inode(&bench, NOBODY, "notes.csv") > contacts + 7);
    check_refused(&bench, process, "notes.json");
    assert_int_equal(bench_inode(&bench, process, "schema.sql"), contacts + 7);

    /* The same when it is not the newest any more by then. */
    bench_change(&bench, 3);
    listing->class->close(listing);
    listing = bench_list(&bench, process);
    contacts = bench_read_through(&bench, process, "contacts.csv");
    bench_change(&bench, 4);
    bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 2);
    bench_pass_seconds(&bench, 40);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    check_refused(&bench, process, "notes.csv");
    /* Who asks for the same again after a rest waits for it to change. */
    bench_pass_seconds(&bench, 40);
    assert_true(bench_inode(&bench, process, "notes.csv") > contacts + 7);
    listing->class->close(listing);
    bench_free_with_process(&bench, process);
}

/* A file left open for hours holds its own content, but no transaction of the database's. */
static void test_open_file_holds_no_transaction(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);
    struct bench_file file = bench_open(&bench, process, "contacts.csv");

    bench_pass_seconds(&bench, 1);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    bench_pass_seconds(&bench, 40); /* the walk ends */
    bench_pass_seconds(&bench, 1);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);

    /* The same when it is not the newest any more by then. */
    struct bench_file other = bench_open(&bench, NOBODY, "contacts.csv");

    bench_inode(&bench, process, "datapackage.json");
    bench_change(&bench, 2);
    bench_walk(&bench, NOBODY);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);

    struct buffer text = handle_text(file.handle);
    struct buffer same = handle_text(other.handle);

    assert_int_equal(text.size, node_told(file.node).bytes);
    assert_int_equal(same.size, text.size);
    buffer_release(&text);
    buffer_release(&same);
    bench_close(&file);
    bench_close(&other);
    bench_free_with_process(&bench, process);
}

/*
 * A file that was looked up in time is opened when its moment is over, and held only by somebody
 * who has gone on: nobody begins a walk there, for its next table could not be read any more.
 */
static void test_no_walk_begins_in_the_past(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = process_spawn();
    pid_t holder = process_spawn();
    struct caller caller = {.process = process};
    struct handle *handle = NULL;

    bench_create_usual(&bench, &bench_well);

    struct node *node = bench_lookup(&bench, process, "contacts.csv");
    struct handle *held = node_open(node, holder);

    bench_change(&bench, 2);
    bench_walk(&bench, holder);
    assert_int_equal(node->class->open(node, &caller, &handle, NULL), -ESTALE);

    uint64_t contacts = bench_read_through(&bench, process, "contacts.csv");

    assert_true(contacts > node->inode + 7);
    bench_change(&bench, 3);
    bench_walk(&bench, holder);
    assert_int_equal(bench_read_through(&bench, process, "notes.csv"), contacts + 3);
    node_release(node);
    held->class->close(held);
    process_end(process);
    process_end(holder);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_transaction),
        cmocka_unit_test(test_broken_off_walk),
        cmocka_unit_test(test_unnoticed_table),
        cmocka_unit_test(test_resting_walk),
        cmocka_unit_test(test_open_file_holds_no_transaction),
        cmocka_unit_test(test_no_walk_begins_in_the_past),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
