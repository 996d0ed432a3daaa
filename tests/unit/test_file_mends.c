/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount, where reading the store fails now and then: what fails in the midst is
 * another time as if it had not been tried.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>

#include "fs/files/files_internal.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define PARTS 1500U /* of a file with holes between them: more than a node can tell of */
#define PART_APART 8192U
#define SYNC_EVERY 100U /* so that the nodes are in several packs */

struct place {
    struct storage *recording;
    struct store *store;
    struct file_scene scene;
};

static void begin(struct place *place)
{
    struct storage *storage = memory_storage_new();

    sample_state_forget();
    sample_store_make(storage);
    place->recording = recording_storage_new(storage);
    assert_non_null(place->recording);
    place->store = sample_store_open(place->recording);
    succeed(file_scene_begin(&place->scene, place->store, &failure));
}

/* As another mount, which has nothing in memory. */
static void again(struct place *place)
{
    file_scene_end(&place->scene);
    succeed(file_scene_begin(&place->scene, place->store, &failure));
}

static void end(struct place *place)
{
    file_scene_end(&place->scene);
    store_close(place->store);
}

/* The NTH reading and all after it fail; 0: none does any more. */
static void fail_reading(struct place *place, uint64_t nth)
{
    const struct storage_fault fault = {
        .nth = nth, .operations = STORAGE_READ, .code = EIO, .for_ever = true};

    recording_storage_set_fault(place->recording, nth != 0 ? &fault : NULL);
}

/* ---- The tree that a claim begins with ---- */

/* What somebody else wrote before it is part of it, though reading it failed at first. */
static void try_following(uint64_t nth, bool *ret_failed)
{
    struct place place;
    struct file_scene other;
    struct stat stat;
    uint64_t number;

    begin(&place);
    succeed(file_scene_begin(&other, place.store, &failure));
    succeed(file_make(other.files, "theirs", &number, &failure));
    file_scene_end(&other);
    fail_reading(&place, nth);
    (void)file_make(place.scene.files, "refused", &number, &failure);
    *ret_failed = recording_storage_failed(place.recording) != 0;
    fail_reading(&place, 0);
    succeed(file_make(place.scene.files, "ours", &number, &failure));
    succeed(files_lookup(place.scene.files, FILES_TOP, "theirs", &number, &stat, &failure));
    again(&place);
    succeed(files_lookup(place.scene.files, FILES_TOP, "theirs", &number, &stat, &failure));
    succeed(files_lookup(place.scene.files, FILES_TOP, "ours", &number, &stat, &failure));
    assert_int_equal(file_scene_check(place.store, 0), 0);
    end(&place);
}

static void a_claim_begins_with_the_newest_tree(void **context)
{
    bool failed = true;

    (void)context;
    for (uint64_t nth = 1; failed; nth++)
        try_following(nth, &failed);
}

/* The disk failed when it was about to say that it has the record: nobody else wrote that. */
static void a_claim_that_stands_though_it_failed_is_ones_own(void **context)
{
    const struct storage_fault lost_answers = {.nth = 1,
                                               .operations = STORAGE_PUT | STORAGE_SYNC,
                                               .code = EIO,
                                               .for_ever = true,
                                               .effect = FAULT_ALL_DONE};
    struct place place;
    struct stat stat;
    uint64_t number;

    (void)context;
    begin(&place);
    recording_storage_set_fault(place.recording, &lost_answers);
    assert_int_equal(file_make(place.scene.files, "refused", &number, &failure), -EIO);
    recording_storage_set_fault(place.recording, NULL);
    succeed(file_make(place.scene.files, "ours", &number, &failure));
    again(&place);
    succeed(files_lookup(place.scene.files, FILES_TOP, "ours", &number, &stat, &failure));
    end(&place);
}

static void write_and_sync(struct file_scene *scene, uint64_t number, const char *text)
{
    succeed(files_write(scene->files, number, 0, text, strlen(text), &failure));
    succeed(files_sync(scene->files, &failure));
}

/* A mount that only reads looks at the store again. */
static void look_again(struct place *place, uint64_t number)
{
    struct stat stat;

    place->scene.files->valid_until_ns = 0;
    succeed(files_stat(place->scene.files, number, &stat, &failure));
}

