/* SPDX-License-Identifier: MIT */
/* Prune gives room back and loses nothing, whatever else goes on, and wherever it is cut short. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fs/store/check.h"
#include "fs/store/log_internal.h"
#include "fs/store/prune.h"
#include "fs/store/reach.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static time_t clock_ahead; /* of the time that there is */

/* The program's own, in place of the library's, whose names for its parameters these are. */
int clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
    int result = (int)syscall(SYS_clock_gettime, __clock_id, __tp);

    if (__clock_id == CLOCK_REALTIME)
        __tp->tv_sec += clock_ahead;
    return result;
}

static const struct prune_options at_once = {.unused = {UNUSED_PERCENT, 0}};
static const struct prune_options usual = {.grace_ns = PRUNE_GRACE_NS,
                                           .unused = {UNUSED_PERCENT, PRUNE_UNUSED_PERCENT}};

static struct prune_result run_prune(struct store *store, const struct prune_options *options)
{
    struct prune_result result = {.records_removed = 0};

    succeed(prune(store, options, &result, &failure));
    return result;
}

/* Complains of everything that is found. */
static void report(void *context, const struct check_finding *finding)
{
    (void)context;
    print_message("%s: %s\n", finding->file != NULL ? finding->file : "", finding->text);
}

static void assert_sound(struct store *store)
{
    const struct check_options options = {.read_data = true, .threads = 1, .report = report};
    struct check_result result;

    succeed(check(store, &options, &result, &failure));
    assert_int_equal(result.findings, 0);
}

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

static void make_days(struct store *store, unsigned days)
{
    struct sample_series series;

    series_begin(&series, store);
    for (unsigned day = 1; day <= days; day++)
        series_take(&series, day);
    series_end(&series);
}

static void forget_day(struct store *store, unsigned day)
{
    struct sample_series series;

    series_begin(&series, store);
    series_forget(&series, day);
    series_end(&series);
}

static void test_nothing_to_do(void **context)
{
    struct store *store = sample_store();

    (void)context;
    make_days(store, 4);

    struct prune_result result = run_prune(store, &at_once);

    assert_true(result.found.packs > 0 && result.garbage.packs == 0 && result.emptied.packs == 0 &&
                result.removed.packs == 0 && result.waiting.packs == 0);
    assert_int_equal(series_read_all(store), 4);
    assert_sound(store);
    store_close(store);
}

static void test_all_forgotten(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);

    (void)context;
    make_days(store, 3);
    for (unsigned day = 1; day <= 3; day++)
        forget_day(store, day);

    uint64_t before = pack_bytes(storage);
    struct prune_result result = run_prune(store, &usual);

    assert_true(before > 0);
    assert_int_equal(result.garbage.packs, result.found.packs);
    assert_int_equal(result.waiting.bytes, before);
    assert_int_equal(result.removed.packs, 0);
    assert_int_equal(pack_bytes(storage), before);
    /* The grace period has not passed. */
    result = run_prune(store, &usual);
    assert_int_equal(result.removed.packs, 0);
    result = run_prune(store, &at_once);
    assert_int_equal(result.removed.bytes, before);
    assert_int_equal(pack_bytes(storage), 0);
    assert_sound(store);
    result = run_prune(store, &at_once);
    assert_int_equal(result.found.packs, 0);
    store_close(store);
}

/* What a clock marked that was a year ahead is marked again by the right one, and goes in time. */
static void test_marked_by_a_wrong_clock(void **context)
{
    struct store *store = sample_store();

    (void)context;
    make_days(store, 2);
    forget_day(store, 1);
    forget_day(store, 2);
    clock_ahead = (time_t)366 * 24 * 3600;

    struct prune_result result = run_prune(store, &usual);

    clock_ahead = 0;
    assert_true(result.garbage.packs > 0);
    assert_int_equal(run_prune(store, &usual).garbage.packs, 0);
    assert_int_equal(run_prune(store, &usual).garbage.packs, result.garbage.packs);
    assert_int_equal(run_prune(store, &at_once).removed.packs, result.garbage.packs);
    assert_sound(store);
    store_close(store);
}

