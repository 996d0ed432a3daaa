/* SPDX-License-Identifier: MIT */
#include "tests/unit/log_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/memory_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

void sample_take_packs(struct store *store, struct log_state *state, const char *name,
                       uint64_t number, const char *const *packs, size_t count)
{
    struct snapshot snapshot = sample_snapshot(name, number);

    succeed(log_take(store, state, &snapshot, packs, count, &failure));
    sample_snapshot_release(&snapshot);
}

void sample_take(struct store *store, struct log_state *state, const char *name, uint64_t number)
{
    sample_take_packs(store, state, name, number, NULL, 0);
}

int sample_try_take(struct store *store, struct log_state *state, const char *name, uint64_t number)
{
    struct snapshot snapshot = sample_snapshot(name, number);
    int error = log_take(store, state, &snapshot, NULL, 0, &failure);

    sample_snapshot_release(&snapshot);
    return error;
}

struct log_state sample_log(struct store *store)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    return state;
}

int sample_log_error(struct store *store)
{
    struct log_state state = {.sequence = 0};
    int error = log_read(store, &state, &failure);

    log_state_release(&state);
    return error;
}

void assert_same_snapshot(const struct snapshot *left, const struct snapshot *right)
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

void assert_same_log(const struct log_state *left, const struct log_state *right)
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

struct storage *sample_log_storage(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);

    struct store *store = sample_store_open(memory_storage_copy(storage));
    struct log_state state = sample_log(store);

    sample_take(store, &state, "a", 1);
    sample_take(store, &state, "b", 2);
    storage->class->close(storage);
    storage = memory_storage_copy(store_storage(store));
    log_state_release(&state);
    store_close(store);
    return storage;
}
