/* SPDX-License-Identifier: MIT */
/*
 * Two writers, a prune and a reader at once on one storage; then a power cut at every point
 * of what they wrote, in the order in which it happened to come. While they run, whatever the
 * log shows can be read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/fault/cuts.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"

#define ROWS 300
#define DAYS_EACH 6 /* that a writer takes */

static struct scene *scene;

struct party {
    struct diary *diary;
    struct store *store;
    unsigned first_day;
    bool stop; /* atomic */
    unsigned rounds;
};

static bool is_over(struct party *party)
{
    return __atomic_load_n(&party->stop, __ATOMIC_ACQUIRE);
}

/* Takes one a day, and forgets that of the day before yesterday. */
static void *write_on(void *context)
{
    struct party *party = context;

    for (unsigned i = 0; i < DAYS_EACH; i++) {
        unsigned day = party->first_day + i;

        story_take(party->diary, party->store, day);
        if (i >= 2)
            must(diary_forget(party->diary, party->store, day - 2, NULL) == 0);
    }
    return NULL;
}

/* Others may have been first too often, or forgotten what it was looking at. */
static void *prune_on(void *context)
{
    struct party *party = context;

    while (!is_over(party)) {
        struct failure failure = {.code = 0};
        struct prune_result result;
        int error = prune(party->store, &scene_prune_now, &result, &failure);

        if (error != 0 && error != -EAGAIN)
            fprintf(stderr, "prune: %s\n", failure.text);
        must(error == 0 || error == -EAGAIN);
        party->rounds += error == 0;
    }
    return NULL;
}

static bool is_there(struct store *store, const struct snapshot *snapshot)
{
    struct log_state state = {.sequence = 0};
    bool there = false;

    must(log_read(store, &state, NULL) == 0);
    for (size_t i = 0; i < state.snapshot_count; i++)
        there = there || memcmp(state.snapshots[i].id, snapshot->id, sizeof snapshot->id) == 0;
    log_state_release(&state);
    return there;
}

/* What cannot be read has been forgotten meanwhile, and pruned at once. */
static void *read_on(void *context)
{
    struct party *party = context;

    while (!is_over(party)) {
        struct failure failure = {.code = 0};
        struct log_state state = {.sequence = 0};

        must(log_read(party->store, &state, &failure) == 0);
        for (size_t i = 0; i < state.snapshot_count; i++) {
            const struct snapshot *snapshot = &state.snapshots[i];

            if (scene_read(scene, party->store, snapshot, &failure) == 0)
                party->rounds++;
            else if (is_there(party->store, snapshot)) {
                fprintf(stderr, "%s: %s\n", snapshot->name, failure.text);
                must(false);
            }
        }
        log_state_release(&state);
    }
    return NULL;
}

static void run_together(struct diary *diary, struct store *store)
{
    static void *(*const parts[])(void *) = {write_on, write_on, prune_on, read_on};
    struct party parties[4];
    pthread_t threads[4];

    for (unsigned i = 0; i < 4; i++) {
        parties[i] = (struct party){.diary = diary, .store = store, .first_day = 10 + 20 * i};
        must(pthread_create(&threads[i], NULL, parts[i], &parties[i]) == 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        if (i == 1) {
            __atomic_store_n(&parties[2].stop, true, __ATOMIC_RELEASE);
            __atomic_store_n(&parties[3].stop, true, __ATOMIC_RELEASE);
        }
    }
    print_message("%u prunes and %u snapshots read beside the writers\n", parties[2].rounds,
                  parties[3].rounds);
    must(parties[2].rounds > 0 && parties[3].rounds > 0);
}

static void test_together(void **context)
{
    (void)context;
    cut_everywhere(scene, &(struct story){.name = "together", .run = run_together, .go_on = 7});
}

/* ---- A prune in the midst of a snapshot that takes longer than prune waits ---- */

static struct meddling {
    struct storage_class class; /* the storage's, but for sync */
    const struct storage_class *real;
    struct store *other; /* as another process has it */
    unsigned syncs;
    bool remove;
} meddling;

/* The packs that the snapshot has written are marked, or gone, once they are durable. */
static void meddle(struct storage *storage)
{
    struct log_state state = {.sequence = 0};
    const char *packs[8];
    size_t count = 0;

    must(log_read(meddling.other, &state, NULL) == 0);
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, "packs/", 6) == 0 && count < 8)
            packs[count++] = strrchr(name, '/') + 1;
    }
    must(count > 0);
    must(log_mark_packs(meddling.other, &state, packs, count, NULL) == 0);
    if (meddling.remove)
        must(log_remove_packs(meddling.other, &state, packs, count, NULL) == 0);
    log_state_release(&state);
}

