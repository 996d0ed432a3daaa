/* SPDX-License-Identifier: MIT */
/* The log of a store: what records amount to, that one of two writers wins, and what faults do. */
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

#include "fs/store/log.h"
#include "tests/unit/log_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static void assert_copied(const struct log_state *state)
{
    struct log_state copy;

    succeed(log_state_copy(state, &copy));
    assert_same_log(state, &copy);
    assert_true(state->snapshot_count == 0 || copy.snapshots[0].name != state->snapshots[0].name);
    log_state_release(&copy);
}

static void test_everyday(void **context)
{
    struct store *store = sample_store();
    struct log_state state = sample_log(store);
    const struct snapshot *gone[2];

    (void)context;
    assert_int_equal(state.sequence, 1);
    assert_int_equal(state.snapshot_count, 0);
    sample_take(store, &state, "b", 2);
    sample_take(store, &state, "a", 1);
    sample_take(store, &state, "c", 3);
    assert_int_equal(state.sequence, 4);
    assert_string_equal(state.snapshots[0].name, "a");
    assert_string_equal(state.snapshots[2].name, "c");

    struct snapshot wanted = sample_snapshot("b", 2);

    assert_same_snapshot(log_find(&state, "b"), &wanted);
    sample_snapshot_release(&wanted);
    succeed(log_rename(store, &state, "b", "müller", &failure));
    assert_null(log_find(&state, "b"));
    assert_string_equal(state.snapshots[1].name, "müller");
    gone[0] = log_find(&state, "c");
    gone[1] = log_find(&state, "a");
    succeed(log_forget(store, &state, gone, 2, &failure));
    assert_int_equal(state.snapshot_count, 1);

    struct log_state again = sample_log(store);

    assert_same_log(&state, &again);
    assert_copied(&state);
    sample_take(store, &again, "d", 4);
    succeed(log_read(store, &state, &failure));
    assert_same_log(&state, &again);
    log_state_release(&again);
    log_state_release(&state);
    store_close(store);
}

static void test_refused(void **context)
{
    static const char *const names[] = {"", ".", "..", "latest", "a/b", "a\nb", "\x7f", "\xff"};
    struct store *store = sample_store();
    struct log_state state = sample_log(store);
    char long_name[SNAPSHOT_NAME_LIMIT + 2];

    (void)context;
    sample_take(store, &state, "a", 1);
    assert_int_equal(sample_try_take(store, &state, "a", 2), -EEXIST);
    assert_int_equal(sample_try_take(store, &state, "b", 1), -EEXIST);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(sample_try_take(store, &state, names[i], 3), -EINVAL);
        assert_int_equal(log_rename(store, &state, "a", names[i], &failure), -EINVAL);
    }
    memset(long_name, 'x', sizeof long_name);
    long_name[SNAPSHOT_NAME_LIMIT + 1] = '\0';
    assert_int_equal(sample_try_take(store, &state, long_name, 3), -EINVAL);
    long_name[SNAPSHOT_NAME_LIMIT] = '\0';
    assert_int_equal(sample_try_take(store, &state, long_name, 3), 0);
    assert_int_equal(log_rename(store, &state, "none", "b", &failure), -ENOENT);
    assert_int_equal(log_rename(store, &state, "a", long_name, &failure), -EEXIST);

    struct snapshot stranger = sample_snapshot("stranger", 99);
    const struct snapshot *gone[] = {&stranger, &stranger};

    assert_int_equal(log_forget(store, &state, gone, 1, &failure), -ENOENT);
    assert_int_equal(log_forget(store, &state, gone, 0, &failure), -EINVAL);
    gone[0] = gone[1] = log_find(&state, "a");
    assert_int_equal(log_forget(store, &state, gone, 2, &failure), -EINVAL);
    free(stranger.tags[0]);
    stranger.tags[0] = strdup("a,b");
    stranger.tag_count = 1;
    assert_int_equal(log_take(store, &state, &stranger, NULL, 0, &failure), -EINVAL);
    sample_snapshot_release(&stranger);
    assert_int_equal(state.sequence, 3);
    assert_int_equal(log_begin(store, &failure), -EEXIST);
    log_state_release(&state);
    store_close(store);
}

/* Who reads next needs only what is new: record 2, without which nobody else can read the log. */
static void test_left(void **context)
{
    struct store *store = sample_store();
    struct log_state state = sample_log(store);
    struct log_state left = {.sequence = 0};
    struct log_state next = {.sequence = 0};
    struct log_state none = {.sequence = 0};
    struct storage *storage = store_storage(store);

    (void)context;
    sample_take(store, &state, "a", 1);
    sample_take(store, &state, "b", 2);
    succeed(log_read(store, &left, &failure));
    sample_take(store, &state, "c", 3);
    succeed(storage->class->remove(storage, "log/00000000000000000002", &failure));
    log_leave(store, &left);
    assert_int_equal(left.sequence, 0);
    succeed(log_read(store, &next, &failure));
    assert_same_log(&state, &next);
    assert_int_equal(log_read(store, &none, &failure), -EBADMSG);

    log_leave(store, &next);
    log_leave(store, NULL);
    assert_int_equal(log_read(store, &none, &failure), -EBADMSG);
    log_leave(store, &state); /* goes with the store */
    store_close(store);
}

