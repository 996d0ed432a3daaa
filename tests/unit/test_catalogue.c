/* SPDX-License-Identifier: MIT */
/*
 * The catalogue beside a plain array that the same is done to: whatever of it is stored, changed in
 * memory or recent, and whenever it is merged and written. And what names cost that are made in one
 * large directory with little memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/catalogue.h"
#include "fs/files/files.h"
#include "fs/store/file_node.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define KEYS 3000
#define STEPS 30000
#define VALUE_MOST 200
#define DIRTY_MOST 12
#define CLEAN_MOST 6

static struct failure failure;

static void succeed(int error)
{
    if (error != 0)
        fail_msg("%s: %s", strerror(-error), failure.text);
}

static uint64_t next(uint64_t *state, uint64_t limit)
{
    uint64_t number = *state += UINT64_C(0x9e3779b97f4a7c15);

    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return (number ^ number >> 31) % limit;
}

struct scene {
    struct store *store;
    struct object_reader *reader;
    struct object_batch *batch;
    struct object_writer *writer;
    struct catalogue_cache cache;
    struct catalogue catalogue;
    unsigned stops;        /* of merges, for nodes to be written */
    uint16_t values[KEYS]; /* what stands at each key: 0 nothing, else it and the length follow */
};

static struct file_key key_of(size_t place)
{
    return (struct file_key){.inode = 1 + place / 1000, .kind = FILE_ENTRY, .number = place % 1000};
}

static size_t place_of(const struct file_key *key)
{
    return (size_t)(key->inode - 1) * 1000 + (size_t)key->number;
}

static size_t make_value(uint16_t value, uint8_t bytes[VALUE_MOST])
{
    memset(bytes, value & 0xff, VALUE_MOST);
    return 1 + value % (VALUE_MOST - 1);
}

static void is_the_item(const struct scene *scene, const struct file_item *item)
{
    uint8_t bytes[VALUE_MOST];
    size_t size = make_value(scene->values[place_of(&item->key)], bytes);

    assert_int_equal(item->size, size);
    assert_memory_equal(item->value, bytes, size);
}

/* What stands at a place, before and after it: as the array has it. */
static void look(struct scene *scene, size_t place)
{
    const struct file_key key = key_of(place);
    struct file_item item;
    int error = catalogue_get(&scene->catalogue, &key, &item, &failure);
    size_t after = place;
    size_t before = place;

    assert_int_equal(error, scene->values[place] != 0 ? 0 : -ENOENT);
    if (error == 0)
        is_the_item(scene, &item);
    while (after < KEYS && scene->values[after] == 0)
        after++;
    error = catalogue_next(&scene->catalogue, &key, &item, &failure);
    assert_int_equal(error, after < KEYS ? 0 : -ENOENT);
    if (error == 0) {
        assert_int_equal(place_of(&item.key), after);
        is_the_item(scene, &item);
    }
    while (before > 0 && scene->values[before] == 0)
        before--;
    error = catalogue_before(&scene->catalogue, &key, &item, &failure);
    assert_int_equal(error, scene->values[before] != 0 ? 0 : -ENOENT);
    if (error == 0) {
        assert_int_equal(place_of(&item.key), before);
        is_the_item(scene, &item);
    }
    catalogue_trim(&scene->cache);
}

static void change(struct scene *scene, size_t place, uint16_t value)
{
    const struct file_key key = key_of(place);
    uint8_t bytes[VALUE_MOST];
    struct file_item item;

    succeed(catalogue_reserve(&scene->cache, 4));
    if (value == 0) {
        assert_int_equal(catalogue_remove(&scene->catalogue, &key, &failure),
                         scene->values[place] != 0 ? 0 : -ENOENT);
        assert_int_equal(catalogue_get(&scene->catalogue, &key, &item, &failure), -ENOENT);
    } else {
        size_t size = make_value(value, bytes);

        succeed(catalogue_put(&scene->catalogue, &key, bytes, size, &failure));
    }
    scene->values[place] = value;
}

static void store_nodes(struct scene *scene)
{
    struct object_reference top;

    succeed(catalogue_write(&scene->catalogue, scene->writer, &top, &failure));
    succeed(object_batch_end_pack(scene->batch, &failure));
    catalogue_stored(&scene->catalogue);
}

static void count_recent(struct scene *scene)
{
    size_t count = 0;

    for (size_t place = 0; place < KEYS && scene->catalogue.recent.cache != NULL; place++) {
        const struct file_key key = key_of(place);
        struct file_item item;

        count += node_tree_get(&scene->catalogue.recent, &key, &item, &failure) == 0;
    }
    assert_int_equal(catalogue_recent_items(&scene->catalogue), count);
}

static void merge(struct scene *scene)
{
    int more;

    count_recent(scene);
    while ((more = catalogue_merge(&scene->catalogue, DIRTY_MOST, &failure)) > 0) {
        scene->stops++;
        store_nodes(scene);
        count_recent(scene);
    }
    succeed(more);
    assert_int_equal(catalogue_recent_items(&scene->catalogue), 0);
}