static int meddling_sync(struct storage *storage, struct failure *failure)
{
    int error = meddling.real->sync(storage, failure);

    if (++meddling.syncs == 1)
        meddle(storage);
    return error;
}

static void leave_open(struct storage *storage)
{
    (void)storage;
}

/* One storage, two stores. */
static void close_both(struct storage *storage, struct store *store)
{
    meddling.class.close = leave_open;
    storage->class = &meddling.class;
    store_close(meddling.other);
    storage->class = meddling.real;
    store_close(store);
}

static void try_own_packs(bool remove)
{
    struct storage *storage = memory_storage_new();
    struct failure failure = {.code = 0};
    struct store *store;

    scene_make_store(storage);
    meddling = (struct meddling){.class = *storage->class,
                                 .real = storage->class,
                                 .other = scene_open(storage),
                                 .remove = remove};
    store = scene_open(storage);
    meddling.class.sync = meddling_sync;
    storage->class = &meddling.class;

    int error = scene_take(scene, store, "slow", 1, &failure);

    storage->class = meddling.real;
    if (error != 0)
        print_message("%s\n", failure.text);
    assert_int_equal(error, 0);
    assert_true(meddling.syncs > 1);
    assert_int_equal(scene_read_all(scene, store, NULL), 1);
    story_prune(store, &scene_prune_now);
    assert_int_equal(scene_read_all(scene, store, NULL), 1);
    scene_check(store, SCENE_ANY);
    close_both(storage, store);
}

static void test_own_packs_marked(void **context)
{
    (void)context;
    try_own_packs(false);
}

static void test_own_packs_removed(void **context)
{
    (void)context;
    try_own_packs(true);
}

/* ---- All that a snapshot rests on, marked in its midst ---- */

static uint64_t sequence_of(struct store *store)
{
    struct log_state state = {.sequence = 0};

    must(log_read(store, &state, NULL) == 0);

    uint64_t sequence = state.sequence;

    log_state_release(&state);
    return sequence;
}

/* One record unmarks it, however many packs there are. */
static void test_many_marked(void **context)
{
    struct storage *storage = memory_storage_new();
    struct store *store;

    (void)context;
    scene_make_store(storage);
    store = scene_open(storage);
    for (unsigned day = 1; day <= 3; day++) {
        char name[8];

        snprintf(name, sizeof name, "%u", day);
        must(scene_take(scene, store, name, day, NULL) == 0);
    }

    uint64_t before = sequence_of(store);

    meddling = (struct meddling){
        .class = *storage->class, .real = storage->class, .other = scene_open(storage)};
    meddling.class.sync = meddling_sync;
    storage->class = &meddling.class;
    must(scene_take(scene, store, "4", 4, NULL) == 0);
    storage->class = meddling.real;
    assert_int_equal(sequence_of(store), before + 3); /* mark, unmark, take */
    story_prune(store, &scene_prune_now);
    assert_int_equal(scene_read_all(scene, store, NULL), 4);
    scene_check(store, SCENE_ANY);
    close_both(storage, store);
}

/* ---- A snapshot that fails ---- */

/* What it has written goes as garbage does, not only when it is a day old. */
static void test_given_up(void **context)
{
    const struct storage_fault fault = {
        .nth = 1, .operations = STORAGE_PUT, .code = ENOSPC, .for_ever = false};
    struct storage *memory = memory_storage_new();
    struct prune_result result;

    (void)context;
    scene_make_store(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = scene_open(recording);

    must(scene_take(scene, store, "1", 1, NULL) == 0);

    size_t packs = sample_count_files(memory, "packs");

    recording_storage_set_fault(recording, &fault);
    assert_int_equal(scene_take(scene, store, "2", 2, NULL), -ENOSPC);
    recording_storage_set_fault(recording, NULL);
    assert_true(sample_count_files(memory, "packs") > packs);
    must(prune(store, &scene_prune_now, &result, NULL) == 0);
    assert_int_equal(result.young.packs, 0);
    assert_int_equal(sample_count_files(memory, "packs"), packs);
    assert_int_equal(scene_read_all(scene, store, NULL), 1);
    scene_check(store, SCENE_ANY);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_together),          cmocka_unit_test(test_own_packs_marked),
        cmocka_unit_test(test_own_packs_removed), cmocka_unit_test(test_many_marked),
        cmocka_unit_test(test_given_up),
    };
    int failed;

    scene = scene_create(ROWS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    scene_free(scene);
    return failed;
}
