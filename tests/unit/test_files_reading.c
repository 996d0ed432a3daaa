/* SPDX-License-Identifier: MIT */
/* How much is read from a store for what is read from a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/one_file.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)16 << 20)
#define FILE_BYTES ((size_t)8 << 20)
#define BLOCK_BYTES ((size_t)4096)
#define PAIRS ((size_t)10)
#define PLACES ((size_t)40)
#define SMALL_FILES ((size_t)12)
#define SMALL_BYTES ((size_t)15000) /* one piece, wherever content is cut */
#define PATIENCE_US 300000          /* what is asked for ahead comes a little later */

static void write_noise(struct files *files, uint64_t number, size_t size)
{
    cleanup_free uint8_t *noise = malloc(size);

    assert_non_null(noise);
    randombytes_buf(noise, size);
    succeed(files_write(files, number, 0, noise, size, &failure));
}

static uint64_t make(struct files *files, uint64_t directory, const char *name, mode_t mode)
{
    const struct files_new wanted = {.directory = directory, .name = name, .mode = mode};
    struct stat stat;
    uint64_t number;

    succeed(files_make(files, &wanted, &number, &stat, &failure));
    return number;
}

static void make_small_ones(struct files *files)
{
    uint64_t directory = make(files, FILES_TOP, "d", S_IFDIR | 0755);

    for (size_t i = 0; i < SMALL_FILES; i++) {
        char name[] = {(char)('a' + i), '\0'};

        write_noise(files, make(files, directory, name, S_IFREG | 0644), SMALL_BYTES);
    }
}

/* A file of FILE_BYTES, and small ones, in a store that nothing was read from yet. */
static struct one_file scene_make(void)
{
    struct one_file scene =
        one_file_make(memory_storage_new(), (struct files_options){.memory_bytes = MEMORY_BYTES});

    write_noise(scene.files, scene.number, FILE_BYTES);
    make_small_ones(scene.files);
    succeed(files_sync(scene.files, &failure));
    one_file_find(&scene, recording_storage_new(memory_storage_copy(scene.storage)));
    return scene;
}

/* In operations of the storage: LEAST of them, which may take its time, and what comes after. */
static uint64_t await_reads(struct one_file *scene, uint64_t least)
{
    for (unsigned i = 0; i < 500 && recording_storage_counted(scene->storage) < least; i++)
        usleep(20000);
    usleep(PATIENCE_US);
    return recording_storage_counted(scene->storage);
}

static void begin_counting(struct one_file *scene)
{
    const struct storage_fault none = {.operations = STORAGE_READ};

    recording_storage_set_fault(scene->storage, &none);
}

static uint64_t count_reads(struct one_file *scene, const uint64_t *offsets, size_t count,
                            size_t size, uint64_t least)
{
    cleanup_free uint8_t *bytes = malloc(size);

    assert_non_null(bytes);
    begin_counting(scene);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(files_read(scene->files, scene->number, offsets[i], bytes, size, &failure),
                         size);
    return await_reads(scene, least);
}

/* Even when two of the places are near one another. */
static void test_here_and_there_nothing_is_read_ahead(void **state)
{
    struct one_file scene = scene_make();
    uint64_t offsets[2 * PAIRS];

    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        offsets[2 * i] = (PAIRS - i) * 700000;
        offsets[2 * i + 1] = offsets[2 * i] + 300000;
    }
    /* Each in a piece of its own, or in two; and some nodes. */
    assert_in_range(count_reads(&scene, offsets, 2 * PAIRS, BLOCK_BYTES, 0), 2 * PAIRS, 3 * PAIRS);
    one_file_close(&scene);
}

/* From some place on, as a program does that goes on with a download. */
static void test_what_follows_is_read_ahead(void **state)
{
    struct one_file scene = scene_make();
    uint64_t offsets[3];

    (void)state;
    for (size_t i = 0; i < 3; i++)
        offsets[i] = 1000000 + i * ((size_t)128 << 10);
    /* Where pieces end is the store's key's doing: 13 to 22 of them, 16 on average. */
    assert_true(count_reads(&scene, offsets, 3, (size_t)128 << 10, 10) >= 10);
    one_file_close(&scene);
}

