/* SPDX-License-Identifier: MIT */
/* Prune, when an operation of the storage fails, and cut short by a power cut at any point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static struct storage *pruned_soon(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);

    struct store *store = sample_store_open(memory_storage_copy(storage));

    series_take_days(store, 5);
    for (unsigned day = 2; day <= 4; day++)
        series_forget_day(store, day);
    storage->class->close(storage);
    storage = memory_storage_copy(store_storage(store));
    store_close(store);
    return storage;
}

static void test_faults(void **context)
{
    struct storage *begun = pruned_soon();
    bool done = false;
    uint64_t nth = 1;

    (void)context;
    for (; !done; nth += 1 + nth / 8) {
        struct storage *recording = recording_storage_new(memory_storage_copy(begun));
        struct store *store = sample_store_open(recording);
        const struct storage_fault fault = {.operations = STORAGE_ALL, .nth = nth, .code = EIO};
        struct prune_result result;

        sample_state_forget(); /* of the copy before */
        recording_storage_set_fault(recording, &fault);

        int error = prune(store, &sample_prune_now, &result, &failure);

        done = recording_storage_failed(recording) == 0;
        recording_storage_set_fault(recording, NULL);
        if (done)
            assert_int_equal(error, 0);
        assert_int_equal(series_read_all(store), 2);
        sample_prune(store, &sample_prune_now);
        assert_int_equal(series_read_all(store), 2);
        sample_assert_sound(store);
        store_close(store);
    }
    assert_true(nth > 50);
    begun->class->close(begun);
}

/* ---- A full disk ---- */

/* What nothing needs goes all the same; then there is room. What was half done leaves nothing. */
static void prune_without_room(const struct storage_fault *fault)
{
    struct storage *memory = memory_storage_new();

    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct prune_result result;

    sample_state_forget();
    series_take_days(store, 5);
    series_forget_day(store, 2);
    series_forget_day(store, 3);
    series_forget_day(store, 5); /* nothing of its pack is needed */

    size_t packs = sample_count_files(memory, "packs");

    recording_storage_set_fault(recording, fault);
    assert_int_equal(prune(store, &sample_prune_now, &result, &failure), -ENOSPC);
    assert_true(recording_storage_failed(recording) > 0);
    assert_int_equal(sample_count_files(memory, "packs"), packs - 1);
    recording_storage_set_fault(recording, NULL);
    assert_int_equal(series_read_all(store), 2);
    assert_true(sample_prune(store, &sample_prune_now).emptied.packs > 0);
    assert_int_equal(series_read_all(store), 2);
    sample_assert_sound(store);
    store_close(store);
}

static void test_full_disk(void **context)
{
    const struct storage_fault no_pack = {
        .operations = STORAGE_CREATE, .nth = 1, .code = ENOSPC, .for_ever = true};
    const struct storage_fault no_index = {
        .operations = STORAGE_CREATE, .nth = 2, .code = ENOSPC, .for_ever = true};

    (void)context;
    prune_without_room(&no_pack);
    prune_without_room(&no_index);
}

/* No prune gives back what that which is needed is stored as changes to: so another is no advice.
 */
static void test_full_of_what_is_changed(void **context)
{
    const struct storage_fault fault = {
        .operations = STORAGE_CREATE, .nth = 1, .code = ENOSPC, .for_ever = true};
    struct prune_options options = sample_prune_now;
    struct storage *memory = memory_storage_new();
    struct prune_result result;

    (void)context;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);

    sample_state_forget();
    series_take_days(store, 12);
    for (unsigned day = 1; day <= 12; day++) {
        if (day % 4 != 0)
            series_forget_day(store, day);
    }
    recording_storage_set_fault(recording, &fault);
    assert_int_equal(prune(store, &options, &result, &failure), -ENOSPC);
    assert_non_null(strstr(failure.text, "has gone all the same. "));
    assert_non_null(strstr(failure.text, "only a new store, with a new snapshot, is without"));
    options.grace_ns = 1;
    assert_int_equal(prune(store, &options, &result, &failure), -ENOSPC);
    assert_non_null(strstr(failure.text, "prune again when the grace period is over. "));
    assert_non_null(strstr(failure.text, "only a new store, with a new snapshot, is without"));
    store_close(store);
}

/* ---- Power cuts ---- */

static void try_cut(struct storage *recording, struct storage *begun, struct replay how,
                    size_t *in_flight)
{
    struct storage *found = memory_storage_copy(begun);
    struct replayed replayed;

    succeed(recording_storage_replay(recording, &how, found, &replayed, &failure));
    *in_flight += replayed.in_flight;
    sample_state_forget(); /* what was not durable may have been seen */

    struct store *store = sample_store_open(found);

    assert_int_equal(series_read_all(store), 2);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), 2);
    store_close(store);
}

static void test_power_cuts(void **context)
{
    struct storage *begun = pruned_soon();
    struct storage *recording = recording_storage_new(memory_storage_copy(begun));
    struct store *store = sample_store_open(recording);
    size_t in_flight = 0;

    (void)context;
    sample_prune(store, &sample_prune_now);

    size_t points = recording_storage_count(recording);

    assert_true(points > 5);
    for (size_t point = 0; point <= points; point++) {
        try_cut(recording, begun, (struct replay){.point = point, .fate = REPLAY_DROPPED},
                &in_flight);
        try_cut(recording, begun, (struct replay){.point = point, .fate = REPLAY_KEPT}, &in_flight);
        try_cut(recording, begun,
                (struct replay){.point = point, .fate = REPLAY_CHOSEN, .choice = 0xa5a5a5a5},
                &in_flight);
        try_cut(recording, begun,
                (struct replay){.point = point, .fate = REPLAY_TORN, .cut = 40000}, &in_flight);
    }
    assert_true(in_flight > 0);
    store_close(store);
    begun->class->close(begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_of_what_is_changed),
        cmocka_unit_test(test_power_cuts),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
