/* SPDX-License-Identifier: MIT */
/* Which moment of a live source a process sees, and for how long (fs/tree/pins.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sodium.h>
#include <unistd.h>

#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* In the order of their inodes. */
static const char *const names[] = {
    "contacts.csv", "contacts.json", "contacts.ndjson",  "notes.csv",
    "notes.json",   "notes.ndjson",  "datapackage.json", "schema.sql",
};

/* Who walks the folder sees one moment of it, whatever others do and see meanwhile. */
static void test_walk(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t walker = process_spawn();
    pid_t other = process_spawn();

    bench_create_usual(&bench, &bench_well);
    bench_walk(&bench, walker);

    uint64_t contacts = bench_inode(&bench, walker, "contacts.csv");
    uint64_t newest = contacts;

    for (size_t i = 1; i < COUNT_OF(names); i++) {
        bench_change(&bench, i + 1);
        /* Also a table of that moment that nobody has read so far. */
        assert_int_equal(bench_inode(&bench, walker, names[i]), contacts + i);
        assert_int_equal(bench_inode(&bench, walker, "contacts.csv"), contacts);

        uint64_t seen = bench_inode(&bench, other, "contacts.csv");

        assert_true(seen > newest);
        assert_int_equal(bench_inode(&bench, NOBODY, "contacts.csv"), seen);
        newest = seen;
    }
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    /* Listing again begins anew. */
    bench_walk(&bench, walker);
    assert_int_equal(bench_inode(&bench, walker, "contacts.csv"), newest);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    process_end(walker);
    process_end(other);
    bench_free(&bench);
}

/* One who opens files without listing them is on a walk too, until it opens one again. */
static void test_opened_again(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);
    uint64_t first = bench_read_through(&bench, process, "contacts.csv");
    uint64_t notes = bench_inode(&bench, process, "notes.csv");

    bench_change(&bench, 2);
    assert_int_equal(bench_inode(&bench, process, "notes.csv"), notes);
    assert_int_equal(bench_read_through(&bench, process, "notes.csv"), notes);
    /* contacts.json is another file of the same walk. */
    assert_true(bench_read_through(&bench, process, "contacts.json") < first + 8);

    uint64_t second = bench_read_through(&bench, process, "contacts.csv");

    assert_true(second > first + 7);
    assert_true(bench_inode(&bench, process, "notes.csv") > notes + 7);
    bench_free_with_process(&bench, process);
}

/* One who listed the folder may open each file twice. */
static void test_opened_twice(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);

    bench_walk(&bench, process);

    uint64_t first = bench_read_through(&bench, process, "contacts.csv");

    bench_change(&bench, 2);
    assert_int_equal(bench_read_through(&bench, process, "contacts.csv"), first);
    bench_change(&bench, 3);
    assert_true(bench_read_through(&bench, process, "contacts.csv") != first);
    bench_free_with_process(&bench, process);
}

static void test_children(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t family[4];
    pid_t stranger = process_spawn();

    process_spawn_family(3, family);
    bench_create_usual(&bench, &bench_well);
    bench_walk(&bench, family[0]);

    uint64_t contacts = bench_inode(&bench, family[0], "contacts.csv");

    bench_change(&bench, 2);
    assert_int_equal(bench_inode(&bench, family[1], "contacts.csv"), contacts);
    assert_int_equal(bench_inode(&bench, family[2], "contacts.csv"), contacts);
    assert_true(bench_inode(&bench, family[3], "contacts.csv") != contacts);
    assert_true(bench_inode(&bench, stranger, "contacts.csv") != contacts);
    /* What a child opens is opened in the walk that it belongs to. */
    assert_int_equal(bench_read_through(&bench, family[1], "contacts.csv"), contacts);
    bench_change(&bench, 3);
    assert_int_equal(bench_inode(&bench, family[0], "notes.csv"), contacts + 3);
    assert_true(bench_read_through(&bench, family[2], "contacts.csv") != contacts);
    process_end_family(family, 4);
    process_end(stranger);
    bench_free(&bench);
}

