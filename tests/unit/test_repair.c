/* SPDX-License-Identifier: MIT */
/* What can be made again, repair makes; what is lost, it forgets when told to, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/store/log_internal.h"
#include "fs/store/pack.h"
#include "fs/store/repair.h"
#include "tests/unit/check_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

/* Behind the last byte of a pack. */
static uint8_t *pack_end(struct store *store, const struct object_reference *reference)
{
    size_t size = 0;
    uint8_t *bytes = sample_pack_of(store_storage(store), reference, &size);

    assert_non_null(bytes);
    return bytes + size;
}

static struct repair_result run_repair(struct store *store, const struct repair_options *options)
{
    struct repair_result repaired;

    succeed(repair(store, options, &repaired, &failure));
    return repaired;
}

static struct prune_result run_prune(struct store *store)
{
    const struct prune_options options = {.unused = {UNUSED_PERCENT, 5}};

    return sample_prune(store, &options);
}

static void test_missing_pack(void **context)
{
    struct store *store = series_store(3);
    struct storage *storage = store_storage(store);
    struct object_reference reference = sample_group_of(store, 3, 0, 0);

    (void)context;
    succeed(storage->class->remove(storage, sample_pack_path(storage, &reference), &failure));

    struct check_result result = sample_check(store, false);

    assert_true(result.harmful > 0);
    assert_true(check_found("5 day-3 / 0 0+0\n"));
    assert_false(check_found("day-1"));
    assert_false(check_found("day-2"));

    /* Told to, repair forgets what lost something, and nothing else. */
    const struct repair_options keep = {.check = {.threads = 1}};
    const struct repair_options drop = {.forget_damaged = true, .check = {.threads = 1}};
    struct repair_result repaired;

    succeed(repair(store, &keep, &repaired, &failure));
    assert_int_equal(repaired.forgotten, 0);
    succeed(repair(store, &drop, &repaired, &failure));
    assert_int_equal(repaired.forgotten, 1);
    assert_int_equal(series_read_all(store), 2);
    assert_int_equal(sample_check(store, true).findings, 0);
    store_close(store);
}

/* What later days are compressed against stands in a pack of which only the foot is damaged. */
static void test_damaged_foot(void **context)
{
    const struct repair_options options = {.forget_damaged = true, .check = {.threads = 1}};

    (void)context;
    for (int read_data = 0; read_data <= 1; read_data++) {
        struct store *store = series_store(4);
        struct object_reference reference = sample_group_of(store, 1, 0, 0);

        pack_end(store, &reference)[-10] ^= 1;

        struct check_result result = sample_check(store, read_data);

        assert_int_equal(result.findings, 1);
        assert_int_equal(result.harmful, 0);
        assert_true(check_found("4 packs/") && check_found(" harmless"));
        assert_false(check_found("day-"));

        struct repair_result repaired = run_repair(store, &options);

        assert_int_equal(repaired.forgotten, 0);
        assert_int_equal(repaired.packs_replaced, 1);
        assert_true(repaired.objects_rewritten > SERIES_GROUPS);
        assert_int_equal(repaired.packs_damaged, 0);
        assert_int_equal(sample_check(store, true).findings, 0);
        assert_int_equal(run_prune(store).removed.packs, 1);
        assert_int_equal(sample_check(store, true).findings, 0);
        assert_int_equal(series_read_all(store), 4);
        repaired = run_repair(store, &options);
        assert_int_equal(repaired.packs_replaced, 0);
        store_close(store);
    }
}

static void damage_feet(struct storage *storage)
{
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size = 0;

        if (strncmp(name, "packs/", 6) == 0)
            memory_storage_bytes(storage, name, &size)[size - 10] ^= 1;
    }
}

/*
 * The same of a pack into which prune has moved what is in it: references lead to where it was, and
 * only an index to where it is.
 */
static void test_damaged_foot_after_prune(void **context)
{
    const struct repair_options options = {.forget_damaged = true, .check = {.threads = 1}};
    struct store *store = series_store(9);
    struct storage *storage = store_storage(store);
    struct sample_series series;

    (void)context;
    series_begin(&series, store);
    for (unsigned day = 1; day <= 8; day++)
        series_forget(&series, day);
    series_end(&series);
    /* What an older index says of a place gives way to what a newer one does. */
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, "index/", 6) == 0)
            memory_storage_set_time(storage, name, time(NULL) - 10);
    }
    assert_true(run_prune(store).emptied.packs > 0);
    damage_feet(storage);
    assert_int_equal(sample_check(store, false).harmful, 0);
    assert_int_equal(run_repair(store, &options).forgotten, 0);
    assert_int_equal(sample_check(store, true).findings, 0);
    run_prune(store);
    assert_int_equal(series_read_all(store), 1);
    store_close(store);
}

/* Of an object that was stored at two depths, and is needed at both, both are written anew. */
static void test_damaged_feet_of_two_depths(void **context)
{
    const struct repair_options options = {.forget_damaged = true, .check = {.threads = 1}};
    struct store *store = sample_store();
    struct sample_series series;
    char name[PACK_NAME_SIZE];
    const char *const names[] = {name};

    (void)context;
    series_begin(&series, store);
    series_take(&series, 3); /* all of contacts changes in three days */
    series_take(&series, 6);

    struct object_reference reference = sample_group_of(store, 6, 0, 0);

    sample_pack_name_of(store_storage(store), &reference, name);
    series_take(&series, 9);
    series_take_anew(&series, 6, name);
    succeed(log_unmark_packs(store, &series.state, names, 1, &failure));
    series_end(&series);
    damage_feet(store_storage(store));
    assert_int_equal(sample_check(store, false).harmful, 0);
    assert_int_equal(run_repair(store, &options).forgotten, 0);
    run_prune(store);
    assert_int_equal(sample_check(store, true).findings, 0);
    assert_int_equal(series_read_all(store), 3);
    store_close(store);
}

