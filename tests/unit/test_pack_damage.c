/* SPDX-License-Identifier: MIT */
/* Packs that were changed, cut or exchanged: it is found, and nothing that they say is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/store/object_reader.h"
#include "fs/store/pack_layout.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/small_pack.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
/* Without a sanitizer every byte is tried. */
#define STEP (SANITIZED ? 37 : 1)

static int note_damage(void *context, const struct pack_entry *entry, const struct buffer *body,
                       int error)
{
    size_t *damaged = context;

    assert_true(error != 0 || body->size + SEAL_OVERHEAD_BYTES == entry->reference.sealed_size);
    assert_true(error == 0 || error == -EBADMSG || error == -ENODATA);
    if (error != 0)
        ++*damaged;
    return 0;
}

/* Whether pack_check finds something; *SMALL_PACK_OBJECTS: how many objects it says are damaged. */
static bool check_finds(const struct small_pack *small, size_t *ret_objects)
{
    struct failure failure = {.code = 0};

    *ret_objects = 0;

    int error = pack_check(small->store, small->name, note_damage, ret_objects, &failure);

    if (error != 0) {
        assert_true(error == -EBADMSG || error == -ENODATA || error == -ENOENT);
        assert_int_equal(failure.code, -error);
    }
    return error != 0 || *ret_objects > 0;
}

/* Reads all objects anew; how many gave -EIO. What is read is right, or the test ends. */
static size_t read_all(const struct small_pack *small)
{
    struct object_reader *reader = sample_reader(small->store);
    size_t lost = 0;

    for (size_t i = 0; i < SMALL_PACK_OBJECTS; i++) {
        int error = sample_read(reader, &small->samples[i]);

        assert_true(error == 0 || error == -EIO);
        lost += error != 0;
    }
    object_reader_free(reader);
    return lost;
}

static void every_changed_byte_is_found(void **state)
{
    struct small_pack small;
    size_t size;
    size_t damaged;

    (void)state;
    small_pack_begin(&small, 1);

    uint8_t *file = memory_storage_bytes(small.storage, small.path, &size);
    const struct object_reference *last = &small.samples[SMALL_PACK_OBJECTS - 1].reference;
    size_t end = last->offset + last->sealed_size;

    assert_false(check_finds(&small, &damaged));
    assert_int_equal(read_all(&small), 0);
    for (size_t at = 0, step = STEP; at < size; at += at < end ? 1 : step) {
        bool in_object = at >= PACK_HEAD_BYTES && at < end;

        file[at] ^= (uint8_t)(1u << (at % 8));
        assert_true(check_finds(&small, &damaged));
        if (at >= PACK_HEAD_BYTES && at < size - PACK_FOOT_BYTES)
            assert_int_equal(damaged, in_object ? 1 : 0);
        if (at < end || at % 64 == 0) {
            size_t lost = read_all(&small);

            /* The one that others are compressed against takes them along. */
            assert_true(in_object ? lost == 1 || lost == 2 : lost == 0);
        }
        file[at] ^= (uint8_t)(1u << (at % 8));
    }
    assert_false(check_finds(&small, &damaged));
    small_pack_end(&small);
}

static void every_cut_is_found(void **state)
{
    struct small_pack small;
    size_t size;
    size_t damaged;

    (void)state;
    small_pack_begin(&small, 1);

    const uint8_t *file = memory_storage_bytes(small.storage, small.path, &size);
    uint8_t *copy = malloc(size + 65536);
    const struct object_reference *last = &small.samples[SMALL_PACK_OBJECTS - 1].reference;
    size_t end = last->offset + last->sealed_size;

    assert_non_null(copy);
    memcpy(copy, file, size);
    memset(copy + size, 0, 65536);
    for (size_t length = 0; length < size; length += length < end ? 1 : 1013) {
        memory_storage_set(small.storage, small.path, copy, length);
        assert_true(check_finds(&small, &damaged));
        assert_int_equal(read_all(&small) == 0, length >= end);
    }
    memory_storage_set(small.storage, small.path, copy, size - 1);
    assert_true(check_finds(&small, &damaged));
    memory_storage_set(small.storage, small.path, copy, size + 1);
    assert_true(check_finds(&small, &damaged));
    memory_storage_set(small.storage, small.path, copy, size + 65536);
    assert_true(check_finds(&small, &damaged));
    assert_int_equal(read_all(&small), 0);
    memory_storage_set(small.storage, small.path, copy, size);
    assert_false(check_finds(&small, &damaged));
    free(copy);
    small_pack_end(&small);
}