/* A child that only opens files makes no walk of its parent's. */
static void test_parents(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t family[2];

    process_spawn_family(1, family);
    bench_create_usual(&bench, &bench_well);

    uint64_t contacts = bench_read_through(&bench, family[1], "contacts.csv");

    bench_change(&bench, 2);
    assert_true(bench_inode(&bench, family[0], "contacts.csv") != contacts);
    process_end_family(family, 2);
    bench_free(&bench);
}

static void test_pins_end(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t gone = process_spawn();
    pid_t idle = process_spawn();

    bench_create_usual(&bench, &bench_well);
    bench_walk(&bench, gone);
    bench_change(&bench, 2);
    bench_inode(&bench, NOBODY, "contacts.csv");
    bench_walk(&bench, gone);
    bench_walk(&bench, idle);
    bench_change(&bench, 3);
    bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    process_end(gone);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    bench_pass_seconds(&bench, 3);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    process_end(idle);

    /* One who is gone while its pin is the only one of its generation. */
    gone = process_spawn();
    bench_walk(&bench, gone);
    bench_change(&bench, 4);
    bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 2);
    process_end(gone);
    live_tend(bench.live);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    bench_free(&bench);
}

/* A file may be read for as long as it takes: the walk goes on afterwards. */
static void test_open_file_keeps_pin(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);
    struct bench_file file = bench_open(&bench, process, "contacts.csv");
    uint64_t notes = file.node->inode + 3;

    bench_change(&bench, 2);
    bench_inode(&bench, NOBODY, "contacts.csv");
    bench_pass_seconds(&bench, 20);
    assert_int_equal(bench_inode(&bench, process, "notes.csv"), notes);

    /* Reading on is enough. */
    struct reading reading;

    for (int i = 0; i < 5; i++) {
        bench_pass_seconds(&bench, 20);
        assert_int_equal(file.handle->class->read(file.handle, 0, 10, &reading, NULL), 0);
        reading_release(&reading);
    }
    assert_int_equal(bench_inode(&bench, process, "notes.json"), notes + 1);
    /* A file that is open and forgotten is not. */
    bench_pass_seconds(&bench, 40);
    assert_true(bench_inode(&bench, process, "notes.ndjson") > notes + 7);
    assert_int_equal(file.handle->class->read(file.handle, 0, 10, &reading, NULL), 0);
    reading_release(&reading);
    bench_close(&file);
    bench_free_with_process(&bench, process);
}

/* Who lists the folder again has as much open as before. */
static void test_listed_again_with_open_files(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);
    struct bench_file file = bench_open(&bench, process, "contacts.csv");
    struct listing *listing = bench_list(&bench, process);
    uint64_t notes = file.node->inode + 3;

    bench_close(&file);
    bench_change(&bench, 2);
    bench_pass_seconds(&bench, 10); /* longer than a walk with nothing open may pause */
    assert_int_equal(bench_inode(&bench, process, "notes.csv"), notes);
    listing->class->close(listing);
    bench_pass_seconds(&bench, 3);
    assert_true(bench_inode(&bench, process, "notes.csv") > notes);
    bench_free_with_process(&bench, process);
}

/* What needs the live source's lock. */
static void *look_at_it(void *context)
{
    struct live_bench *bench = context;
    struct buffer text = BUFFER(10000);

    must(live_status(bench->live, &text) == 0);
    buffer_release(&text);
    return NULL;
}

/* Waits for ever if the lock is held meanwhile. */
static void wait_for_another(void *context)
{
    pthread_t another;

    must(pthread_create(&another, NULL, look_at_it, context) == 0);
    must(pthread_join(another, NULL) == 0);
}

