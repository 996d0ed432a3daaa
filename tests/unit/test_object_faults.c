/* SPDX-License-Identifier: MIT */
/* Each operation of the storage fails while objects are put: nothing is lost, and the next try
 * works. */
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
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void read_every_one(struct object_reader *reader, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sample_read(reader, &samples[i]), 0);
}

/* One try: two objects, one of them against a predecessor. What object_batch_finish says, or the
 * first error before it. */
static int try_batch(struct store *store, struct object_reader *reader, const struct sample *before,
                     struct sample *samples)
{
    struct object_batch *batch = NULL;
    struct object_writer *writer = NULL;
    struct object_parent parent = {.reference = before->reference};
    const char *const *packs;
    size_t pack_count;
    uint64_t bytes;
    int error = object_batch_create(store, reader, &batch, NULL);

    if (error == 0)
        error = object_writer_create(batch, &writer, NULL);
    for (unsigned i = 0; i < 2 && error == 0; i++) {
        struct object_put put;

        error = object_put(writer, OBJECT_ROW_GROUP, samples[i].data, samples[i].size,
                           i == 0 ? &parent : NULL, &put, NULL);
        if (error == 0)
            samples[i].reference = put.reference;
    }
    if (error == 0)
        error = object_writer_finish(writer);
    object_writer_free(writer);
    if (error == 0)
        error = object_batch_finish(batch, &packs, &pack_count, &bytes, NULL);
    object_batch_free(batch);
    return error;
}

#define BEFORE 3 /* batches; the next one's index is merged with theirs */

struct faulty {
    struct storage *inner;
    struct storage *saved;
    struct storage *storage;
    struct store *store;
    struct sample before[BEFORE];
};

static void faulty_begin(struct faulty *faulty)
{
    faulty->inner = memory_storage_new();
    faulty->storage = recording_storage_new(faulty->inner);
    assert_non_null(faulty->storage);
    sample_store_make(faulty->storage);
    faulty->store = sample_store_open(faulty->storage);

    struct object_reader *reader = sample_reader(faulty->store);

    for (unsigned i = 0; i < BEFORE; i++) {
        struct object_batch *batch = sample_batch(faulty->store, reader);
        struct object_writer *writer = sample_writer(batch);

        faulty->before[i] =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(i, 0, 20000), 20000, NULL);
        sample_writer_finish(writer);
        sample_batch_finish(batch, NULL);
    }
    object_reader_free(reader);
    faulty->saved = memory_storage_copy(faulty->inner);
}

/* Whether the fault came at all. */
static bool try_fault(struct faulty *faulty, const struct storage_fault *fault)
{
    struct object_reader *reader = sample_reader(faulty->store);
    struct sample samples[2] = {
        {.type = OBJECT_ROW_GROUP, .size = 20000, .data = sample_data(0, 1, 20000)},
        {.type = OBJECT_ROW_GROUP, .size = 7000, .data = sample_data(1000, 0, 7000)},
    };

    memory_storage_restore(faulty->inner, faulty->saved);
    recording_storage_set_fault(faulty->storage, fault);

    int error = try_batch(faulty->store, reader, &faulty->before[0], samples);
    bool failed = recording_storage_failed(faulty->storage) > 0;

    recording_storage_set_fault(faulty->storage, NULL);
    recording_storage_forget(faulty->storage);
    object_reader_free(reader);
    reader = sample_reader(faulty->store);
    if (error != 0) {
        assert_true(failed);
        assert_true(error == -EIO || error == -ENOSPC);
        assert_int_equal(try_batch(faulty->store, reader, &faulty->before[0], samples), 0);
    }
    read_every_one(reader, samples, 2);
    read_every_one(reader, faulty->before, BEFORE);
    object_reader_free(reader);
    sample_release_all(samples, 2);
    return failed;
}

static void every_operation_may_fail(void **state)
{
    static const int codes[] = {EIO, ENOSPC};
    static const enum fault_effect effects[] = {FAULT_NOTHING_DONE, FAULT_PARTLY_DONE,
                                                FAULT_ALL_DONE};
    struct faulty faulty;
    unsigned tried = 0;

    (void)state;
    faulty_begin(&faulty);
    for (size_t variant = 0; variant < COUNT_OF(codes) * COUNT_OF(effects) * 2; variant++) {
        struct storage_fault fault = {
            .operations = STORAGE_ALL,
            .nth = 1,
            .for_ever = variant % 2 == 1,
            .code = codes[variant / 2 % 2],
            .effect = effects[variant / 4],
        };

        while (try_fault(&faulty, &fault)) {
            fault.nth++;
            tried++;
        }
    }
    assert_true(tried >= 12 * 15);
    sample_release_all(faulty.before, BEFORE);
    faulty.saved->class->close(faulty.saved);
    store_close(faulty.store);
}

/* What went wrong in one thread is said where all is finished, in the same words. */
static void the_batch_says_why(void **state)
{
    const struct storage_fault fault = {
        .operations = STORAGE_ALL, .nth = 1, .code = EIO, .for_ever = true};
    struct storage *memory = memory_storage_new();

    (void)state;
    sample_store_make(memory);

    struct storage *storage = recording_storage_new(memory);
    struct store *store = sample_store_open(storage);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    uint8_t *data = sample_data(0, 1, 20000);
    struct failure first = {.code = 0};
    struct failure last = {.code = 0};
    struct object_put put;
    const char *const *packs;
    size_t count;
    uint64_t bytes;

    recording_storage_set_fault(storage, &fault);
    assert_int_equal(object_put(writer, OBJECT_CONTENT, data, 20000, NULL, &put, &first), -EIO);
    recording_storage_set_fault(storage, NULL);
    object_writer_free(writer);
    assert_int_equal(object_batch_finish(batch, &packs, &count, &bytes, &last), -EIO);
    assert_true(first.text[0] != '\0');
    assert_non_null(strstr(last.text, first.text));
    object_batch_free(batch);
    free(data);
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_batch_says_why),
        cmocka_unit_test(every_operation_may_fail),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
