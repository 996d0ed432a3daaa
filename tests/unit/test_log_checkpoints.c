/* SPDX-License-Identifier: MIT */
/* Checkpoints of a log: when they are written, that older ones serve, and that they are quick to
 * open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/store/log_internal.h"
#include "tests/unit/log_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static void test_checkpoints(void **context)
{
    struct storage *storage = memory_storage_new();
    char name[64];

    (void)context;
    sample_store_make(storage);

    struct store *store = sample_store_open(storage);
    struct log_state state = sample_log(store);
    char pack[65];
    const char *packs[] = {pack};

    for (unsigned i = 1; i <= 200; i++) {
        snprintf(name, sizeof name, "s%u", i);
        sample_take(store, &state, name, i);
    }
    sample_pack_name(5, pack);
    succeed(log_mark_packs(store, &state, packs, 1, &failure));
    assert_int_equal(state.checkpoint, 192);

    struct log_state again = sample_log(store);

    assert_int_equal(again.checkpoint, 192);
    assert_same_log(&state, &again);
    log_state_release(&again);

    /* The newest one is damaged: the one before serves. */
    size_t size;
    uint8_t *bytes = memory_storage_bytes(storage, "checkpoints/00000000000000000192", &size);

    assert_non_null(bytes);
    assert_int_equal(size % 1024, 0);
    bytes[size / 2] ^= 1;
    again = sample_log(store);
    assert_int_equal(again.checkpoint, 128);
    assert_same_log(&state, &again);
    log_state_release(&again);

    /* What prune may remove is not needed. */
    for (unsigned i = 1; i < 128; i++) {
        snprintf(name, sizeof name, "log/%020u", i);
        succeed(storage->class->remove(storage, name, &failure));
    }
    succeed(storage->class->remove(storage, "checkpoints/00000000000000000064", &failure));
    again = sample_log(store);
    assert_same_log(&state, &again);
    log_state_release(&again);

    /* A state from long ago is brought up to date as well. */
    struct log_state old = {.sequence = 3};

    memset(old.hash, 9, sizeof old.hash);
    succeed(log_read(store, &old, &failure));
    assert_same_log(&state, &old);
    log_state_release(&old);
    log_state_release(&state);
    store_close(store);
}

#define SECONDS_MOST (SANITIZED ? 10.0 : 0.06)

static void test_ten_thousand(void **context)
{
    struct store *store = sample_store();
    struct log_state state = sample_log(store);
    char name[64];

    (void)context;
    for (unsigned i = 0; i < 10000; i++) {
        struct snapshot snapshot;
        struct log_entry entry = {.kind = LOG_TAKE, .sequence = state.sequence + 1};

        /* Without files, but for those at the end: only reading is measured. */
        snprintf(name, sizeof name, "2026-%02u-%02u %05u", i % 12 + 1, i % 28 + 1, i);
        snapshot = sample_snapshot(name, i);
        assert_int_equal(snapshot_copy(&snapshot, &entry.snapshot), 0);
        assert_int_equal(log_state_prepare(&state, &entry), 0);
        log_state_apply(&state, &entry, state.hash);
        log_entry_release(&entry);
        sample_snapshot_release(&snapshot);
    }

    succeed(checkpoint_write(store, &state, &failure));

    clock_t began = clock();
    struct log_state again = {.sequence = 0};

    succeed(checkpoint_read(store, state.sequence, &again, &failure));

    double took = (double)(clock() - began) / CLOCKS_PER_SEC;

    assert_same_log(&state, &again);
    print_message("10,000 snapshots open in %.1f ms\n", took * 1000);
    assert_true(took < SECONDS_MOST);
    log_state_release(&again);
    log_state_release(&state);
    store_close(store);
}

static void test_every_byte_of_a_checkpoint(void **context)
{
    struct storage *storage = sample_log_storage();
    struct store *store = sample_store_open(storage);
    struct log_state state = sample_log(store);
    struct log_state again;
    size_t size;

    (void)context;
    succeed(checkpoint_write(store, &state, &failure));

    uint8_t *bytes = memory_storage_bytes(storage, "checkpoints/00000000000000000003", &size);

    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        assert_int_equal(checkpoint_read(store, 3, &again, &failure), -EBADMSG);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    again = sample_log(store);
    assert_same_log(&state, &again);
    log_state_release(&again);
    log_state_release(&state);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_ten_thousand),
        cmocka_unit_test(test_every_byte_of_a_checkpoint),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
