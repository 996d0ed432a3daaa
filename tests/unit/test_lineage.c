/* SPDX-License-Identifier: MIT */
/*
 * Chains that lie in many packs are read here and there, and in order. What the storage is asked to
 * have ready is noted on the way to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/store/pack.h"
#include "fs/store/store.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SIZE ((size_t)20000)
#define FILLER_BYTES                                                             \
    ((size_t)40000) /* that do not compress: between them reads are not in order \
                     */
#define GROUPS 6
#define VERSIONS 5
#define NOTED_MOST 64
#define TURNS 3 /* more than a cold pack is read from before what it says is known */

/* ---- What the storage is asked for ---- */

struct place {
    char name[PACK_PATH_SIZE];
    uint64_t offset;
    size_t size;
};

static struct {
    struct storage_class class;
    struct place places[NOTED_MOST];
    size_t count;
} expected;

static void note_place(struct storage *storage, const char *name, uint64_t offset, size_t size)
{
    (void)storage;
    assert_true(expected.count < NOTED_MOST);

    struct place *place = &expected.places[expected.count++];

    snprintf(place->name, sizeof place->name, "%s", name);
    place->offset = offset;
    place->size = size;
}

/* A cold reader of STORE, whose storage is watched from now on. */
static struct object_reader *watched_reader(struct store *store)
{
    struct storage *storage = store_storage(store);

    expected.class = *storage->class;
    expected.class.expect = note_place;
    storage->class = &expected.class;
    return sample_reader(store);
}

static void assert_expected(size_t index, const struct sample *sample)
{
    const struct place *place = &expected.places[index];
    uint8_t salt[STORE_SALT_BYTES];

    assert_true(index < expected.count);
    assert_true(pack_salt(strrchr(place->name, '/') + 1, salt));
    assert_true(pack_hint(salt) == sample->reference.pack_hint);
    assert_int_equal(place->offset, sample->reference.offset);
    assert_int_equal(place->size, sample->reference.sealed_size);
}

/* ---- A table, day after day ---- */

struct series {
    struct store *store;
    struct sample samples[VERSIONS][GROUPS];
};

static void put_filler(struct object_writer *writer, uint64_t number)
{
    uint8_t *noise = malloc(FILLER_BYTES);
    uint64_t state = number * 2 + 1;

    assert_non_null(noise);
    for (size_t i = 0; i < FILLER_BYTES; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        noise[i] = (uint8_t)(state >> 56);
    }

    struct sample filler = sample_put(writer, OBJECT_CONTENT, noise, FILLER_BYTES, NULL);

    sample_release(&filler);
}

/* A pack a version; with FILLED, groups stand far from each other in it. */
static void put_version(struct series *series, unsigned version, bool filled)
{
    struct object_reader *reader = sample_reader(series->store);
    struct object_batch *batch = sample_batch(series->store, reader);
    struct object_writer *writer = sample_writer(batch);

    for (unsigned group = 0; group < GROUPS; group++) {
        if (filled)
            put_filler(writer, version * GROUPS + group);
        series->samples[version][group] =
            sample_put(writer, OBJECT_ROW_GROUP, sample_data(group + 1, version, SIZE), SIZE,
                       version > 0 ? &series->samples[version - 1][group] : NULL);
    }
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    object_reader_free(reader);
}

static void begin(struct series *series, bool filled)
{
    series->store = sample_store();
    for (unsigned version = 0; version < VERSIONS; version++)
        put_version(series, version, filled);
}

static void end(struct series *series)
{
    for (unsigned version = 0; version < VERSIONS; version++) {
        for (unsigned group = 0; group < GROUPS; group++)
            sample_release(&series->samples[version][group]);
    }
    store_close(series->store);
}

/* Reads GROUP of the last version; how much was asked for. */
static size_t read_last(struct series *series, struct object_reader *reader, unsigned group)
{
    expected.count = 0;
    assert_int_equal(sample_read(reader, &series->samples[VERSIONS - 1][group]), 0);
    return expected.count;
}

/* The whole last version, again and again: nothing is asked for. */
static void read_in_order(struct series *series)
{
    struct object_reader *reader = watched_reader(series->store);

    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (unsigned group = 0; group < GROUPS; group++)
            assert_int_equal(read_last(series, reader, group), 0);
    }
    object_reader_free(reader);
}

