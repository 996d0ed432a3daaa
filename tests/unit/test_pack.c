/* SPDX-License-Identifier: MIT */
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
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define OBJECTS 6

/* Sanitizers are slow; without one every byte is tried. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEP 37
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STEP 37
#endif
#endif
#ifndef STEP
#define STEP 1
#endif

/* A store with one pack of a few small objects, the last against the one before. */
struct small {
    struct store *store;
    struct storage *storage;
    struct object_reader *reader;
    struct sample samples[OBJECTS];
    char name[PACK_NAME_SIZE];
    char path[PACK_PATH_SIZE];
};

static void small_begin(struct small *small, uint64_t seed)
{
    small->store = sample_store();
    small->storage = store_storage(small->store);
    small->reader = sample_reader(small->store);

    struct object_batch *batch = sample_batch(small->store, small->reader);
    struct object_writer *writer = sample_writer(batch);

    for (size_t i = 0; i < OBJECTS - 1; i++)
        small->samples[i] =
            sample_put(writer, (enum object_type)(1 + i), sample_data(seed + i, 0, 400 * (i + 1)),
                       400 * (i + 1), NULL);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);

    /* Into one pack with its predecessor, which has to be in a pack already to be one. */
    batch = sample_batch(small->store, small->reader);
    writer = sample_writer(batch);

    const char *first = sample_only_file(small->storage, "packs");
    char *old = strdup(first);
    struct sample *last = &small->samples[OBJECTS - 1];

    for (size_t i = 0; i < OBJECTS - 1; i++) {
        struct object_put put;

        assert_int_equal(object_move(writer, &small->samples[i].reference, &put, NULL), 0);
        small->samples[i].reference = put.reference;
    }
    *last = sample_put(writer, OBJECT_SCHEMA, sample_data(seed + 3, 10, 1600), 1600,
                       &small->samples[3]);
    sample_writer_finish(writer);
    sample_batch_finish(batch, small->name);
    assert_int_equal(small->storage->class->remove(small->storage, old, NULL), 0);
    free(old);
    memcpy(small->path, sample_only_file(small->storage, "packs"), sizeof small->path);
}

static void small_end(struct small *small)
{
    for (size_t i = 0; i < OBJECTS; i++)
        sample_release(&small->samples[i]);
    object_reader_free(small->reader);
    store_close(small->store);
}

/* ---- The format ---- */

static struct sealer *sealer_of(const struct small *small, const uint8_t *file)
{
    struct sealer *sealer = NULL;

    assert_int_equal(
        store_file_sealer(small->store, STORE_PACKS, file + 8, small->path, &sealer, NULL), 0);
    return sealer;
}

/* Every offset that FORMAT.md names, by hand. */
static void a_pack_is_laid_out_as_the_format_says(void **state)
{
    struct small small;
    size_t size;

    (void)state;
    small_begin(&small, 1);

    const uint8_t *file = memory_storage_bytes(small.storage, small.path, &size);
    struct sealer *sealer = sealer_of(&small, file);
    uint8_t foot[16];

    assert_int_equal(size, 65536);
    assert_memory_equal(file, "CRMFSPAK", 8);

    char name[65];

    sodium_bin2hex(name, sizeof name, file + 8, 32);
    assert_string_equal(name, small.name);
    assert_memory_equal(small.path, "packs/", 6);
    assert_memory_equal(small.path + 6, name, 2);
    assert_string_equal(small.path + 9, name);

    assert_int_equal(unseal(sealer, size - 32, "foot", 4, file + size - 32, 32, foot), 0);

    uint64_t begin = get_u64(foot);
    uint32_t length = get_u32(foot + 8);

    assert_int_equal(get_u32(foot + 12), 0);
    assert_int_equal(begin + length + 32, size);

    uint8_t *directory = malloc(length);
    uint64_t offset = 40;
    const uint8_t *entry = directory + 8;

    assert_non_null(directory);
    assert_int_equal(unseal(sealer, begin, "directory", 9, file + begin, length, directory), 0);
    assert_int_equal(get_u32(directory), OBJECTS);
    assert_int_equal(get_u32(directory + 4), 0);
    for (size_t i = 0; i < OBJECTS; i++) {
        const struct sample *sample = &small.samples[i];
        uint32_t sealed_size = get_u32(entry + 36);
        uint8_t body[4096];

        assert_memory_equal(entry, sample->reference.id, 32);
        assert_int_equal((uint64_t)get_u32(entry + 32) * 8, offset);
        assert_int_equal(sealed_size % 8, 0);
        assert_int_equal(entry[40], sample->type);
        assert_int_equal(entry[41], i == 5 ? 2 : 1);
        assert_int_equal(entry[42], i == 5 ? 1 : 0);
        assert_int_equal(entry[43], 0);
        assert_int_equal(unseal(sealer, offset, entry, 32, file + offset, sealed_size, body), 0);
        assert_int_equal(body[0], entry[41]);
        assert_int_equal(body[1], sample->type);
        assert_int_equal(get_u32(body + 4), sample->size);
        if (i == 5)
            assert_memory_equal(entry + 44, body + 8, 48);
        entry += i == 5 ? 92 : 44;
        offset += sealed_size;
    }
    assert_int_equal(offset, begin);
    assert_int_equal(sodium_is_zero(entry, (size_t)(directory + length - 16 - entry)), 1);
    free(directory);
    sealer_free(sealer);
    small_end(&small);
}