static void test_rewrite(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);

    (void)context;
    const struct prune_options dry = {.unused = {UNUSED_PERCENT, 0}, .dry_run = true};

    make_days(store, 12);
    assert_int_equal(run_prune(store, &dry).ancestor_bytes, 0);
    for (unsigned day = 1; day <= 12; day++) {
        if (day % 4 != 0)
            forget_day(store, day);
    }

    uint64_t before = pack_bytes(storage);
    struct prune_result planned = run_prune(store, &dry);

    assert_true(planned.ancestor_bytes > 0);

    assert_int_equal(pack_bytes(storage), before);
    assert_true(planned.emptied.packs > 0);

    struct prune_result result = run_prune(store, &at_once);

    assert_int_equal(planned.emptied.packs, result.emptied.packs);
    assert_int_equal(planned.garbage.packs, result.garbage.packs);
    assert_int_equal(result.removed.packs, result.emptied.packs + result.garbage.packs);
    assert_int_equal(result.unused_bytes, 0);
    assert_true(pack_bytes(storage) < before);
    assert_int_equal(series_read_all(store), 3);
    assert_sound(store);
    /* Nothing is left to be done. */
    result = run_prune(store, &at_once);
    assert_int_equal(result.emptied.packs + result.garbage.packs + result.removed.packs, 0);
    /* Snapshots go on, on top of what was moved. */
    make_days(store, 0);

    struct sample_series series;

    series_begin(&series, store);
    series_take(&series, 13);
    series_end(&series);
    assert_int_equal(series_read_all(store), 4);
    assert_sound(store);
    store_close(store);
}

static void test_bounds(void **context)
{
    struct store *store = sample_store();

    (void)context;
    make_days(store, 9);
    for (unsigned day = 1; day <= 8; day++)
        forget_day(store, day);

    const struct prune_options none = {.unused = {UNUSED_UNLIMITED, 0}, .dry_run = true};
    const struct prune_options much = {.unused = {UNUSED_PERCENT, 99}, .dry_run = true};
    const struct prune_options zero = {.unused = {UNUSED_BYTES, 0}, .dry_run = true};
    const struct prune_options huge = {.unused = {UNUSED_BYTES, UINT64_MAX}, .dry_run = true};

    assert_int_equal(run_prune(store, &none).emptied.packs, 0);
    assert_int_equal(run_prune(store, &much).emptied.packs, 0);
    assert_int_equal(run_prune(store, &huge).emptied.packs, 0);
    assert_true(run_prune(store, &zero).emptied.packs > 0);
    assert_true(run_prune(store, &none).unused_bytes > 0);
    store_close(store);
}

/* ---- Packs of nobody ---- */

/* Objects that no snapshot names; the pack they are in. */
static void write_orphan(struct store *store, char name[PACK_NAME_SIZE])
{
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample sample =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(77, 0, 5000), 5000, NULL);

    sample_release(&sample);
    sample_writer_finish(writer);
    sample_batch_finish(batch, name);
    object_reader_free(reader);
}

static void test_orphans(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    char name[PACK_NAME_SIZE];
    char path[PACK_PATH_SIZE];
    uint8_t salt[STORE_SALT_BYTES];

    (void)context;
    make_days(store, 1);
    write_orphan(store, name);
    assert_true(pack_salt(name, salt));
    pack_path(salt, path);
    memory_storage_set_time(storage, path, time(NULL) - 86000);

    struct prune_result result = run_prune(store, &at_once);

    assert_int_equal(result.young.packs, 1);
    assert_int_equal(result.removed.packs, 0);
    memory_storage_set_time(storage, path, time(NULL) - 86500);
    result = run_prune(store, &at_once);
    assert_int_equal(result.removed.packs, 1);
    assert_null(memory_storage_bytes(storage, path, &(size_t){0}));
    assert_int_equal(series_read_all(store), 1);
    assert_sound(store);
    store_close(store);
}

/* ---- Beside a snapshot that is being taken ---- */

