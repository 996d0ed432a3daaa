/* SPDX-License-Identifier: MIT */
/* Objects that prune has moved, and packs that are gone: what refers to them finds them, or an
 * error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/object_reader.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Moves all into a new pack and removes the old one, as prune does. */
static void move_all(struct store *store, struct object_reader *reader, struct sample *samples,
                     size_t count)
{
    struct storage *storage = store_storage(store);
    char *old = strdup(sample_only_file(storage, "packs"));
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);

    assert_non_null(old);
    for (size_t i = 0; i < count; i++) {
        struct object_put put;

        assert_int_equal(object_move(writer, &samples[i].reference, OBJECT_DEPTH_ANY, &put, NULL),
                         0);
        assert_true(put.stored_bytes > 0);
        assert_memory_equal(put.reference.id, samples[i].reference.id, OBJECT_ID_BYTES);
    }
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(storage->class->remove(storage, old, NULL), 0);
    free(old);
}

static void moved_objects_are_found(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample samples[12];

    (void)state;
    sample_put_several(store, reader, samples, COUNT_OF(samples) - 1, 3000);

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);

    /* one with a parent, in the same pack as all when moved */
    samples[11] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 1, 3000), 3000, &samples[0]);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_head(reader, &samples[11]).place.depth, 1);

    struct object_reader *fresh = sample_reader(store);

    for (int how = 0; how < 3; how++) {
        if (how == 0) {
            /* the two packs become one: remove the first by hand */
            struct storage *storage = store_storage(store);
            char *names[2] = {NULL, NULL};
            size_t count = 0;

            for (size_t i = 0; i < memory_storage_count(storage); i++) {
                if (strncmp(memory_storage_name(storage, i), "packs/", 6) == 0)
                    names[count++] = strdup(memory_storage_name(storage, i));
            }
            batch = sample_batch(store, reader);
            writer = sample_writer(batch);
            for (size_t i = 0; i < COUNT_OF(samples); i++) {
                struct object_put put;

                assert_int_equal(
                    object_move(writer, &samples[i].reference, OBJECT_DEPTH_ANY, &put, NULL), 0);
            }
            sample_writer_finish(writer);
            sample_batch_finish(batch, NULL);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(storage->class->remove(storage, names[i], NULL), 0);
                free(names[i]);
            }
        } else if (how == 1) {
            move_all(store, reader, samples, COUNT_OF(samples));
        } else {
            sample_remove_indexes(store_storage(store));
        }
        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            assert_int_equal(sample_read(reader, &samples[i]), 0);
            assert_int_equal(sample_read(fresh, &samples[i]), 0);
        }
        object_reader_free(fresh);
        fresh = sample_reader(store);
    }

    /* Not anywhere any more: an error, soon, and again. */
    struct storage *storage = store_storage(store);

    assert_int_equal(storage->class->remove(storage, sample_only_file(storage, "packs"), NULL), 0);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        assert_int_equal(sample_read(fresh, &samples[i]), -EIO);
        assert_int_equal(sample_read(fresh, &samples[i]), -EIO);
    }
    object_reader_free(fresh);
    sample_release_all(samples, COUNT_OF(samples));
    object_reader_free(reader);
    store_close(store);
}

/* A chain that prune has moved apart is still followed by its new versions. */
static void moved_predecessors_are_followed(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample first;

    (void)state;
    sample_put_several(store, reader, &first, 1, 30000);
    move_all(store, reader, &first, 1);

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample same =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 0, 30000), 30000, &first);
    struct sample next =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 1, 30000), 30000, &first);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(same.stored_bytes, 0);
    assert_true(same.reference.pack_hint != first.reference.pack_hint);

    struct object_head head = sample_head(reader, &next);

    assert_int_equal(head.place.depth, 1);
    assert_true(head.parent.pack_hint == same.reference.pack_hint);
    assert_int_equal(sample_read(reader, &first), 0);
    assert_int_equal(sample_read(reader, &same), 0);
    assert_int_equal(sample_read(reader, &next), 0);
    sample_release(&first);
    sample_release(&same);
    sample_release(&next);
    object_reader_free(reader);
    store_close(store);
}

/*
 * B hangs from A. Somebody who does not know of A yet puts it again, as a successor of B, and it is
 * written against that: two copies of A, one of them of no use to B.
 */
