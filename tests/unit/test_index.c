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
#include <time.h>

#include "fs/base/little_endian.h"
#include "fs/store/index_merge.h"
#include "fs/store/index_rebuild.h"
#include "fs/store/index_set.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define MANY 5000

/* An entry whose id follows from NUMBER. */
static struct index_entry entry_of(uint64_t number, uint64_t hint)
{
    struct index_entry entry = {
        .reference = {.pack_hint = hint, .offset = 40 + number * 8, .sealed_size = 32},
        .type = OBJECT_PAGE,
        .encoding = OBJECT_ZSTD,
    };

    crypto_generichash(entry.reference.id, OBJECT_ID_BYTES, (const uint8_t *)&number, sizeof number,
                       NULL, 0);
    return entry;
}

static void write_entries(struct store *store, uint64_t first, uint64_t count, uint64_t hint)
{
    struct index_entry *entries = calloc((size_t)count + 1, sizeof *entries);

    assert_non_null(entries);
    for (uint64_t i = 0; i < count; i++)
        entries[i] = entry_of(first + i, hint);
    assert_int_equal(index_write(store, entries, (size_t)count, NULL), 0);
    free(entries);
}

/* A set and what it needs. */
struct searched {
    struct file_keys *keys;
    struct index_set *set;
};

static struct searched search_begin(struct store *store)
{
    struct searched searched = {.keys = file_keys_create(store)};

    assert_non_null(searched.keys);
    searched.set = index_set_create(store, searched.keys);
    assert_non_null(searched.set);
    return searched;
}

static void search_end(struct searched *searched)
{
    index_set_free(searched->set);
    file_keys_free(searched->keys);
}

/* How many places are known of the object; each is right. */
static int places_of(struct searched *searched, uint64_t number)
{
    struct index_entry found[4];
    struct index_entry expected = entry_of(number, 0);
    int count = index_set_find(searched->set, expected.reference.id, 4, found, NULL);

    for (int i = 0; i < count; i++) {
        assert_memory_equal(found[i].reference.id, expected.reference.id, OBJECT_ID_BYTES);
        assert_true(found[i].reference.offset == expected.reference.offset);
        assert_int_equal(found[i].reference.sealed_size, 32);
        assert_int_equal(found[i].type, OBJECT_PAGE);
        assert_int_equal(found[i].encoding, OBJECT_ZSTD);
        assert_int_equal(found[i].depth, 0);
    }
    return count;
}

/* ---- The format ---- */

static void an_index_is_laid_out_as_the_format_says(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct sealer *sealer;
    uint8_t block[8192];
    uint8_t before[32] = {0};
    size_t size;
    size_t total = 0;

    (void)state;
    write_entries(store, 0, 200, 0x8877665544332211);

    const char *path = sample_only_file(storage, "index");
    const uint8_t *file = memory_storage_bytes(storage, path, &size);
    char name[65];

    assert_int_equal(size, 40 + 2 * (8192 + 16));
    assert_memory_equal(file, "CRMFSIDX", 8);
    sodium_bin2hex(name, sizeof name, file + 8, 32);
    assert_memory_equal(path, "index/", 6);
    assert_string_equal(path + 6, name);
    assert_int_equal(store_file_sealer(store, STORE_INDEX, file + 8, path, &sealer, NULL), 0);
    for (size_t number = 0; number < 2; number++) {
        size_t offset = 40 + number * 8208;

        assert_int_equal(unseal(sealer, offset, NULL, 0, file + offset, 8208, block), 0);

        size_t count = get_u32(block);

        assert_int_equal(count, number == 0 ? 127 : 73);
        assert_int_equal(get_u32(block + 4), number);
        for (size_t i = 0; i < count; i++) {
            const uint8_t *entry = block + 8 + 64 * i;

            assert_true(memcmp(before, entry, 32) < 0);
            memcpy(before, entry, 32);
            assert_true(get_u64(entry + 32) == 0x8877665544332211);

            struct index_entry expected = entry_of(get_u32(entry + 40) - 5, 0);

            assert_memory_equal(entry, expected.reference.id, 32);
            assert_int_equal(get_u32(entry + 44), 32);
            assert_int_equal(entry[48], OBJECT_PAGE);
            assert_int_equal(entry[49], 1);
            assert_int_equal(entry[50], 0);
            assert_int_equal(sodium_is_zero(entry + 51, 13), 1);
        }
        assert_int_equal(sodium_is_zero(block + 8 + 64 * count, 8192 - 8 - 64 * count), 1);
        total += count;
    }
    assert_int_equal(total, 200);
    sealer_free(sealer);
    store_close(store);
}

