/* SPDX-License-Identifier: MIT */
/* A log of which records are damaged: only told to is it gone on without them, and with all else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/store/freshness.h"
#include "fs/store/log_internal.h"
#include "fs/store/repair.h"
#include "tests/unit/log_samples.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

static void damage(struct store *store, uint64_t record)
{
    char name[LOG_NAME_SIZE];
    size_t size;

    log_record_name(record, name);
    memory_storage_bytes(store_storage(store), name, &size)[size / 2] ^= 1;
}

/* Only the flag helps; afterwards all is well. */
static struct log_mended mend(struct store *store)
{
    const struct repair_options plain = {.check = {.threads = 1}};
    const struct repair_options options = {.drop_records = true, .check = {.threads = 1}};
    const struct check_options check_options = {.read_data = true, .threads = 1};
    struct repair_result repaired;
    struct repair_result again;
    struct check_result checked;

    assert_int_equal(sample_log_error(store), -EBADMSG);
    assert_non_null(strstr(failure.text, "crmfs repair --drop-records"));
    assert_int_equal(repair(store, &plain, &repaired, &failure), -EBADMSG);
    succeed(repair(store, &options, &repaired, &failure));
    succeed(sample_log_error(store));
    succeed(check(store, &check_options, &checked, &failure));
    assert_int_equal(checked.findings, 0);
    succeed(repair(store, &options, &again, &failure));
    assert_int_equal(again.log.lost + again.log.removed, 0);
    assert_int_equal(again.log.sequence, repaired.log.sequence);
    return repaired.log;
}

static bool has_day(struct store *store, unsigned day)
{
    struct log_state state = {.sequence = 0};
    char name[32];

    succeed(log_read(store, &state, &failure));
    snprintf(name, sizeof name, "day-%u", day);

    bool found = log_find(&state, name) != NULL;

    log_state_release(&state);
    return found;
}

/* Goes on: another day can be taken, and read. */
static void go_on(struct store *store, unsigned day)
{
    struct sample_series series;
    size_t before = series_read_all(store);

    series_begin(&series, store);
    series_take(&series, day);
    series_end(&series);
    assert_int_equal(series_read_all(store), before + 1);
}

static void test_one_record(void **context)
{
    (void)context;
    for (uint64_t record = 1; record <= 5; record++) {
        struct store *store = series_store(5);

        damage(store, record);

        struct log_mended mended = mend(store);

        assert_int_equal(mended.lost, 1);
        assert_int_equal(mended.sequence, 6);
        for (unsigned day = 1; day <= 5; day++)
            assert_int_equal(has_day(store, day), day + 1 != record);
        assert_int_equal(series_read_all(store), record == 1 ? 5 : 4);
        go_on(store, 6);
        store_close(store);
    }
}

static void test_missing_records(void **context)
{
    struct store *store = series_store(5);
    struct storage *storage = store_storage(store);

    (void)context;
    succeed(storage->class->remove(storage, "log/00000000000000000003", &failure));
    succeed(storage->class->remove(storage, "log/00000000000000000004", &failure));
    sample_state_forget();
    assert_int_equal(mend(store).lost, 2);
    assert_int_equal(series_read_all(store), 3);
    store_close(store);
}

/* The newest one: the log goes back, and others that saw it are told. */
static void test_newest_record(void **context)
{
    struct store *store = series_store(3);
    const uint8_t *id = store_header(store)->id;
    struct freshness seen;

    (void)context;
    assert_true(freshness_load(id, &seen));
    memory_storage_set(store_storage(store), "log/00000000000000000004", "", 0);

    struct log_mended mended = mend(store);

    assert_int_equal(mended.lost, 1);
    assert_int_equal(mended.sequence, 3);
    assert_int_equal(series_read_all(store), 2);
    sample_state_forget();
    assert_true(freshness_save(id, &seen));
    assert_int_equal(sample_log_error(store), -ESTALE);
    sample_state_forget();
    go_on(store, 4);
    store_close(store);
}

