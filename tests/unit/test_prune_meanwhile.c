/* SPDX-License-Identifier: MIT */
/* Prune beside snapshots that are taken, and beside other prunes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>

#include "fs/store/log.h"
#include "tests/unit/check_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

/* It relied on packs that were marked before it came to its record. */
static void test_marked_meanwhile(void **context)
{
    struct store *store = sample_store();
    struct sample_series series;

    (void)context;
    series_take_days(store, 1);
    series_forget_day(store, 1);
    series_begin(&series, store);

    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct prune_result result = sample_prune(store, &sample_prune_usual);

    assert_true(result.garbage.packs > 0);
    object_writer_free(writer);
    object_batch_free(batch);
    object_reader_free(reader);

    /* A new one treats them as absent, and writes all of it again. */
    series_take(&series, 1);
    assert_true(series.state.snapshots[0].stored_bytes > 0);
    result = sample_prune(store, &sample_prune_now);
    assert_true(result.removed.packs > 0);
    assert_int_equal(series_read_all(store), 1);
    series_end(&series);
    sample_assert_sound(store);
    store_close(store);
}

/* An empty store in memory, beside whose operations others can be done. */
static struct store *recorded_store(struct storage **ret_recording)
{
    struct storage *memory = memory_storage_new();

    sample_store_make(memory);
    *ret_recording = recording_storage_new(memory);
    return sample_store_open(*ret_recording);
}

/* Somebody who takes a snapshot once a prune has read the log, and before it lists the packs. */
struct taker {
    struct storage *recording;
    struct store *store;
    unsigned lists; /* so many are still to come */
};

static void take_meanwhile(void *context)
{
    struct taker *taker = context;

    if (taker->lists-- > 0)
        recording_storage_interpose(taker->recording, STORAGE_LIST, take_meanwhile, taker);
    else
        series_take_days(taker->store, 1);
}

/* Its packs are young, and by now a record names them; but they are not garbage for that. */
static void test_taken_meanwhile(void **context)
{
    (void)context;
    /* Before the log and checkpoints are listed, before packs are, and before the log is again. */
    for (unsigned lists = 0; lists < 6; lists++) {
        struct storage *recording;
        struct store *store = recorded_store(&recording);
        struct taker taker = {recording, store, lists};
        struct log_state state = {.sequence = 0};

        recording_storage_interpose(recording, STORAGE_LIST, take_meanwhile, &taker);
        assert_int_equal(sample_prune(store, &sample_prune_usual).garbage.packs, 0);
        succeed(log_read(store, &state, &failure));
        assert_int_equal(state.snapshot_count, 1);
        assert_int_equal(state.mark_count, 0);
        log_state_release(&state);
        sample_assert_sound(store);
        store_close(store);
    }
}

/* The same while something else is removed, of which a record is put after that one. */
static void test_taken_while_packs_go(void **context)
{
    const struct prune_options at_once = {.grace_ns = 1, .unused = {UNUSED_PERCENT, 0}};

    (void)context;
    for (unsigned lists = 0; lists < 6; lists++) {
        struct storage *recording;
        struct store *store = recorded_store(&recording);
        struct taker taker = {recording, store, lists};
        struct sample_series series;
        struct log_state state = {.sequence = 0};

        series_begin(&series, store);
        series_take(&series, 5);
        series_forget(&series, 5);
        series_end(&series);
        assert_true(sample_prune(store, &sample_prune_usual).garbage.packs > 0);
        recording_storage_interpose(recording, STORAGE_LIST, take_meanwhile, &taker);

        struct prune_result result = sample_prune(store, &at_once);

        assert_true(result.removed.packs > 0);
        assert_int_equal(result.garbage.packs, 0);
        succeed(log_read(store, &state, &failure));
        assert_int_equal(state.snapshot_count, 1);
        for (size_t i = 0; i < state.mark_count; i++)
            assert_true(state.marks[i].removed);
        log_state_release(&state);
        sample_assert_sound(store);
        store_close(store);
    }
}

/* ---- Beside another prune ---- */