/* It relied on packs that were marked before it came to its record. */
static void test_marked_meanwhile(void **context)
{
    struct store *store = sample_store();
    struct sample_series series;

    (void)context;
    make_days(store, 1);
    forget_day(store, 1);
    series_begin(&series, store);

    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct prune_result result = run_prune(store, &usual);

    assert_true(result.garbage.packs > 0);
    object_writer_free(writer);
    object_batch_free(batch);
    object_reader_free(reader);

    /* A new one treats them as absent, and writes all of it again. */
    series_take(&series, 1);
    assert_true(series.state.snapshots[0].stored_bytes > 0);
    result = run_prune(store, &at_once);
    assert_true(result.removed.packs > 0);
    assert_int_equal(series_read_all(store), 1);
    series_end(&series);
    assert_sound(store);
    store_close(store);
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
        make_days(taker->store, 1);
}

/* Its packs are young, and by now a record names them; but they are not garbage for that. */
static void test_taken_meanwhile(void **context)
{
    (void)context;
    /* Before checkpoints are listed, before packs are, and before the log is. */
    for (unsigned lists = 0; lists < 4; lists++) {
        struct storage *memory = memory_storage_new();

        sample_store_make(memory);

        struct storage *recording = recording_storage_new(memory);
        struct store *store = sample_store_open(recording);
        struct taker taker = {recording, store, lists};
        struct log_state state = {.sequence = 0};

        recording_storage_interpose(recording, STORAGE_LIST, take_meanwhile, &taker);
        assert_int_equal(run_prune(store, &usual).garbage.packs, 0);
        succeed(log_read(store, &state, &failure));
        assert_int_equal(state.snapshot_count, 1);
        assert_int_equal(state.mark_count, 0);
        log_state_release(&state);
        assert_sound(store);
        store_close(store);
    }
}

/* A mark may be wrong: what a snapshot needs is unmarked, not removed. */
static void test_wrong_mark(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};

    (void)context;
    make_days(store, 3);
    succeed(log_read(store, &state, &failure));

    const char *name = NULL;

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        if (strncmp(memory_storage_name(storage, i), "packs/", 6) == 0)
            name = memory_storage_name(storage, i) + strlen("packs/00/");
    }
    assert_non_null(name);
    succeed(log_mark_packs(store, &state, &name, 1, &failure));
    assert_int_equal(run_prune(store, &at_once).removed.packs, 0);
    succeed(log_read(store, &state, &failure));
    assert_int_equal(state.mark_count, 0);
    log_state_release(&state);
    assert_int_equal(series_read_all(store), 3);
    assert_sound(store);
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
    const char *const names[] = {name};

    (void)context;
    series_begin(&series, store);
    series_take(&series, 3); /* all of contacts changes in three days */
    series_take(&series, 6);
    newest_pack(store, series.state.sequence, name);
    series_take(&series, 9);
    series_forget(&series, 6);
    succeed(log_mark_packs(store, &series.state, names, 1, &failure));
    series_take(&series, 6);
    assert_int_equal(series_read_all(store), 3);
    run_prune(store, &at_once);
    assert_int_equal(series_read_all(store), 3);
    assert_sound(store);
    series_forget(&series, 3);
    run_prune(store, &at_once);
    assert_int_equal(series_read_all(store), 2);
    assert_sound(store);
    series_forget(&series, 9);
    run_prune(store, &at_once);
    assert_int_equal(series_read_all(store), 1);
    assert_sound(store);
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
    run_prune(store, &at_once);

    struct prune_result result = run_prune(store, &at_once);

    assert_int_equal(result.emptied.packs + result.garbage.packs + result.removed.packs, 0);
    assert_int_equal(result.unused_bytes, 0);
    series_end(&series);
    assert_sound(store);
    store_close(store);
}

/* ---- At the same time ---- */

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
        busy->error = prune(busy->store, &usual, &result, &words);
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
    run_prune(store, &at_once);
    assert_int_equal(series_read_all(store), snapshots);
    assert_sound(store);
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

    struct prune_result result = run_prune(store, &usual);

    assert_int_equal(result.records_removed, 127 + 1);
    assert_int_equal(sample_count_files(storage, "checkpoints"), 2);
    assert_int_equal(sample_count_files(storage, "log"), 202 - 127);
    assert_sound(store);
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
    write_orphan(store, name);
    memory_storage_bytes(store_storage(store), "log/00000000000000000005", &size)[50] ^= 1;
    assert_int_equal(run_prune(store, &usual).young.packs, 1);
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
    make_days(store, 2);
    forget_day(store, 1);

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        if (strncmp(name, "packs/", 6) == 0) {
            memory_storage_bytes(storage, name, &size)[size - 100] ^= 1;
            break;
        }
    }
    assert_int_equal(prune(store, &at_once, &result, &failure), -EBADMSG);
    assert_non_null(strstr(failure.text, "crmfs check"));
    store_close(store);
}

