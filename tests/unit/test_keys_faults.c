/* SPDX-License-Identifier: MIT */
/*
 * A store is made, and its keys change, while every operation of its storage fails, and up to a
 * power cut at every point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "fs/store/store_internal.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/key_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const struct storage_fault faults[] = {
    {.operations = STORAGE_ALL, .code = EIO},
    {.operations = STORAGE_ALL, .code = ENOSPC, .effect = FAULT_PARTLY_DONE},
    {.operations = STORAGE_ALL, .code = EIO, .effect = FAULT_ALL_DONE},
    {.operations = STORAGE_ALL, .code = EIO, .for_ever = true},
    {.operations = STORAGE_WRITING, .code = EROFS, .for_ever = true},
};

/* Operation N fails, for every N: then the store is made, or nothing opens and the next try works.
 */
static void check_init(const struct storage_fault *kind)
{
    struct storage_fault fault = *kind;
    uint64_t failed;

    do {
        struct storage *storage = recording_storage_new(memory_storage_new());
        struct storage *inner = recording_storage_inner(storage);
        struct failure failure = {.code = 0};

        fault.nth++;
        recording_storage_set_fault(storage, &fault);

        int error = store_init_with(storage, &header, &first, &cheap, &failure);

        failed = recording_storage_failed(storage);
        recording_storage_set_fault(storage, NULL);
        if (error == 0) {
            assert_int_equal(keys_try_open(inner, first), 0);
        } else {
            assert_true(failed > 0);
            assert_true(failure.code == -error && failure.text[0] != '\0');
            if (!fault.for_ever) {
                assert_int_equal(keys_try_open(inner, first), -EINVAL);
                assert_int_equal(store_init_with(storage, &header, &second, &cheap, NULL), 0);
                assert_int_equal(keys_try_open(inner, second), 0);
            }
        }
        storage->class->close(storage);
    } while (failed > 0);
    assert_true(fault.nth > 3);
}

static void test_init_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(faults); i++)
        check_init(&faults[i]);
}

/* What is done to a store of two keys, first and second; opened with first. */
struct deed {
    int (*run)(struct store *store, struct failure *failure);
    bool first_opens; /* after it succeeded */
    bool third_opens;
};

static int run_add(struct store *store, struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];

    return store_key_add(store, &cheap, &PASSPHRASE("third"), id, failure);
}

static int run_remove(struct store *store, struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];

    memcpy(id, store->opened_slot, sizeof id);
    return store_key_remove(store, id, failure);
}

static int run_change(struct store *store, struct failure *failure)
{
    uint8_t id[KEY_SLOT_ID_BYTES];

    return store_key_change(store, &PASSPHRASE("third"), id, failure);
}

static const struct deed deeds[] = {
    {run_add, true, true},
    {run_remove, false, false},
    {run_change, false, true},
};

static struct storage *new_store_of_two(void)
{
    struct store *store = keys_open(keys_new_store(), first);
    uint8_t id[KEY_SLOT_ID_BYTES];

    assert_int_equal(store_key_add(store, &cheap, &second, id, NULL), 0);

    struct storage *storage = memory_storage_copy(store_storage(store));

    store_close(store);
    return storage;
}

static void check_done(struct storage *storage, const struct deed *deed)
{
    assert_int_equal(keys_try_open(storage, first), deed->first_opens ? 0 : -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, PASSPHRASE("third")),
                     deed->third_opens ? 0 : -EKEYREJECTED);
    assert_int_equal(keys_try_open(storage, second), 0);
}

/* Operation N fails: what another key opened, it still opens; and what succeeded, is so. */
static void check_deed(const struct deed *deed, const struct storage_fault *kind,
                       struct storage *base)
{
    struct storage_fault fault = *kind;
    uint64_t failed;

    do {
        struct storage *storage = recording_storage_new(memory_storage_copy(base));
        struct storage *inner = recording_storage_inner(storage);
        struct store *store = keys_open(storage, first);
        struct failure failure = {.code = 0};

        fault.nth++;
        recording_storage_set_fault(storage, &fault);

        int error = deed->run(store, &failure);

        failed = recording_storage_failed(storage);
        recording_storage_set_fault(storage, NULL);
        if (error == 0)
            check_done(inner, deed);
        else
            assert_true(failed > 0 && failure.code == -error);
        assert_int_equal(keys_try_open(inner, second), 0);
        store_close(store);
    } while (failed > 0);
    assert_true(fault.nth > 2);
}