struct other_prune {
    struct storage *recording;
    struct store *store;
    unsigned reads; /* so many are still to come */
    struct prune_result result;
};

/* Once so many things are read after the first listing: of the log, of packs that are listed. */
static void prune_between_reads(void *context)
{
    struct other_prune *other = context;

    if (other->reads-- > 0)
        recording_storage_interpose(other->recording, STORAGE_READ, prune_between_reads, other);
    else
        other->result = sample_prune(other->store, &sample_prune_now);
}

static void prune_later(void *context)
{
    struct other_prune *other = context;

    recording_storage_interpose(other->recording, STORAGE_READ, prune_between_reads, other);
}

/* What it has moved and removed is not lost, although it was listed where it was. */
static void test_pruned_meanwhile(void **context)
{
    unsigned removed = 0;

    (void)context;
    for (unsigned reads = 0; reads < 60; reads += 3) {
        struct storage *recording;
        struct store *store = recorded_store(&recording);
        struct other_prune other = {recording, store, reads, {.found = {0}}};

        series_take_days(store, 4);
        for (unsigned day = 1; day <= 3; day++)
            series_forget_day(store, day);
        recording_storage_interpose(recording, STORAGE_LIST, prune_later, &other);
        sample_prune(store, &sample_prune_now);
        removed += other.result.removed.packs > 0;
        assert_int_equal(series_read_all(store), 1);
        sample_assert_sound(store);
        store_close(store);
    }
    assert_true(removed > 0);
}

/* ---- Beside a snapshot whose packs are not durable yet ---- */

/* Those that an index tells of are: only others are waited for. */
static void test_durable_by_an_index(void **context)
{
    struct storage *memory = memory_storage_new();

    (void)context;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);

    series_take_days(store, 12);
    for (unsigned day = 1; day <= 6; day++)
        series_forget_day(store, day);
    assert_true(sample_prune(store, &sample_prune_now).written.packs >
                0); /* no record names them */
    for (int with_index = 1; with_index >= 0; with_index--) {
        series_forget_day(store, with_index ? 12 : 11);
        recording_storage_set_fault(recording,
                                    &(struct storage_fault){.operations = STORAGE_FLUSH});
        if (!with_index)
            sample_remove_indexes(memory);
        assert_true(sample_prune(store, &sample_prune_now).removed.packs > 0);
        assert_int_equal(recording_storage_counted(recording) == 0, with_index);
    }
    store_close(store);
}

/* ---- Beside a reader ---- */

/* Who has listed the indexes before still finds by an index what was moved: it need not look into
 * all packs. */
static void test_moved_meanwhile(void **context)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    struct storage *memory = memory_storage_new();

    (void)context;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct object_reader *reader = sample_reader(store);

    series_take_days(store, 5);

    struct object_reference reference = sample_group_of(store, 5, 1, 1); /* it never changes */

    for (unsigned day = 1; day <= 4; day++)
        series_forget_day(store, day);
    object_batch_free(sample_batch(store, reader));
    assert_true(sample_prune(store, &sample_prune_now).removed.packs > 0);
    recording_storage_set_fault(recording, &(struct storage_fault){.operations = STORAGE_LIST});
    succeed(object_read(reader, &reference, OBJECT_ROW_GROUP, true, &data, &failure));
    assert_true(recording_storage_counted(recording) < 8);
    object_reader_free(reader);
    store_close(store);
}

/* ---- Beside many who append to the log ---- */

static void append_twice(struct store *store, unsigned times)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    for (unsigned i = 0; i < times; i++) {
        succeed(log_rename(store, &state, "day-1", "x", &failure));
        succeed(log_rename(store, &state, "x", "day-1", &failure));
    }
    log_state_release(&state);
}

static void prune_old_records(void *context)
{
    assert_true(sample_prune(context, &sample_prune_usual).records_removed > 100);
}

/* So many that the records go that stood at the end of the log before. */
static void append_and_prune(void *context)
{
    append_twice(context, 100);
    prune_old_records(context);
}

static void assert_named(struct store *store, const char *name)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    assert_non_null(log_find(&state, name));
    log_state_release(&state);
}