static void test_foreign_file(void **context)
{
    struct store *store = series_store(3);
    struct storage *storage = store_storage(store);
    const char foreign[] = "somebody else's";

    (void)context;
    memory_storage_set(storage, "log/00000000000000000005", foreign, sizeof foreign);
    assert_int_equal(mend(store).lost, 1);
    memory_storage_set(storage, "log/18446744073709551615", foreign, sizeof foreign);
    memory_storage_set(storage, "log/00000000000000000006", foreign, sizeof foreign);
    memory_storage_set(storage, "checkpoints/00000000000000000009", foreign, sizeof foreign);
    assert_int_equal(mend(store).lost, 2);
    assert_int_equal(series_read_all(store), 3);
    go_on(store, 4);
    store_close(store);
}

/* A record that was copied under a later number: nothing is lost without it. */
static void test_copied_record(void **context)
{
    struct store *store = series_store(3);
    struct storage *storage = store_storage(store);
    size_t size;
    const uint8_t *bytes = memory_storage_bytes(storage, "log/00000000000000000004", &size);

    (void)context;
    memory_storage_set(storage, "log/00000000000000000500", bytes, size);
    sample_state_forget();

    struct log_mended mended = mend(store);

    assert_int_equal(mended.lost, 0);
    assert_int_equal(mended.removed, 1);
    assert_int_equal(mended.sequence, 4);
    assert_int_equal(series_read_all(store), 3);
    go_on(store, 4);
    store_close(store);
}

/* Nothing is lost that a checkpoint holds. */
static void test_checkpoint(void **context)
{
    (void)context;
    for (uint64_t record = 3; record <= 5; record++) {
        struct store *store = series_store(3);
        struct sample_series series;
        struct log_state state = {.sequence = 0};

        succeed(log_read(store, &state, &failure));
        succeed(checkpoint_write(store, &state, &failure));
        log_state_release(&state);
        series_begin(&series, store);
        series_take(&series, 4);
        series_take(&series, 5);
        series_end(&series);
        damage(store, record);
        if (record == 3) { /* nobody reads that one */
            struct repair_result repaired;
            const struct repair_options options = {.drop_records = true, .check = {.threads = 1}};

            succeed(repair(store, &options, &repaired, &failure));
            assert_int_equal(repaired.log.lost, 0);
            assert_int_equal(repaired.log.removed, 3);
        } else {
            assert_int_equal(mend(store).lost, record == 5);
        }
        assert_int_equal(series_read_all(store), record == 5 ? 4 : 5);
        go_on(store, 6);
        store_close(store);
    }
}

/* An older log in its place is not taken for a damaged one. */
static void test_rolled_back(void **context)
{
    struct store *store = series_store(4);
    struct storage *storage = store_storage(store);
    const struct repair_options options = {.drop_records = true, .check = {.threads = 1}};
    struct repair_result repaired;

    (void)context;
    succeed(storage->class->remove(storage, "log/00000000000000000005", &failure));
    damage(store, 4);
    assert_int_equal(repair(store, &options, &repaired, &failure), -ESTALE);
    store_close(store);
}

static void test_nothing_left(void **context)
{
    struct store *store = series_store(2);
    const struct repair_options options = {.drop_records = true, .check = {.threads = 1}};
    struct repair_result repaired;
    size_t files = memory_storage_count(store_storage(store));

    (void)context;
    for (uint64_t record = 1; record <= 3; record++)
        damage(store, record);
    assert_int_equal(repair(store, &options, &repaired, &failure), -EBADMSG);
    assert_non_null(strstr(failure.text, "copy of the store"));
    assert_int_equal(memory_storage_count(store_storage(store)), files);
    store_close(store);
}

/* ---- What follows from a record that is lost ---- */