static void put_twice(struct store *store, struct object_reader *reader, struct sample samples[3],
                      char packs[3][PACK_NAME_SIZE])
{
    struct object_reader *unaware = sample_reader(store);
    struct object_batch *early = sample_batch(store, unaware);

    for (unsigned i = 0; i < 3; i++) {
        struct object_batch *batch = i == 2 ? early : sample_batch(store, reader);
        struct object_writer *writer = sample_writer(batch);

        samples[i] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, i % 2, 30000), 30000,
                                i > 0 ? &samples[i - 1] : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, packs[i]);
        assert_int_equal(sample_head(reader, &samples[i]).place.depth, i);
    }
    assert_memory_equal(samples[0].reference.id, samples[2].reference.id, OBJECT_ID_BYTES);
    object_reader_free(unaware);
}

static void a_parent_is_the_copy_of_its_depth(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct sample samples[3];
    char packs[3][PACK_NAME_SIZE];

    (void)state;
    put_twice(store, reader, samples, packs);

    /* The first copy moves: both are found by their id alone. */
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct object_put put;

    assert_int_equal(object_move(writer, &samples[0].reference, OBJECT_DEPTH_ANY, &put, NULL), 0);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    sample_remove_pack(storage, packs[0]);
    for (int with_index = 1; with_index >= 0; with_index--) {
        struct object_reader *cold = sample_reader(store);

        for (size_t i = 0; i < COUNT_OF(samples); i++)
            assert_int_equal(sample_read(cold, &samples[i]), 0);
        object_reader_free(cold);
        sample_remove_indexes(storage);
    }
    sample_release_all(samples, COUNT_OF(samples));
    object_reader_free(reader);
    store_close(store);
}

/* What hangs from the first copy could not be read by the other one. */
static void a_copy_of_another_depth_is_not_moved(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample samples[3];
    char packs[3][PACK_NAME_SIZE];

    (void)state;
    put_twice(store, reader, samples, packs);
    sample_remove_pack(store_storage(store), packs[0]);

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct object_put put;

    assert_int_equal(object_move(writer, &samples[0].reference, 0, &put, NULL), -EIO);
    assert_int_equal(object_move(writer, &samples[0].reference, 2, &put, NULL), 0);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    sample_release_all(samples, COUNT_OF(samples));
    object_reader_free(reader);
    store_close(store);
}

static void an_unreadable_predecessor_is_none(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct storage *storage = store_storage(store);
    struct sample first;
    size_t size;

    (void)state;
    sample_put_several(store, reader, &first, 1, 30000);
    memory_storage_bytes(storage, sample_only_file(storage, "packs"), &size)[100] ^= 1;

    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample next =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 1, 30000), 30000, &first);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_head(reader, &next).encoding, OBJECT_ZSTD);
    assert_int_equal(sample_read(reader, &next), 0);
    assert_int_equal(sample_read(reader, &first), -EIO);
    sample_release(&first);
    sample_release(&next);
    object_reader_free(reader);
    store_close(store);
}

/* Where the object is that one batch was given, after it committed once more. */
static struct object_reference put_once_more(struct object_batch *batch)
{
    struct object_writer *writer = sample_writer(batch);
    struct sample sample =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 0, 30000), 30000, NULL);
    struct failure why = {.code = 0};

    sample_writer_finish(writer);
    assert_int_equal(object_batch_settle(batch, &why), 0);
    object_batch_renew(batch);
    sample_release(&sample);
    return sample.reference;
}

/* What one batch wrote, and finds damaged after a renewal, is written anew, and only once. */
static void what_was_damaged_meanwhile_is_written_once(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    const struct object_reference first = put_once_more(batch);
    const char *name = sample_only_file(storage, PACK_FOLDER);
    size_t size;

    (void)state;
    memory_storage_bytes(storage, name, &size)[first.offset + 20] ^= 1;

    const struct object_reference anew = put_once_more(batch);

    assert_false(object_reference_same_place(&anew, &first));
    for (int i = 0; i < 3; i++) {
        const struct object_reference found = put_once_more(batch);

        assert_true(object_reference_same_place(&found, &anew));
    }
    assert_int_equal(sample_count_files(storage, PACK_FOLDER), 2);
    object_batch_free(batch);
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_objects_are_found),
        cmocka_unit_test(moved_predecessors_are_followed),
        cmocka_unit_test(a_parent_is_the_copy_of_its_depth),
        cmocka_unit_test(a_copy_of_another_depth_is_not_moved),
        cmocka_unit_test(an_unreadable_predecessor_is_none),
        cmocka_unit_test(what_was_damaged_meanwhile_is_written_once),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