static void test_here_and_there(void **context)
{
    struct series series;

    (void)context;
    begin(&series, true);

    struct object_reader *reader = watched_reader(series.store);

    /* A pack that is read from once is not looked into. */
    assert_int_equal(read_last(&series, reader, 3), 0);
    read_last(&series, reader, 0);
    for (unsigned group = 5; group > 3; group--) {
        assert_int_equal(read_last(&series, reader, group), VERSIONS);
        for (unsigned i = 0; i < VERSIONS; i++)
            assert_expected(i, &series.samples[VERSIONS - 1 - i][group]);
    }
    object_reader_free(reader);
    end(&series);
}

/* The kernel reads ahead by itself. */
static void test_in_order(void **context)
{
    struct series series;

    (void)context;
    begin(&series, false);
    read_in_order(&series);
    end(&series);
}

/* The directories of all packs are damaged, which only reading what has moved would notice. */
static void test_damaged_directories(void **context)
{
    struct series series;
    struct storage *storage;

    (void)context;
    begin(&series, true);
    storage = store_storage(series.store);
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        size_t size;
        uint8_t *bytes = memory_storage_bytes(storage, name, &size);

        if (strncmp(name, PACK_FOLDER "/", sizeof PACK_FOLDER) == 0)
            bytes[size - 1] ^= 1;
    }
    read_in_order(&series);
    end(&series);
}

/* More packs than are remembered: what is not known is found as ever. */
static void test_many_packs(void **context)
{
    static struct series series[30];
    struct object_reader *reader;
    size_t most = 0;

    (void)context;
    begin(&series[0], true);
    for (size_t i = 1; i < COUNT_OF(series); i++) {
        series[i].store = series[0].store;
        for (unsigned version = 0; version < VERSIONS; version++)
            put_version(&series[i], version, true);
    }
    reader = watched_reader(series[0].store);
    for (unsigned group = 0; group < GROUPS; group++) {
        for (size_t i = 0; i < COUNT_OF(series); i++) {
            size_t count = read_last(&series[i], reader, group * 5 % GROUPS);

            most = count > most ? count : most;
        }
    }
    assert_int_equal(most, VERSIONS);
    object_reader_free(reader);
    for (size_t i = COUNT_OF(series); i-- > 1;) {
        for (unsigned version = 0; version < VERSIONS; version++) {
            for (unsigned group = 0; group < GROUPS; group++)
                sample_release(&series[i].samples[version][group]);
        }
    }
    end(&series[0]);
}

/* ---- A directory ---- */

static struct {
    unsigned calls;
    uint64_t offset;
    uint64_t size;
    int advice;
} advised;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): its own are __x */
int posix_fadvise(int descriptor, off_t offset, off_t size, int advice)
{
    (void)descriptor;
    advised.calls++;
    advised.offset = (uint64_t)offset;
    advised.size = (uint64_t)size;
    advised.advice = advice;
    return 0;
}

static void put_file(struct storage *storage, const char *name)
{
    static const uint8_t bytes[10000];
    struct storage_writer *writer;

    assert_int_equal(storage->class->create(storage, name, &writer, NULL), 0);
    assert_int_equal(storage->class->append(writer, bytes, sizeof bytes, NULL), 0);
    assert_int_equal(storage->class->commit(writer, NULL), 0);
}

static void test_directory(void **context)
{
    char path[] = "/tmp/crmfs-lineage-XXXXXX";
    char command[sizeof path + 16];
    struct storage *storage;
    uint8_t byte;

    (void)context;
    assert_non_null(mkdtemp(path));
    assert_int_equal(dir_storage_open(path, 1, &storage, NULL), 0);
    put_file(storage, "packs/aa");
    advised.calls = 0;
    storage->class->expect(storage, "packs/aa", 5000, 700); /* is not open */
    storage->class->expect(storage, "packs/ab", 5000, 700); /* is not there */
    assert_int_equal(advised.calls, 0);
    assert_int_equal(storage->class->read(storage, "packs/aa", 3, &byte, 1, NULL), 0);
    storage->class->expect(storage, "packs/aa", 5000, 700);
    assert_int_equal(advised.calls, 1);
    assert_int_equal(advised.offset, 5000);
    assert_int_equal(advised.size, 700);
    assert_int_equal(advised.advice, POSIX_FADV_WILLNEED);
    assert_int_equal(storage->class->remove(storage, "packs/aa", NULL), 0);
    storage->class->expect(storage, "packs/aa", 5000, 700);
    assert_int_equal(advised.calls, 1);
    storage->class->close(storage);
    snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here_and_there),      cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_damaged_directories), cmocka_unit_test(test_many_packs),
        cmocka_unit_test(test_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