static void names_are_read_strictly(void **state)
{
    static const char good[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    uint8_t salt[STORE_SALT_BYTES];
    char name[PACK_NAME_SIZE];

    (void)state;
    assert_true(pack_salt(good, salt));
    pack_name(salt, name);
    assert_string_equal(name, good);
    assert_true(pack_hint(salt) == 0x7766554433221100);
    assert_false(pack_salt("", salt));
    assert_false(pack_salt(good + 1, salt));
    memcpy(name, good, sizeof name);
    name[10] = 'A';
    assert_false(pack_salt(name, salt));
    name[10] = '/';
    assert_false(pack_salt(name, salt));

    char longer[sizeof good + 1];

    memcpy(longer, good, sizeof good - 1);
    memcpy(longer + sizeof good - 1, "0", 2);
    assert_false(pack_salt(longer, salt));
}

/* ---- Directories that cannot be ---- */

struct counted {
    size_t count;
    size_t stop_at;
};

static int count_entry(void *context, const struct pack_entry *entry)
{
    struct counted *counted = context;

    (void)entry;
    return ++counted->count == counted->stop_at ? 7 : 0;
}

static int decode(const uint8_t *bytes, size_t size, uint64_t end)
{
    struct counted counted = {0};

    return pack_directory_decode(bytes, size, 1, end, count_entry, &counted);
}

static void impossible_directories_are_refused(void **state)
{
    const struct pack_entry first = {
        .reference = {.offset = 40, .sealed_size = 24}, .type = 1, .encoding = OBJECT_PLAIN};
    const struct pack_entry second = {.reference = {.offset = 64, .sealed_size = 80},
                                      .type = 5,
                                      .encoding = OBJECT_ZSTD_PARENT,
                                      .depth = 8};
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 3},  /* more objects than there are: the padding is none */
        {0, 1},  /* fewer: what follows is no padding */
        {2, 1},  /* more than a pack may have */
        {4, 1},  /* not zero */
        {40, 6}, /* offset */
        {44, 23},      {44, 25},     {44, 32}, {47, 1}, /* length; into the next */
        {48, 0},       {48, 8},                         /* type */
        {49, 3},       {49, 2},                         /* encoding; without depth */
        {50, 1},                                        /* depth without a parent */
        {51, 1},                                        /* not zero */
        {52 + 32, 9},                                   /* a gap */
        {52 + 36, 88},                                  /* beyond the end */
        {52 + 42, 0},  {52 + 42, 9}, {149, 1},          /* not padding */
    };
    uint8_t bytes[150] = {2};
    struct counted counted = {.stop_at = 2};

    (void)state;
    assert_int_equal(pack_entry_encode(&first, bytes + 8), 44);
    assert_int_equal(pack_entry_encode(&second, bytes + 52), 92);
    assert_int_equal(decode(bytes, sizeof bytes, 144), 0);
    assert_int_equal(decode(bytes, 144, 144), 0);
    assert_int_equal(pack_directory_decode(bytes, 144, 1, 144, count_entry, &counted), 7);
    assert_int_equal(decode(bytes, 143, 144), -EBADMSG);
    assert_int_equal(decode(bytes, sizeof bytes, 143), -EBADMSG);
    for (size_t size = 0; size < 8; size++)
        assert_int_equal(decode(bytes, size, 144), -EBADMSG);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        uint8_t before = bytes[changes[i].at];

        bytes[changes[i].at] = changes[i].value;
        assert_int_equal(decode(bytes, sizeof bytes, 144), -EBADMSG);
        bytes[changes[i].at] = before;
    }
    assert_int_equal(decode(bytes, sizeof bytes, 144), 0);
}