static void impossible_blocks_are_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 0},           {0, 1},      {0, 3},       {0, 128},    {4, 2},
        {5, 1},           {8, 0xff}, /* out of order */
        {8 + 44, 31 - 8},            /* a sealed length below the least */
        {8 + 47, 2},                 /* above the most */
        {8 + 48, 0},      {8 + 48, 8}, {8 + 49, 2},  {8 + 49, 3}, {8 + 50, 1},
        {8 + 51, 1},      {8 + 63, 1}, {8 + 128, 1}, {8191, 1},
    };
    struct index_entry entries[2] = {entry_of(1, 1), entry_of(2, 2)};
    uint8_t block[INDEX_BLOCK_BYTES];
    bool last;

    (void)state;
    qsort(entries, 2, sizeof *entries, index_entry_compare);
    index_block_encode(entries, 2, true, block);
    assert_int_equal(index_block_check(block, &last), 2);
    assert_true(last);
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        uint8_t before = block[changes[i].at];

        block[changes[i].at] = changes[i].value;
        assert_int_equal(index_block_check(block, &last), -EBADMSG);
        block[changes[i].at] = before;
    }
    memcpy(block + 8 + 64, block + 8, 64); /* twice the same */
    assert_int_equal(index_block_check(block, &last), -EBADMSG);
}

static void sizes_that_cannot_be_are_none(void **state)
{
    (void)state;
    assert_int_equal(index_blocks(0), 0);
    assert_int_equal(index_blocks(40), 0);
    assert_int_equal(index_blocks(40 + 8207), 0);
    assert_int_equal(index_blocks(40 + 8208), 1);
    assert_int_equal(index_blocks(40 + 8209), 0);
    assert_int_equal(index_blocks(40 + 2 * 8208), 2);
    assert_int_equal(index_blocks(UINT64_MAX), 0);
    assert_int_equal(index_blocks(40 + (INDEX_BLOCKS_MOST + 1) * 8208), 0);
}

/* ---- Searching ---- */

static void every_entry_is_found(void **state)
{
    static const uint64_t counts[] = {1, 2, 126, 127, 128, 254, 255, MANY};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct store *store = sample_store();
        struct searched searched;

        write_entries(store, 0, counts[i], 1);
        searched = search_begin(store);
        for (uint64_t number = 0; number < counts[i]; number++)
            assert_int_equal(places_of(&searched, number), 1);
        for (uint64_t number = counts[i]; number < counts[i] + 500; number++)
            assert_int_equal(places_of(&searched, number), 0);
        search_end(&searched);
        store_close(store);
    }
}

/* Ids that are not spread as hashes are: all the same but for their end. */
static void crowded_ids_are_found(void **state)
{
    struct store *store = sample_store();
    struct index_entry *entries = calloc(MANY, sizeof *entries);
    struct searched searched;

    (void)state;
    assert_non_null(entries);
    for (size_t i = 0; i < MANY; i++) {
        entries[i] = entry_of(i, 1);
        memset(entries[i].reference.id, i < MANY / 2 ? 0 : 0xff, 30);
        entries[i].reference.id[30] = (uint8_t)(i >> 8);
        entries[i].reference.id[31] = (uint8_t)i;
    }
    assert_int_equal(index_write(store, entries, MANY, NULL), 0);
    searched = search_begin(store);
    for (size_t i = 0; i < MANY; i++) {
        struct index_entry found;

        assert_int_equal(index_set_find(searched.set, entries[i].reference.id, 1, &found, NULL), 1);
        assert_true(found.reference.offset == entries[i].reference.offset);
    }
    search_end(&searched);
    free(entries);
    store_close(store);
}