static void test_faults(void **state)
{
    struct storage *base = new_store_of_two();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(deeds); i++) {
        for (size_t j = 0; j < COUNT_OF(faults); j++)
            check_deed(&deeds[i], &faults[j], base);
    }
    base->class->close(base);
}

/* A power cut at every point: one of the two states, or for a moment both keys. */
static void check_power_cuts(const struct deed *deed, struct storage *base)
{
    struct storage *storage = recording_storage_new(memory_storage_copy(base));
    struct store *store = keys_open(storage, first);
    size_t points = 0;

    recording_storage_forget(storage);
    assert_int_equal(deed->run(store, NULL), 0);
    for (size_t point = 0; point <= recording_storage_count(storage); point++) {
        for (int fate = REPLAY_DROPPED; fate <= REPLAY_CHOSEN; fate++) {
            struct storage *after = memory_storage_copy(base);
            struct replayed replayed;
            const struct replay how = {.point = point, .fate = (enum replay_fate)fate, .choice = 2};

            assert_int_equal(recording_storage_replay(storage, &how, after, &replayed, NULL), 0);
            points += replayed.in_flight > 0;
            assert_int_equal(keys_try_open(after, second), 0);
            if (keys_try_open(after, first) != 0 && deed->third_opens)
                assert_int_equal(keys_try_open(after, PASSPHRASE("third")), 0);
            if (point == recording_storage_count(storage))
                check_done(after, deed);
            after->class->close(after);
        }
    }
    assert_true(points > 0);
    store_close(store);
}

static void test_power_cuts(void **state)
{
    struct storage *base = new_store_of_two();

    (void)state;
    for (size_t i = 0; i < COUNT_OF(deeds); i++)
        check_power_cuts(&deeds[i], base);
    base->class->close(base);
}

/* The same of making a store: there is one, or there is none. */
static void test_init_power_cuts(void **state)
{
    struct storage *storage = recording_storage_new(memory_storage_new());

    (void)state;
    assert_int_equal(store_init_with(storage, &header, &first, &cheap, NULL), 0);
    for (size_t point = 0; point <= recording_storage_count(storage); point++) {
        for (int fate = REPLAY_DROPPED; fate <= REPLAY_CHOSEN; fate++) {
            struct storage *after = memory_storage_new();
            const struct replay how = {.point = point, .fate = (enum replay_fate)fate};

            assert_int_equal(recording_storage_replay(storage, &how, after, NULL, NULL), 0);

            int error = keys_try_open(after, first);

            assert_true(error == 0 || error == -EINVAL);
            if (point == recording_storage_count(storage))
                assert_int_equal(error, 0);
            after->class->close(after);
        }
    }
    storage->class->close(storage);
}

/* What another process does to a store of two keys, first and second, at an operation of ours. */
struct rival {
    struct storage *storage; /* ours */
    struct storage *beside;  /* its own way */
    int error;               /* what its removal of the second key gave */
    bool dies;               /* and ours after it: nothing else is done */
};

static void remove_second(void *context)
{
    const struct storage_fault nothing = {
        .nth = 1, .operations = STORAGE_PUT, .code = EIO, .for_ever = true};
    struct rival *rival = context;
    struct store *store = keys_open(rival->beside, second);

    rival->error = run_remove(store, NULL);
    store_close(store);
    if (rival->dies)
        recording_storage_set_fault(rival->storage, &nothing);
}

/*
 * Two that each remove one of the last two keys, the second one at every operation of the first,
 * whether or not the first gets to do anything after it has removed a file: one key opens.
 */
static void test_two_at_once(void **state)
{
    struct storage *base = new_store_of_two();
    const unsigned operations[] = {STORAGE_LIST, STORAGE_READ, STORAGE_SIZE, STORAGE_PUT,
                                   STORAGE_REMOVE};

    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(operations); i++) {
        struct storage *storage = recording_storage_new(memory_storage_copy(base));
        struct storage *inner = recording_storage_inner(storage);
        struct store *store = keys_open(storage, first);
        struct rival rival = {
            .storage = storage, .beside = recording_storage_beside(storage), .dies = i % 2 == 1};

        recording_storage_interpose(storage, operations[i / 2], remove_second, &rival);

        int error = run_remove(store, NULL);

        recording_storage_set_fault(storage, NULL);
        assert_false(error == 0 && rival.error == 0);
        assert_true(keys_try_open(inner, first) == 0 || keys_try_open(inner, second) == 0);
        store_close(store);
    }
    base->class->close(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_faults),     cmocka_unit_test(test_faults),
        cmocka_unit_test(test_init_power_cuts), cmocka_unit_test(test_power_cuts),
        cmocka_unit_test(test_two_at_once),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
