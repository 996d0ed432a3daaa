/* SPDX-License-Identifier: MIT */
/* Prune and objects of which there are several copies, or whose pack was marked by mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/store/log_internal.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

/* A mark may be wrong: what a snapshot needs is unmarked, not removed. */
static void test_wrong_mark(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};

    (void)context;
    series_take_days(store, 3);
    succeed(log_read(store, &state, &failure));

    const char *name = NULL;

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        if (strncmp(memory_storage_name(storage, i), "packs/", 6) == 0)
            name = memory_storage_name(storage, i) + strlen("packs/00/");
    }
    assert_non_null(name);
    succeed(log_mark_packs(store, &state, &name, 1, &failure));
    assert_int_equal(sample_prune(store, &sample_prune_now).removed.packs, 0);
    succeed(log_read(store, &state, &failure));
    assert_int_equal(state.mark_count, 0);
    log_state_release(&state);
    assert_int_equal(series_read_all(store), 3);
    sample_assert_sound(store);
    store_close(store);
}

/* The pack that the newest take record names. */
static void newest_pack(struct store *store, uint64_t sequence, char name[PACK_NAME_SIZE])
{
    struct log_entry entry;
    uint8_t hash[LOG_HASH_BYTES];

    succeed(log_record_read(store, sequence, &entry, hash, &failure));
    assert_int_equal(entry.pack_count, 1);
    memcpy(name, entry.packs[0], PACK_NAME_SIZE);
    log_entry_release(&entry);
}

/*
 * While its pack is marked, an object is written again: against what is compressed against its
 * first copy. Neither copy can stand in for the other.
 */
static void test_copies_at_other_depths(void **context)
{
    struct store *store = sample_store();
    struct sample_series series;
    char name[PACK_NAME_SIZE];

    (void)context;
    series_begin(&series, store);
    series_take(&series, 3); /* all of contacts changes in three days */
    series_take(&series, 6);
    newest_pack(store, series.state.sequence, name);
    series_take(&series, 9);
    series_take_anew(&series, 6, name);
    assert_int_equal(series_read_all(store), 3);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), 3);
    sample_assert_sound(store);
    series_forget(&series, 3);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), 2);
    sample_assert_sound(store);
    series_forget(&series, 9);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), 1);
    sample_assert_sound(store);
    series_end(&series);
    store_close(store);
}

/*
 * A snapshot's reference leads to a copy that takes other room than the one it was made for: what
 * is used of a pack is what stands in it, so that a pack of which all is used is left alone.
 */
static void test_copies_of_other_sizes(void **context)
{
    struct store *store = sample_store();
    struct sample_series series;
    char name[PACK_NAME_SIZE];
    const char *const names[] = {name};

    (void)context;
    series_begin(&series, store);
    series_take(&series, 1);
    series_take(&series, 4);
    newest_pack(store, series.state.sequence, name);
    series_take(&series, 7);
    succeed(log_rename(store, &series.state, "day-4", "a", &failure)); /* is walked first */
    succeed(log_mark_packs(store, &series.state, names, 1, &failure));
    series_take(&series, 4);
    sample_prune(store, &sample_prune_now);

    struct prune_result result = sample_prune(store, &sample_prune_now);

    assert_int_equal(result.emptied.packs + result.garbage.packs + result.removed.packs, 0);
    assert_int_equal(result.unused_bytes, 0);
    series_end(&series);
    sample_assert_sound(store);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_mark),
        cmocka_unit_test(test_copies_at_other_depths),
        cmocka_unit_test(test_copies_of_other_sizes),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