/* With a piece damaged besides, what rests on that is lost, and nothing else. */
static void test_damaged_foot_and_piece(void **context)
{
    const struct repair_options drop = {.forget_damaged = true, .check = {.threads = 1}};
    struct store *store = series_store(3);
    struct object_reference reference = sample_group_of(store, 1, 0, 1);
    size_t size = 0;
    uint8_t *bytes = sample_pack_of(store_storage(store), &reference, &size);

    (void)context;
    bytes[size - 10] ^= 1;
    bytes[reference.offset + 40] ^= 1;

    struct check_result result = sample_check(store, false);

    assert_true(result.harmful > 0);
    assert_true(check_found("day-1 crm/contacts 1 100+100\n"));
    assert_int_equal(check_lines_found("crm/contacts"),
                     check_lines_found("crm/contacts 1 100+100"));

    uint64_t touched = check_lines_found("crm/contacts");

    assert_int_equal(run_repair(store, &drop).forgotten, touched);
    assert_int_equal(sample_check(store, true).findings, 0);
    run_prune(store);
    assert_int_equal(series_read_all(store), 3 - touched);
    store_close(store);
}

/* Its first bytes are under no seal, and nothing is lost with them. */
static void test_damaged_beginning(void **context)
{
    const struct repair_options options = {.check = {.threads = 1}};
    struct store *store = series_store(2);
    struct object_reference reference = sample_group_of(store, 1, 0, 0);
    size_t size = 0;

    (void)context;
    sample_pack_of(store_storage(store), &reference, &size)[20] ^= 1;
    assert_int_equal(sample_check(store, true).harmful, 0);
    assert_true(check_found("4 packs/"));
    assert_int_equal(run_repair(store, &options).packs_replaced, 1);
    assert_int_equal(sample_check(store, true).findings, 0);
    assert_int_equal(run_prune(store).removed.packs, 1);
    assert_int_equal(series_read_all(store), 2);
    store_close(store);
}

/* A piece that only a forgotten snapshot needed. */
static void test_damaged_unneeded(void **context)
{
    const struct repair_options options = {.check = {.threads = 1, .read_data = true}};
    struct store *store = series_store(2);
    struct log_state state = {.sequence = 0};
    struct object_reference tree;
    size_t size = 0;

    (void)context;
    succeed(log_read(store, &state, &failure));
    tree = state.snapshots[0].tree;
    succeed(
        log_forget(store, &state, (const struct snapshot *[]){&state.snapshots[0]}, 1, &failure));
    log_state_release(&state);
    sample_pack_of(store_storage(store), &tree, &size)[tree.offset + 9] ^= 1;
    assert_int_equal(sample_check(store, true).findings, 1);
    assert_true(check_found(" harmless"));
    assert_int_equal(run_repair(store, &options).packs_replaced, 1);
    assert_int_equal(sample_check(store, true).findings, 0);
    assert_int_equal(series_read_all(store), 1);
    store_close(store);
}

static void test_indexes(void **context)
{
    struct store *store = series_store(3);
    struct storage *storage = store_storage(store);
    const struct repair_options options = {.check = {.threads = 1}};
    struct repair_result repaired;

    (void)context;
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        if (strncmp(name, "index/", 6) == 0)
            memory_storage_bytes(storage, name, &size)[size / 2] ^= 1;
    }

    struct check_result result = sample_check(store, false);

    assert_true(result.findings > 0 && result.harmful == 0);
    succeed(repair(store, &options, &repaired, &failure));
    assert_true(repaired.packs > 0 && repaired.packs_damaged == 0 && repaired.objects > 0);
    assert_int_equal(sample_check(store, true).findings, 0);
    assert_int_equal(series_read_all(store), 3);
    store_close(store);
}

static void test_checkpoints(void **context)
{
    struct store *store = series_store(1);
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};
    const struct repair_options options = {.check = {.threads = 1}};
    struct repair_result repaired;
    size_t size;

    (void)context;
    succeed(log_read(store, &state, &failure));
    succeed(checkpoint_write(store, &state, &failure));
    memory_storage_bytes(storage, "checkpoints/00000000000000000002", &size)[50] ^= 1;
    assert_int_equal(sample_check(store, false).findings, 1);
    assert_true(check_found("2 checkpoints/00000000000000000002 harmless"));
    succeed(repair(store, &options, &repaired, &failure));
    assert_int_equal(repaired.checkpoints_removed, 1);
    assert_true(repaired.checkpoint_written);
    assert_int_equal(sample_check(store, false).findings, 0);
    log_state_release(&state);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing_pack),
        cmocka_unit_test(test_damaged_foot),
        cmocka_unit_test(test_damaged_foot_after_prune),
        cmocka_unit_test(test_damaged_feet_of_two_depths),
        cmocka_unit_test(test_damaged_foot_and_piece),
        cmocka_unit_test(test_damaged_beginning),
        cmocka_unit_test(test_damaged_unneeded),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_checkpoints),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, check_samples_end);
}