static void the_newest_comes_first(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct index_entry found[4];
    struct index_entry wanted = entry_of(7, 0);

    (void)state;
    for (uint64_t hint = 1; hint <= 3; hint++)
        write_entries(store, hint * 2, 10, hint);
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, "index/", 6) == 0)
            memory_storage_set_time(storage, name, (time_t)(1000 - i));
    }

    struct searched searched = search_begin(store);

    assert_int_equal(index_set_find(searched.set, wanted.reference.id, 4, found, NULL), 3);

    uint64_t first = found[0].reference.pack_hint;
    size_t at = 0;

    /* The other way round, and listed again. */
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);

        if (strncmp(name, "index/", 6) == 0)
            memory_storage_set_time(storage, name, (time_t)(1000 + at++));
    }
    assert_int_equal(index_set_refresh(searched.set, NULL), 0);
    assert_int_equal(index_set_find(searched.set, wanted.reference.id, 2, found, NULL), 2);
    assert_true(found[0].reference.pack_hint != first);
    assert_int_equal(index_set_find(searched.set, wanted.reference.id, 4, found, NULL), 3);
    assert_true(found[2].reference.pack_hint == first);
    search_end(&searched);
    store_close(store);
}

static void a_removed_index_is_noticed(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);

    (void)state;
    write_entries(store, 0, 10, 1);

    struct searched searched = search_begin(store);
    char *name = strdup(sample_only_file(storage, "index"));

    assert_int_equal(index_set_refresh(searched.set, NULL), 0);
    assert_int_equal(storage->class->remove(storage, name, NULL), 0);
    write_entries(store, 0, 10, 2);
    assert_int_equal(places_of(&searched, 3), 1);
    free(name);
    search_end(&searched);
    store_close(store);
}

/* ---- Damage ---- */

static void damage_is_found_and_passed_over(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    size_t size;

    (void)state;
    write_entries(store, 0, 200, 1);

    const char *path = sample_only_file(storage, "index");
    char name[65];
    uint8_t *file = memory_storage_bytes(storage, path, &size);

    memcpy(name, path + 6, sizeof name);
    assert_int_equal(index_check(store, name, NULL), 0);
    for (size_t at = 0; at < size; at++) {
        struct failure failure = {.code = 0};

        file[at] ^= (uint8_t)(1u << (at % 8));
        assert_int_equal(index_check(store, name, &failure), -EBADMSG);
        assert_int_equal(failure.code, EBADMSG);
        if (at % 100 == 0) {
            struct searched searched = search_begin(store);
            int found = 0;

            for (uint64_t number = 0; number < 200; number++) {
                int places = places_of(&searched, number);

                assert_in_range(places, 0, 1);
                found += places;
            }
            assert_true(at < 40 ? found == 200 : found < 200);
            search_end(&searched);
        }
        file[at] ^= (uint8_t)(1u << (at % 8));
    }

    uint8_t *copy = malloc(size + 8208);

    assert_non_null(copy);
    memcpy(copy, file, size);
    memcpy(copy + size, file + size - 8208, 8208);

    char path_copy[INDEX_PATH_SIZE];

    memcpy(path_copy, path, sizeof path_copy);
    for (size_t length = 0; length < size; length += 1009) {
        memory_storage_set(storage, path_copy, copy, length);
        assert_true(index_check(store, name, NULL) < 0);
    }
    memory_storage_set(storage, path_copy, copy, size - 8208); /* at the end of a block */
    assert_int_equal(index_check(store, name, NULL), -EBADMSG);
    memory_storage_set(storage, path_copy, copy, size + 8208);
    assert_int_equal(index_check(store, name, NULL), -EBADMSG);
    memory_storage_set(storage, path_copy, copy, size);
    assert_int_equal(index_check(store, name, NULL), 0);
    free(copy);
    store_close(store);
}

