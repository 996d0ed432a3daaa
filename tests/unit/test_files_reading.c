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
#define PATIENCE_US 300000 /* what is asked for ahead comes a little later */

static void write_noise(struct files *files, uint64_t number)
{
    cleanup_free uint8_t *noise = malloc(FILE_BYTES);

    assert_non_null(noise);
    randombytes_buf(noise, FILE_BYTES);
    succeed(files_write(files, number, 0, noise, FILE_BYTES, &failure));
}

/* A file of FILE_BYTES in a store that nothing was read from yet. */
static struct one_file scene_make(void)
{
    struct one_file scene =
        one_file_make(memory_storage_new(), (struct files_options){.memory_bytes = MEMORY_BYTES});

    write_noise(scene.files, scene.number);
    succeed(files_sync(scene.files, &failure));
    one_file_find(&scene, recording_storage_new(memory_storage_copy(scene.storage)));
    return scene;
}

/* In operations of the storage, until nothing more comes. */
static uint64_t count_reads(struct one_file *scene, const uint64_t *offsets, size_t count,
                            size_t size)
{
    cleanup_free uint8_t *bytes = malloc(size);
    const struct storage_fault none = {.operations = STORAGE_READ};

    assert_non_null(bytes);
    recording_storage_set_fault(scene->storage, &none);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(files_read(scene->files, scene->number, offsets[i], bytes, size, &failure),
                         size);
    usleep(PATIENCE_US);
    return recording_storage_counted(scene->storage);
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
    assert_in_range(count_reads(&scene, offsets, 2 * PAIRS, BLOCK_BYTES), 2 * PAIRS, 3 * PAIRS);
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
    assert_true(count_reads(&scene, offsets, 3, (size_t)128 << 10) >= 12);
    one_file_close(&scene);
}

/* Memory that no writer needs keeps more than what is asked for again at once. */
static void test_what_was_read_stays_while_nothing_is_written(void **state)
{
    struct scene scene = scene_make();
    uint64_t offsets[PLACES];

    (void)state;
    for (size_t i = 0; i < PLACES; i++)
        offsets[i] = (PLACES - i) * ((size_t)128 << 10);
    assert_true(count_reads(&scene, offsets, PLACES, BLOCK_BYTES) >= PLACES);
    assert_int_equal(count_reads(&scene, offsets, PLACES, BLOCK_BYTES), 0);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here_and_there_nothing_is_read_ahead),
        cmocka_unit_test(test_what_follows_is_read_ahead),
        cmocka_unit_test(test_what_was_read_stays_while_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