/* Memory that no writer needs keeps more than what is asked for again at once. */
static void test_what_was_read_stays_while_nothing_is_written(void **state)
{
    struct one_file scene = scene_make();
    uint64_t offsets[PLACES];

    (void)state;
    for (size_t i = 0; i < PLACES; i++)
        offsets[i] = (PLACES - i) * ((size_t)128 << 10);
    /* Some pieces are so long that two of the places are in one. */
    assert_true(count_reads(&scene, offsets, PLACES, BLOCK_BYTES, 0) >= PLACES / 2);
    assert_int_equal(count_reads(&scene, offsets, PLACES, BLOCK_BYTES, 0), 0);
    one_file_close(&scene);
}

struct listed {
    uint64_t numbers[SMALL_FILES];
    size_t count;
};

/* A files_visit. */
static bool note_file(void *context, const struct files_entry *entry)
{
    struct listed *listed = context;

    if (S_ISREG(entry->stat.st_mode)) {
        assert_in_range(listed->count, 0, SMALL_FILES - 1);
        listed->numbers[listed->count++] = entry->number;
    }
    return true;
}

static struct listed list_small_ones(struct one_file *scene)
{
    struct listed listed = {.count = 0};
    uint64_t directory;
    struct stat stat;

    succeed(files_lookup(scene->files, FILES_TOP, "d", &directory, &stat, &failure));
    succeed(files_list(scene->files, directory, 0, note_file, &listed, &failure));
    assert_int_equal(listed.count, SMALL_FILES);
    return listed;
}

static ssize_t read_small_one(struct one_file *scene, uint64_t number)
{
    uint8_t bytes[SMALL_BYTES];

    return files_read(scene->files, number, 0, bytes, sizeof bytes, &failure);
}

/* By `grep -r`, which reads what it has listed. */
static void test_the_next_files_of_a_listing_are_read_ahead(void **state)
{
    const struct storage_fault all = {
        .nth = 1, .operations = STORAGE_READ, .code = EIO, .for_ever = true};
    struct one_file scene = scene_make();
    struct listed listed = list_small_ones(&scene);

    (void)state;
    begin_counting(&scene);
    assert_int_equal(read_small_one(&scene, listed.numbers[0]), SMALL_BYTES);
    assert_int_equal(read_small_one(&scene, listed.numbers[1]), SMALL_BYTES);
    assert_true(await_reads(&scene, 6) >= 6);
    recording_storage_set_fault(scene.storage, &all);
    for (size_t i = 2; i < 6; i++)
        assert_int_equal(read_small_one(&scene, listed.numbers[i]), SMALL_BYTES);
    assert_int_equal(read_small_one(&scene, listed.numbers[SMALL_FILES - 1]), -EIO);
    one_file_close(&scene);
}

/* Every other one, as a program does that goes by names. */
static void test_files_that_are_passed_over_are_not_read(void **state)
{
    struct one_file scene = scene_make();
    struct listed listed = list_small_ones(&scene);

    (void)state;
    begin_counting(&scene);
    for (size_t i = 1; i < SMALL_FILES; i += 2)
        assert_int_equal(read_small_one(&scene, listed.numbers[i]), SMALL_BYTES);
    /* And perhaps a node. */
    assert_in_range(await_reads(&scene, 0), SMALL_FILES / 2, SMALL_FILES / 2 + 1);
    one_file_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here_and_there_nothing_is_read_ahead),
        cmocka_unit_test(test_what_follows_is_read_ahead),
        cmocka_unit_test(test_the_next_files_of_a_listing_are_read_ahead),
        cmocka_unit_test(test_files_that_are_passed_over_are_not_read),
        cmocka_unit_test(test_what_was_read_stays_while_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
