/* SPDX-License-Identifier: MIT */
/*
 * Gaps, forks, replays and flipped bytes of a log are found; rollbacks by any client that saw more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/freshness.h"
#include "fs/store/log.h"
#include "tests/unit/log_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static void test_every_byte(void **context)
{
    struct storage *storage = sample_log_storage();
    struct store *store = sample_store_open(storage);

    (void)context;
    for (unsigned record = 1; record <= 3; record++) {
        char name[64];
        size_t size;

        snprintf(name, sizeof name, "log/%020u", record);

        uint8_t *bytes = memory_storage_bytes(storage, name, &size);

        assert_int_equal(size, 1024);
        for (size_t i = 0; i < size; i++) {
            bytes[i] ^= (uint8_t)(1 << i % 8);
            /* What this client saw does not agree either: forgotten, to see the seal alone. */
            sample_state_forget();
            assert_int_equal(sample_log_error(store), -EBADMSG);
            bytes[i] ^= (uint8_t)(1 << i % 8);
        }
    }
    sample_state_forget();
    assert_int_equal(sample_log_error(store), 0);
    store_close(store);
}

static void remove_file(struct storage *storage, const char *name)
{
    succeed(storage->class->remove(storage, name, &failure));
}

static void copy_file(struct storage *from, const char *name, struct storage *to,
                      const char *to_name)
{
    size_t size;
    const uint8_t *bytes = memory_storage_bytes(from, name, &size);

    assert_non_null(bytes);
    memory_storage_set(to, to_name, bytes, size);
}

#define RECORD(n) "log/0000000000000000000" #n

static void test_gap(void **context)
{
    struct store *store = sample_store_open(sample_log_storage());
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};

    (void)context;
    remove_file(storage, RECORD(2));
    sample_state_forget();
    assert_int_equal(sample_log_error(store), -EBADMSG);
    assert_non_null(strstr(failure.text, "record 2"));
    /* Nor does a writer fill it. */
    assert_int_equal(sample_try_take(store, &state, "c", 9), -EBADMSG);
    remove_file(storage, RECORD(3));
    remove_file(storage, RECORD(1));
    assert_int_equal(sample_log_error(store), -EBADMSG);
    store_close(store);
}

static void remove_record(struct storage *storage, unsigned number)
{
    char name[64];

    snprintf(name, sizeof name, "log/%020u", number);
    remove_file(storage, name);
}

/*
 * So many records are lost, and all checkpoints, that nothing near where the log seems to end tells
 * of those that follow.
 */
static void test_wide_gap(void **context)
{
    struct store *store = sample_store_open(sample_log_storage());
    struct storage *storage = store_storage(store);
    struct log_state old = sample_log(store);
    struct log_state state = sample_log(store);
    struct log_state before;
    char name[64];

    (void)context;
    for (unsigned i = 4; i <= 210; i++) {
        snprintf(name, sizeof name, "s%u", i);
        sample_take(store, &state, name, i);
        if (i == 6)
            assert_int_equal(log_state_copy(&state, &before), 0);
    }
    for (unsigned i = 7; i <= 200; i++)
        remove_record(storage, i);
    for (unsigned i = 64; i <= 192; i += 64) {
        snprintf(name, sizeof name, "checkpoints/%020u", i);
        remove_file(storage, name);
    }
    sample_state_forget();
    assert_int_equal(sample_log_error(store), -EBADMSG);
    assert_non_null(strstr(failure.text, "record 7 of its log is missing, though "
                                         "log/00000000000000000210 is there"));
    /* Nor does who goes on from what was read before take the gap for the end. */
    assert_int_equal(log_read(store, &old, &failure), -EBADMSG);
    assert_int_equal(sample_try_take(store, &before, "new", 999), -EBADMSG);
    log_state_release(&before);
    log_state_release(&state);
    log_state_release(&old);
    store_close(store);
}

/* A record that somebody has copied to a number far beyond: nothing may be appended up to it. */
static void test_copied_far(void **context)
{
    struct store *store = sample_store_open(sample_log_storage());
    struct storage *storage = store_storage(store);

    (void)context;
    for (unsigned number = 5; number <= 500; number += 55) {
        char name[64];

        snprintf(name, sizeof name, "log/%020u", number);
        copy_file(storage, RECORD(3), storage, name);
        sample_state_forget();
        assert_int_equal(sample_log_error(store), -EBADMSG);
        assert_non_null(strstr(failure.text, name));
        remove_file(storage, name);
        assert_int_equal(sample_log_error(store), 0);
    }
    store_close(store);
}

