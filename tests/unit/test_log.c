/* SPDX-License-Identifier: MIT */
/*
 * The log of a store: what records amount to, that one of two writers wins, and that gaps, forks,
 * rollbacks, replays and flipped bytes are found.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/store/log_internal.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

static struct failure failure;

static void succeed(int error)
{
    if (error != 0)
        fail_msg("%d: %s", error, failure.text);
}

static void take_packs(struct store *store, struct log_state *state, const char *name,
                       uint64_t number, const char *const *packs, size_t count)
{
    struct snapshot snapshot = sample_snapshot(name, number);

    succeed(log_take(store, state, &snapshot, packs, count, &failure));
    sample_snapshot_release(&snapshot);
}

static void take(struct store *store, struct log_state *state, const char *name, uint64_t number)
{
    take_packs(store, state, name, number, NULL, 0);
}

static int try_take(struct store *store, struct log_state *state, const char *name, uint64_t number)
{
    struct snapshot snapshot = sample_snapshot(name, number);
    int error = log_take(store, state, &snapshot, NULL, 0, &failure);

    sample_snapshot_release(&snapshot);
    return error;
}

static struct log_state read_state(struct store *store)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    return state;
}

static int read_error(struct store *store)
{
    struct log_state state = {.sequence = 0};
    int error = log_read(store, &state, &failure);

    log_state_release(&state);
    return error;
}

static void assert_same_snapshot(const struct snapshot *left, const struct snapshot *right)
{
    assert_memory_equal(left->id, right->id, sizeof left->id);
    assert_string_equal(left->name, right->name);
    assert_string_equal(left->host, right->host);
    assert_true(left->time_ns == right->time_ns && left->raw_bytes == right->raw_bytes &&
                left->stored_bytes == right->stored_bytes && left->tag_count == right->tag_count);
    for (size_t i = 0; i < left->tag_count; i++)
        assert_string_equal(left->tags[i], right->tags[i]);
    assert_memory_equal(left->tree.id, right->tree.id, OBJECT_ID_BYTES);
    assert_true(left->tree.pack_hint == right->tree.pack_hint &&
                left->tree.offset == right->tree.offset &&
                left->tree.sealed_size == right->tree.sealed_size);
}

static void assert_same_state(const struct log_state *left, const struct log_state *right)
{
    assert_int_equal(left->sequence, right->sequence);
    assert_memory_equal(left->hash, right->hash, sizeof left->hash);
    assert_int_equal(left->snapshot_count, right->snapshot_count);
    for (size_t i = 0; i < left->snapshot_count; i++)
        assert_same_snapshot(&left->snapshots[i], &right->snapshots[i]);
    assert_int_equal(left->mark_count, right->mark_count);
    for (size_t i = 0; i < left->mark_count; i++) {
        assert_string_equal(left->marks[i].pack, right->marks[i].pack);
        assert_true(left->marks[i].time_ns == right->marks[i].time_ns &&
                    left->marks[i].removed == right->marks[i].removed);
    }
}

static void assert_copied(const struct log_state *state)
{
    struct log_state copy;

    succeed(log_state_copy(state, &copy));
    assert_same_state(state, &copy);
    assert_true(state->snapshot_count == 0 || copy.snapshots[0].name != state->snapshots[0].name);
    log_state_release(&copy);
}

static void test_everyday(void **context)
{
    struct store *store = sample_store();
    struct log_state state = read_state(store);
    const struct snapshot *gone[2];

    (void)context;
    assert_int_equal(state.sequence, 1);
    assert_int_equal(state.snapshot_count, 0);
    take(store, &state, "b", 2);
    take(store, &state, "a", 1);
    take(store, &state, "c", 3);
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

    struct log_state again = read_state(store);

    assert_same_state(&state, &again);
    assert_copied(&state);
    take(store, &again, "d", 4);
    succeed(log_read(store, &state, &failure));
    assert_same_state(&state, &again);
    log_state_release(&again);
    log_state_release(&state);
    store_close(store);
}

static void test_refused(void **context)
{
    static const char *const names[] = {"", ".", "..", "latest", "a/b", "a\nb", "\x7f", "\xff"};
    struct store *store = sample_store();
    struct log_state state = read_state(store);
    char long_name[SNAPSHOT_NAME_LIMIT + 2];

    (void)context;
    take(store, &state, "a", 1);
    assert_int_equal(try_take(store, &state, "a", 2), -EEXIST);
    assert_int_equal(try_take(store, &state, "b", 1), -EEXIST);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(try_take(store, &state, names[i], 3), -EINVAL);
        assert_int_equal(log_rename(store, &state, "a", names[i], &failure), -EINVAL);
    }
    memset(long_name, 'x', sizeof long_name);
    long_name[SNAPSHOT_NAME_LIMIT + 1] = '\0';
    assert_int_equal(try_take(store, &state, long_name, 3), -EINVAL);
    long_name[SNAPSHOT_NAME_LIMIT] = '\0';
    assert_int_equal(try_take(store, &state, long_name, 3), 0);
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

static void test_marks(void **context)
{
    struct store *store = sample_store();
    struct log_state state = read_state(store);
    char names[3][65];
    const char *packs[3] = {names[2], names[0], names[1]};
    static const char *const wrong[] = {"0123"};

    (void)context;
    for (unsigned i = 0; i < 3; i++)
        sample_pack_name(i, names[i]);
    take_packs(store, &state, "a", 1, packs, 3);
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
    take_packs(store, &state, "b", 2, packs, 1);
    succeed(log_remove_packs(store, &state, packs + 1, 1, &failure));
    assert_true(log_find_mark(&state, names[0])->removed);
    assert_null(log_find_mark(&state, names[2]));
    assert_int_equal(log_remove_packs(store, &state, packs + 1, 1, &failure), -ENOENT);
    assert_int_equal(log_unmark_packs(store, &state, packs + 1, 1, &failure), -ENOENT);

    static const uint8_t slot[STORE_ID_BYTES] = {7};

    succeed(log_key_change(store, &state, slot, "add", &failure));

    struct log_state again = read_state(store);

    assert_same_state(&state, &again);
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

    struct log_state state = read_state(store);

    assert_int_equal(state.snapshot_count, 120);
    assert_int_equal(state.sequence, 121);
    log_state_release(&state);
    store_close(store);
}

/* Both decided on the same state: the second is told, and sees what the first did. */
static void test_loser(void **context)
{
    struct store *store = sample_store();
    struct log_state one = read_state(store);
    struct log_state other = read_state(store);

    (void)context;
    take(store, &one, "a", 1);
    assert_int_equal(try_take(store, &other, "a", 2), -EAGAIN);
    assert_same_state(&one, &other);
    assert_int_equal(try_take(store, &other, "a", 2), -EEXIST);
    log_state_release(&one);
    log_state_release(&other);
    store_close(store);
}

