/* SPDX-License-Identifier: MIT */
/* Check finds every kind of damage, says exactly what is touched, and repair mends what it can. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/store/check.h"
#include "fs/store/log_internal.h"
#include "fs/store/prune.h"
#include "fs/store/reach.h"
#include "fs/store/repair.h"
#include "fs/store/stats.h"
#include "fs/store/tables.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"

static struct failure failure;

static void succeed(int error)
{
    if (error != 0)
        fail_msg("%d: %s", error, failure.text);
}

/* What was found, a line each. */
static struct buffer found = {.limit = 10 << 20};

static void note(void *context, const struct check_finding *finding)
{
    const struct walk_place *place = finding->place;

    (void)context;
    assert_int_equal(buffer_print(&found, "%d %s", (int)finding->kind,
                                  finding->file != NULL ? finding->file : ""),
                     0);
    if (place != NULL)
        assert_int_equal(buffer_print(&found, "%s %s/%s %zu %llu+%llu", place->snapshot->name,
                                      place->source != NULL ? place->source : "",
                                      place->table != NULL ? place->table : "", place->page,
                                      (unsigned long long)place->first_row,
                                      (unsigned long long)place->rows),
                         0);
    assert_int_equal(buffer_print(&found, "%s\n", finding->harmless ? " harmless" : ""), 0);
}

static struct check_result run_check(struct store *store, bool read_data)
{
    const struct check_options options = {.read_data = read_data, .threads = 2, .report = note};
    struct check_result result = {.findings = 0};

    buffer_clear(&found);
    succeed(check(store, &options, &result, &failure));
    assert_int_equal(buffer_append(&found, "", 1), 0);
    return result;
}

static bool was_found(const char *text)
{
    return strstr((const char *)found.data, text) != NULL;
}

