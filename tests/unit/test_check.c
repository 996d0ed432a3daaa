/* SPDX-License-Identifier: MIT */
/* Check finds every kind of damage, and says exactly what is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"
#include "fs/store/repair.h"
#include "fs/store/stats.h"
#include "tests/unit/check_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static void test_sound(void **context)
{
    struct store *store = series_store(12);
    struct check_result result = sample_check(store, false);

    (void)context;
    assert_int_equal(result.findings, 0);
    assert_int_equal(result.snapshots, 12);
    assert_int_equal(result.objects_read, 0);
    result = sample_check(store, true);
    assert_int_equal(result.findings, 0);
    assert_int_equal(result.objects_read, result.objects);
    assert_true(result.bytes_read > result.pack_bytes / 2);
    store_close(store);
}

/* ---- Exactly what is touched ---- */

/* An account never changes: all days share it. */
static void test_shared_group(void **context)
{
    struct store *store = series_store(4);
    struct object_reference reference = sample_group_of(store, 1, 1, 1);
    size_t size;

    (void)context;
    sample_pack_of(store_storage(store), &reference, &size)[reference.offset + 30] ^= 4;
    assert_int_equal(sample_check(store, false).findings, 0);

    struct check_result result = sample_check(store, true);

    assert_int_equal(result.findings, 1 + 4);
    assert_int_equal(result.harmful, 1 + 4);
    for (unsigned day = 1; day <= 4; day++) {
        char line[64];

        snprintf(line, sizeof line, "5 day-%u crm/accounts 1 100+100\n", day);
        assert_true(check_found(line));
    }
    store_close(store);
}

/* A contact changes every third day, and each version is stored against the one before. */
static void test_chain(void **context)
{
    struct store *store = series_store(9);
    struct object_reference reference = sample_group_of(store, 4, 0, 2);
    size_t size;

    (void)context;
    /* Group 2 changes on the days 1, 4 and 7. */
    sample_pack_of(store_storage(store), &reference, &size)[reference.offset + 70] ^= 4;

    struct check_result result = sample_check(store, true);

    assert_int_equal(result.findings, 1 + 6);
    for (unsigned day = 1; day <= 9; day++) {
        char line[64];

        snprintf(line, sizeof line, "5 day-%u crm/contacts 1 200+100\n", day);
        assert_int_equal(check_found(line), day >= 4);
    }
    store_close(store);
}

/*
 * An account that was stored twice, while the pack of its first copy was marked: who reads it finds
 * the other copy, so no snapshot has lost it.
 */
static void test_another_copy(void **context)
{
    const struct repair_options options = {.forget_damaged = true,
                                           .check = {.threads = 1, .read_data = true}};
    struct store *store = series_store(2);
    struct object_reference reference = sample_group_of(store, 1, 1, 1);
    struct sample_series series;
    struct repair_result repaired;
    char name[PACK_NAME_SIZE];
    const char *const names[] = {name};
    size_t size;

    (void)context;
    sample_pack_name_of(store_storage(store), &reference, name);
    series_begin(&series, store);
    succeed(log_mark_packs(store, &series.state, names, 1, &failure));
    series_take(&series, 3);
    succeed(log_unmark_packs(store, &series.state, names, 1, &failure));
    series_end(&series);
    sample_pack_of(store_storage(store), &reference, &size)[reference.offset + 30] ^= 4;

    struct check_result result = sample_check(store, true);

    assert_int_equal(result.findings, 1);
    assert_int_equal(result.harmful, 0);
    assert_int_equal(series_read_all(store), 3);
    /* Repair makes of it what prune keeps. */
    succeed(repair(store, &options, &repaired, &failure));
    assert_int_equal(repaired.forgotten, 0);
    assert_int_equal(repaired.packs_replaced, 1);
    assert_int_equal(sample_check(store, true).findings, 0);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(sample_check(store, true).findings, 0);
    assert_int_equal(series_read_all(store), 3);
    store_close(store);
}

/*
 * All of contacts changes on three days, and what day 6 has of it is stored once more: against day
 * 9, or, at the SAME_DEPTH, against day 3. Of the copy that day 9 is compressed against.
 */
static struct object_reference store_twice(struct store *store, bool same_depth)
{
    struct object_reference last[SERIES_GROUPS];
    struct object_reference reference;
    struct sample_series series;
    char name[PACK_NAME_SIZE];
    const char *const names[] = {name};