static void test_it_is_what_was_done_to_it(void **state)
{
    struct scene scene = {.store = sample_store()};
    uint64_t dice = 5;

    (void)state;
    scene.reader = sample_reader(scene.store);
    scene.batch = sample_batch(scene.store, scene.reader);
    scene.writer = sample_writer(scene.batch);
    catalogue_cache_init(&scene.cache, scene.reader, CLEAN_MOST);
    succeed(catalogue_open(&scene.catalogue, &scene.cache, NULL));
    for (unsigned step = 0; step < STEPS; step++) {
        size_t place = next(&dice, KEYS);

        /* More is put for a while, then more is removed. */
        bool removes = next(&dice, 10) < (step / 5000 % 2 == 0 ? 2U : 7U);

        change(&scene, place, removes ? 0 : (uint16_t)(1 + next(&dice, 60000)));
        look(&scene, next(&dice, KEYS));
        if (step % 1777 == 0)
            merge(&scene);
        if (step % 2999 == 0) {
            merge(&scene);
            store_nodes(&scene);
        }
    }
    for (size_t place = 0; place < KEYS; place++)
        look(&scene, place);
    assert_true(scene.stops > 10);

    /* Nothing is left in memory when all is stored. */
    merge(&scene);
    store_nodes(&scene);
    assert_int_equal(scene.cache.dirty_count, 0);
    for (size_t place = 0; place < KEYS; place++)
        look(&scene, place);
    catalogue_close(&scene.catalogue);
    catalogue_cache_release(&scene.cache);
    sample_writer_finish(scene.writer);
    sample_batch_finish(scene.batch, NULL);
    object_reader_free(scene.reader);
    store_close(scene.store);
}

/* ---- Large values ---- */

#define MIXED 20000

/* Most are small, as names and attributes are; some as large as an extended attribute can be. */
static size_t mixed_size(size_t place)
{
    uint64_t dice = place;

    return next(&dice, 50) == 0 ? CATALOGUE_VALUE_LIMIT : 20 + place % 130;
}

/* Whichever half of a node that is full a large value goes to, all stays in the order of the keys.
 */
static void test_large_values_among_small_ones_are_found(void **state)
{
    static uint8_t bytes[CATALOGUE_VALUE_LIMIT];
    struct store *store = sample_store();
    struct object_reader *reader = sample_reader(store);
    struct catalogue_cache cache;
    struct catalogue catalogue;
    uint64_t dice = 7;
    static size_t places[MIXED];

    (void)state;
    catalogue_cache_init(&cache, reader, CLEAN_MOST);
    succeed(catalogue_open(&catalogue, &cache, NULL));
    for (size_t i = 0; i < MIXED; i++) {
        size_t other = (size_t)next(&dice, i + 1);

        places[i] = places[other];
        places[other] = i;
    }
    for (size_t i = 0; i < MIXED; i++) {
        const struct file_key key = {
            .inode = places[i], .kind = FILE_XATTR, .number = places[i] % 7};

        succeed(catalogue_put(&catalogue, &key, bytes, mixed_size(places[i]), &failure));
    }
    for (size_t i = 0; i < MIXED; i++) {
        const struct file_key key = {.inode = i, .kind = FILE_XATTR, .number = i % 7};
        const struct file_key lowest = {.inode = i};
        struct file_item item;

        succeed(catalogue_get(&catalogue, &key, &item, &failure));
        assert_int_equal(item.size, mixed_size(i));
        succeed(catalogue_next(&catalogue, &lowest, &item, &failure));
        assert_int_equal(item.key.inode, i);
    }
    catalogue_close(&catalogue);
    catalogue_cache_release(&cache);
    object_reader_free(reader);
    store_close(store);
}

/* ---- What it costs ---- */

#define NAMES 20000
#define MEMORY_BYTES ((size_t)1 << 20)
#define NAME_BYTES 120 /* that one takes as items, its attributes among them */

static int add_size(void *context, const char *name, uint64_t size, time_t modified)
{
    (void)name;
    (void)modified;
    *(uint64_t *)context += size;
    return 0;
}

static void test_names_in_one_directory_are_written_a_few_times(void **state)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    struct files_options options = {.store = store, .memory_bytes = MEMORY_BYTES};
    struct files *files = NULL;
    uint64_t stored = 0;

    (void)state;
    succeed(object_reader_create(store, MEMORY_BYTES, &options.reader, &failure));
    succeed(files_create(&options, &files, &failure));
    for (unsigned i = 0; i < NAMES; i++) {
        char name[32];
        struct files_new wanted = {.directory = FILES_TOP, .name = name, .mode = S_IFREG | 0600};
        struct stat stat;
        uint64_t number;

        snprintf(name, sizeof name, "file-%u", i);
        succeed(files_make(files, &wanted, &number, &stat, &failure));
    }
    succeed(files_sync(files, &failure));
    succeed(storage->class->list(storage, "packs", add_size, &stored, &failure));
    assert_true(stored < 8 * (uint64_t)NAMES * NAME_BYTES); /* and not 67 times */
    files_free(files);
    object_reader_free(options.reader);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_what_was_done_to_it),
        cmocka_unit_test(test_large_values_among_small_ones_are_found),
        cmocka_unit_test(test_names_in_one_directory_are_written_a_few_times),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
