/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount: what stands after a power cut at any point, what a failing storage and
 * damage lead to, and who may write. How operations answer, tests/files compares with another
 * file system's answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/files/files.h"
#include "fs/files/verify.h"
#include "fs/store/check.h"
#include "fs/store/log.h"
#include "fs/store/prune.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

#define MEMORY_BYTES ((size_t)2 << 20) /* so little that it is stored on the way, too */
#define DIGEST_BYTES 16
#define NAMES 9
#define LARGEST_WRITE ((size_t)300 << 10)
#define ENTRIES_MOST 64
#define STEPS 120

static struct failure failure;

static void succeed(int error)
{
    if (error != 0)
        fail_msg("%s: %s", strerror(-error), failure.text);
}

struct scene {
    struct store *store;
    struct object_reader *reader;
    struct files *files;
};

/* On a storage with a store, which becomes the scene's. */
static int try_open(struct scene *scene, struct storage *storage)
{
    struct files_options options = {.memory_bytes = MEMORY_BYTES, .uid = 7, .gid = 8};

    scene->store = sample_store_open(storage);
    options.store = scene->store;
    succeed(object_reader_create(scene->store, MEMORY_BYTES, &scene->reader, &failure));
    options.reader = scene->reader;
    scene->files = NULL;
    return files_create(&options, &scene->files, &failure);
}

static void scene_close(struct scene *scene)
{
    files_free(scene->files);
    object_reader_free(scene->reader);
    store_close(scene->store);
}

static struct storage *new_store(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);
    return storage;
}

/* ---- What there is, in one number ---- */

struct found_entry {
    char name[256];
    uint64_t number;
    struct stat stat;
};

struct found_entries {
    struct found_entry entries[ENTRIES_MOST];
    size_t count;
};

/* A files_visit. */
static bool note_entry(void *context, const struct files_entry *entry)
{
    struct found_entries *found = context;
    struct found_entry *place = &found->entries[found->count];

    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
        return true;
    assert_true(found->count < ENTRIES_MOST);
    snprintf(place->name, sizeof place->name, "%s", entry->name);
    place->number = entry->number;
    place->stat = entry->stat;
    found->count++;
    return true;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct found_entry *)left)->name,
                  ((const struct found_entry *)right)->name);
}

static int add_content(struct files *files, uint64_t number, crypto_generichash_state *hash)
{
    static uint8_t bytes[100000];
    uint64_t offset = 0;
    ssize_t length;

    while ((length = files_read(files, number, offset, bytes, sizeof bytes, &failure)) > 0) {
        crypto_generichash_update(hash, bytes, (unsigned long long)length);
        offset += (uint64_t)length;
    }
    return (int)length;
}

static int add_xattr(struct files *files, uint64_t number, crypto_generichash_state *hash)
{
    char value[4096];
    ssize_t length = files_xattr_get(files, number, "user.note", value, sizeof value, &failure);

    if (length > 0)
        crypto_generichash_update(hash, (uint8_t *)value, (unsigned long long)length);
    return length < 0 && length != -ENODATA ? (int)length : 0;
}

static int add_directory(struct files *files, uint64_t number, crypto_generichash_state *hash)
{
    struct found_entries *found = calloc(1, sizeof *found);
    int error;

    assert_non_null(found);
    error = files_list(files, number, 0, note_entry, found, &failure);
    qsort(found->entries, found->count, sizeof *found->entries, by_name);
    for (size_t i = 0; i < found->count && error == 0; i++) {
        struct found_entry *entry = &found->entries[i];
        char line[400];
        int size = snprintf(line, sizeof line, "%s %o %lld %lu\n", entry->name, entry->stat.st_mode,
                            (long long)entry->stat.st_size, (unsigned long)entry->stat.st_nlink);

        crypto_generichash_update(hash, (uint8_t *)line, (unsigned long long)size);
        error = add_xattr(files, entry->number, hash);
        if (error == 0 && S_ISDIR(entry->stat.st_mode))
            error = add_directory(files, entry->number, hash);
        else if (error == 0)
            error = add_content(files, entry->number, hash);
        crypto_generichash_update(hash, (const uint8_t *)"end", 3);
    }
    free(found);
    return error;
}

