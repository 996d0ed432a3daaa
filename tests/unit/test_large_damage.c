/* SPDX-License-Identifier: MIT */
/*
 * Where much is lost, what check and repair read grows with the store and with what is lost, not
 * with both multiplied.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/store/repair.h"
#include "tests/unit/check_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define DAYS 40 /* a pack each */

enum harm { GONE, CLOSED, HARMS };

/* Every SHARE-th pack is gone; or its directory is damaged, and the first object. */
static void harm_packs(struct storage *storage, enum harm harm, unsigned share)
{
    unsigned number = 0;

    for (size_t i = memory_storage_count(storage); i-- > 0;) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        if (strncmp(name, "packs/", 6) != 0 || number++ % share != 0)
            continue;
        if (harm == GONE) {
            succeed(storage->class->remove(storage, name, &failure));
            continue;
        }

        uint8_t *bytes = memory_storage_bytes(storage, name, &size);

        bytes[200] ^= 1;
        bytes[size - 1] ^= 1;
    }
}

/* How often the storage is asked. */
static uint64_t count_operations(struct storage *begun, enum harm harm, unsigned share,
                                 uint64_t *ret_harmful)
{
    const struct repair_options options = {.check = {.threads = 1, .read_data = true}};
    struct storage *memory = memory_storage_copy(begun);
    struct repair_result repaired;

    harm_packs(memory, harm, share);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);

    sample_state_forget();
    recording_storage_set_fault(recording, NULL);
    *ret_harmful = sample_check(store, true).harmful;
    succeed(repair(store, &options, &repaired, &failure));

    uint64_t operations = recording_storage_counted(recording);

    store_close(store);
    return operations;
}

static void test_operations(void **context)
{
    struct store *store = series_store(DAYS);

    (void)context;
    for (enum harm harm = 0; harm < HARMS; harm++) {
        uint64_t harmful[2];
        uint64_t little = count_operations(store_storage(store), harm, DAYS, &harmful[0]);
        uint64_t much = count_operations(store_storage(store), harm, 2, &harmful[1]);

        print_message("%llu operations where %llu things are lost, %llu where %llu are\n",
                      (unsigned long long)little, (unsigned long long)harmful[0],
                      (unsigned long long)much, (unsigned long long)harmful[1]);
        assert_true(much < 3 * little);
    }
    store_close(store);
}

/* ---- Beside a prune ---- */

struct other_prune {
    struct storage *recording;
    struct store *store;
    unsigned reads; /* so many are still to come */
    bool removed;
};

/* It moves what is needed, and no index tells of that. */
static void prune_between_reads(void *context)
{
    struct other_prune *other = context;

    if (other->reads-- > 0) {
        recording_storage_interpose(other->recording, STORAGE_READ, prune_between_reads, other);
        return;
    }
    other->removed = sample_prune(other->store, &sample_prune_now).removed.packs > 0;
    sample_remove_indexes(recording_storage_inner(other->recording));
}

/* The directories are not what they were when they were gone through. */
static void test_moved_meanwhile(void **context)
{
    const struct repair_options options = {.check = {.threads = 1, .read_data = true}};
    struct repair_result repaired;
    unsigned removed = 0;

    (void)context;
    for (unsigned reads = 0; reads < 400; reads += 13) {
        struct storage *memory = memory_storage_new();

        sample_store_make(memory);

        struct storage *recording = recording_storage_new(memory);
        struct store *store = sample_store_open(recording);
        struct other_prune other = {recording, store, reads, false};

        series_take_days(store, 4);
        for (unsigned day = 1; day <= 3; day++)
            series_forget_day(store, day);
        recording_storage_interpose(recording, STORAGE_READ, prune_between_reads, &other);
        if (reads % 2 == 0)
            assert_int_equal(sample_check(store, true).harmful, 0);
        else
            succeed(repair(store, &options, &repaired, &failure));
        removed += other.removed;
        assert_int_equal(series_read_all(store), 1);
        store_close(store);
    }
    assert_true(removed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_moved_meanwhile),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