/* Whoever looked at the log before that, and puts its record only then, is not told that it is
 * done. */
static void test_overtaken(void **context)
{
    struct storage *memory = memory_storage_new();

    (void)context;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct log_state state = {.sequence = 0};

    series_take_days(store, 1);
    succeed(log_read(store, &state, &failure));
    recording_storage_interpose(recording, STORAGE_PUT, append_and_prune, store);
    assert_int_equal(log_rename(store, &state, "day-1", "late", &failure), -EAGAIN);
    assert_true(state.sequence > 200);
    assert_null(log_find(&state, "late"));
    succeed(log_rename(store, &state, "day-1", "late", &failure));
    assert_named(store, "late");
    log_state_release(&state);
    sample_assert_sound(store);
    sample_prune(store, &sample_prune_usual);
    sample_assert_sound(store);
    store_close(store);
}

struct second_look {
    struct storage *recording;
    struct store *store;
};

static void prune_at_the_next(void *context)
{
    struct second_look *look = context;

    recording_storage_interpose(look->recording, STORAGE_SIZE, prune_old_records, look->store);
}

/*
 * Nor is the end of the log taken for where it was cut off meanwhile, or for damaged: the record
 * that was read last goes, and the next one, and perhaps as many more as are looked for behind it.
 */
static void try_pruned_while_read(unsigned before)
{
    struct storage *memory = memory_storage_new();

    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct second_look look = {recording, store};
    struct log_state state = {.sequence = 0};
    int error = -EAGAIN;

    series_take_days(store, 1);
    append_twice(store, before);
    succeed(log_read(store, &state, &failure));
    append_twice(store, 100 - before);
    recording_storage_interpose(recording, STORAGE_SIZE, prune_at_the_next, &look);
    for (unsigned i = 0; i < 4 && error == -EAGAIN; i++)
        error = log_rename(store, &state, "day-1", "late", &failure);
    succeed(error);
    assert_named(store, "late");
    log_state_release(&state);
    sample_assert_sound(store);
    store_close(store);
}

static void test_log_pruned_while_read(void **context)
{
    (void)context;
    try_pruned_while_read(0);
    try_pruned_while_read(50);
}

/* ---- Together ---- */

struct busy {
    struct store *store;
    bool stop;
    unsigned prunes;
    int error;
};

static void *prune_on(void *context)
{
    struct busy *busy = context;
    struct failure words;

    while (!__atomic_load_n(&busy->stop, __ATOMIC_ACQUIRE) && busy->error == 0) {
        struct prune_result result;

        /* As prune is meant to be, but for the hour that nobody waits here. */
        busy->error = prune(busy->store, &sample_prune_usual, &result, &words);
        if (busy->error == -EAGAIN)
            busy->error = 0;
        busy->prunes++;
    }
    if (busy->error != 0)
        print_message("%s\n", words.text);
    return NULL;
}

static void test_concurrent(void **context)
{
    struct store *store = sample_store();
    struct busy busy[] = {{.store = store}, {.store = store}};
    struct sample_series series;
    pthread_t threads[2];

    (void)context;
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, prune_on, &busy[i]), 0);
    series_begin(&series, store);
    for (unsigned day = 1; day <= 25; day++) {
        series_take(&series, day);
        if (day > 3 && day % 5 != 0)
            series_forget(&series, day - 3);
    }
    for (unsigned i = 0; i < 2; i++)
        __atomic_store_n(&busy[i].stop, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(busy[i].error, 0);
        assert_true(busy[i].prunes > 0);
    }

    size_t snapshots = series.state.snapshot_count;

    series_end(&series);
    assert_int_equal(series_read_all(store), snapshots);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), snapshots);
    sample_assert_sound(store);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marked_meanwhile),
        cmocka_unit_test(test_taken_meanwhile),
        cmocka_unit_test(test_taken_while_packs_go),
        cmocka_unit_test(test_pruned_meanwhile),
        cmocka_unit_test(test_durable_by_an_index),
        cmocka_unit_test(test_moved_meanwhile),
        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_log_pruned_while_read),
        cmocka_unit_test(test_concurrent),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