static void test_marks(void **context)
{
    struct store *store = sample_store();
    struct log_state state = sample_log(store);
    char names[3][65];
    const char *packs[3] = {names[2], names[0], names[1]};
    static const char *const wrong[] = {"0123"};

    (void)context;
    for (unsigned i = 0; i < 3; i++)
        sample_pack_name(i, names[i]);
    sample_take_packs(store, &state, "a", 1, packs, 3);
    assert_int_equal(log_unmark_packs(store, &state, packs, 1, &failure), -ENOENT);
    assert_int_equal(log_mark_packs(store, &state, wrong, 1, &failure), -EINVAL);
    assert_int_equal(log_mark_packs(store, &state, NULL, 0, &failure), -EINVAL);
    succeed(log_mark_packs(store, &state, packs, 2, &failure));
    assert_int_equal(log_mark_packs(store, &state, packs + 1, 2, &failure), -EEXIST);
    assert_int_equal(state.mark_count, 2);
    assert_string_equal(state.marks[0].pack, names[0]);
    assert_string_equal(state.marks[1].pack, names[2]);

    struct snapshot relying = sample_snapshot("b", 2);

    assert_int_equal(log_take(store, &state, &relying, packs, 1, &failure), -EBUSY);
    sample_snapshot_release(&relying);
    succeed(log_unmark_packs(store, &state, packs, 1, &failure));
    sample_take_packs(store, &state, "b", 2, packs, 1);
    succeed(log_remove_packs(store, &state, packs + 1, 1, &failure));
    assert_true(log_find_mark(&state, names[0])->removed);
    assert_null(log_find_mark(&state, names[2]));
    assert_int_equal(log_remove_packs(store, &state, packs + 1, 1, &failure), -ENOENT);
    assert_int_equal(log_unmark_packs(store, &state, packs + 1, 1, &failure), -ENOENT);

    static const uint8_t slot[STORE_ID_BYTES] = {7};

    succeed(log_key_change(store, &state, slot, "add", &failure));

    struct log_state again = sample_log(store);

    assert_same_log(&state, &again);
    assert_copied(&state);
    log_state_release(&again);
    log_state_release(&state);
    store_close(store);
}

/* ---- Two writers ---- */

struct racer {
    struct store *store;
    unsigned number;
    unsigned lost;
};

static void *race(void *context)
{
    struct racer *racer = context;
    struct log_state state = {.sequence = 0};
    struct failure words;
    char name[32];

    for (unsigned i = 0; i < 40; i++) {
        struct snapshot snapshot;
        int error;

        snprintf(name, sizeof name, "%u-%u", racer->number, i);
        snapshot = sample_snapshot(name, racer->number * 1000 + i);
        while ((error = log_take(racer->store, &state, &snapshot, NULL, 0, &words)) == -EAGAIN)
            racer->lost++;
        sample_snapshot_release(&snapshot);
        if (error != 0)
            return NULL;
    }
    log_state_release(&state);
    return racer;
}

static void test_race(void **context)
{
    struct store *store = sample_store();
    struct racer racers[] = {{store, 1, 0}, {store, 2, 0}, {store, 3, 0}};
    pthread_t threads[3];

    (void)context;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (unsigned i = 0; i < 3; i++) {
        void *result;

        pthread_join(threads[i], &result);
        assert_non_null(result);
    }

    struct log_state state = sample_log(store);

    assert_int_equal(state.snapshot_count, 120);
    assert_int_equal(state.sequence, 121);
    log_state_release(&state);
    store_close(store);
}

/* Both decided on the same state: the second is told, and sees what the first did. */
static void test_loser(void **context)
{
    struct store *store = sample_store();
    struct log_state one = sample_log(store);
    struct log_state other = sample_log(store);

    (void)context;
    sample_take(store, &one, "a", 1);
    assert_int_equal(sample_try_take(store, &other, "a", 2), -EAGAIN);
    assert_same_log(&one, &other);
    assert_int_equal(sample_try_take(store, &other, "a", 2), -EEXIST);
    log_state_release(&one);
    log_state_release(&other);
    store_close(store);
}

/* ---- Faults of the storage ---- */

/* Fails the N-th operation, for every N: nothing that was acknowledged is lost, the next try works.
 */
static void try_faults(enum fault_effect effect)
{
    bool done = false;

    for (uint64_t nth = 1; !done; nth++) {
        struct storage *recording = recording_storage_new(sample_log_storage());
        struct store *store = sample_store_open(recording);
        const struct storage_fault fault = {
            .operations = STORAGE_ALL, .nth = nth, .code = EIO, .effect = effect};
        struct log_state state = {.sequence = 0};

        recording_storage_set_fault(recording, &fault);

        int read = log_read(store, &state, &failure);
        int taken = read == 0 ? sample_try_take(store, &state, "c", 3) : read;

        done = recording_storage_failed(recording) == 0;
        recording_storage_set_fault(recording, NULL);
        if (read != 0)
            assert_int_equal(state.sequence, 0);
        succeed(log_read(store, &state, &failure));
        if (taken == 0)
            assert_non_null(log_find(&state, "c"));
        else if (log_find(&state, "c") == NULL)
            sample_take(store, &state, "c", 3);

        struct log_state again = sample_log(store);

        assert_int_equal(again.snapshot_count, 3);
        assert_same_log(&state, &again);
        log_state_release(&again);
        log_state_release(&state);
        store_close(store);
        assert_true(nth < 500);
    }
}

static void test_faults(void **context)
{
    (void)context;
    try_faults(FAULT_NOTHING_DONE);
    try_faults(FAULT_ALL_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyday), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_left),     cmocka_unit_test(test_marks),
        cmocka_unit_test(test_race),     cmocka_unit_test(test_loser),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