static void take(struct store *store, struct log_state *state, const char *name, uint64_t number,
                 const char *const *packs, size_t pack_count)
{
    struct snapshot snapshot = sample_snapshot(name, number);

    succeed(log_take(store, state, &snapshot, packs, pack_count, &failure));
    sample_snapshot_release(&snapshot);
}

static struct log_state mend_log(struct store *store, uint64_t record)
{
    struct log_state state = {.sequence = 0};
    struct log_mended mended;

    damage(store, record);
    succeed(log_mend(store, NULL, NULL, &mended, &failure));
    assert_int_equal(mended.lost, 1);
    succeed(log_read(store, &state, &failure));
    return state;
}

/* Of a name that is used again, both snapshots stay. */
static void test_lost_rename(void **context)
{
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};

    (void)context;
    succeed(log_read(store, &state, &failure));
    take(store, &state, "a", 1, NULL, 0);
    succeed(log_rename(store, &state, "a", "b", &failure));
    take(store, &state, "a", 2, NULL, 0);
    log_state_release(&state);
    state = mend_log(store, 3);
    assert_int_equal(state.snapshot_count, 2);
    assert_int_equal(log_find(&state, "a")->time_ns, state.snapshots[1].time_ns);
    assert_int_equal(strncmp(state.snapshots[0].name, "recovered-", 10), 0);
    log_state_release(&state);
    store_close(store);
}

/* A snapshot whose record is lost cannot be forgotten; the others named with it are. */
static void test_lost_take(void **context)
{
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};

    (void)context;
    succeed(log_read(store, &state, &failure));
    take(store, &state, "a", 1, NULL, 0);
    take(store, &state, "b", 2, NULL, 0);
    take(store, &state, "c", 3, NULL, 0);
    succeed(log_forget(store, &state,
                       (const struct snapshot *[]){log_find(&state, "a"), log_find(&state, "b")}, 2,
                       &failure));
    log_state_release(&state);
    state = mend_log(store, 3);
    assert_int_equal(state.snapshot_count, 1);
    assert_non_null(log_find(&state, "c"));
    assert_int_equal(state.sequence, 5);
    log_state_release(&state);
    store_close(store);
}

/* A mark that is lost: what was removed by it is not marked; what comes later counts. */
static void test_lost_mark(void **context)
{
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};
    char names[2][65];
    const char *const packs[] = {names[0], names[1]};

    (void)context;
    sample_pack_name(1, names[0]);
    sample_pack_name(2, names[1]);
    succeed(log_read(store, &state, &failure));
    succeed(log_mark_packs(store, &state, packs, 1, &failure));
    succeed(log_mark_packs(store, &state, packs + 1, 1, &failure));
    succeed(log_remove_packs(store, &state, packs, 2, &failure));
    log_state_release(&state);
    state = mend_log(store, 2);
    assert_int_equal(state.mark_count, 1);
    assert_true(log_find_mark(&state, names[1])->removed);
    log_state_release(&state);
    store_close(store);
}

/* files/ is what was committed last, though the claim under which it was is lost. */
static void test_lost_claim(void **context)
{
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};
    struct files_claim claim = {.writer = {7}, .host = (char[]){"host"}, .process = (char[]){"1"}};
    const struct object_reference top = {.id = {9}, .offset = 64};

    (void)context;
    succeed(log_read(store, &state, &failure));
    succeed(log_claim(store, &state, &claim, &failure));
    succeed(log_files(store, &state, claim.writer, &top, NULL, 0, &failure));
    log_state_release(&state);
    state = mend_log(store, 2);
    assert_true(state.has_files && state.files.id[0] == 9);
    assert_false(state.claim.stands);
    log_state_release(&state);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_record),    cmocka_unit_test(test_missing_records),
        cmocka_unit_test(test_newest_record), cmocka_unit_test(test_foreign_file),
        cmocka_unit_test(test_copied_record), cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_rolled_back),   cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_lost_rename),   cmocka_unit_test(test_lost_take),
        cmocka_unit_test(test_lost_mark),     cmocka_unit_test(test_lost_claim),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
