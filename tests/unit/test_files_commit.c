/* SPDX-License-Identifier: MIT */
/*
 * What a small commit writes, and what is left of the files when it cannot: an attempt that fails
 * leaves all content to be read, and to be stored by the next one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/resident.h"
#include "fs/store/log.h"
#include "fs/store/prune.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/one_file.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define PARTS 12
#define PART_BYTES 5000
#define LARGE ((size_t)1 << 20)
#define APART 20000 /* so each is a piece of its own */

static struct one_file scene_make(uint64_t garbage_bytes)
{
    return one_file_make(
        recording_storage_new(memory_storage_new()),
        (struct files_options){.memory_bytes = MEMORY_BYTES, .garbage_bytes = garbage_bytes});
}

/* As somebody else finds it; what was not committed by now is not there. */
static void scene_reopen(struct one_file *scene)
{
    one_file_find(scene, memory_storage_copy(recording_storage_inner(scene->storage)));
}

/* As the next mount finds it. */
static void scene_restart(struct one_file *scene)
{
    files_free(scene->files);
    scene->files = NULL;
    one_file_find(
        scene, recording_storage_new(memory_storage_copy(recording_storage_inner(scene->storage))));
}

static void fill(uint8_t bytes[PART_BYTES], unsigned part, unsigned version)
{
    for (size_t i = 0; i < PART_BYTES; i++)
        bytes[i] = (uint8_t)(i * (part + 3) + version);
}

static void write_parts(struct one_file *scene, unsigned version)
{
    uint8_t bytes[PART_BYTES];

    for (unsigned part = 0; part < PARTS; part++) {
        fill(bytes, part, version);
        succeed(files_write(scene->files, scene->number, (uint64_t)part * APART, bytes,
                            sizeof bytes, &failure));
    }
}

static void check_parts(struct one_file *scene, unsigned version)
{
    uint8_t wanted[PART_BYTES];
    uint8_t found[PART_BYTES];

    for (unsigned part = 0; part < PARTS; part++) {
        fill(wanted, part, version);
        assert_int_equal(files_read(scene->files, scene->number, (uint64_t)part * APART, found,
                                    sizeof found, &failure),
                         PART_BYTES);
        assert_memory_equal(found, wanted, sizeof wanted);
    }
}

/* A storage_visit. */
static int count_file(void *context, const char *name, uint64_t size, time_t modified)
{
    (void)name;
    (void)size;
    (void)modified;
    ++*(unsigned *)context;
    return 0;
}

static unsigned count_packs(struct one_file *scene)
{
    unsigned count = 0;

    succeed(scene->storage->class->list(scene->storage, "packs", count_file, &count, &failure));
    return count;
}

/* Every file more is another one to be made, flushed and found. */
static void test_content_and_nodes_share_a_pack(void **state)
{
    struct one_file scene = scene_make(0);

    (void)state;
    for (unsigned version = 0; version < 3; version++) {
        unsigned before = count_packs(&scene);

        write_parts(&scene, version);
        succeed(files_sync(scene.files, &failure));
        assert_int_equal(count_packs(&scene), before + 1);
        check_parts(&scene, version);
    }
    scene_reopen(&scene);
    check_parts(&scene, 2);
    one_file_close(&scene);
}

/* None is stored yet: to find that out would cost more than what it could save. */
static void test_nodes_are_not_looked_for(void **state)
{
    const struct storage_fault none = {.operations = STORAGE_READ};
    struct one_file scene = scene_make(0);
    struct stat stat = {.st_mode = 0600};

    (void)state;
    scene_restart(&scene); /* only now there is an index */
    succeed(files_set(scene.files, scene.number, FILES_SET_MODE, &stat, &stat, &failure));
    recording_storage_set_fault(scene.storage, &none);
    succeed(files_sync(scene.files, &failure));
    assert_int_equal(recording_storage_counted(scene.storage), 2); /* both times the next record */
    one_file_close(&scene);
}