/* What was dropped then is what was kept of it before: it is not all that there is to drop. */
static void a_file_that_is_changed_while_it_is_dropped_is_dropped_again(void **context)
{
    struct place place;
    struct file_scene other;
    struct files_changed changed;
    uint64_t number;

    (void)context;
    begin(&place);
    succeed(file_scene_begin(&other, place.store, &failure));
    succeed(file_make(other.files, "theirs", &number, &failure));
    write_and_sync(&other, number, "one");
    look_again(&place, number);
    succeed(files_open(place.scene.files, number, false, &failure));
    assert_false(files_next_changed(place.scene.files, &changed));
    write_and_sync(&other, number, "two");
    look_again(&place, number);
    assert_true(files_next_changed(place.scene.files, &changed));
    write_and_sync(&other, number, "three");
    look_again(&place, number);
    files_content_dropped(place.scene.files, &changed);
    assert_true(files_next_changed(place.scene.files, &changed));
    files_content_dropped(place.scene.files, &changed);
    assert_false(files_next_changed(place.scene.files, &changed));
    files_close(place.scene.files, number);
    file_scene_end(&other);
    end(&place);
}

/* ---- Content that goes ---- */

static uint64_t make_with_holes(struct place *place)
{
    uint64_t number;

    succeed(file_make(place->scene.files, "holes", &number, &failure));
    for (unsigned i = 0; i < PARTS; i++) {
        succeed(files_write(place->scene.files, number, (uint64_t)i * PART_APART, &i, sizeof i,
                            &failure));
        if (i % SYNC_EVERY == 0)
            succeed(files_sync(place->scene.files, &failure));
    }
    again(place);
    return number;
}

typedef int cutting(struct files *files, uint64_t number);

static int truncate_it(struct files *files, uint64_t number)
{
    struct stat stat = {.st_size = 100};

    return files_set(files, number, FILES_SET_SIZE, &stat, &stat, &failure);
}

static int punch_it(struct files *files, uint64_t number)
{
    return files_allocate(files, number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100,
                          (uint64_t)PARTS * PART_APART, &failure);
}

static int unlink_it(struct files *files, uint64_t number)
{
    int error = files_unlink(files, FILES_TOP, "holes", &failure);

    files_forget(files, number);
    return error;
}

/* *RET_FAILED: whether a reading did. */
static void try_cutting(cutting *cut, uint64_t nth, bool *ret_failed)
{
    uint8_t before[PICTURE_BYTES], after[PICTURE_BYTES], found[PICTURE_BYTES];
    struct place place;

    begin(&place);

    uint64_t number = make_with_holes(&place);

    succeed(file_picture(place.scene.files, FILES_TOP, before, &failure));
    again(&place);
    succeed(files_writable(place.scene.files, FILES_TOP, &failure));
    fail_reading(&place, nth);

    int error = cut(place.scene.files, number);

    *ret_failed = recording_storage_failed(place.recording) != 0;
    fail_reading(&place, 0);
    succeed(file_picture(place.scene.files, FILES_TOP, after, &failure));
    assert_true(error == 0 || error == -EIO);
    assert_int_equal(memcmp(before, after, PICTURE_BYTES) == 0, error != 0);
    succeed(files_sync(place.scene.files, &failure));
    assert_int_equal(file_scene_check(place.store, 0), 0);
    if (error != 0)
        succeed(cut(place.scene.files, number));
    succeed(file_picture(place.scene.files, FILES_TOP, after, &failure));
    again(&place);
    succeed(file_picture(place.scene.files, FILES_TOP, found, &failure));
    assert_memory_equal(after, found, PICTURE_BYTES);
    assert_int_equal(file_scene_check(place.store, 0), 0);
    end(&place);
}

static void try_all_cutting(cutting *cut)
{
    bool failed = true;
    uint64_t tries = 0;

    for (uint64_t nth = 1; failed; nth++, tries++)
        try_cutting(cut, nth, &failed);
    assert_true(tries > 3); /* the file's nodes are read one by one */
}

static void what_cannot_be_truncated_stays(void **context)
{
    (void)context;
    try_all_cutting(truncate_it);
}

static void what_cannot_be_punched_stays(void **context)
{
    (void)context;
    try_all_cutting(punch_it);
}