    series_begin(&series, store);
    series_take(&series, 3);
    memcpy(last, series.last, sizeof last);
    series_take(&series, 6);
    reference = sample_group_of(store, 6, 0, 2);
    sample_pack_name_of(store_storage(store), &reference, name);
    series_take(&series, 9);
    if (same_depth)
        memcpy(series.last, last, sizeof last);
    series_take_anew(&series, 6, name);
    succeed(log_unmark_packs(store, &series.state, names, 1, &failure));
    series_end(&series);
    return reference;
}

/* But what is compressed against the damaged copy is lost: one of another depth is no help. */
static void test_copy_of_another_depth(void **context)
{
    struct store *store = sample_store();
    struct object_reference reference = store_twice(store, false);
    size_t size;

    (void)context;
    sample_pack_of(store_storage(store), &reference, &size)[reference.offset + 30] ^= 4;
    assert_true(sample_check(store, true).harmful > 0);
    assert_true(check_found("day-9 crm/contacts 1 200+100\n"));
    assert_false(check_found("day-3"));
    assert_false(check_found("day-6"));
    store_close(store);
}

/*
 * Of two copies that stand at one depth, either will do for what is compressed against the other.
 * What is is read all the same.
 */
static void test_copy_of_the_same_depth(void **context)
{
    struct store *store = sample_store();
    struct object_reference reference = store_twice(store, true);
    uint64_t objects = sample_check(store, true).objects_read;
    size_t size;

    (void)context;
    sample_pack_of(store_storage(store), &reference, &size)[reference.offset + 30] ^= 4;

    struct check_result result = sample_check(store, true);

    assert_int_equal(result.findings, 1);
    assert_int_equal(result.harmful, 0);
    assert_true(result.objects_read >= objects - 1);
    assert_int_equal(series_read_all(store), 3);
    store_close(store);
}

/* The directory is gone, but references lead to the pieces all the same. */
static void test_damaged_directory(void **context)
{
    struct store *store = series_store(1);
    struct object_reference reference = sample_group_of(store, 1, 0, 0);
    size_t size = 0;
    uint8_t *bytes = sample_pack_of(store_storage(store), &reference, &size);

    (void)context;
    assert_true(bytes != NULL && size > 100);
    bytes[size - 100] ^= 1;

    struct check_result result = sample_check(store, false);

    assert_int_equal(check_lines_found("\n"), result.findings);
    assert_true(check_found("4 packs/"));
    assert_false(check_found("day-1"));
    assert_int_equal(series_read_all(store), 1);
    store_close(store);
}

/* The pack that is said to be at fault is the one in which something is damaged. */
static struct buffer texts = {.limit = 10 << 20};

static void note_text(void *context, const struct check_finding *finding)
{
    (void)context;
    if (finding->kind == CHECK_SNAPSHOT)
        assert_int_equal(
            buffer_print(&texts, "%s: %s\n", finding->place->snapshot->name, finding->text), 0);
    else
        assert_int_equal(buffer_print(&texts, "%s %s\n", finding->file, finding->text), 0);
}

static void test_culprit(void **context)
{
    const struct check_options options = {.read_data = true, .threads = 1, .report = note_text};

    (void)context;
    for (int gone = 0; gone <= 1; gone++) {
        struct store *store = series_store(7);
        struct storage *storage = store_storage(store);
        struct object_reference reference =
            sample_group_of(store, 4, 0, 2); /* day 7's rests on it */
        struct check_result result;
        char line[PACK_PATH_SIZE + 64];
        char name[PACK_PATH_SIZE];
        size_t size = 0;
        uint8_t *bytes = sample_pack_of(storage, &reference, &size);

        snprintf(name, sizeof name, "%s", sample_pack_path(storage, &reference));
        if (gone != 0)
            succeed(storage->class->remove(storage, name, &failure));
        else
            bytes[reference.offset + 70] ^= 4;
        buffer_clear(&texts);
        succeed(check(store, &options, &result, &failure));
        assert_int_equal(buffer_append(&texts, "", 1), 0);
        snprintf(line, sizeof line, "day-7: %s is %s\n", name, gone != 0 ? "gone" : "damaged");
        if (strstr((const char *)texts.data, line) == NULL)
            fail_msg("%s is not in:\n%s", line, (const char *)texts.data);
        snprintf(line, sizeof line, "%s it is gone", name);
        assert_int_equal(strstr((const char *)texts.data, line) != NULL, gone);
        store_close(store);
    }
    buffer_release(&texts);
}