/* ---- Checkpoints ---- */

static void test_checkpoints(void **context)
{
    struct storage *storage = memory_storage_new();
    char name[64];

    (void)context;
    sample_store_make(storage);

    struct store *store = sample_store_open(storage);
    struct log_state state = read_state(store);
    char pack[65];
    const char *packs[] = {pack};

    for (unsigned i = 1; i <= 200; i++) {
        snprintf(name, sizeof name, "s%u", i);
        take(store, &state, name, i);
    }
    sample_pack_name(5, pack);
    succeed(log_mark_packs(store, &state, packs, 1, &failure));
    assert_int_equal(state.checkpoint, 192);

    struct log_state again = read_state(store);

    assert_int_equal(again.checkpoint, 192);
    assert_same_state(&state, &again);
    log_state_release(&again);

    /* The newest one is damaged: the one before serves. */
    size_t size;
    uint8_t *bytes = memory_storage_bytes(storage, "checkpoints/00000000000000000192", &size);

    assert_non_null(bytes);
    assert_int_equal(size % 1024, 0);
    bytes[size / 2] ^= 1;
    again = read_state(store);
    assert_int_equal(again.checkpoint, 128);
    assert_same_state(&state, &again);
    log_state_release(&again);

    /* What prune may remove is not needed. */
    for (unsigned i = 1; i < 128; i++) {
        snprintf(name, sizeof name, "log/%020u", i);
        succeed(storage->class->remove(storage, name, &failure));
    }
    succeed(storage->class->remove(storage, "checkpoints/00000000000000000064", &failure));
    again = read_state(store);
    assert_same_state(&state, &again);
    log_state_release(&again);

    /* A state from long ago is brought up to date as well. */
    struct log_state old = {.sequence = 3};

    memset(old.hash, 9, sizeof old.hash);
    succeed(log_read(store, &old, &failure));
    assert_same_state(&state, &old);
    log_state_release(&old);
    log_state_release(&state);
    store_close(store);
}

