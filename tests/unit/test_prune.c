/* SPDX-License-Identifier: MIT */
/* Prune gives room back, as much as it may, and loses nothing. */
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
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static uint64_t pack_bytes(struct storage *storage)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        if (strncmp(name, "packs/", 6) == 0 && memory_storage_bytes(storage, name, &size) != NULL)
            bytes += size;
    }
    return bytes;
}

static void test_nothing_to_do(void **context)
{
    struct store *store = sample_store();

    (void)context;
    series_take_days(store, 4);

    struct prune_result result = sample_prune(store, &sample_prune_now);

    assert_true(result.found.packs > 0 && result.garbage.packs == 0 && result.emptied.packs == 0 &&
                result.removed.packs == 0 && result.waiting.packs == 0);
    assert_int_equal(series_read_all(store), 4);
    sample_assert_sound(store);
    store_close(store);
}

static void test_all_forgotten(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);

    (void)context;
    series_take_days(store, 3);
    for (unsigned day = 1; day <= 3; day++)
        series_forget_day(store, day);

    uint64_t before = pack_bytes(storage);
    struct prune_result result = sample_prune(store, &sample_prune_usual);

    assert_true(before > 0);
    assert_int_equal(result.garbage.packs, result.found.packs);
    assert_int_equal(result.waiting.bytes, before);
    assert_int_equal(result.removed.packs, 0);
    assert_int_equal(pack_bytes(storage), before);
    /* The grace period has not passed. */
    result = sample_prune(store, &sample_prune_usual);
    assert_int_equal(result.removed.packs, 0);
    result = sample_prune(store, &sample_prune_now);
    assert_int_equal(result.removed.bytes, before);
    assert_int_equal(pack_bytes(storage), 0);
    sample_assert_sound(store);
    result = sample_prune(store, &sample_prune_now);
    assert_int_equal(result.found.packs, 0);
    store_close(store);
}

static void test_rewrite(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);

    (void)context;
    const struct prune_options dry = {.unused = {UNUSED_PERCENT, 0}, .dry_run = true};

    series_take_days(store, 12);
    assert_int_equal(sample_prune(store, &dry).ancestor_bytes, 0);
    for (unsigned day = 1; day <= 12; day++) {
        if (day % 4 != 0)
            series_forget_day(store, day);
    }

    uint64_t before = pack_bytes(storage);
    struct prune_result planned = sample_prune(store, &dry);

    assert_true(planned.ancestor_bytes > 0);

    assert_int_equal(pack_bytes(storage), before);
    assert_true(planned.emptied.packs > 0);

    struct prune_result result = sample_prune(store, &sample_prune_now);

    assert_int_equal(planned.emptied.packs, result.emptied.packs);
    assert_int_equal(planned.garbage.packs, result.garbage.packs);
    assert_int_equal(result.removed.packs, result.emptied.packs + result.garbage.packs);
    assert_int_equal(result.unused_bytes, 0);
    assert_true(pack_bytes(storage) < before);
    assert_int_equal(series_read_all(store), 3);
    sample_assert_sound(store);
    /* Nothing is left to be done. */
    result = sample_prune(store, &sample_prune_now);
    assert_int_equal(result.emptied.packs + result.garbage.packs + result.removed.packs, 0);
    /* Snapshots go on, on top of what was moved. */
    struct sample_series series;

    series_begin(&series, store);
    series_take(&series, 13);
    series_end(&series);
    assert_int_equal(series_read_all(store), 4);
    sample_assert_sound(store);
    store_close(store);
}

static void test_bounds(void **context)
{
    struct store *store = sample_store();

    (void)context;
    series_take_days(store, 9);
    for (unsigned day = 1; day <= 8; day++)
        series_forget_day(store, day);

    const struct prune_options none = {.unused = {UNUSED_UNLIMITED, 0}, .dry_run = true};
    const struct prune_options much = {.unused = {UNUSED_PERCENT, 99}, .dry_run = true};
    const struct prune_options zero = {.unused = {UNUSED_BYTES, 0}, .dry_run = true};
    const struct prune_options huge = {.unused = {UNUSED_BYTES, UINT64_MAX}, .dry_run = true};

    assert_int_equal(sample_prune(store, &none).emptied.packs, 0);
    assert_int_equal(sample_prune(store, &much).emptied.packs, 0);
    assert_int_equal(sample_prune(store, &huge).emptied.packs, 0);
    assert_true(sample_prune(store, &zero).emptied.packs > 0);
    assert_true(sample_prune(store, &none).unused_bytes > 0);
    store_close(store);
}

/* ---- The log's own files ---- */

static void test_old_records(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct sample_series series;

    (void)context;
    series_begin(&series, store);
    series_take(&series, 1);
    for (unsigned i = 0; i < 100; i++) {
        succeed(log_rename(store, &series.state, "day-1", "x", &failure));
        succeed(log_rename(store, &series.state, "x", "day-1", &failure));
    }
    assert_int_equal(sample_count_files(storage, "checkpoints"), 3);

    struct prune_result result = sample_prune(store, &sample_prune_usual);

    assert_int_equal(result.records_removed, 127 + 1);
    assert_int_equal(sample_count_files(storage, "checkpoints"), 2);
    assert_int_equal(sample_count_files(storage, "log"), 202 - 127);
    sample_assert_sound(store);
    succeed(log_read(store, &series.state, &failure));
    assert_int_equal(series_read_all(store), 1);
    series_end(&series);
    store_close(store);
}

/* A record that a checkpoint stands for is nobody's need; nor is it prune's, which asks it whose a
 * young pack is. */
static void test_damaged_old_record(void **context)
{
    struct store *store = sample_store();
    struct sample_series series;
    char name[PACK_NAME_SIZE];
    size_t size;

    (void)context;
    series_begin(&series, store);
    series_take(&series, 1);
    for (unsigned i = 0; i < 40; i++) {
        succeed(log_rename(store, &series.state, "day-1", "x", &failure));
        succeed(log_rename(store, &series.state, "x", "day-1", &failure));
    }
    series_end(&series);
    sample_orphan(store, name);
    memory_storage_bytes(store_storage(store), "log/00000000000000000005", &size)[50] ^= 1;
    assert_int_equal(sample_prune(store, &sample_prune_usual).young.packs, 1);
    assert_int_equal(series_read_all(store), 1);
    store_close(store);
}

/* ---- Damage ---- */

static void test_refuses_damage(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct prune_result result;

    (void)context;
    series_take_days(store, 2);
    series_forget_day(store, 1);

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        if (strncmp(name, "packs/", 6) == 0) {
            memory_storage_bytes(storage, name, &size)[size - 100] ^= 1;
            break;
        }
    }
    assert_int_equal(prune(store, &sample_prune_now, &result, &failure), -EBADMSG);
    assert_non_null(strstr(failure.text, "crmfs check"));
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),  cmocka_unit_test(test_all_forgotten),
        cmocka_unit_test(test_rewrite),        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_old_records),    cmocka_unit_test(test_damaged_old_record),
        cmocka_unit_test(test_refuses_damage),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