/* A pack that no snapshot needs, as a writer may leave behind that died. */
static void test_damaged_orphan(void **context)
{
    struct store *store = series_store(2);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample sample =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(4711, 0, 5000), 5000, NULL);
    size_t size = 0;
    uint8_t *bytes;

    (void)context;
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    bytes = sample_pack_of(store_storage(store), &sample.reference, &size);
    assert_non_null(bytes);
    bytes[size - 100] ^= 1;

    struct check_result result = sample_check(store, true);

    assert_int_equal(result.findings, 1);
    assert_int_equal(result.harmful, 0);
    assert_true(check_found("4 packs/"));
    sample_release(&sample);
    object_reader_free(reader);
    store_close(store);
}

/* Ways in which a state may be another than it was. */
static void change_number(struct log_state *state)
{
    state->snapshots[0].raw_bytes++;
}

static void change_files(struct log_state *state)
{
    state->has_files = true;
    state->files = state->snapshots[0].tree;
}

static void change_files_of_snapshot(struct log_state *state)
{
    state->snapshots[0].has_files = true;
    state->snapshots[0].files = state->snapshots[0].tree;
}

static void change_claim(struct log_state *state)
{
    state->claim = (struct files_claim){
        .stands = true, .host = strdup("somewhere"), .process = strdup("1 2 3")};
}

/* One that opens, but was made of something else. */
static void test_false_checkpoint(void **context)
{
    static void (*const changes[])(struct log_state * state) = {
        change_number, change_files, change_files_of_snapshot, change_claim};

    (void)context;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct store *store = series_store(2);
        struct log_state state = {.sequence = 0};

        succeed(log_read(store, &state, &failure));
        changes[i](&state);
        succeed(checkpoint_write(store, &state, &failure));
        assert_int_equal(sample_check(store, false).findings, 1);
        assert_true(check_found("2 checkpoints/00000000000000000003"));
        log_state_release(&state);
        store_close(store);
    }
}

static void test_log_gap(void **context)
{
    struct store *store = series_store(4);
    struct storage *storage = store_storage(store);

    (void)context;
    succeed(storage->class->remove(storage, "log/00000000000000000003", &failure));
    sample_state_forget();
    assert_true(sample_check(store, false).harmful > 0);
    assert_true(check_found("1 log/00000000000000000003\n"));
    store_close(store);
}

/* ---- Every byte of every file ---- */

static void test_every_byte(void **context)
{
    struct store *store = series_store(2);
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};
    size_t tried = 0;

    (void)context;
    succeed(log_read(store, &state, &failure));
    succeed(checkpoint_write(store, &state, &failure));
    log_state_release(&state);
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;
        uint8_t *bytes = memory_storage_bytes(storage, name, &size);
        /* All of what is small or at an end; of long pieces, a sample. */
        size_t step = strncmp(name, "packs/", 6) == 0 ? 1021 : 61;

        if (strcmp(name, "store") == 0)
            continue; /* nobody would have opened it */
        for (size_t at = 0; at < size; at += at < 64 || at + 64 > size ? 1 : step) {
            bytes[at] ^= (uint8_t)(1 << at % 8);
            sample_state_forget();

            struct check_result result = sample_check(store, true);

            if (result.findings == 0)
                fail_msg("nobody noticed byte %zu of %s", at, name);
            bytes[at] ^= (uint8_t)(1 << at % 8);
            tried++;
        }
    }
    assert_true(tried > 500);
    sample_state_forget();
    assert_int_equal(sample_check(store, true).findings, 0);
    store_close(store);
}

static void test_every_cut(void **context)
{
    struct store *store = series_store(2);
    struct storage *storage = store_storage(store);
    struct storage *whole = memory_storage_copy(storage);

    (void)context;
    for (size_t i = 0; i < memory_storage_count(whole); i++) {
        const char *name = memory_storage_name(whole, i);
        size_t size;
        const uint8_t *bytes = memory_storage_bytes(whole, name, &size);
        const size_t cuts[] = {0, 1, 40, size / 2, size / 1024 / 2 * 1024, size - 1};

        if (strcmp(name, "store") == 0)
            continue;
        for (size_t j = 0; j < sizeof cuts / sizeof *cuts; j++) {
            memory_storage_set(storage, name, bytes, cuts[j]);
            sample_state_forget();
            if (sample_check(store, true).findings == 0)
                fail_msg("nobody noticed that %s was cut to %zu bytes", name, cuts[j]);
        }
        memory_storage_set(storage, name, bytes, size);
    }
    sample_state_forget();
    assert_int_equal(sample_check(store, true).findings, 0);
    whole->class->close(whole);
    store_close(store);
}

