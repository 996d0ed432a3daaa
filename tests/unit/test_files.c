/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount: a full disk, and who may write. Power cuts, faults and damage are those
 * of tests/fault; how operations answer, tests/files compares with another file system's answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/files.h"
#include "fs/store/log.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

struct scene {
    struct file_scene file;
    struct files *files; /* the file scene's */
};

/* On a storage with a store, which becomes the scene's. */
static void begin(struct scene *scene, struct storage *storage)
{
    sample_state_forget();
    succeed(file_scene_begin(&scene->file, sample_store_open(storage), &failure));
    scene->files = scene->file.files;
}

static void end(struct scene *scene)
{
    struct store *store = scene->file.store;

    file_scene_end(&scene->file);
    store_close(store);
}

static struct storage *new_store(void)
{
    struct storage *storage = memory_storage_new();

    sample_store_make(storage);
    return storage;
}

static int make_file(struct files *files, const char *name)
{
    uint64_t number;

    return file_make(files, name, &number, &failure);
}

/* ---- A full disk ---- */

static void a_full_disk_is_said_and_files_can_be_removed(void **context)
{
    const struct storage_fault full = {
        .nth = 1, .operations = STORAGE_CREATE | STORAGE_PUT, .code = ENOSPC, .for_ever = true};
    struct storage *recording = recording_storage_new(new_store());
    static uint8_t bytes[65536];
    struct scene scene;
    struct stat stat;
    uint64_t number;
    int error = 0;

    (void)context;
    begin(&scene, recording);
    succeed(file_make(scene.files, "a", &number, &failure));
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
    end(&scene);
}

/* ---- Who writes ---- */

static struct files *second(struct scene *scene)
{
    struct files_options options = {.store = scene->file.store,
                                    .reader = scene->file.reader,
                                    .memory_bytes = FILE_SCENE_MEMORY};
    struct files *files;

    succeed(files_create(&options, &files, &failure));
    return files;
}

static void one_writes_at_a_time(void **context)
{
    struct scene scene;

    (void)context;
    begin(&scene, new_store());

    struct files *other = second(&scene);

    succeed(make_file(scene.files, "a"));
    assert_int_equal(make_file(other, "b"), -EROFS);
    assert_non_null(strstr(failure.text, "process"));
    files_free(scene.files);
    succeed(make_file(other, "b"));
    assert_int_equal(make_file(other, "a"), -EEXIST);
    scene.file.files = other;
    end(&scene);
}

static void who_was_taken_for_dead_changes_nothing(void **context)
{
    struct log_state state = {.sequence = 0};
    struct files_claim claim = {
        .stands = true, .writer = {1}, .host = (char[]){"h"}, .process = (char[]){"1 1 x"}};
    struct scene scene;

    (void)context;
    begin(&scene, new_store());
    succeed(make_file(scene.files, "a"));
    succeed(files_sync(scene.files, &failure));
    succeed(log_read(scene.file.store, &state, &failure));
    succeed(log_claim(scene.file.store, &state, &claim, &failure));
    succeed(make_file(scene.files, "b"));
    assert_int_equal(files_sync(scene.files, &failure), -EIO);
    assert_non_null(strstr(failure.text, "taken over"));
    assert_int_equal(make_file(scene.files, "c"), -EROFS);

    uint8_t before[OBJECT_ID_BYTES];

    memcpy(before, state.files.id, sizeof before);
    succeed(log_read(scene.file.store, &state, &failure));
    assert_memory_equal(before, state.files.id, sizeof before);
    log_state_release(&state);
    end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_is_said_and_files_can_be_removed),
        cmocka_unit_test(one_writes_at_a_time),
        cmocka_unit_test(who_was_taken_for_dead_changes_nothing),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
