/* SPDX-License-Identifier: MIT */
/*
 * files/ beside a prune that removes what it marks at once: what files/ has begun to use, and no
 * record says yet, stays until one does; whatever prune has marked before is stored again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/files/set_back.h"
#include "fs/store/claim_lock.h"
#include "fs/store/log.h"
#include "fs/store/pack.h"
#include "fs/store/prune.h"
#include "tests/unit/check_samples.h"
#include "tests/unit/dir_place.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/one_file.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define OLD_BYTES ((size_t)200000) /* so little that one pack has all of it */

#define SMALL 1000

static uint8_t old_bytes[OLD_BYTES];

struct scene {
    struct one_file file;
    uint64_t view; /* of files/ when the file held OLD_BYTES, which nothing else needs now */
};

static void cut_all(struct one_file *file)
{
    struct stat stat = {.st_size = 0};

    succeed(files_set(file->files, file->number, FILES_SET_SIZE, &stat, &stat, &failure));
    succeed(files_sync(file->files, &failure));
}

static struct scene scene_make(struct storage *storage)
{
    struct scene scene = {
        .file = one_file_make(storage, (struct files_options){.memory_bytes = MEMORY_BYTES})};
    struct one_file *file = &scene.file;
    struct log_state log = {0};

    randombytes_buf(old_bytes, OLD_BYTES);
    succeed(files_write(file->files, file->number, 0, old_bytes, OLD_BYTES, &failure));
    succeed(files_sync(file->files, &failure));
    succeed(files_log(file->files, &log));
    succeed(files_view_open(file->files, &log.files, &scene.view));
    log_state_release(&log);
    cut_all(file);
    return scene;
}

static void scene_close(struct scene *scene)
{
    files_view_close(scene->file.files, scene->view);
    one_file_close(&scene->file);
}

/* Shares what the view has: the packs that hold it are relied on. */
static ssize_t copy_old(struct scene *scene)
{
    const struct files_copied wanted = {
        .number = (scene->view & ~UINT64_C(0xffff)) | (scene->file.number & 0xffff),
        .to_number = scene->file.number,
        .size = OLD_BYTES,
    };

    return files_copy(scene->file.files, &wanted, &failure);
}

/* As another process does it. */
static struct prune_result prune_at_once(struct scene *scene)
{
    const struct prune_options options = {.unused = {UNUSED_PERCENT, 0}};
    struct prune_result result = {.removed = {.packs = 0}};

    succeed(prune(scene->file.store, &options, &result, &failure));
    return result;
}

static void check_old(struct scene *scene)
{
    static uint8_t found[OLD_BYTES];

    assert_int_equal(
        files_read(scene->file.files, scene->file.number, 0, found, OLD_BYTES, &failure),
        OLD_BYTES);
    assert_memory_equal(found, old_bytes, OLD_BYTES);
}

static void what_is_relied_on_stays(struct scene *scene)
{
    assert_int_equal(copy_old(scene), OLD_BYTES);
    assert_true(prune_at_once(scene).waiting.packs > 0);
    check_old(scene);
    succeed(files_sync(scene->file.files, &failure));
    (void)prune_at_once(scene);
    check_old(scene);
}

static void test_what_is_relied_on_is_not_removed(void **state)
{
    struct place *place = *state;
    struct scene scene = scene_make(steal_pointer(&place->storage));

    what_is_relied_on_stays(&scene);
    /* What is relied on no more, and nothing needs, goes. */
    cut_all(&scene.file);
    assert_true(prune_at_once(&scene).removed.packs > 0);
    scene_close(&scene);
}

/* Where no locks can be seen, what was marked just now stays, whatever it is. */
static void test_without_locks_what_was_just_marked_stays(void **state)
{
    struct scene scene = scene_make(memory_storage_new());

    (void)state;
    what_is_relied_on_stays(&scene);
    scene_close(&scene);
}

static void test_what_was_removed_is_stored_again(void **state)
{
    struct place *place = *state;
    struct scene scene = scene_make(steal_pointer(&place->storage));

    assert_true(prune_at_once(&scene).removed.packs > 0);
    succeed(files_write(scene.file.files, scene.file.number, 0, old_bytes, OLD_BYTES, &failure));
    succeed(files_sync(scene.file.files, &failure));
    check_old(&scene);
    scene_close(&scene);
}

/* ---- A batch ---- */

struct one_object {
    struct store *store;
    struct object_reader *reader;
    struct sample sample;
    char pack[PACK_NAME_SIZE];
    struct log_state log;
};

static struct one_object object_make(void)
{
    struct storage *storage = memory_storage_new();
    struct one_object one = {.log = {.sequence = 0}};

    sample_store_make(storage);
    one.store = sample_store_open(storage);
    succeed(object_reader_create(one.store, MEMORY_BYTES, &one.reader, &failure));

    struct object_batch *batch = sample_batch(one.store, one.reader);
    struct object_writer *writer = sample_writer(batch);

    one.sample = sample_put(writer, OBJECT_CONTENT, sample_data(1, 0, SMALL), SMALL, NULL);
    sample_writer_finish(writer);
    sample_batch_finish(batch, one.pack);
    succeed(log_read(one.store, &one.log, &failure));
    return one;
}

static void object_close(struct one_object *one)
{
    log_state_release(&one->log);
    sample_release(&one->sample);
    object_reader_free(one->reader);
    store_close(one->store);
}

/* It was there when the batch began, and it still is. */
static void test_what_is_marked_meanwhile_is_not_relied_on(void **state)
{
    struct one_object one = object_make();
    struct object_batch *batch = sample_batch(one.store, one.reader);
    struct claim_lock none = {.file = -1};
    const char *pack = one.pack;
    struct object_reference place;

    (void)state;
    object_batch_watch(batch, &none, one.log.sequence);
    succeed(log_mark_packs(one.store, &one.log, &pack, 1, &failure));
    assert_int_equal(
        object_batch_rely(batch, &one.sample.reference, one.sample.type, &place, &failure), 0);
    object_batch_free(batch);
    object_close(&one);
}

/*
 * files/ is set back to what it was before the packs were marked: they are needed again, and the
 * record says so, since a prune that runs looks again at records of marks alone.
 */
static void test_set_back_to_what_was_marked(void **context)
{
    struct scene scene = scene_make(memory_storage_new());
    struct one_file *file = &scene.file;
    struct log_state log = {0};
    char text[SET_BACK_TEXT_SIZE];
    size_t marked, size;

    (void)context;
    files_view_close(file->files, scene.view);
    files_free(file->files);
    assert_true(sample_prune(file->store, &sample_prune_usual).garbage.packs > 0);
    succeed(log_read(file->store, &log, &failure));
    marked = log.mark_count;
    sample_pack_of(file->storage, &log.files, &size)[log.files.offset] ^= 1;
    succeed(files_set_back(file->store, text, &failure));
    succeed(log_read(file->store, &log, &failure));
    assert_true(log.mark_count < marked);
    (void)prune_at_once(&scene);
    (void)prune_at_once(&scene);
    succeed(files_create(&file->options, &file->files, &failure));
    check_old(&scene);
    log_state_release(&log);
    one_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_relied_on_is_not_removed, place_begin,
                                        place_end),
        cmocka_unit_test(test_without_locks_what_was_just_marked_stays),
        cmocka_unit_test_setup_teardown(test_what_was_removed_is_stored_again, place_begin,
                                        place_end),
        cmocka_unit_test(test_what_is_marked_meanwhile_is_not_relied_on),
        cmocka_unit_test(test_set_back_to_what_was_marked),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