/* ---- Merging and making anew ---- */

/* One batch of one object, so that there is a pack and an index of it. */
static struct sample put_one(struct store *store, struct object_reader *reader, uint64_t seed)
{
    struct object_batch *batch = sample_batch(store, reader);
    struct object_writer *writer = sample_writer(batch);
    struct sample sample = sample_put(writer, OBJECT_PAGE, sample_data(seed, 0, 300), 300, NULL);

    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    return sample;
}

static void indexes_stay_few(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct sample samples[50];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        samples[i] = put_one(store, reader, i);
        assert_true(sample_count_files(storage, "index") < 4);
    }

    struct searched searched = search_begin(store);

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct index_entry found;

        assert_int_equal(index_set_find(searched.set, samples[i].reference.id, 1, &found, NULL), 1);
        assert_true(found.reference.pack_hint == samples[i].reference.pack_hint);
        sample_release(&samples[i]);
    }
    search_end(&searched);
    object_reader_free(reader);
    store_close(store);
}

static void merging_leaves_out_what_has_gone(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct pack_list *packs = pack_list_create(storage);
    struct sample sample = put_one(store, reader, 1);

    (void)state;
    assert_non_null(packs);
    for (uint64_t i = 0; i < 3; i++)
        write_entries(store, i * 150, 300, 1 + i); /* of packs that are not there */
    write_entries(store, 0, 150, sample.reference.pack_hint);
    assert_int_equal(sample_count_files(storage, "index"), 5);
    assert_int_equal(index_merge(store, packs, NULL, NULL), 0);
    assert_int_equal(sample_count_files(storage, "index"), 1);

    struct searched searched = search_begin(store);

    for (uint64_t number = 0; number < 600; number++)
        assert_int_equal(places_of(&searched, number), number < 150 ? 1 : 0);
    assert_int_equal(sample_read(reader, &sample), 0);
    search_end(&searched);
    sample_release(&sample);
    pack_list_free(packs);
    object_reader_free(reader);
    store_close(store);
}

/* A pack that is to be removed gives way to another one, whichever index is newer. */
static void merging_keeps_what_stays(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct pack_list *packs = pack_list_create(storage);
    struct sample staying = put_one(store, reader, 1);
    struct sample leaving = put_one(store, reader, 2);
    struct hint_set avoided = {.count = 0};
    struct index_entry entry;

    (void)state;
    assert_non_null(packs);
    sample_remove_indexes(storage);
    write_entries(store, 0, 100, leaving.reference.pack_hint);
    memory_storage_set_time(storage, sample_only_file(storage, "index"), time(NULL) + 100);
    write_entries(store, 0, 50, staying.reference.pack_hint);
    for (uint64_t i = 0; i < 2; i++)
        write_entries(store, 100 + i * 10, 10, staying.reference.pack_hint);
    assert_int_equal(hint_set_add(&avoided, leaving.reference.pack_hint), 0);
    assert_int_equal(index_merge(store, packs, &avoided, NULL), 0);
    assert_int_equal(sample_count_files(storage, "index"), 1);

    struct searched searched = search_begin(store);

    for (uint64_t number = 0; number < 120; number++) {
        const struct object_reference wanted = entry_of(number, 0).reference;
        bool moved = number < 50 || number >= 100;

        assert_int_equal(index_set_find(searched.set, wanted.id, 1, &entry, NULL), 1);
        assert_true(entry.reference.pack_hint ==
                    (moved ? staying.reference.pack_hint : leaving.reference.pack_hint));
    }
    search_end(&searched);
    hint_set_release(&avoided);
    sample_release(&staying);
    sample_release(&leaving);
    pack_list_free(packs);
    object_reader_free(reader);
    store_close(store);
}