static void what_cannot_be_removed_at_once_is_removed_later(void **context)
{
    (void)context;
    try_all_cutting(unlink_it);
}

/* All packs that there are now are damaged; their storage before that is returned. */
static struct storage *damage_packs(struct place *place)
{
    struct storage *storage = recording_storage_inner(place->recording);
    struct storage *saved = memory_storage_copy(storage);

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        if (strncmp(name, "packs/", 6) != 0)
            continue;

        uint8_t *bytes = memory_storage_bytes(storage, name, &size);

        for (size_t at = 0; at < size; at++)
            bytes[at] ^= 0x10;
    }
    return saved;
}

static void mend_packs(struct place *place, struct storage *saved)
{
    for (size_t i = 0; i < memory_storage_count(saved); i++) {
        const char *name = memory_storage_name(saved, i);
        size_t size;

        if (strncmp(name, "packs/", 6) != 0)
            continue;

        const uint8_t *bytes = memory_storage_bytes(saved, name, &size);

        memory_storage_set(recording_storage_inner(place->recording), name, bytes, size);
    }
    saved->class->close(saved);
}

/* What was written is stored when the mount ends, whatever a file without a name still has. */
static void an_orphan_that_cannot_be_removed_keeps_nothing_else_from_being_stored(void **context)
{
    char found[5] = "";
    struct place place;
    struct stat stat;
    uint64_t kept;

    (void)context;
    begin(&place);

    uint64_t number = make_with_holes(&place);

    succeed(files_open(place.scene.files, number, false, &failure));
    succeed(file_make(place.scene.files, "kept", &kept, &failure));
    succeed(files_write(place.scene.files, kept, 0, "kept", 4, &failure));

    struct storage *saved = damage_packs(&place);

    succeed(files_unlink(place.scene.files, FILES_TOP, "holes", &failure));
    succeed(files_stop(place.scene.files, &failure));
    mend_packs(&place, saved);
    again(&place);
    succeed(files_stat(place.scene.files, number, &stat, &failure)); /* it could not be removed */
    succeed(files_lookup(place.scene.files, FILES_TOP, "kept", &kept, &stat, &failure));
    assert_int_equal(files_read(place.scene.files, kept, 0, found, sizeof found, &failure), 4);
    assert_string_equal(found, "kept");
    succeed(files_writable(place.scene.files, FILES_TOP, &failure));
    assert_int_equal(files_stat(place.scene.files, number, &stat, &failure), -ESTALE);
    succeed(files_sync(place.scene.files, &failure));
    assert_int_equal(file_scene_check(place.store, 0), 0);
    end(&place);
}

/* ---- Memory ---- */

static void nothing_is_held_of_a_file_that_lost_one_of_its_names(void **context)
{
    struct place place;
    struct stat stat;
    uint64_t number;

    (void)context;
    begin(&place);
    succeed(file_make(place.scene.files, "a", &number, &failure));
    succeed(files_link(place.scene.files, number, FILES_TOP, "b", &stat, &failure));
    succeed(files_link(place.scene.files, number, FILES_TOP, "c", &stat, &failure));
    succeed(files_unlink(place.scene.files, FILES_TOP, "b", &failure));
    succeed(files_rename(place.scene.files, FILES_TOP, "a", FILES_TOP, "c", 0, &failure));
    succeed(file_make(place.scene.files, "d", &number, &failure));
    succeed(files_rename(place.scene.files, FILES_TOP, "d", FILES_TOP, "c", 0, &failure));
    assert_int_equal(HASH_COUNT(place.scene.files->held), 0);
    end(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_begins_with_the_newest_tree),
        cmocka_unit_test(a_claim_that_stands_though_it_failed_is_ones_own),
        cmocka_unit_test(a_file_that_is_changed_while_it_is_dropped_is_dropped_again),
        cmocka_unit_test(what_cannot_be_truncated_stays),
        cmocka_unit_test(what_cannot_be_punched_stays),
        cmocka_unit_test(what_cannot_be_removed_at_once_is_removed_later),
        cmocka_unit_test(an_orphan_that_cannot_be_removed_keeps_nothing_else_from_being_stored),
        cmocka_unit_test(nothing_is_held_of_a_file_that_lost_one_of_its_names),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