/* ---- Faults and power cuts ---- */

static struct storage *pruned_soon(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);

    struct store *store = sample_store_open(memory_storage_copy(storage));

    make_days(store, 5);
    for (unsigned day = 2; day <= 4; day++)
        forget_day(store, day);
    storage->class->close(storage);
    storage = memory_storage_copy(store_storage(store));
    store_close(store);
    return storage;
}

static void test_faults(void **context)
{
    struct storage *begun = pruned_soon();
    bool done = false;
    uint64_t nth = 1;

    (void)context;
    for (; !done; nth += 1 + nth / 8) {
        struct storage *recording = recording_storage_new(memory_storage_copy(begun));
        struct store *store = sample_store_open(recording);
        const struct storage_fault fault = {.operations = STORAGE_ALL, .nth = nth, .code = EIO};
        struct prune_result result;

        sample_state_forget(); /* of the copy before */
        recording_storage_set_fault(recording, &fault);

        int error = prune(store, &at_once, &result, &failure);

        done = recording_storage_failed(recording) == 0;
        recording_storage_set_fault(recording, NULL);
        if (done)
            assert_int_equal(error, 0);
        assert_int_equal(series_read_all(store), 2);
        run_prune(store, &at_once);
        assert_int_equal(series_read_all(store), 2);
        assert_sound(store);
        store_close(store);
    }
    assert_true(nth > 50);
    begun->class->close(begun);
}

static void try_cut(struct storage *recording, struct storage *begun, struct replay how,
                    size_t *in_flight)
{
    struct storage *found = memory_storage_copy(begun);
    struct replayed replayed;

    succeed(recording_storage_replay(recording, &how, found, &replayed, &failure));
    *in_flight += replayed.in_flight;
    sample_state_forget(); /* what was not durable may have been seen */

    struct store *store = sample_store_open(found);

    assert_int_equal(series_read_all(store), 2);
    run_prune(store, &at_once);
    assert_int_equal(series_read_all(store), 2);
    store_close(store);
}

static void test_power_cuts(void **context)
{
    struct storage *begun = pruned_soon();
    struct storage *recording = recording_storage_new(memory_storage_copy(begun));
    struct store *store = sample_store_open(recording);
    size_t in_flight = 0;

    (void)context;
    run_prune(store, &at_once);

    size_t points = recording_storage_count(recording);

    assert_true(points > 5);
    for (size_t point = 0; point <= points; point++) {
        try_cut(recording, begun, (struct replay){.point = point, .fate = REPLAY_DROPPED},
                &in_flight);
        try_cut(recording, begun, (struct replay){.point = point, .fate = REPLAY_KEPT}, &in_flight);
        try_cut(recording, begun,
                (struct replay){.point = point, .fate = REPLAY_CHOSEN, .choice = 0xa5a5a5a5},
                &in_flight);
        try_cut(recording, begun,
                (struct replay){.point = point, .fate = REPLAY_TORN, .cut = 40000}, &in_flight);
    }
    assert_true(in_flight > 0);
    store_close(store);
    begun->class->close(begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_all_forgotten),
        cmocka_unit_test(test_marked_by_a_wrong_clock),
        cmocka_unit_test(test_rewrite),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_marked_meanwhile),
        cmocka_unit_test(test_taken_meanwhile),
        cmocka_unit_test(test_wrong_mark),
        cmocka_unit_test(test_copies_at_other_depths),
        cmocka_unit_test(test_copies_of_other_sizes),
        cmocka_unit_test(test_concurrent),
        cmocka_unit_test(test_old_records),
        cmocka_unit_test(test_damaged_old_record),
        cmocka_unit_test(test_refuses_damage),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_power_cuts),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