static int picture(struct files *files, uint64_t number, uint8_t digest[DIGEST_BYTES])
{
    crypto_generichash_state hash;

    crypto_generichash_init(&hash, NULL, 0, DIGEST_BYTES);

    int error = add_directory(files, number, &hash);

    crypto_generichash_final(&hash, digest, DIGEST_BYTES);
    return error;
}

/* ---- Random operations ---- */

struct random {
    uint64_t state;
};

/* Below LIMIT; the same on every machine (splitmix64). */
static uint64_t next(struct random *random, uint64_t limit)
{
    uint64_t number = random->state += UINT64_C(0x9e3779b97f4a7c15);

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return (number ^ number >> 31) % limit;
}

static const struct files_caller caller = {.uid = 7, .gid = 8};

/* One of two directories, and a name in it. */
static uint64_t some_directory(struct files *files, struct random *random)
{
    struct stat stat;
    uint64_t number;

    if (next(random, 3) != 0)
        return FILES_TOP;
    if (files_lookup(files, FILES_TOP, "d", &number, &stat, NULL) == 0 && S_ISDIR(stat.st_mode))
        return number;
    return FILES_TOP;
}

static void some_name(struct random *random, char name[8])
{
    uint64_t number = next(random, NAMES);

    snprintf(name, 8, number == 0 ? "d" : "f%u", (unsigned)number);
}

static int write_some(struct files *files, struct random *random, uint64_t number)
{
    static uint8_t bytes[LARGEST_WRITE];
    size_t size = 1 + next(random, next(random, 2) == 0 ? 5000 : LARGEST_WRITE);
    uint64_t offset = next(random, 2) == 0 ? 0 : next(random, 400000);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i % 61 == 0 ? next(random, 256) : 'a' + i % 23);
    return files_write(files, number, offset, bytes, size, &failure);
}

/* From another file, or from another part of the same. */
static int copy_some(struct files *files, struct random *random, uint64_t number)
{
    struct files_copied wanted = {.to_number = number,
                                  .offset = next(random, 100000),
                                  .to_offset = 300000 + next(random, 100000),
                                  .size = next(random, 200000)};
    char name[8];
    struct stat stat;

    some_name(random, name);

    int error = files_lookup(files, FILES_TOP, name, &wanted.number, &stat, &failure);

    if (error != 0 || !S_ISREG(stat.st_mode))
        return error;

    ssize_t copied = files_copy(files, &wanted, &failure);

    return copied < 0 ? (int)copied : 0;
}

static int on_file(struct files *files, struct random *random, uint64_t directory, const char *name)
{
    uint64_t number;
    struct stat stat;
    char note[300] = "note";
    int error = files_lookup(files, directory, name, &number, &stat, &failure);

    if (error != 0 || !S_ISREG(stat.st_mode))
        return error;
    switch (next(random, 7)) {
    case 0:
        return files_set(files, number, FILES_SET_SIZE,
                         &(struct stat){.st_size = (off_t)next(random, 300000)}, &stat, &failure);
    case 1:
        return files_allocate(files, number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              next(random, 200000), next(random, 100000), &failure);
    case 2:
        note[5] = (char)('a' + next(random, 26));
        return files_xattr_set(files, number, "user.note", note, sizeof note, 0, &failure);
    case 3: return copy_some(files, random, number);
    default: return write_some(files, random, number);
    }
}

static int step(struct files *files, struct random *random)
{
    uint64_t directory = some_directory(files, random);
    char name[8], other[8];
    struct files_new wanted = {.directory = directory, .name = name, .caller = caller};
    uint64_t number;
    struct stat stat;

    some_name(random, name);
    some_name(random, other);
    wanted.mode = (strcmp(name, "d") == 0 ? S_IFDIR : S_IFREG) | 0644;
    switch (next(random, 9)) {
    case 0:
    case 1: return files_make(files, &wanted, &number, &stat, &failure);
    case 2: return files_unlink(files, directory, name, &failure);
    case 3: return files_rmdir(files, directory, name, &failure);
    case 4:
        return files_rename(files, directory, name, some_directory(files, random), other, 0,
                            &failure);
    default: return on_file(files, random, directory, name);
    }
}