/* ---- Damage ---- */

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

/* Whether pack_check finds something; *OBJECTS: how many objects it says are damaged. */
static bool check_finds(const struct small *small, size_t *ret_objects)
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
static size_t read_all(const struct small *small)
{
    struct object_reader *reader = sample_reader(small->store);
    size_t lost = 0;

    for (size_t i = 0; i < OBJECTS; i++) {
        int error = sample_read(reader, &small->samples[i]);

        assert_true(error == 0 || error == -EIO);
        lost += error != 0;
    }
    object_reader_free(reader);
    return lost;
}

static void every_changed_byte_is_found(void **state)
{
    struct small small;
    size_t size;
    size_t damaged;

    (void)state;
    small_begin(&small, 1);

    uint8_t *file = memory_storage_bytes(small.storage, small.path, &size);
    const struct object_reference *last = &small.samples[OBJECTS - 1].reference;
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
    small_end(&small);
}

static void every_cut_is_found(void **state)
{
    struct small small;
    size_t size;
    size_t damaged;

    (void)state;
    small_begin(&small, 1);

    const uint8_t *file = memory_storage_bytes(small.storage, small.path, &size);
    uint8_t *copy = malloc(size + 65536);
    const struct object_reference *last = &small.samples[OBJECTS - 1].reference;
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
    small_end(&small);
}

/* Two packs under each other's names; one under a name that begins as the other's. */
static void exchanged_packs_do_not_open(void **state)
{
    struct small small;
    size_t size;
    size_t damaged;

    (void)state;
    small_begin(&small, 1);

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
    assert_int_equal(read_all(&small), OBJECTS);

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
    small_end(&small);
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
    struct small small;
    static uint8_t huge[65536];
    uint64_t end;

    (void)state;
    small_begin(&small, 1);

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
    small_end(&small);
}

/* ---- Sizes ---- */

static void full_packs_end(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample samples[40];
    size_t part = (size_t)1 << 20;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        uint8_t *noise = malloc(part);

        assert_non_null(noise);
        randombytes_buf(noise, part);
        samples[i] = sample_put(writer, OBJECT_TREE, noise, part, NULL);
    }
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    assert_int_equal(sample_count_files(storage, "packs"), 3);
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;

        memory_storage_bytes(storage, name, &size);
        if (strncmp(name, "packs/", 6) == 0) {
            assert_int_equal(size % PACK_ROUND_BYTES, 0);
            assert_true(size <= PACK_BYTES_TARGET + part + PACK_ROUND_BYTES);
        }
    }
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        assert_int_equal(sample_read(reader, &samples[i]), 0);
        sample_release(&samples[i]);
    }
    object_reader_free(reader);
    store_close(store);
}

static void a_pack_holds_so_many_objects(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct object_put first;
    struct object_put put;
    size_t count = STEP == 1 ? PACK_OBJECTS_MOST + 10 : 1000;

    (void)state;
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(
            object_put(writer, OBJECT_PAGE, &i, sizeof i, NULL, i == 0 ? &first : &put, NULL), 0);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    if (STEP == 1)
        assert_int_equal(sample_count_files(storage, "packs"), 2);

    struct buffer output = BUFFER(100);

    assert_int_equal(object_read(reader, &first.reference, OBJECT_PAGE, true, &output, NULL), 0);
    assert_int_equal(get_u64(output.data), 0);
    assert_int_equal(object_read(reader, &put.reference, OBJECT_PAGE, true, &output, NULL), 0);
    assert_int_equal(get_u64(output.data), count - 1);

    /* All are known to the next batch, those as well that the first one has forgotten. */
    batch = sample_batch(store, reader);
    writer = sample_writer(batch);
    for (uint64_t i = 0; i < count; i += 997) {
        assert_int_equal(object_put(writer, OBJECT_PAGE, &i, sizeof i, NULL, &put, NULL), 0);
        assert_int_equal(put.stored_bytes, 0);
    }
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    buffer_release(&output);
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pack_is_laid_out_as_the_format_says),
        cmocka_unit_test(names_are_read_strictly),
        cmocka_unit_test(impossible_directories_are_refused),
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(every_cut_is_found),
        cmocka_unit_test(exchanged_packs_do_not_open),
        cmocka_unit_test(exchanged_objects_do_not_open),
        cmocka_unit_test(lengths_from_outside_are_bounded),
        cmocka_unit_test(full_packs_end),
        cmocka_unit_test(a_pack_holds_so_many_objects),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
