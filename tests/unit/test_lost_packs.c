/* SPDX-License-Identifier: MIT */
/*
 * A pack was lost, or cut, and then something is put that would rest on it: whoever opens the store
 * afterwards can read it all the same. What rests on nothing that is gone is not written again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

#define VERSIONS 4u /* each in a pack of its own, compressed against the one before */
#define SIZE ((size_t)50000)

/* What became of a pack. */
enum fate { GONE, CUT_SHORT, EMPTIED, UNHARMED, FATES };

struct scene {
    struct storage *storage; /* the store's */
    struct storage *saved;
    struct store *store;
    struct sample versions[VERSIONS];
    char packs[VERSIONS][PACK_NAME_SIZE];
};

static int begin(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);

    assert_non_null(scene);
    assert_int_equal(sample_state_begin(NULL), 0);
    scene->store = sample_store();
    scene->storage = store_storage(scene->store);

    struct object_reader *reader = sample_reader(scene->store);

    for (unsigned i = 0; i < VERSIONS; i++) {
        struct object_batch *batch = sample_batch(scene->store, reader);
        struct object_writer *writer = sample_writer(batch);

        scene->versions[i] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, i, SIZE), SIZE,
                                        i > 0 ? &scene->versions[i - 1] : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, scene->packs[i]);
        assert_int_equal(sample_head(reader, &scene->versions[i]).place.depth, i);
    }
    object_reader_free(reader);
    scene->saved = memory_storage_copy(scene->storage);
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;

    for (unsigned i = 0; i < VERSIONS; i++)
        sample_release(&scene->versions[i]);
    scene->saved->class->close(scene->saved);
    store_close(scene->store);
    free(scene);
    return sample_state_end(NULL);
}

static void harm(struct scene *scene, unsigned pack, enum fate fate)
{
    char path[PACK_PATH_SIZE];
    uint8_t salt[STORE_SALT_BYTES];
    size_t size;

    assert_true(pack_salt(scene->packs[pack], salt));
    pack_path(salt, path);

    uint8_t *bytes = memory_storage_bytes(scene->storage, path, &size);

    assert_non_null(bytes);
    assert_true(size >= PACK_ROUND_BYTES);
    if (fate == GONE) {
        assert_int_equal(scene->storage->class->remove(scene->storage, path, NULL), 0);
    } else if (fate != UNHARMED) {
        uint8_t *copy = malloc(size);

        assert_non_null(copy);
        memcpy(copy, bytes, size);
        memory_storage_set(scene->storage, path, copy, fate == EMPTIED ? 0 : size / 2);
        free(copy);
    }
}

/*
 * Puts version NUMBER after the last one, with a reader that has read all of them before, or
 * nothing; reads it with another one. How many bytes were written.
 */
static uint64_t put_after(struct scene *scene, unsigned number, bool as_successor, bool warm,
                          unsigned pack, enum fate fate)
{
    struct object_reader *reader = sample_reader(scene->store);
    const struct sample *last = &scene->versions[VERSIONS - 1];

    for (unsigned i = 0; warm && i < VERSIONS; i++)
        assert_int_equal(sample_read(reader, &scene->versions[i]), 0);
    harm(scene, pack, fate);

    struct object_batch *batch = sample_batch(scene->store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample put = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, number, SIZE), SIZE,
                                   as_successor ? last : NULL);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    object_reader_free(reader);
    reader = sample_reader(scene->store);
    assert_int_equal(sample_read(reader, &put), 0);
    /* The cache does not hide what is lost; what was written again is found. */
    if (fate != UNHARMED && pack < VERSIONS - 1)
        assert_int_equal(sample_read(reader, last),
                         fate == CUT_SHORT || number < VERSIONS ? 0 : -EIO);
    object_reader_free(reader);
    sample_release(&put);
    return put.stored_bytes;
}

/* In every way: version NUMBER is written, or not. */
static void check_all(struct scene *scene, unsigned number, bool as_successor, bool with_index,
                      unsigned pack, enum fate fate)
{
    for (int warm = 0; warm < 2; warm++) {
        memory_storage_restore(scene->storage, scene->saved);
        if (!with_index)
            sample_remove_indexes(scene->storage);

        uint64_t stored = put_after(scene, number, as_successor, warm, pack, fate);

        if (number < VERSIONS && (as_successor || with_index))
            assert_int_equal(stored > 0, fate != UNHARMED);
        else
            assert_true(stored > 0);
    }
}

static void what_is_put_rests_on_no_lost_pack(void **state)
{
    struct scene *scene = *state;

    for (unsigned pack = 0; pack < VERSIONS; pack++) {
        for (enum fate fate = 0; fate < FATES; fate++) {
            for (int with_index = 0; with_index < 2; with_index++) {
                check_all(scene, VERSIONS - 1, true, with_index, pack, fate);
                check_all(scene, VERSIONS - 1, false, with_index, pack, fate);
                check_all(scene, VERSIONS, true, with_index, pack, fate);
            }
        }
    }
}

/* One that is not there is looked for once, however much was in it: each time takes a listing. */
static void what_has_gone_is_looked_for_once(void **state)
{
    struct storage *memory = memory_storage_new();
    struct sample samples[20];
    struct object_reference place;

    (void)state;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct object_reader *reader = sample_reader(store);

    sample_put_several(store, reader, samples, 20, 1000);
    assert_int_equal(memory->class->remove(memory, sample_only_file(memory, "packs"), NULL), 0);
    sample_remove_indexes(memory);

    struct object_batch *batch = sample_batch(store, reader);

    recording_storage_set_fault(recording, &(struct storage_fault){.operations = STORAGE_LIST});
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(
            object_batch_rely(batch, &samples[i].reference, samples[i].type, &place, NULL), 0);
    assert_int_equal(recording_storage_counted(recording), 1);
    sample_release_all(samples, 20);
    object_batch_free(batch);
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_put_rests_on_no_lost_pack, begin, end),
        cmocka_unit_test_setup_teardown(what_has_gone_is_looked_for_once, sample_state_begin,
                                        sample_state_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