/* ---- Power cuts ---- */

struct moment {
    uint8_t digest[DIGEST_BYTES];
    size_t recorded; /* operations of the storage when it was over */
    bool synced;
};

/* Whatever happens then, the answer to a sync was given at a moment that is found again. */
static size_t oldest_allowed(const struct moment *moments, size_t count, size_t point)
{
    size_t oldest = 0;

    for (size_t i = 0; i < count; i++) {
        if (moments[i].synced && moments[i].recorded <= point)
            oldest = i;
    }
    return oldest;
}

/* CONTEXT: how many packs may be damaged that nothing needs: what a power cut has torn. */
static void report(void *context, const struct check_finding *finding)
{
    unsigned *torn = context;

    if (finding->kind == CHECK_PACK && *torn > 0)
        --*torn;
    else if (!finding->harmless)
        fail_msg("%s: %s", finding->file != NULL ? finding->file : "", finding->text);
}

static void assert_sound(struct store *store, unsigned torn)
{
    const struct check_options options = {
        .read_data = true, .threads = 1, .report = report, .context = &torn};
    struct check_result result;

    succeed(check(store, &options, &result, &failure));

    uint64_t found = 0;

    succeed(files_verify(store, report, &torn, &found, &failure));
    assert_int_equal(found, 0);
}

static void try_cut(struct storage *recording, struct storage *begun, struct replay how,
                    const struct moment *moments, size_t count, size_t *in_flight)
{
    const struct prune_options at_once = {.unused = {.kind = UNUSED_PERCENT}};
    struct storage *found = memory_storage_copy(begun);
    uint8_t digest[DIGEST_BYTES];
    struct prune_result pruned;
    struct replayed replayed;
    struct scene scene;
    bool known = false;

    succeed(recording_storage_replay(recording, &how, found, &replayed, &failure));
    *in_flight += replayed.in_flight;
    sample_state_forget();
    succeed(try_open(&scene, found));
    succeed(picture(scene.files, FILES_TOP, digest));
    for (size_t i = oldest_allowed(moments, count, how.point); i < count && !known; i++)
        known = memcmp(moments[i].digest, digest, DIGEST_BYTES) == 0;
    if (!known)
        fail_msg("what is there after a cut at %zu never was", how.point);
    assert_sound(scene.store, how.fate == REPLAY_TORN ? 1 : 0);
    succeed(prune(scene.store, &at_once, &pruned, &failure));

    uint8_t again[DIGEST_BYTES];

    succeed(picture(scene.files, FILES_TOP, again));
    assert_memory_equal(digest, again, DIGEST_BYTES);
    scene_close(&scene);
}

static void cuts_of_one_run(uint64_t seed)
{
    struct storage *begun = new_store();
    struct storage *recording = recording_storage_new(memory_storage_copy(begun));
    static struct moment moments[STEPS + 1];
    struct random random = {seed};
    size_t in_flight = 0;
    struct scene scene;

    sample_state_forget();
    succeed(try_open(&scene, recording));
    succeed(picture(scene.files, FILES_TOP, moments[0].digest));
    moments[0].recorded = recording_storage_count(recording);
    for (size_t i = 1; i <= STEPS; i++) {
        (void)step(scene.files, &random);
        /* Nothing waits in the end, lest it be stored while the cuts are tried. */
        moments[i].synced = next(&random, 10) == 0 || i == STEPS;
        if (moments[i].synced)
            succeed(files_sync(scene.files, &failure));
        succeed(picture(scene.files, FILES_TOP, moments[i].digest));
        moments[i].recorded = recording_storage_count(recording);
    }

    size_t points = recording_storage_count(recording);

    assert_true(points > 20);
    for (size_t point = 0; point <= points; point++) {
        for (enum replay_fate fate = REPLAY_DROPPED; fate <= REPLAY_CHOSEN; fate++)
            try_cut(recording, begun,
                    (struct replay){.point = point,
                                    .fate = fate,
                                    .cut = 30000 + point,
                                    .torn = point,
                                    .choice = seed * (point + 1)},
                    moments, STEPS + 1, &in_flight);
    }
    assert_true(in_flight > 0);
    scene_close(&scene);
    begun->class->close(begun);
}

