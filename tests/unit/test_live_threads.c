/* SPDX-License-Identifier: MIT */
/* Live sources that change while many use them. Here the clock goes by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/live_bench.h"
#include "tests/unit/sample_table.h"

#define MIB ((size_t)1 << 20)

/* A version of the two tables in which both hold as many rows, so that it can be recognised. */
static void show_pair(struct live_bench *bench, size_t rows)
{
    struct fake_table *tables[] = {sample_notes("left", rows, 20, rows),
                                   sample_notes("right", rows, 20, rows)};

    fake_source_set(bench->fake, tables, 2);
}

#define HAMMERS 8
#define HAMMERED_VERSIONS 150

struct hammer {
    struct live_bench *bench;
    pid_t process;
    bool lists;
    const bool *enough; /* atomic */
};

static size_t count_rows(struct live_bench *bench, pid_t process, const char *name)
{
    struct node *node;
    struct handle *handle = NULL;
    struct caller caller = {.process = process};
    size_t rows = 0;

    /* A name looked up may be of the past when it is opened: then it is looked up again. */
    for (;;) {
        node = bench_lookup(bench, process, name);
        int error = node->class->open(node, &caller, &handle, NULL);

        if (error == 0)
            break;
        must(error == -ESTALE);
        node_release(node);
    }

    struct buffer text = handle_text(handle);

    must(text.size == node_told(node).bytes);
    for (size_t i = 0; i < text.size; i++)
        rows += text.data[i] == '\n';
    handle->class->close(handle);
    node_release(node);
    buffer_release(&text);
    return rows;
}

static void *hammer_away(void *argument)
{
    const struct hammer *hammer = argument;

    while (!__atomic_load_n(hammer->enough, __ATOMIC_RELAXED)) {
        if (hammer->lists) {
            struct listing *listing = bench_list(hammer->bench, hammer->process);
            struct listing_entry entry;

            for (size_t j = 0; j < listing->class->count(listing); j++)
                listing->class->entry(listing, j, &entry);
            listing->class->close(listing);
        }

        size_t left = count_rows(hammer->bench, hammer->process, "left.ndjson");
        size_t right = count_rows(hammer->bench, hammer->process, "right.ndjson");

        must(!hammer->lists || left == right);
        must(left >= 100 && right >= 100);
        free(bench_text(hammer->bench, hammer->process, "datapackage.json"));
    }
    return NULL;
}

static void *tend_away(void *argument)
{
    struct live_bench *bench = argument;

    while (!__atomic_load_n(&bench->cancelled, __ATOMIC_RELAXED)) {
        struct buffer text = BUFFER(MIB);

        live_tend(bench->live);
        must(live_status(bench->live, &text) == 0);
        buffer_release(&text);
        usleep(500);
    }
    return NULL;
}

/* Here the clock goes by itself, and a change shows at once. */
static void hammer_on(const struct fake_behaviour *behaviour)
{
    struct live_bench bench;
    struct hammer hammers[HAMMERS];
    pthread_t threads[HAMMERS];
    pthread_t tender;
    pid_t processes[HAMMERS];
    bool enough = false;

    for (size_t i = 0; i < HAMMERS; i++)
        processes[i] = process_spawn();
    bench_prepare(&bench, behaviour);
    bench.refresh_ns = 1;
    show_pair(&bench, 100);
    must(bench_start(&bench, NULL) == 0);
    must(pthread_create(&tender, NULL, tend_away, &bench) == 0);
    for (size_t i = 0; i < HAMMERS; i++) {
        hammers[i] = (struct hammer){&bench, processes[i], i % 2 == 0, &enough};
        must(pthread_create(&threads[i], NULL, hammer_away, &hammers[i]) == 0);
    }
    for (size_t i = 0; i < HAMMERED_VERSIONS; i++) {
        usleep(10000);
        show_pair(&bench, 100 + i);
    }
    __atomic_store_n(&enough, true, __ATOMIC_RELAXED);
    for (size_t i = 0; i < HAMMERS; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&bench.cancelled, true, __ATOMIC_RELAXED);
    pthread_join(tender, NULL);
    for (size_t i = 0; i < HAMMERS; i++)
        process_end(processes[i]);
    must(fake_source_counts(bench.fake).begins > 5);
    bench_free(&bench);
}

static void test_hammer(void **state)
{
    (void)state;
    hammer_on(&(struct fake_behaviour){.parallel = 2});
}

static void test_hammer_hurry(void **state)
{
    (void)state;
    hammer_on(&(struct fake_behaviour){.parallel = 2, .hurry = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hammer),
        cmocka_unit_test(test_hammer_hurry),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
