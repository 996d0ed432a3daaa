/* SPDX-License-Identifier: MIT */
/* Scans that fail, or are called off: they say why, and leave nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/image_text.h"
#include "tests/unit/sample_table.h"
#include "tests/unit/scan_bench.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define MIB ((size_t)1 << 20)

/* A scan fails, says why, and leaves nothing: neither in the spool nor open. */
static void check_failure(struct scan_bench *bench, unsigned threads, int expected,
                          const char *words)
{
    struct image *image = NULL;
    struct failure failure = {0};
    struct spool_usage usage;

    must(scan_bench_try(bench, threads, NULL, &image, &failure) == -expected);
    must(image == NULL);
    must(failure.code == expected);
    if (strstr(failure.text, words) == NULL)
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", words, failure.text);
    must(strstr(failure.text, words) != NULL);
    must(scan_bench_try(bench, threads, NULL, &image, NULL) == -expected);
    spool_usage(bench->spool, &usage);
    must(usage.used_bytes == 0);
    must(fake_source_counts(bench->fake).cursors_open == 0);
}

static void test_errors(void **state)
{
    (void)state;
    static const size_t rows[] = {0, 1, 700, 1999, 2000};
    static const unsigned threads[] = {1, 4};
    struct scan_bench bench = scan_bench_create(sample_notes("notes", 2000, 2000, 4),
                                                &(struct fake_behaviour){.parallel = 4});

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t j = 0; j < COUNT_OF(threads); j++) {
            struct fake_behaviour behaviour = {
                .row_fails = true, .faulty_row = rows[i], .row_error = -EILSEQ};
            char words[40];

            fake_source_behave(bench.fake, &behaviour);
            snprintf(words, sizeof words, "row %zu of notes", rows[i]);
            check_failure(&bench, threads[j], EILSEQ, words);
        }
    }
    fake_source_behave(bench.fake, &(struct fake_behaviour){.plan_error = -EBUSY});
    check_failure(&bench, 4, EBUSY, "no plan");
    fake_source_behave(bench.fake, &(struct fake_behaviour){.open_error = -EIO});
    check_failure(&bench, 4, EIO, "no cursor");

    /* And then it works. */
    fake_source_behave(bench.fake, &(struct fake_behaviour){0});

    struct image *image = scan_bench_scan(&bench, 4);

    check_image(image, bench.table);
    image_release(image);
    scan_bench_free(&bench);
}

static void test_spool_full(void **state)
{
    (void)state;
    struct scan_bench bench = scan_bench_create(sample_notes("notes", 2000, 2000, 4),
                                                &(struct fake_behaviour){.parallel = 4});
    struct spool_options options = {.limit_bytes = MIB};

    spool_free(bench.spool);
    assert_int_equal(spool_create(&options, &bench.spool, NULL), 0);
    check_failure(&bench, 1, ENOSPC, "spool-size");
    check_failure(&bench, 4, ENOSPC, "spool-size");
    scan_bench_free(&bench);

    /* In the middle of a row that is cut. */
    bench = scan_bench_create(scan_large_cells(), &(struct fake_behaviour){.without_data = true});
    spool_free(bench.spool);
    options.limit_bytes = 3 * MIB;
    assert_int_equal(spool_create(&options, &bench.spool, NULL), 0);
    check_failure(&bench, 1, ENOSPC, "spool-size");
    scan_bench_free(&bench);
}

static void *cancel_soon(void *cancelled)
{
    usleep(50000);
    __atomic_store_n((bool *)cancelled, true, __ATOMIC_RELAXED);
    return NULL;
}

static void test_cancelled(void **state)
{
    (void)state;
    /* It would take ten seconds; groups begin every hundredth of one. */
    struct fake_behaviour behaviour = {.parallel = 2, .row_delay_us = 10000};
    struct scan_bench bench = scan_bench_create(sample_notes("notes", 1000, 50000, 4), &behaviour);
    struct image *image = NULL;
    bool cancelled = true;
    pthread_t thread;

    assert_int_equal(scan_bench_try(&bench, 2, &cancelled, &image, NULL), -ECANCELED);
    cancelled = false;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancelled), 0);
    assert_int_equal(scan_bench_try(&bench, 2, &cancelled, &image, NULL), -ECANCELED);
    pthread_join(thread, NULL);
    assert_null(image);
    assert_true(fake_source_counts(bench.fake).rows < 900);
    scan_bench_free(&bench);

    /* Where no group begins for long: in a range's rows that belong to another's group. */
    behaviour = (struct fake_behaviour){.parallel = 2, .ranges = 2};
    bench = scan_bench_create(sample_notes("short", 60000, 0, 4), &behaviour);
    cancelled = true;
    assert_int_equal(scan_bench_try(&bench, 2, &cancelled, &image, NULL), -ECANCELED);
    assert_true(fake_source_counts(bench.fake).rows < 20000);
    scan_bench_free(&bench);
}

static int say_timed_out(void *context)
{
    (void)context;
    return -ETIMEDOUT;
}

static void test_bound(void **state)
{
    (void)state;
    struct scan_bench bench = scan_bench_create(sample_notes("notes", 20000, 10, 3), NULL);
    struct scan_options options = {
        .threads = 2, .cut_key = scan_cut_key, .bound = {say_timed_out, NULL}};
    struct image *image;

    assert_int_equal(image_scan(bench.dataset, 0, bench.spool, &options, &image, NULL), -ETIMEDOUT);
    assert_null(bench.dataset->bound.look);
    scan_bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_spool_full),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_bound),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