/* A damaged one among them stays as it is; without it they are enough, or too few. */
static void merging_keeps_away_from_damage(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct pack_list *packs = pack_list_create(storage);
    struct sample sample = put_one(store, reader, 1);
    size_t size;

    (void)state;
    assert_non_null(packs);
    memory_storage_bytes(storage, sample_only_file(storage, "index"), &size)[100] ^= 1;
    for (uint64_t i = 0; i < 4; i++) {
        write_entries(store, i * 100, 100, sample.reference.pack_hint);
        assert_int_equal(index_merge(store, packs, NULL, NULL), 0);
        assert_int_equal(sample_count_files(storage, "index"), i < 3 ? i + 2 : 2);
    }

    struct searched searched = search_begin(store);

    for (uint64_t number = 0; number < 400; number++)
        assert_int_equal(places_of(&searched, number), 1);
    search_end(&searched);
    sample_release(&sample);
    pack_list_free(packs);
    object_reader_free(reader);
    store_close(store);
}

static void indexes_are_made_anew_from_the_packs(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct object_reader *reader = sample_reader(store);
    struct sample samples[6];
    struct index_rebuilt rebuilt;

    (void)state;
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        samples[i] = put_one(store, reader, i);
    write_entries(store, 0, 10, 99); /* says nothing that is true */
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;
        uint8_t *bytes = memory_storage_bytes(storage, name, &size);

        if (strncmp(name, "index/", 6) == 0)
            bytes[60] ^= 1;
    }
    memory_storage_set(
        storage, "index/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "x", 1);
    assert_int_equal(index_rebuild(store, &rebuilt, NULL), 0);
    assert_int_equal(rebuilt.packs, COUNT_OF(samples));
    assert_int_equal(rebuilt.objects, COUNT_OF(samples));
    assert_int_equal(rebuilt.packs_damaged, 0);

    const char *path = sample_only_file(storage, "index");

    assert_int_equal(index_check(store, path + 6, NULL), 0);

    struct searched searched = search_begin(store);

    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct index_entry found;

        assert_int_equal(index_set_find(searched.set, samples[i].reference.id, 1, &found, NULL), 1);
    }
    assert_int_equal(places_of(&searched, 3), 0);
    search_end(&searched);

    /* A pack whose end is damaged: what it holds can be read by its references all the same. */
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;
        uint8_t *bytes = memory_storage_bytes(storage, name, &size);

        if (strncmp(name, "packs/", 6) == 0) {
            bytes[size - 1] ^= 1;
            break;
        }
    }
    assert_int_equal(index_rebuild(store, &rebuilt, NULL), 0);
    assert_int_equal(rebuilt.packs, COUNT_OF(samples) - 1);
    assert_int_equal(rebuilt.packs_damaged, 1);
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        assert_int_equal(sample_read(reader, &samples[i]), 0);
        sample_release(&samples[i]);
    }
    object_reader_free(reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_laid_out_as_the_format_says),
        cmocka_unit_test(impossible_blocks_are_refused),
        cmocka_unit_test(sizes_that_cannot_be_are_none),
        cmocka_unit_test(every_entry_is_found),
        cmocka_unit_test(crowded_ids_are_found),
        cmocka_unit_test(the_newest_comes_first),
        cmocka_unit_test(a_removed_index_is_noticed),
        cmocka_unit_test(damage_is_found_and_passed_over),
        cmocka_unit_test(indexes_stay_few),
        cmocka_unit_test(merging_leaves_out_what_has_gone),
        cmocka_unit_test(merging_keeps_what_stays),
        cmocka_unit_test(merging_keeps_away_from_damage),
        cmocka_unit_test(indexes_are_made_anew_from_the_packs),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