static size_t lines_found(const char *text)
{
    size_t count = 0;

    for (const char *at = (const char *)found.data; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

static struct store *days(unsigned count)
{
    struct store *store = sample_store();
    struct sample_series series;

    series_begin(&series, store);
    for (unsigned day = 1; day <= count; day++)
        series_take(&series, day);
    series_end(&series);
    return store;
}

static void test_sound(void **context)
{
    struct store *store = days(12);
    struct check_result result = run_check(store, false);

    (void)context;
    assert_int_equal(result.findings, 0);
    assert_int_equal(result.snapshots, 12);
    assert_int_equal(result.objects_read, 0);
    result = run_check(store, true);
    assert_int_equal(result.findings, 0);
    assert_int_equal(result.objects_read, result.objects);
    assert_true(result.bytes_read > result.pack_bytes / 2);
    store_close(store);
}

/* ---- Exactly what is touched ---- */

/* The GROUP-th row group of a table of a day. */
static struct object_reference group_of(struct store *store, unsigned day, unsigned table,
                                        unsigned group)
{
    struct object_reader *reader = sample_reader(store);
    struct log_state state = {.sequence = 0};
    struct stored_tree tree;
    struct stored_image image;
    struct stored_group *groups;
    struct buffer bytes = BUFFER(OBJECT_DATA_LIMIT);
    size_t count;
    char name[32];

    succeed(log_read(store, &state, &failure));
    snprintf(name, sizeof name, "day-%u", day);
    succeed(
        object_read(reader, &log_find(&state, name)->tree, OBJECT_TREE, true, &bytes, &failure));
    succeed(stored_tree_decode(bytes.data, bytes.size, &tree));
    succeed(object_read(reader, &tree.sources[0].tables[table].image, OBJECT_IMAGE, true, &bytes,
                        &failure));
    succeed(stored_image_decode(bytes.data, bytes.size, &image));
    succeed(object_read(reader, &image.pages[group / 5], OBJECT_PAGE, true, &bytes, &failure));
    succeed(page_decode(bytes.data, bytes.size, &groups, &count));

    struct object_reference reference = groups[group % 5].reference;

    free(groups);
    stored_image_release(&image);
    stored_tree_release(&tree);
    log_state_release(&state);
    buffer_release(&bytes);
    object_reader_free(reader);
    return reference;
}

/* The bytes of a pack that a reference leads into. */
static uint8_t *pack_of(struct storage *storage, const struct object_reference *reference,
                        size_t *ret_size)
{
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        uint8_t salt[STORE_SALT_BYTES];

        if (strncmp(name, "packs/", 6) == 0 && pack_salt(name + strlen("packs/00/"), salt) &&
            pack_hint(salt) == reference->pack_hint)
            return memory_storage_bytes(storage, name, ret_size);
    }
    return NULL;
}

/* An account never changes: all days share it. */
static void test_shared_group(void **context)
{
    struct store *store = days(4);
    struct object_reference reference = group_of(store, 1, 1, 1);
    size_t size;

    (void)context;
    pack_of(store_storage(store), &reference, &size)[reference.offset + 30] ^= 4;
    assert_int_equal(run_check(store, false).findings, 0);

    struct check_result result = run_check(store, true);

    assert_int_equal(result.findings, 1 + 4);
    assert_int_equal(result.harmful, 1 + 4);
    for (unsigned day = 1; day <= 4; day++) {
        char line[64];

        snprintf(line, sizeof line, "5 day-%u crm/accounts 1 100+100\n", day);
        assert_true(was_found(line));
    }
    store_close(store);
}

/* A contact changes every third day, and each version is stored against the one before. */
static void test_chain(void **context)
{
    struct store *store = days(9);
    struct object_reference reference = group_of(store, 4, 0, 2);
    size_t size;

    (void)context;
    /* Group 2 changes on the days 1, 4 and 7. */
    pack_of(store_storage(store), &reference, &size)[reference.offset + 70] ^= 4;

    struct check_result result = run_check(store, true);

    assert_int_equal(result.findings, 1 + 6);
    for (unsigned day = 1; day <= 9; day++) {
        char line[64];

        snprintf(line, sizeof line, "5 day-%u crm/contacts 1 200+100\n", day);
        assert_int_equal(was_found(line), day >= 4);
    }
    store_close(store);
}

static void test_missing_pack(void **context)
{
    struct store *store = days(3);
    struct storage *storage = store_storage(store);
    struct object_reference reference = group_of(store, 3, 0, 0);
    uint8_t salt[STORE_SALT_BYTES] = {0};
    char path[PACK_PATH_SIZE];

    (void)context;
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, "packs/", 6) == 0 && pack_salt(name + strlen("packs/00/"), salt) &&
            pack_hint(salt) == reference.pack_hint)
            break;
    }
    pack_path(salt, path);
    succeed(storage->class->remove(storage, path, &failure));

    struct check_result result = run_check(store, false);

    assert_true(result.harmful > 0);
    assert_true(was_found("5 day-3 / 0 0+0\n"));
    assert_false(was_found("day-1"));
    assert_false(was_found("day-2"));

    /* Told to, repair forgets what lost something, and nothing else. */
    const struct repair_options keep = {.check = {.threads = 1}};
    const struct repair_options drop = {.forget_damaged = true, .check = {.threads = 1}};
    struct repair_result repaired;

    succeed(repair(store, &keep, &repaired, &failure));
    assert_int_equal(repaired.forgotten, 0);
    succeed(repair(store, &drop, &repaired, &failure));
    assert_int_equal(repaired.forgotten, 1);
    assert_int_equal(series_read_all(store), 2);
    assert_int_equal(run_check(store, true).findings, 0);
    store_close(store);
}

/* The directory is gone, but references lead to the pieces all the same. */
static void test_damaged_directory(void **context)
{
    struct store *store = days(1);
    struct object_reference reference = group_of(store, 1, 0, 0);
    size_t size = 0;
    uint8_t *bytes = pack_of(store_storage(store), &reference, &size);

    (void)context;
    assert_true(bytes != NULL && size > 100);
    bytes[size - 100] ^= 1;

    struct check_result result = run_check(store, false);

    assert_int_equal(lines_found("\n"), result.findings);
    assert_true(was_found("4 packs/"));
    assert_false(was_found("day-1"));
    assert_int_equal(series_read_all(store), 1);
    store_close(store);
}

/* Behind the last byte of a pack. */
static uint8_t *pack_end(struct store *store, const struct object_reference *reference)
{
    size_t size = 0;
    uint8_t *bytes = pack_of(store_storage(store), reference, &size);

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
    struct prune_result pruned;

    succeed(prune(store, &options, &pruned, &failure));
    return pruned;
}

