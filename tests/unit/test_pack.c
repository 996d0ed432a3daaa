/* SPDX-License-Identifier: MIT */
/* How packs are laid out, and how much goes into one: FORMAT.md, byte by byte. */
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

/* Every offset that FORMAT.md names, by hand. */
static void a_pack_is_laid_out_as_the_format_says(void **state)
{
    struct small_pack small;
    size_t size;

    (void)state;
    small_pack_begin(&small, 1);

    const uint8_t *file = memory_storage_bytes(small.storage, small.path, &size);
    struct sealer *sealer = small_pack_sealer(&small, file);
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
    assert_int_equal(get_u32(directory), SMALL_PACK_OBJECTS);
    assert_int_equal(get_u32(directory + 4), 0);
    for (size_t i = 0; i < SMALL_PACK_OBJECTS; i++) {
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
    small_pack_end(&small);
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
    size_t count = !SANITIZED ? PACK_OBJECTS_MOST + 10 : 1000;

    (void)state;
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(
            object_put(writer, OBJECT_PAGE, &i, sizeof i, NULL, i == 0 ? &first : &put, NULL), 0);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    if (!SANITIZED)
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
        cmocka_unit_test(full_packs_end),
        cmocka_unit_test(a_pack_holds_so_many_objects),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