/* Giving back what a pin held may take long: nobody waits for it. */
static void test_pins_go_without_the_lock(void **state)
{
    (void)state;
    struct fake_behaviour watched = {.on_finish = wait_for_another};
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);

    watched.finish_context = &bench;
    bench_walk(&bench, process);
    bench_change(&bench, 2);
    bench_inode(&bench, NOBODY, "contacts.csv");
    fake_source_behave(bench.fake, &watched);

    unsigned finishes = fake_source_counts(bench.fake).finishes;

    alarm(60);
    bench_walk(&bench, process);
    alarm(0);
    assert_true(fake_source_counts(bench.fake).finishes > finishes);
    fake_source_behave(bench.fake, &bench_well);
    bench_free_with_process(&bench, process);
}

/* A walker that is held up by the reading of a large table is not an idle one. */
struct slow_lookup {
    struct live_bench *bench;
    pid_t process;
    uint64_t inode;
};

static void *look_up_slowly(void *argument)
{
    struct slow_lookup *slow = argument;

    slow->inode = bench_inode(slow->bench, slow->process, "notes.csv");
    return NULL;
}

static void check_slow_walk(bool opens)
{
    struct fake_behaviour slowly = {.faulty_table = "notes", .row_delay_us = 2000};
    struct live_bench bench;
    pid_t process = process_spawn();
    pthread_t thread;

    bench_create_usual(&bench, &slowly);
    bench_walk(&bench, process);

    uint64_t contacts = opens ? bench_read_through(&bench, process, "contacts.csv")
                              : bench_inode(&bench, process, "contacts.csv");
    unsigned long rows = fake_source_counts(bench.fake).rows;
    struct slow_lookup slow = {&bench, process, 0};

    must(pthread_create(&thread, NULL, look_up_slowly, &slow) == 0);
    while (fake_source_counts(bench.fake).rows < rows + 10)
        usleep(1000);
    bench_change(&bench, 2);
    bench_pass_seconds(&bench, 10);
    pthread_join(thread, NULL);
    live_tend(bench.live);
    must(slow.inode == contacts + 3);
    must(bench_inode(&bench, process, "contacts.json") == contacts + 1);
    must(bench_inode(&bench, process, "notes.json") == contacts + 4);
    process_end(process);
    bench_free(&bench);
}

static void test_slow_walk(void **state)
{
    (void)state;
    check_slow_walk(true);
    check_slow_walk(false);
}

/* So is not one that takes its time, while the source does not change and after it has. */
static void test_steady_walk(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);

    bench_walk(&bench, process);

    uint64_t contacts = bench_inode(&bench, NOBODY, "contacts.csv");

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (i == 5)
            bench_show(&bench, 2);
        bench_pass_seconds(&bench, 1);
        bench_inode(&bench, NOBODY, "contacts.csv");
        assert_int_equal(bench_inode(&bench, process, names[i]), contacts + i);
    }
    bench_free_with_process(&bench, process);
}

/* But one that asks for the same again and again waits for it to change. */
static void test_waiting(void **state)
{
    (void)state;
    struct live_bench bench;
    pid_t process = bench_create_with_process(&bench);

    bench_walk(&bench, process);

    uint64_t contacts = bench_inode(&bench, process, "contacts.csv");

    bench_change(&bench, 2);
    assert_int_equal(bench_inode(&bench, process, "contacts.csv"), contacts);
    pass_seconds(1);
    bench_inode(&bench, process, "contacts.csv");
    pass_seconds(1);
    assert_true(bench_inode(&bench, process, "contacts.csv") != contacts);
    bench_free_with_process(&bench, process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_opened_again),
        cmocka_unit_test(test_opened_twice),
        cmocka_unit_test(test_children),
        cmocka_unit_test(test_parents),
        cmocka_unit_test(test_pins_end),
        cmocka_unit_test(test_open_file_keeps_pin),
        cmocka_unit_test(test_listed_again_with_open_files),
        cmocka_unit_test(test_pins_go_without_the_lock),
        cmocka_unit_test(test_slow_walk),
        cmocka_unit_test(test_steady_walk),
        cmocka_unit_test(test_waiting),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