/* What later days are compressed against stands in a pack of which only the foot is damaged. */
static void test_damaged_foot(void **context)
{
    const struct repair_options options = {.forget_damaged = true, .check = {.threads = 1}};

    (void)context;
    for (int read_data = 0; read_data <= 1; read_data++) {
        struct store *store = days(4);
        struct object_reference reference = group_of(store, 1, 0, 0);

        pack_end(store, &reference)[-10] ^= 1;

        struct check_result result = run_check(store, read_data);

        assert_int_equal(result.findings, 1);
        assert_int_equal(result.harmful, 0);
        assert_true(was_found("4 packs/") && was_found(" harmless"));
        assert_false(was_found("day-"));

        struct repair_result repaired = run_repair(store, &options);

        assert_int_equal(repaired.forgotten, 0);
        assert_int_equal(repaired.packs_replaced, 1);
        assert_true(repaired.objects_rewritten > SERIES_GROUPS);
        assert_int_equal(repaired.packs_damaged, 0);
        assert_int_equal(run_check(store, true).findings, 0);
        assert_int_equal(run_prune(store).removed.packs, 1);
        assert_int_equal(run_check(store, true).findings, 0);
        assert_int_equal(series_read_all(store), 4);
        repaired = run_repair(store, &options);
        assert_int_equal(repaired.packs_replaced, 0);
        store_close(store);
    }
}

/* With a piece damaged besides, what rests on that is lost, and nothing else. */
static void test_damaged_foot_and_piece(void **context)
{
    const struct repair_options drop = {.forget_damaged = true, .check = {.threads = 1}};
    struct store *store = days(3);
    struct object_reference reference = group_of(store, 1, 0, 1);
    size_t size = 0;
    uint8_t *bytes = pack_of(store_storage(store), &reference, &size);

    (void)context;
    bytes[size - 10] ^= 1;
    bytes[reference.offset + 40] ^= 1;

    struct check_result result = run_check(store, false);

    assert_true(result.harmful > 0);
    assert_true(was_found("day-1 crm/contacts 1 100+100\n"));
    assert_int_equal(lines_found("crm/contacts"), lines_found("crm/contacts 1 100+100"));

    uint64_t touched = lines_found("crm/contacts");

    assert_int_equal(run_repair(store, &drop).forgotten, touched);
    assert_int_equal(run_check(store, true).findings, 0);
    run_prune(store);
    assert_int_equal(series_read_all(store), 3 - touched);
    store_close(store);
}

/* Its first bytes are under no seal, and nothing is lost with them. */
static void test_damaged_beginning(void **context)
{
    const struct repair_options options = {.check = {.threads = 1}};
    struct store *store = days(2);
    struct object_reference reference = group_of(store, 1, 0, 0);
    size_t size = 0;

    (void)context;
    pack_of(store_storage(store), &reference, &size)[20] ^= 1;
    assert_int_equal(run_check(store, true).harmful, 0);
    assert_true(was_found("4 packs/"));
    assert_int_equal(run_repair(store, &options).packs_replaced, 1);
    assert_int_equal(run_check(store, true).findings, 0);
    assert_int_equal(run_prune(store).removed.packs, 1);
    assert_int_equal(series_read_all(store), 2);
    store_close(store);
}

/* A piece that only a forgotten snapshot needed. */
static void test_damaged_unneeded(void **context)
{
    const struct repair_options options = {.check = {.threads = 1, .read_data = true}};
    struct store *store = days(2);
    struct log_state state = {.sequence = 0};
    struct object_reference tree;
    size_t size = 0;

    (void)context;
    succeed(log_read(store, &state, &failure));
    tree = state.snapshots[0].tree;
    succeed(
        log_forget(store, &state, (const struct snapshot *[]){&state.snapshots[0]}, 1, &failure));
    log_state_release(&state);
    pack_of(store_storage(store), &tree, &size)[tree.offset + 9] ^= 1;
    assert_int_equal(run_check(store, true).findings, 1);
    assert_true(was_found(" harmless"));
    assert_int_equal(run_repair(store, &options).packs_replaced, 1);
    assert_int_equal(run_check(store, true).findings, 0);
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
        struct store *store = days(7);
        struct storage *storage = store_storage(store);
        struct object_reference reference = group_of(store, 4, 0, 2); /* day 7's rests on it */
        struct check_result result;
        char line[PACK_PATH_SIZE + 64];
        char name[PACK_PATH_SIZE] = "";
        size_t size = 0;
        uint8_t *bytes = pack_of(storage, &reference, &size);

        for (size_t i = 0; i < memory_storage_count(storage); i++) {
            size_t other;

            if (memory_storage_bytes(storage, memory_storage_name(storage, i), &other) == bytes)
                snprintf(name, sizeof name, "%s", memory_storage_name(storage, i));
        }
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
    struct store *store = days(2);
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
    bytes = pack_of(store_storage(store), &sample.reference, &size);
    assert_non_null(bytes);
    bytes[size - 100] ^= 1;

    struct check_result result = run_check(store, true);

    assert_int_equal(result.findings, 1);
    assert_int_equal(result.harmful, 0);
    assert_true(was_found("4 packs/"));
    sample_release(&sample);
    object_reader_free(reader);
    store_close(store);
}