/* The commit of version 2 fails at its NTH operation: *RET_FAILED, unless it has fewer. */
static void fail_commit(uint64_t nth, enum fault_effect effect, bool *ret_failed)
{
    struct one_file scene = scene_make(0);
    const struct storage_fault fault = {
        .nth = nth, .operations = STORAGE_WRITING, .code = ENOSPC, .effect = effect};

    write_parts(&scene, 1);
    succeed(files_sync(scene.files, &failure));
    recording_storage_set_fault(scene.storage, &fault);
    write_parts(&scene, 2);

    int error = files_sync(scene.files, &failure);

    *ret_failed = recording_storage_failed(scene.storage) != 0;
    check_parts(&scene, 2);
    recording_storage_set_fault(scene.storage, NULL);
    if (error != 0) {
        /* What is cut off now is not among what the failed attempt had put. */
        struct stat stat = {.st_size = APART + PART_BYTES};

        succeed(files_set(scene.files, scene.number, FILES_SET_SIZE, &stat, &stat, &failure));
        write_parts(&scene, 2);
        succeed(files_sync(scene.files, &failure));
    }
    scene_reopen(&scene);
    check_parts(&scene, 2);
    one_file_close(&scene);
}

static void test_a_commit_that_fails_loses_nothing(void **state)
{
    static const enum fault_effect effects[] = {FAULT_NOTHING_DONE, FAULT_PARTLY_DONE,
                                                FAULT_ALL_DONE};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        bool failed = true;
        uint64_t nth = 0;

        while (failed)
            fail_commit(++nth, effects[i], &failed);
        assert_true(nth > PARTS);
    }
}

/* The pack that was put last; borrowed. */
static const char *newest_pack(struct one_file *scene)
{
    for (size_t i = recording_storage_count(scene->storage); i-- > 0;) {
        const struct recorded_operation *operation = recording_storage_operation(scene->storage, i);

        if (operation->name != NULL && strncmp(operation->name, "packs/", 6) == 0)
            return strrchr(operation->name, '/') + 1;
    }
    fail_msg("no pack was put");
    return NULL;
}

static bool is_marked(struct one_file *scene, const char *pack)
{
    struct log_state log = {0};

    succeed(log_read(scene->store, &log, &failure));

    bool marked = log_find_mark(&log, pack) != NULL;

    log_state_release(&log);
    return marked;
}

static void cut_all(void *context)
{
    struct one_file *scene = context;
    struct stat stat = {.st_size = 0};

    succeed(files_set(scene->files, scene->number, FILES_SET_SIZE, &stat, &stat, &failure));
}

/* It is garbage from the next commit on, so that is when it counts. */
static void test_content_dropped_during_a_commit_is_marked(void **state)
{
    struct one_file scene = scene_make(LARGE / 2);
    struct timespec pause = {.tv_nsec = 100000000};
    uint8_t *bytes = malloc(LARGE);
    const char *pack;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (uint8_t)(i % 251);
    succeed(files_write(scene.files, scene.number, 0, bytes, LARGE, &failure));
    succeed(files_sync(scene.files, &failure));
    pack = newest_pack(&scene);
    succeed(files_write(scene.files, scene.number, LARGE, bytes, 1, &failure));
    recording_storage_interpose(scene.storage, STORAGE_PUT, cut_all, &scene);
    succeed(files_sync(scene.files, &failure));
    nanosleep(&pause, NULL); /* whoever counts it too soon prunes now, and finds none */
    assert_false(is_marked(&scene, pack));
    succeed(files_sync(scene.files, &failure));
    for (unsigned i = 0; i < 100 && !is_marked(&scene, pack); i++)
        nanosleep(&pause, NULL);
    assert_true(is_marked(&scene, pack));
    free(bytes);
    one_file_close(&scene);
}

/* ---- Copies out of snapshots ---- */

#define COPIED ((size_t)200000) /* so little that one pack has all of it */

struct copying {
    struct one_file *scene;
    uint64_t view;
    pthread_t thread;
    ssize_t copied;
};