/* Sanitizers take time of their own. */
#if defined __has_feature
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer) || \
    defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SECONDS_MOST 10.0
#else
#define SECONDS_MOST 0.06
#endif

static void test_ten_thousand(void **context)
{
    struct store *store = sample_store();
    struct log_state state = read_state(store);
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

    assert_same_state(&state, &again);
    print_message("10,000 snapshots open in %.1f ms\n", took * 1000);
    assert_true(took < SECONDS_MOST);
    log_state_release(&again);
    log_state_release(&state);
    store_close(store);
}

/* ---- Damage ---- */

/* A store with three records and a checkpoint of them, made by hand. */
static struct storage *small_storage(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);

    struct store *store = sample_store_open(memory_storage_copy(storage));
    struct log_state state = read_state(store);

    take(store, &state, "a", 1);
    take(store, &state, "b", 2);
    storage->class->close(storage);
    storage = memory_storage_copy(store_storage(store));
    log_state_release(&state);
    store_close(store);
    return storage;
}

static void test_every_byte(void **context)
{
    struct storage *storage = small_storage();
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
            assert_int_equal(read_error(store), -EBADMSG);
            bytes[i] ^= (uint8_t)(1 << i % 8);
        }
    }
    sample_state_forget();
    assert_int_equal(read_error(store), 0);
    store_close(store);
}

static void test_every_byte_of_a_checkpoint(void **context)
{
    struct storage *storage = small_storage();
    struct store *store = sample_store_open(storage);
    struct log_state state = read_state(store);
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
    again = read_state(store);
    assert_same_state(&state, &again);
    log_state_release(&again);
    log_state_release(&state);
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
    struct store *store = sample_store_open(small_storage());
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};

    (void)context;
    remove_file(storage, RECORD(2));
    sample_state_forget();
    assert_int_equal(read_error(store), -EBADMSG);
    assert_non_null(strstr(failure.text, "record 2"));
    /* Nor does a writer fill it. */
    assert_int_equal(try_take(store, &state, "c", 9), -EBADMSG);
    remove_file(storage, RECORD(3));
    remove_file(storage, RECORD(1));
    assert_int_equal(read_error(store), -EBADMSG);
    store_close(store);
}

static void test_swapped_and_cut(void **context)
{
    struct store *store = sample_store_open(small_storage());
    struct storage *storage = store_storage(store);
    struct storage *before = memory_storage_copy(storage);
    size_t size;

    (void)context;
    sample_state_forget();
    copy_file(before, RECORD(2), storage, RECORD(3));
    assert_int_equal(read_error(store), -EBADMSG);
    copy_file(before, RECORD(3), storage, RECORD(3));
    copy_file(before, RECORD(3), storage, RECORD(4));
    assert_int_equal(read_error(store), -EBADMSG);
    remove_file(storage, RECORD(4));
    assert_int_equal(read_error(store), 0);

    const uint8_t *bytes = memory_storage_bytes(before, RECORD(3), &size);

    for (size_t cut = 0; cut <= size + 1024; cut += 64) {
        uint8_t *longer = calloc(1, size + 1024);

        assert_non_null(longer);
        memcpy(longer, bytes, size);
        memory_storage_set(storage, RECORD(3), longer, cut);
        free(longer);
        assert_int_equal(read_error(store), cut == size ? 0 : -EBADMSG);
    }
    before->class->close(before);
    store_close(store);
}

