/* SPDX-License-Identifier: MIT */
/* Objects are put, found and relied on, also by many threads; and what may not be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/object_reader.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void assert_same_place(const struct object_reference *left,
                              const struct object_reference *right)
{
    uint8_t bytes[2][OBJECT_REFERENCE_BYTES];

    object_reference_encode(left, bytes[0]);
    object_reference_encode(right, bytes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
}

static void what_is_there_is_not_written_again(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample samples[20];
    struct object_batch *batch;
    const uint64_t *hints;
    size_t count;

    (void)state;
    sample_put_several(store, reader, samples, COUNT_OF(samples), 5000);
    assert_int_equal(sample_count_files(store_storage(store), "packs"), 1);
    for (int other = 0; other < 2; other++) {
        batch = sample_batch(store, reader);

        struct object_writer *writer = sample_writer(batch);

        for (size_t i = 0; i < COUNT_OF(samples); i++) {
            struct sample again = sample_put(writer, samples[i].type, sample_data(i, 0, 5000), 5000,
                                             other ? &samples[i] : NULL);

            assert_int_equal(again.stored_bytes, 0);
            assert_same_place(&again.reference, &samples[i].reference);
            sample_release(&again);
        }
        object_batch_relied(batch, &hints, &count);
        assert_int_equal(count, 1);
        assert_true(hints[0] == samples[0].reference.pack_hint);
        sample_writer_finish(writer);
        sample_batch_finish(batch, NULL);
    }
    assert_int_equal(sample_count_files(store_storage(store), "packs"), 1);
    assert_int_equal(sample_count_files(store_storage(store), "index"), 1);

    /* The same data of another type is another object. */
    batch = sample_batch(store, reader);

    struct object_writer *writer = sample_writer(batch);
    struct sample page = sample_put(writer, OBJECT_PAGE, sample_data(0, 0, 5000), 5000, NULL);
    struct sample twice = sample_put(writer, OBJECT_PAGE, sample_data(0, 0, 5000), 5000, NULL);

    assert_true(page.stored_bytes > 0);
    assert_int_equal(twice.stored_bytes, 0);
    assert_same_place(&page.reference, &twice.reference);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    sample_release(&page);
    sample_release(&twice);
    sample_release_all(samples, COUNT_OF(samples));
    object_reader_free(reader);
    store_close(store);
}

static void avoided_packs_count_as_absent(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample first;
    struct sample second;
    const char *name = NULL;
    char avoided[PACK_NAME_SIZE];

    (void)state;
    sample_put_several(store, reader, &first, 1, 9000);
    name = strrchr(sample_only_file(store_storage(store), "packs"), '/') + 1;
    memcpy(avoided, name, sizeof avoided);
    for (int with_parent = 0; with_parent < 2; with_parent++) {
        const char *names[] = {avoided};
        const char *wrong[] = {"3f"};
        char pack[PACK_NAME_SIZE];
        struct object_batch *batch = sample_batch(store, reader);

        assert_int_equal(object_batch_avoid(batch, wrong, 1), -EINVAL);
        assert_int_equal(object_batch_avoid(batch, names, 1), 0);

        struct object_writer *writer = sample_writer(batch);

        second = sample_put(writer, OBJECT_ROW_GROUP, sample_data(0, 0, 9000), 9000,
                            with_parent ? &first : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, pack);
        /* The second time it is found in the pack that was written the first time. */
        assert_int_equal(second.stored_bytes > 0, !with_parent);
        assert_true(second.reference.pack_hint != first.reference.pack_hint);
        sample_release(&second);
    }
    sample_release(&first);
    object_reader_free(reader);
    store_close(store);
}

/* An object whose ancestors are in a pack that must not be relied on is written again. */
static void ancestors_count_too(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample versions[4];
    char packs[4][PACK_NAME_SIZE];
    const uint64_t *hints;
    size_t count;

    (void)state;
    for (unsigned i = 0; i < COUNT_OF(versions); i++) {
        struct object_batch *batch = sample_batch(store, reader);
        struct object_writer *writer = sample_writer(batch);

        versions[i] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, i, 50000), 50000,
                                 i > 0 ? &versions[i - 1] : NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, packs[i]);
    }
    for (unsigned avoided = 0; avoided <= COUNT_OF(versions); avoided++) {
        struct object_batch *batch = sample_batch(store, reader);
        const char *names[] = {packs[avoided % COUNT_OF(versions)]};

        if (avoided < COUNT_OF(versions))
            assert_int_equal(object_batch_avoid(batch, names, 1), 0);

        struct object_writer *writer = sample_writer(batch);
        struct sample again =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, 3, 50000), 50000, NULL);

        assert_int_equal(again.stored_bytes > 0, avoided < COUNT_OF(versions));
        object_batch_relied(batch, &hints, &count);
        assert_int_equal(count, avoided < COUNT_OF(versions) ? 0 : COUNT_OF(versions));
        sample_release(&again);
        object_writer_free(writer); /* unfinished: nothing comes of it */
        object_batch_free(batch);
    }
    assert_int_equal(sample_count_files(store_storage(store), "packs"), COUNT_OF(versions));
    sample_release_all(versions, COUNT_OF(versions));
    object_reader_free(reader);
    store_close(store);
}