static void power_cuts_leave_what_was(void **context)
{
    (void)context;
    for (uint64_t seed = 1; seed <= 2; seed++)
        cuts_of_one_run(seed);
}

/* ---- A storage that fails ---- */

/* Whatever failed, what is there then is what is found again. */
static void fail_once(const struct storage_fault *fault, bool *ret_failed)
{
    struct storage *begun = new_store();
    struct storage *copy = NULL;
    struct storage *recording = recording_storage_new(begun);
    uint8_t before[DIGEST_BYTES], after[DIGEST_BYTES];
    struct random random = {fault->nth};
    struct scene scene;

    sample_state_forget();
    succeed(try_open(&scene, recording));
    recording_storage_set_fault(recording, fault);
    for (size_t i = 0; i < STEPS / 2; i++) {
        (void)step(scene.files, &random);
        if (next(&random, 8) == 0)
            (void)files_sync(scene.files, &failure);
    }
    *ret_failed = recording_storage_failed(recording) != 0;
    recording_storage_set_fault(recording, NULL);
    succeed(files_sync(scene.files, &failure));
    succeed(picture(scene.files, FILES_TOP, before));
    assert_sound(scene.store, 0);
    copy = memory_storage_copy(recording_storage_inner(recording));
    scene_close(&scene);
    sample_state_forget();
    succeed(try_open(&scene, copy));
    succeed(picture(scene.files, FILES_TOP, after));
    assert_memory_equal(before, after, DIGEST_BYTES);
    scene_close(&scene);
}

static void a_failing_storage_loses_nothing(void **context)
{
    static const enum fault_effect effects[] = {FAULT_NOTHING_DONE, FAULT_PARTLY_DONE,
                                                FAULT_ALL_DONE};
    bool failed = true;

    (void)context;
    for (uint64_t nth = 1; failed; nth += 1 + nth / 4) {
        for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
            fail_once(&(struct storage_fault){.nth = nth,
                                              .operations = STORAGE_WRITING,
                                              .code = i == 0 ? ENOSPC : EIO,
                                              .effect = effects[i]},
                      &failed);
        }
        fail_once(
            &(struct storage_fault){
                .nth = nth, .operations = STORAGE_WRITING, .code = ENOSPC, .for_ever = true},
            &failed);
    }
}

/* ---- A full disk ---- */

static void a_full_disk_is_said_and_files_can_be_removed(void **context)
{
    const struct storage_fault full = {
        .nth = 1, .operations = STORAGE_CREATE | STORAGE_PUT, .code = ENOSPC, .for_ever = true};
    struct storage *recording = recording_storage_new(new_store());
    static uint8_t bytes[65536];
    struct files_new wanted = {
        .directory = FILES_TOP, .name = "a", .mode = S_IFREG | 0644, .caller = caller};
    struct scene scene;
    struct stat stat;
    uint64_t number;
    int error = 0;

    (void)context;
    sample_state_forget();
    succeed(try_open(&scene, recording));
    succeed(files_make(scene.files, &wanted, &number, &stat, &failure));
    succeed(files_sync(scene.files, &failure));
    recording_storage_set_fault(recording, &full);
    for (uint64_t i = 0; i < 100 && error == 0; i++) {
        randombytes_buf(bytes, sizeof bytes);
        error = files_write(scene.files, number, i * sizeof bytes, bytes, sizeof bytes, &failure);
    }
    assert_int_equal(error, -ENOSPC);
    assert_int_equal(files_sync(scene.files, &failure), -ENOSPC);
    assert_int_equal(files_read(scene.files, number, 0, bytes, sizeof bytes, &failure),
                     sizeof bytes);
    succeed(files_unlink(scene.files, FILES_TOP, "a", &failure));
    recording_storage_set_fault(recording, NULL);
    succeed(files_sync(scene.files, &failure));
    assert_int_equal(files_lookup(scene.files, FILES_TOP, "a", &number, &stat, &failure), -ENOENT);
    scene_close(&scene);
}

/* ---- Damage ---- */