/* Two copies of a store went on by themselves; records of the one are no sequel to the other's. */
static void test_fork(void **context)
{
    struct store *one = sample_store_open(small_storage());
    struct store *other = sample_store_open(memory_storage_copy(store_storage(one)));
    struct log_state state = read_state(one);

    (void)context;
    take(one, &state, "c", 3);
    log_state_release(&state);
    sample_state_forget();
    state = read_state(other);
    take(other, &state, "d", 4);
    take(other, &state, "e", 5);
    log_state_release(&state);

    copy_file(store_storage(other), RECORD(5), store_storage(one), RECORD(5));
    sample_state_forget();
    assert_int_equal(read_error(one), -EBADMSG);
    assert_non_null(strstr(failure.text, "forked"));
    store_close(one);
    store_close(other);
}

/* ---- What this client remembers ---- */

static void test_rollback(void **context)
{
    struct store *store = sample_store_open(small_storage());
    struct storage *storage = store_storage(store);
    struct storage *before = memory_storage_copy(storage);
    struct log_state state = read_state(store);

    (void)context;
    take(store, &state, "c", 3);
    remove_file(storage, RECORD(4));
    assert_int_equal(read_error(store), -ESTALE);
    assert_int_equal(log_read(store, &state, &failure), -ESTALE);
    assert_int_equal(try_take(store, &state, "d", 4), -ESTALE);

    /* Another record in the place of the one that was seen. */
    succeed(log_accept_rollback(store, &failure));

    struct log_state old = read_state(store);
    struct store *copy = sample_store_open(memory_storage_copy(before));

    assert_int_equal(old.sequence, 3);
    take(store, &old, "d", 4);

    struct log_state forked = {.sequence = 0};

    assert_int_equal(log_read(copy, &forked, &failure), -ESTALE);
    succeed(log_accept_rollback(copy, &failure));
    succeed(log_read(copy, &forked, &failure));
    take(copy, &forked, "e", 5);
    assert_int_equal(read_error(store), -ESTALE);
    assert_int_equal(log_read(store, &state, &failure), -ESTALE);
    succeed(log_accept_rollback(store, &failure));
    assert_int_equal(read_error(store), 0);

    log_state_release(&forked);
    log_state_release(&old);
    log_state_release(&state);
    before->class->close(before);
    store_close(copy);
    store_close(store);
}

static void test_without_memory(void **context)
{
    struct store *store = sample_store_open(small_storage());
    const char *before = getenv("XDG_STATE_HOME");
    char folder[4096];

    (void)context;
    snprintf(folder, sizeof folder, "%s", before != NULL ? before : "");
    setenv("XDG_STATE_HOME", "/proc/nowhere", 1);
    assert_int_equal(read_error(store), 0);
    succeed(log_accept_rollback(store, &failure));
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", "", 1);
    assert_int_equal(read_error(store), 0);
    setenv("XDG_STATE_HOME", folder, 1);
    store_close(store);
}

/* ---- Faults of the storage ---- */

/* Fails the N-th operation, for every N: nothing that was acknowledged is lost, the next try works.
 */