/* ---- Parts ---- */

static void test_subsets(void **context)
{
    struct store *store = series_store(12);
    uint64_t read = 0;

    (void)context;
    for (unsigned part = 1; part <= 5; part++) {
        const struct check_options options = {
            .read_data = true, .subset = part, .subsets = 5, .threads = 1};
        struct check_result result;

        succeed(check(store, &options, &result, &failure));
        assert_int_equal(result.findings, 0);
        read += result.objects_read;
    }

    struct check_result whole = sample_check(store, true);

    assert_int_equal(read, whole.objects);
    store_close(store);
}

/* How many findings are of PACK, and of other ones. */
struct culprits {
    const char *pack;
    unsigned found;
    unsigned others;
};

/* A check_report. */
static void note_culprit(void *context, const struct check_finding *finding)
{
    struct culprits *culprits = context;

    if (finding->kind != CHECK_PACK)
        return;
    if (strcmp(finding->file, culprits->pack) == 0)
        culprits->found++;
    else
        culprits->others++;
}

static struct check_result check_part(struct store *store, unsigned part, unsigned parts,
                                      struct culprits *culprits)
{
    const struct check_options options = {.read_data = true,
                                          .subset = part,
                                          .subsets = parts,
                                          .threads = 1,
                                          .report = note_culprit,
                                          .context = culprits};
    struct check_result result;

    succeed(check(store, &options, &result, &failure));
    return result;
}

/* One pack is not one part. */
static void test_even_subsets(void **context)
{
    struct store *store = series_store(1);
    uint64_t mean = sample_check(store, true).bytes_read / 3;

    (void)context;
    for (unsigned part = 1; part <= 3; part++) {
        uint64_t read = check_part(store, part, 3, NULL).bytes_read;

        assert_true(read > mean / 2 && read < mean * 2);
    }
    store_close(store);
}

/* What is compressed against something damaged stands in a pack that is not. */
static void test_subset_culprit(void **context)
{
    struct store *store = series_store(4);
    struct storage *storage = store_storage(store);
    struct object_reference reference = sample_group_of(store, 1, 0, 0);
    struct culprits culprits = {.pack = sample_pack_path(storage, &reference)};
    size_t size = 0;

    (void)context;
    sample_pack_of(storage, &reference, &size)[reference.offset + 50] ^= 1;
    for (unsigned part = 1; part <= 5; part++)
        check_part(store, part, 5, &culprits);
    assert_true(culprits.found > 0);
    assert_int_equal(culprits.others, 0);
    store_close(store);
}

static void test_stats(void **context)
{
    struct store *store = series_store(3);
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};
    struct stats stats;
    uint64_t bytes = 0;

    (void)context;
    succeed(log_read(store, &state, &failure));
    succeed(stats_collect(store, &state, NULL, &stats, &failure));
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        size_t size;

        memory_storage_bytes(storage, memory_storage_name(storage, i), &size);
        bytes += size;
    }
    assert_int_equal(stats.stored_bytes, bytes);
    assert_int_equal(stats.records.count, 4);
    assert_int_equal(stats.objects[OBJECT_TREE].count, 3);
    assert_int_equal(stats.objects[OBJECT_ROW_GROUP].count, 12 + 3 + 2 * 4);
    assert_int_equal(stats.deltas, 2 * 4);
    assert_int_equal(stats.raw_bytes, 3 * state.snapshots[0].raw_bytes);
    log_state_release(&state);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_shared_group),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_another_copy),
        cmocka_unit_test(test_copy_of_another_depth),
        cmocka_unit_test(test_copy_of_the_same_depth),
        cmocka_unit_test(test_damaged_directory),
        cmocka_unit_test(test_culprit),
        cmocka_unit_test(test_damaged_orphan),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_false_checkpoint),
        cmocka_unit_test(test_log_gap),
        cmocka_unit_test(test_subsets),
        cmocka_unit_test(test_even_subsets),
        cmocka_unit_test(test_subset_culprit),
        cmocka_unit_test(test_stats),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, check_samples_end);
}