static void damage_is_an_error_and_never_other_bytes(void **context)
{
    struct random random = {5};
    struct storage *begun = new_store();
    uint8_t whole[DIGEST_BYTES], damaged[DIGEST_BYTES];
    struct scene scene;
    size_t refused = 0;

    (void)context;
    sample_state_forget();
    succeed(try_open(&scene, begun));
    for (size_t i = 0; i < STEPS; i++)
        (void)step(scene.files, &random);
    succeed(files_sync(scene.files, &failure));
    succeed(picture(scene.files, FILES_TOP, whole));

    struct storage *kept = memory_storage_copy(begun);

    scene_close(&scene);
    for (size_t i = 0; i < memory_storage_count(kept); i++) {
        const char *name = memory_storage_name(kept, i);
        size_t size;

        (void)memory_storage_bytes(kept, name, &size);
        if (strncmp(name, "packs/", 6) != 0)
            continue;
        for (size_t at = next(&random, 40); at < size; at += 1 + next(&random, size / 8)) {
            struct storage *copy = memory_storage_copy(kept);

            memory_storage_bytes(copy, name, &size)[at] ^= (uint8_t)(1 << next(&random, 8));
            sample_state_forget();

            int error = try_open(&scene, copy);

            if (error == 0)
                error = picture(scene.files, FILES_TOP, damaged);
            if (error == 0)
                assert_memory_equal(whole, damaged, DIGEST_BYTES);
            refused += error != 0;
            scene_close(&scene);
        }
    }
    assert_true(refused > 0);
    kept->class->close(kept);
}

/* ---- Who writes ---- */

static struct files *second(struct scene *scene)
{
    struct files_options options = {
        .store = scene->store, .reader = scene->reader, .memory_bytes = MEMORY_BYTES};
    struct files *files;

    succeed(files_create(&options, &files, &failure));
    return files;
}

static int make_file(struct files *files, const char *name)
{
    struct files_new wanted = {
        .directory = FILES_TOP, .name = name, .mode = S_IFREG | 0644, .caller = caller};
    struct stat stat;
    uint64_t number;

    return files_make(files, &wanted, &number, &stat, &failure);
}

static void one_writes_at_a_time(void **context)
{
    struct scene scene;

    (void)context;
    sample_state_forget();
    succeed(try_open(&scene, new_store()));

    struct files *other = second(&scene);

    succeed(make_file(scene.files, "a"));
    assert_int_equal(make_file(other, "b"), -EROFS);
    assert_non_null(strstr(failure.text, "process"));
    files_free(scene.files);
    succeed(make_file(other, "b"));
    assert_int_equal(make_file(other, "a"), -EEXIST);
    scene.files = other;
    scene_close(&scene);
}

static void who_was_taken_for_dead_changes_nothing(void **context)
{
    struct log_state state = {.sequence = 0};
    struct files_claim claim = {
        .stands = true, .writer = {1}, .host = (char[]){"h"}, .process = (char[]){"1 1 x"}};
    struct scene scene;

    (void)context;
    sample_state_forget();
    succeed(try_open(&scene, new_store()));
    succeed(make_file(scene.files, "a"));
    succeed(files_sync(scene.files, &failure));
    succeed(log_read(scene.store, &state, &failure));
    succeed(log_claim(scene.store, &state, &claim, &failure));
    succeed(make_file(scene.files, "b"));
    assert_int_equal(files_sync(scene.files, &failure), -EIO);
    assert_non_null(strstr(failure.text, "taken over"));
    assert_int_equal(make_file(scene.files, "c"), -EROFS);

    uint8_t before[OBJECT_ID_BYTES];

    memcpy(before, state.files.id, sizeof before);
    succeed(log_read(scene.store, &state, &failure));
    assert_memory_equal(before, state.files.id, sizeof before);
    log_state_release(&state);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cuts_leave_what_was),
        cmocka_unit_test(a_failing_storage_loses_nothing),
        cmocka_unit_test(a_full_disk_is_said_and_files_can_be_removed),
        cmocka_unit_test(damage_is_an_error_and_never_other_bytes),
        cmocka_unit_test(one_writes_at_a_time),
        cmocka_unit_test(who_was_taken_for_dead_changes_nothing),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