static void try_faults(enum fault_effect effect)
{
    bool done = false;

    for (uint64_t nth = 1; !done; nth++) {
        struct storage *recording = recording_storage_new(small_storage());
        struct store *store = sample_store_open(recording);
        const struct storage_fault fault = {
            .operations = STORAGE_ALL, .nth = nth, .code = EIO, .effect = effect};
        struct log_state state = {.sequence = 0};

        recording_storage_set_fault(recording, &fault);

        int read = log_read(store, &state, &failure);
        int taken = read == 0 ? try_take(store, &state, "c", 3) : read;

        done = recording_storage_failed(recording) == 0;
        recording_storage_set_fault(recording, NULL);
        if (read != 0)
            assert_int_equal(state.sequence, 0);
        succeed(log_read(store, &state, &failure));
        if (taken == 0)
            assert_non_null(log_find(&state, "c"));
        else if (log_find(&state, "c") == NULL)
            take(store, &state, "c", 3);

        struct log_state again = read_state(store);

        assert_int_equal(again.snapshot_count, 3);
        assert_same_state(&state, &again);
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

/* ---- One record ---- */

static void test_layout(void **context)
{
    static const char json[] =
        "{\"snapshot\":\"01000000000000000000000000000000\",\"name\":\"a\\\"b\"}";
    struct log_entry entry = {.kind = LOG_RENAME,
                              .sequence = 0x0102,
                              .time_ns = 0x0304,
                              .before = {0xaa, 0xbb},
                              .id = {1},
                              .text = strdup("a\"b")};
    cleanup_buffer struct buffer plain = BUFFER(4096);

    (void)context;
    assert_int_equal(log_entry_encode(&entry, &plain), 0);
    assert_int_equal(plain.size, 56 + sizeof json - 1);
    assert_memory_equal(plain.data, "\xaa\xbb\0", 3);
    assert_memory_equal(plain.data + 32, "\x02\x01\0\0\0\0\0\0\x04\x03\0\0\0\0\0\0\x04\0\0\0", 20);
    assert_int_equal(plain.data[52], sizeof json - 1);
    assert_memory_equal(plain.data + 56, json, sizeof json - 1);

    for (size_t cut = 0; cut < plain.size; cut++) {
        struct log_entry decoded;

        assert_int_equal(log_entry_decode(plain.data, cut, &decoded), -EBADMSG);
    }

    struct log_entry decoded;

    assert_int_equal(log_entry_decode(plain.data, plain.size, &decoded), 0);
    assert_string_equal(decoded.text, "a\"b");
    log_entry_release(&decoded);
    log_entry_release(&entry);
}

static void test_strict(void **context)
{
    static const struct {
        enum log_kind kind;
        const char *json;
    } wrong[] = {
        {LOG_CREATE, ""},
        {LOG_CREATE, "[]"},
        {LOG_CREATE, "{}"},
        {LOG_CREATE, "{\"store\":\"0100000000000000000000000000000\"}"},
        {LOG_CREATE, "{\"store\":\"0100000000000000000000000000000G\"}"},
        {LOG_CREATE, "{\"store\":\"0100000000000000000000000000000A\"}"},
        {LOG_CREATE, "{\"store\":\"01000000000000000000000000000000\",\"x\":1}"},
        {LOG_CREATE, "{\"store\":\"01000000000000000000000000000000\"} x"},
        {LOG_CREATE, "{\"store\":1}"},
        {LOG_CREATE, "{\"store\":\"01000000000000000000000000000000\",\"store\":1}"},
        {LOG_RENAME, "{\"snapshot\":\"01000000000000000000000000000000\",\"name\":\"latest\"}"},
        {LOG_RENAME, "{\"snapshot\":\"01000000000000000000000000000000\",\"name\":\"a\\u0000\"}"},
        {LOG_FORGET, "{\"snapshots\":[\"\"]}"},
        {LOG_FORGET, "{\"snapshots\":{}}"},
        {LOG_MARK, "{\"packs\":[1]}"},
        {LOG_MARK, "{\"packs\":[\"00\"]}"},
        {LOG_KINDS, "{\"packs\":[]}"},
        {0, "{\"packs\":[]}"},
    };

    (void)context;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint8_t plain[1024] = {0};
        struct log_entry entry;
        size_t length = strlen(wrong[i].json);

        plain[48] = (uint8_t)wrong[i].kind;
        plain[52] = (uint8_t)length;
        memcpy(plain + 56, wrong[i].json, length);
        assert_int_equal(log_entry_decode(plain, sizeof plain, &entry), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everyday),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_loser),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_ten_thousand),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_byte_of_a_checkpoint),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_swapped_and_cut),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_strict),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