/* Two packs under each other's names; one under a name that begins as the other's. */
static void exchanged_packs_do_not_open(void **state)
{
    struct small_pack small;
    size_t size;
    size_t damaged;

    (void)state;
    small_pack_begin(&small, 1);

    struct object_batch *batch = sample_batch(small.store, small.reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample other = sample_put(writer, OBJECT_PAGE, sample_data(50, 0, 500), 500, NULL);
    char name[PACK_NAME_SIZE];
    char path[PACK_PATH_SIZE];
    uint8_t salt[STORE_SALT_BYTES];

    sample_writer_finish(writer);
    sample_batch_finish(batch, name);
    assert_true(pack_salt(name, salt));
    pack_path(salt, path);

    uint8_t *mine = memory_storage_bytes(small.storage, small.path, &size);
    uint8_t *its = memory_storage_bytes(small.storage, path, &size);

    assert_int_equal(size, 65536);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = mine[i];

        mine[i] = its[i];
        its[i] = byte;
    }
    assert_true(check_finds(&small, &damaged));
    assert_int_equal(read_all(&small), SMALL_PACK_OBJECTS);

    struct object_reader *reader = sample_reader(small.store);

    assert_int_equal(sample_read(reader, &other), -EIO);
    object_reader_free(reader);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = mine[i];

        mine[i] = its[i];
        its[i] = byte;
    }
    assert_int_equal(read_all(&small), 0);

    /* What has the hint of another stands in its way, and is passed. */
    char false_name[PACK_PATH_SIZE];

    for (int digit = 0; digit < 2; digit++) {
        memcpy(false_name, small.path, sizeof false_name);
        memset(false_name + 9 + 16, digit == 0 ? '0' : 'f', 48);
        memory_storage_set(small.storage, false_name, its, size);
        assert_int_equal(read_all(&small), 0);
    }
    sample_release(&other);
    small_pack_end(&small);
}

/* One object's sealed piece in the place of another of the same length. */
static void exchanged_objects_do_not_open(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample samples[2];
    size_t size;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t *noise = malloc(256);

        assert_non_null(noise);
        randombytes_buf(noise, 256);
        samples[i] = sample_put(writer, OBJECT_PAGE, noise, 256, NULL);
    }
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(samples[0].reference.sealed_size, samples[1].reference.sealed_size);

    uint8_t *file = memory_storage_bytes(storage, sample_only_file(storage, "packs"), &size);
    uint8_t piece[512];

    assert_true(samples[0].reference.sealed_size <= sizeof piece);
    memcpy(piece, file + samples[0].reference.offset, samples[0].reference.sealed_size);
    memcpy(file + samples[0].reference.offset, file + samples[1].reference.offset,
           samples[0].reference.sealed_size);
    memcpy(file + samples[1].reference.offset, piece, samples[0].reference.sealed_size);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sample_read(reader, &samples[i]), -EIO);

    /* Nor under each other's ids. */
    memcpy(piece, samples[0].reference.id, OBJECT_ID_BYTES);
    memcpy(samples[0].reference.id, samples[1].reference.id, OBJECT_ID_BYTES);
    memcpy(samples[1].reference.id, piece, OBJECT_ID_BYTES);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sample_read(reader, &samples[i]), -EIO);
        sample_release(&samples[i]);
    }
    object_reader_free(reader);
    store_close(store);
}

/* Nothing that a pack says before a seal was opened takes memory or time. */
static void lengths_from_outside_are_bounded(void **state)
{
    struct small_pack small;
    static uint8_t huge[65536];
    uint64_t end;

    (void)state;
    small_pack_begin(&small, 1);

    struct buffer plain = BUFFER(PACK_DIRECTORY_LIMIT);
    uint8_t salt[STORE_SALT_BYTES];
    struct sealer *sealer;

    assert_true(pack_salt(small.name, salt));
    assert_int_equal(store_file_sealer(small.store, STORE_PACKS, salt, small.path, &sealer, NULL),
                     0);
    memory_storage_set(small.storage, small.path, huge, sizeof huge);
    assert_int_equal(pack_directory_read(small.storage, sealer, salt, &plain, &end, NULL),
                     -EBADMSG);

    /* A foot that opens, and says what cannot be. */
    static const struct {
        uint64_t begin;
        uint32_t length;
        uint32_t zero;
    } feet[] = {
        {40, 65536 - 72, 1}, {32, 65536 - 64, 0},
        {41, 65536 - 73, 0}, {65504, 0, 0},
        {65480, 24, 0},      {65536, 0, 0},
        {40, UINT32_MAX, 0}, {0, 65504, 0},
        {40, 24, 0},         {UINT64_MAX - 7, 65511, 0},
    };

    for (size_t i = 0; i < COUNT_OF(feet); i++) {
        uint8_t foot[16];

        put_u64(foot, feet[i].begin);
        put_u32(foot + 8, feet[i].length);
        put_u32(foot + 12, feet[i].zero);
        assert_int_equal(
            seal(sealer, sizeof huge - 32, "foot", 4, foot, sizeof foot, huge + sizeof huge - 32),
            0);
        memory_storage_set(small.storage, small.path, huge, sizeof huge);
        assert_int_equal(pack_directory_read(small.storage, sealer, salt, &plain, &end, NULL),
                         -EBADMSG);
        assert_true(plain.capacity <= sizeof huge);
    }
    sealer_free(sealer);
    buffer_release(&plain);

    /* References that cannot be. */
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    struct object_reference reference = small.samples[0].reference;

    reference.sealed_size = UINT32_MAX;
    assert_int_equal(object_read(small.reader, &reference, OBJECT_ROW_GROUP, true, &output, NULL),
                     -EIO);
    reference.sealed_size = 0;
    assert_int_equal(object_read(small.reader, &reference, OBJECT_ROW_GROUP, true, &output, NULL),
                     -EIO);
    reference = small.samples[0].reference;
    reference.offset = (uint64_t)UINT32_MAX * 8;
    assert_int_equal(object_read(small.reader, &reference, OBJECT_ROW_GROUP, true, &output, NULL),
                     -EIO);
    buffer_release(&output);
    small_pack_end(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(exchanged_packs_do_not_open),
        cmocka_unit_test(exchanged_objects_do_not_open),
        cmocka_unit_test(lengths_from_outside_are_bounded),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