/* ---- Every byte of every file ---- */

static void test_every_byte(void **context)
{
    struct store *store = days(2);
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

            struct check_result result = run_check(store, true);

            if (result.findings == 0)
                fail_msg("nobody noticed byte %zu of %s", at, name);
            bytes[at] ^= (uint8_t)(1 << at % 8);
            tried++;
        }
    }
    assert_true(tried > 500);
    sample_state_forget();
    assert_int_equal(run_check(store, true).findings, 0);
    store_close(store);
}

static void test_every_cut(void **context)
{
    struct store *store = days(2);
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
            if (run_check(store, true).findings == 0)
                fail_msg("nobody noticed that %s was cut to %zu bytes", name, cuts[j]);
        }
        memory_storage_set(storage, name, bytes, size);
    }
    sample_state_forget();
    assert_int_equal(run_check(store, true).findings, 0);
    whole->class->close(whole);
    store_close(store);
}

/* ---- What can be made again ---- */

static void test_indexes(void **context)
{
    struct store *store = days(3);
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

    struct check_result result = run_check(store, false);

    assert_true(result.findings > 0 && result.harmful == 0);
    succeed(repair(store, &options, &repaired, &failure));
    assert_true(repaired.packs > 0 && repaired.packs_damaged == 0 && repaired.objects > 0);
    assert_int_equal(run_check(store, true).findings, 0);
    assert_int_equal(series_read_all(store), 3);
    store_close(store);
}

static void test_checkpoints(void **context)
{
    struct store *store = days(1);
    struct storage *storage = store_storage(store);
    struct log_state state = {.sequence = 0};
    const struct repair_options options = {.check = {.threads = 1}};
    struct repair_result repaired;
    size_t size;

    (void)context;
    succeed(log_read(store, &state, &failure));
    succeed(checkpoint_write(store, &state, &failure));
    memory_storage_bytes(storage, "checkpoints/00000000000000000002", &size)[50] ^= 1;
    assert_int_equal(run_check(store, false).findings, 1);
    assert_true(was_found("2 checkpoints/00000000000000000002 harmless"));
    succeed(repair(store, &options, &repaired, &failure));
    assert_int_equal(repaired.checkpoints_removed, 1);
    assert_true(repaired.checkpoint_written);
    assert_int_equal(run_check(store, false).findings, 0);
    log_state_release(&state);
    store_close(store);
}

/* One that opens, but was made of something else. */
static void test_false_checkpoint(void **context)
{
    struct store *store = days(2);
    struct log_state state = {.sequence = 0};

    (void)context;
    succeed(log_read(store, &state, &failure));
    state.snapshots[0].raw_bytes++;
    succeed(checkpoint_write(store, &state, &failure));
    assert_int_equal(run_check(store, false).findings, 1);
    assert_true(was_found("2 checkpoints/00000000000000000003"));
    log_state_release(&state);
    store_close(store);
}

static void test_log_gap(void **context)
{
    struct store *store = days(4);
    struct storage *storage = store_storage(store);

    (void)context;
    succeed(storage->class->remove(storage, "log/00000000000000000003", &failure));
    sample_state_forget();
    assert_true(run_check(store, false).harmful > 0);
    assert_true(was_found("1 log/00000000000000000003\n"));
    store_close(store);
}

/* ---- Parts ---- */

static void test_subsets(void **context)
{
    struct store *store = days(12);
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

    struct check_result whole = run_check(store, true);

    assert_int_equal(read, whole.objects);
    store_close(store);
}

static void test_stats(void **context)
{
    struct store *store = days(3);
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

static int end(void **context)
{
    buffer_release(&found);
    return sample_state_end(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_shared_group),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_missing_pack),
        cmocka_unit_test(test_damaged_directory),
        cmocka_unit_test(test_damaged_foot),
        cmocka_unit_test(test_damaged_foot_and_piece),
        cmocka_unit_test(test_damaged_beginning),
        cmocka_unit_test(test_damaged_unneeded),
        cmocka_unit_test(test_culprit),
        cmocka_unit_test(test_damaged_orphan),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_indexes),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_false_checkpoint),
        cmocka_unit_test(test_log_gap),
        cmocka_unit_test(test_subsets),
        cmocka_unit_test(test_stats),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, end);
}