/* Two records that another appends while the log is read, after so many looks at a file. */
struct meanwhile {
    struct storage *storage;
    struct store *store;
    unsigned looks;
};

static void take_two(void *context)
{
    struct meanwhile *meanwhile = context;

    if (meanwhile->looks-- > 0) {
        recording_storage_interpose(meanwhile->storage, STORAGE_SIZE | STORAGE_LIST, take_two,
                                    meanwhile);
        return;
    }

    struct log_state state = sample_log(meanwhile->store);

    sample_take(meanwhile->store, &state, "c", 3);
    sample_take(meanwhile->store, &state, "d", 4);
    log_state_release(&state);
}

/* They are none beyond a gap, whenever they come. */
static void test_appended_meanwhile(void **context)
{
    (void)context;
    for (unsigned looks = 0; looks < 7; looks++) {
        struct storage *storage = recording_storage_new(sample_log_storage());
        struct store *store = sample_store_open(storage);
        struct meanwhile meanwhile = {storage, store, looks};

        recording_storage_interpose(storage, STORAGE_SIZE | STORAGE_LIST, take_two, &meanwhile);

        struct log_state state = sample_log(store);

        assert_true(state.sequence >= 3);
        recording_storage_interpose(storage, 0, NULL, NULL);
        log_state_release(&state);
        store_close(store);
    }
}

static void test_swapped_and_cut(void **context)
{
    struct store *store = sample_store_open(sample_log_storage());
    struct storage *storage = store_storage(store);
    struct storage *before = memory_storage_copy(storage);
    size_t size;

    (void)context;
    sample_state_forget();
    copy_file(before, RECORD(2), storage, RECORD(3));
    assert_int_equal(sample_log_error(store), -EBADMSG);
    copy_file(before, RECORD(3), storage, RECORD(3));
    copy_file(before, RECORD(3), storage, RECORD(4));
    assert_int_equal(sample_log_error(store), -EBADMSG);
    remove_file(storage, RECORD(4));
    assert_int_equal(sample_log_error(store), 0);

    const uint8_t *bytes = memory_storage_bytes(before, RECORD(3), &size);

    for (size_t cut = 0; cut <= size + 1024; cut += 64) {
        uint8_t *longer = calloc(1, size + 1024);

        assert_non_null(longer);
        memcpy(longer, bytes, size);
        memory_storage_set(storage, RECORD(3), longer, cut);
        free(longer);
        assert_int_equal(sample_log_error(store), cut == size ? 0 : -EBADMSG);
    }
    before->class->close(before);
    store_close(store);
}

/*
 * A record that can be seen may be on its way still, and be gone after a power cut: what could not
 * be made durable is not remembered, or the store would be said to have been rolled back.
 */
static void test_remembered_once_durable(void **context)
{
    const struct storage_fault no_flush = {
        .nth = 1, .operations = STORAGE_FLUSH, .code = EIO, .for_ever = true};
    struct storage *storage = recording_storage_new(sample_log_storage());
    struct store *store = sample_store_open(storage);
    const uint8_t *id = store_header(store)->id;
    struct freshness seen;

    (void)context;
    sample_state_forget();
    recording_storage_set_fault(storage, &no_flush);
    assert_int_equal(sample_log_error(store), 0);
    assert_int_equal(recording_storage_failed(storage), 1);
    assert_false(freshness_load(id, &seen));

    recording_storage_set_fault(storage, NULL);
    assert_int_equal(sample_log_error(store), 0);
    assert_true(freshness_load(id, &seen));
    assert_int_equal(seen.sequence, 3);

    /* What is remembered already need not be flushed again. */
    recording_storage_set_fault(storage, &no_flush);
    assert_int_equal(sample_log_error(store), 0);
    assert_int_equal(recording_storage_failed(storage), 0);
    store_close(store);
}

/* Two copies of a store went on by themselves; records of the one are no sequel to the other's. */
static void test_fork(void **context)
{
    struct store *one = sample_store_open(sample_log_storage());
    struct store *other = sample_store_open(memory_storage_copy(store_storage(one)));
    struct log_state state = sample_log(one);

    (void)context;
    sample_take(one, &state, "c", 3);
    log_state_release(&state);
    sample_state_forget();
    state = sample_log(other);
    sample_take(other, &state, "d", 4);
    sample_take(other, &state, "e", 5);
    log_state_release(&state);

    copy_file(store_storage(other), RECORD(5), store_storage(one), RECORD(5));
    sample_state_forget();
    assert_int_equal(sample_log_error(one), -EBADMSG);
    assert_non_null(strstr(failure.text, "forked"));
    store_close(one);
    store_close(other);
}