static void an_unfinished_writer_fails_the_batch(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample sample = sample_put(writer, OBJECT_TREE, sample_data(1, 0, 100), 100, NULL);
    const char *const *packs;
    size_t count;
    uint64_t bytes;

    (void)state;
    object_writer_free(writer);
    assert_int_equal(object_batch_finish(batch, &packs, &count, &bytes, NULL), -ECANCELED);
    object_batch_free(batch);
    assert_int_equal(sample_count_files(store_storage(store), "packs"), 0);
    assert_int_equal(sample_count_files(store_storage(store), "index"), 0);
    sample_release(&sample);
    object_reader_free(reader);
    store_close(store);
}

static void too_large_an_object_is_refused(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    uint8_t *data = calloc(1, OBJECT_DATA_LIMIT + 1);
    struct object_put put;

    (void)state;
    assert_non_null(data);
    assert_int_equal(
        object_put(writer, OBJECT_ROW_GROUP, data, ROW_GROUP_DATA_LIMIT + 1, NULL, &put, NULL),
        -EFBIG);
    assert_int_equal(object_put(writer, OBJECT_TREE, data, OBJECT_DATA_LIMIT + 1, NULL, &put, NULL),
                     -EFBIG);

    struct sample zeros = sample_put(writer, OBJECT_TREE, data, OBJECT_DATA_LIMIT, NULL);
    uint8_t *noise = malloc(OBJECT_DATA_LIMIT);

    assert_non_null(noise);
    randombytes_buf(noise, OBJECT_DATA_LIMIT);

    struct sample plain = sample_put(writer, OBJECT_PAGE, noise, OBJECT_DATA_LIMIT, &zeros);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_read(reader, &zeros), 0);
    assert_int_equal(sample_read(reader, &plain), 0);

    /* Into a buffer that may not hold it. */
    struct buffer small = BUFFER(1000);

    assert_int_equal(object_read(reader, &zeros.reference, OBJECT_TREE, false, &small, NULL),
                     -EFBIG);
    buffer_release(&small);
    sample_release(&zeros);
    sample_release(&plain);
    object_reader_free(reader);
    store_close(store);
}

static void another_type_is_an_error(void **state)
{
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct sample sample;

    (void)state;
    sample_put_several(store, reader, &sample, 1, 1000);
    sample.type = OBJECT_TREE;
    assert_int_equal(sample_read(reader, &sample), -EIO);
    sample_release(&sample);
    object_reader_free(reader);
    store_close(store);
}

/* ---- Many threads ---- */

#define THREADS ((size_t)4)
#define EACH ((size_t)60)

struct crowd {
    struct object_batch *batch;
    struct object_reader *reader;
    pthread_barrier_t barrier;
    struct sample samples[THREADS][EACH];
};

struct member {
    struct crowd *crowd;
    size_t number;
};

/* Half of what a thread writes others write too. */
static void *write_some(void *context)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    struct object_writer *writer = sample_writer(crowd->batch);

    for (size_t i = 0; i < EACH; i++) {
        uint64_t seed = i % 2 == 0 ? i : 1000 * (member->number + 1) + i;

        crowd->samples[member->number][i] =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(seed, 0, 20000), 20000, NULL);
    }
    sample_writer_finish(writer);
    return NULL;
}

static void *read_some(void *context)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;

    for (size_t i = 0; i < THREADS * EACH; i++) {
        size_t at = (i * 7 + member->number * 31) % (THREADS * EACH);

        assert_int_equal(sample_read(crowd->reader, &crowd->samples[at / EACH][at % EACH]), 0);
    }
    return NULL;
}

static void run(struct crowd *crowd, void *(*what)(void *))
{
    pthread_t threads[THREADS];
    struct member members[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        members[i] = (struct member){crowd, i};
        assert_int_equal(pthread_create(&threads[i], NULL, what, &members[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void threads_share_a_batch_and_a_reader(void **state)
{
    struct store *store = sample_store();
    static struct crowd crowd;

    (void)state;
    crowd.reader = sample_reader(store);
    crowd.batch = sample_batch(store, crowd.reader);
    run(&crowd, write_some);
    sample_batch_finish(crowd.batch, NULL);
    run(&crowd, read_some);
    for (size_t i = 0; i < THREADS; i++)
        sample_release_all(crowd.samples[i], EACH);
    object_reader_free(crowd.reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_there_is_not_written_again),
        cmocka_unit_test(avoided_packs_count_as_absent),
        cmocka_unit_test(ancestors_count_too),
        cmocka_unit_test(an_unfinished_writer_fails_the_batch),
        cmocka_unit_test(too_large_an_object_is_refused),
        cmocka_unit_test(another_type_is_an_error),
        cmocka_unit_test(threads_share_a_batch_and_a_reader),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