static void *copy_all(void *context)
{
    struct copying *copying = context;
    const struct files_copied wanted = {
        .number = (copying->view & ~UINT64_C(0xffff)) | (copying->scene->number & 0xffff),
        .to_number = copying->scene->number,
        .to_offset = COPIED,
        .size = COPIED,
    };

    copying->copied = files_copy(copying->scene->files, &wanted, NULL);
    return NULL;
}

static void begin_copying(void *context)
{
    struct copying *copying = context;

    assert_int_equal(pthread_create(&copying->thread, NULL, copy_all, copying), 0);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

/* What is copied during a commit is of the next one, which keeps the packs that it relies on. */
static void test_what_is_copied_during_a_commit_is_kept(void **state)
{
    const struct prune_options options = {.grace_ns = PRUNE_GRACE_NS};
    struct prune_result result;
    struct one_file scene = scene_make(0);
    struct copying copying = {.scene = &scene};
    struct log_state log = {0};
    uint8_t *bytes = malloc(COPIED);
    const char *pack;

    (void)state;
    assert_non_null(bytes);
    randombytes_buf(bytes, COPIED);
    succeed(files_write(scene.files, scene.number, 0, bytes, COPIED, &failure));
    succeed(files_sync(scene.files, &failure));
    pack = newest_pack(&scene);
    succeed(files_log(scene.files, &log));
    succeed(files_view_open(scene.files, &log.files, &copying.view));
    randombytes_buf(bytes, COPIED);
    succeed(files_write(scene.files, scene.number, 0, bytes, COPIED, &failure));
    recording_storage_interpose(scene.storage, STORAGE_SYNC, begin_copying, &copying);
    succeed(files_sync(scene.files, &failure));
    pthread_join(copying.thread, NULL);
    assert_int_equal(copying.copied, COPIED);
    succeed(prune(scene.store, &options, &result, &failure));
    assert_true(is_marked(&scene, pack)); /* nobody else knows of the copy yet */
    succeed(files_sync(scene.files, &failure));
    assert_false(is_marked(&scene, pack));
    files_view_close(scene.files, copying.view);
    log_state_release(&log);
    free(bytes);
    one_file_close(&scene);
}

/* ---- Memory ---- */

#define SCATTERED 40000
#define SCATTERED_APART 5000
#define SCATTERED_MEMORY (8 * MEMORY_BYTES) /* the storage's is in it */

/* What is written here and there waits no longer than as much of it as takes that memory. */
static void test_scattered_bytes_take_no_more_memory_than_others(void **state)
{
    struct one_file scene = scene_make(0);
    size_t before = resident_bytes();
    char found;

    (void)state;
    for (unsigned i = 0; i < SCATTERED; i++)
        succeed(files_write(scene.files, scene.number, (uint64_t)i * SCATTERED_APART,
                            (char[]){(char)(i % 251)}, 1, &failure));
    if (!SANITIZED)
        assert_in_range(resident_bytes(), 0, before + SCATTERED_MEMORY);
    for (unsigned i = 0; i < SCATTERED; i += 977) {
        assert_int_equal(files_read(scene.files, scene.number, (uint64_t)i * SCATTERED_APART,
                                    &found, 1, &failure),
                         1);
        assert_int_equal(found, (char)(i % 251));
    }
    one_file_close(&scene);
}

#define CUT_FILES 300

/* Nor does what was cut off again. */
static void test_what_is_cut_off_takes_no_memory(void **state)
{
    struct one_file scene = scene_make(0);
    struct stat stat = {.st_size = 1};
    uint8_t *bytes = calloc(1, LARGE);
    size_t before = resident_bytes();

    (void)state;
    assert_non_null(bytes);
    for (unsigned i = 0; i < CUT_FILES; i++) {
        uint64_t number;
        char name[16];

        snprintf(name, sizeof name, "f%u", i);
        succeed(file_make(scene.files, name, &number, &failure));
        succeed(files_write(scene.files, number, 0, bytes, LARGE, &failure));
        succeed(files_set(scene.files, number, FILES_SET_SIZE, &stat, &stat, &failure));
    }
    if (!SANITIZED)
        assert_in_range(resident_bytes(), 0, before + SCATTERED_MEMORY);
    free(bytes);
    one_file_close(&scene);
}

/* ---- Who waits for room meanwhile ---- */

#define FULL ((size_t)1600 << 10) /* more than may wait */
#define LATE_WRITERS 24
#define LATE_BYTES 100
#define LATE_APART ((size_t)40 << 10) /* from the end on: where the last pieces are */
#define LATE_TRIES 12

struct late_writer {
    struct late *late;
    uint64_t offset;
    int error;
};

struct late {
    struct one_file *scene;
    uint8_t *bytes; /* FULL: as the file is to be */
    pthread_t threads[LATE_WRITERS + 1];
    struct late_writer writers[LATE_WRITERS];
};

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void *write_late(void *context)
{
    struct late_writer *writer = context;
    const struct late *late = writer->late;

    writer->error = files_write(late->scene->files, late->scene->number, writer->offset,
                                late->bytes + writer->offset, LATE_BYTES, NULL);
    return NULL;
}

static void *sync_late(void *context)
{
    const struct late *late = context;

    (void)files_sync(late->scene->files, NULL);
    return NULL;
}

/* During a commit there comes so much that some wait for room, and one for the next commit. */
static void fill_up(void *context)
{
    struct late *late = context;

    succeed(files_write(late->scene->files, late->scene->number, 0, late->bytes, FULL, &failure));
    for (size_t i = 0; i < LATE_WRITERS; i++) {
        struct late_writer *writer = &late->writers[i];

        *writer = (struct late_writer){.late = late, .offset = FULL - (i + 1) * LATE_APART};
        memset(late->bytes + writer->offset, 'x', LATE_BYTES);
        assert_int_equal(pthread_create(&late->threads[i], NULL, write_late, writer), 0);
    }
    pause_ms(5);
    assert_int_equal(pthread_create(&late->threads[LATE_WRITERS], NULL, sync_late, late), 0);
    pause_ms(5);
}

/* It changes nothing that the next commit gathers: that would be neither in it nor in one after it.
 */
static void test_what_waits_for_room_is_not_let_into_a_commit(void **state)
{
    struct one_file scene = scene_make(0);
    struct late late = {.scene = &scene, .bytes = malloc(FULL)};
    uint8_t *found = malloc(FULL);

    (void)state;
    assert_non_null(late.bytes);
    assert_non_null(found);
    for (unsigned i = 0; i < LATE_TRIES; i++) {
        randombytes_buf(late.bytes, FULL);
        succeed(files_write(scene.files, scene.number, 0, late.bytes, 1, &failure));
        recording_storage_interpose(scene.storage, STORAGE_SYNC, fill_up, &late);
        succeed(files_sync(scene.files, &failure));
        for (size_t j = 0; j <= LATE_WRITERS; j++)
            pthread_join(late.threads[j], NULL);
        for (size_t j = 0; j < LATE_WRITERS; j++)
            succeed(late.writers[j].error);
        scene_restart(&scene);
        assert_int_equal(files_read(scene.files, scene.number, 0, found, FULL, &failure), FULL);
        assert_memory_equal(found, late.bytes, FULL);
    }
    free(found);
    free(late.bytes);
    one_file_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_and_nodes_share_a_pack),
        cmocka_unit_test(test_nodes_are_not_looked_for),
        cmocka_unit_test(test_a_commit_that_fails_loses_nothing),
        cmocka_unit_test(test_content_dropped_during_a_commit_is_marked),
        cmocka_unit_test(test_what_is_copied_during_a_commit_is_kept),
        cmocka_unit_test(test_scattered_bytes_take_no_more_memory_than_others),
        cmocka_unit_test(test_what_is_cut_off_takes_no_memory),
        cmocka_unit_test(test_what_waits_for_room_is_not_let_into_a_commit),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