/* ---- What this client remembers ---- */

static void test_rollback(void **context)
{
    struct store *store = sample_store_open(sample_log_storage());
    struct storage *storage = store_storage(store);
    struct storage *before = memory_storage_copy(storage);
    struct log_state state = sample_log(store);

    (void)context;
    sample_take(store, &state, "c", 3);
    remove_file(storage, RECORD(4));
    assert_int_equal(sample_log_error(store), -ESTALE);
    assert_int_equal(log_read(store, &state, &failure), -ESTALE);
    assert_int_equal(sample_try_take(store, &state, "d", 4), -ESTALE);

    /* Another record in the place of the one that was seen. */
    succeed(log_accept_rollback(store, &failure));

    struct log_state old = sample_log(store);
    struct store *copy = sample_store_open(memory_storage_copy(before));

    assert_int_equal(old.sequence, 3);
    sample_take(store, &old, "d", 4);

    struct log_state forked = {.sequence = 0};

    assert_int_equal(log_read(copy, &forked, &failure), -ESTALE);
    succeed(log_accept_rollback(copy, &failure));
    succeed(log_read(copy, &forked, &failure));
    sample_take(copy, &forked, "e", 5);
    assert_int_equal(sample_log_error(store), -ESTALE);
    assert_int_equal(log_read(store, &state, &failure), -ESTALE);
    succeed(log_accept_rollback(store, &failure));
    assert_int_equal(sample_log_error(store), 0);

    log_state_release(&forked);
    log_state_release(&old);
    log_state_release(&state);
    before->class->close(before);
    store_close(copy);
    store_close(store);
}

/*
 * Who read the log before the records that are gone is told as well: another process of this
 * machine saw them. WENT_ON: somebody else put as many in their place, and one more.
 */
static void refuse_to_follow(bool went_on)
{
    struct store *store = sample_store_open(sample_log_storage());
    struct storage *storage = store_storage(store);
    struct storage *before = memory_storage_copy(storage);
    struct log_state follower = sample_log(store);
    struct log_state state = sample_log(store);
    const uint8_t *id = store_header(store)->id;
    struct freshness seen, now;

    sample_take(store, &state, "c", 3);
    log_state_release(&state);
    assert_true(freshness_load(id, &seen));
    memory_storage_restore(storage, before);
    if (went_on) {
        sample_state_forget();
        state = sample_log(store);
        sample_take(store, &state, "d", 4);
        sample_take(store, &state, "e", 5);
        log_state_release(&state);
        sample_state_forget();
        assert_true(freshness_save(id, &seen));
    }

    size_t files = memory_storage_count(storage);

    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(sample_try_take(store, &follower, "f", 6), -ESTALE);
        assert_int_equal(log_read(store, &follower, &failure), -ESTALE);
        assert_non_null(strstr(failure.text, "--accept-rollback"));
    }
    assert_int_equal(memory_storage_count(storage), files);
    assert_true(freshness_load(id, &now));
    assert_int_equal(now.sequence, 4);
    assert_memory_equal(now.hash, seen.hash, sizeof now.hash);

    succeed(log_accept_rollback(store, &failure));
    succeed(log_read(store, &follower, &failure));
    sample_take(store, &follower, "f", 6);
    log_state_release(&follower);
    before->class->close(before);
    store_close(store);
}

static void test_rollback_behind_a_follower(void **context)
{
    (void)context;
    refuse_to_follow(false);
    refuse_to_follow(true);
}

static void test_without_memory(void **context)
{
    struct store *store = sample_store_open(sample_log_storage());
    const char *before = getenv("XDG_STATE_HOME");
    char folder[4096];

    (void)context;
    snprintf(folder, sizeof folder, "%s", before != NULL ? before : "");
    setenv("XDG_STATE_HOME", "/proc/nowhere", 1);
    assert_int_equal(sample_log_error(store), 0);
    succeed(log_accept_rollback(store, &failure));
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", "", 1);
    assert_int_equal(sample_log_error(store), 0);
    setenv("XDG_STATE_HOME", folder, 1);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_wide_gap),
        cmocka_unit_test(test_copied_far),
        cmocka_unit_test(test_appended_meanwhile),
        cmocka_unit_test(test_swapped_and_cut),
        cmocka_unit_test(test_remembered_once_durable),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_rollback_behind_a_follower),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
