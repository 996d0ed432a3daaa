/* SPDX-License-Identifier: MIT */
/*
 * A small store with files/ and a snapshot of it, in which something was changed behind crmfs's
 * back: bits of every file, packs that are cut short, gone, or in each other's places. What is read
 * of files/ then is right or refused, never wrong; and check() finds it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/scene.h"
#include "tests/fault/spread.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"

#define STEPS 30
#define SYNC_EVERY 8
#define EVERY 11 /* so manieth byte is flipped, unless FAULT_ALL is set */

static struct storage *sound;
static uint8_t whole[PICTURE_BYTES];

static void make_store(void)
{
    struct storage *storage = memory_storage_new();
    struct dice dice = {.state = 11};
    struct failure failure;
    struct file_scene files;
    struct store *store;

    scene_make_store(storage);
    store = scene_open(storage);
    must(file_scene_begin(&files, store, &failure) == 0);
    for (unsigned i = 0; i < STEPS; i++) {
        (void)file_step(files.files, &dice, &failure);
        if (i % SYNC_EVERY == 0)
            must(files_sync(files.files, &failure) == 0);
    }
    must(file_picture(files.files, FILES_TOP, whole, &failure) == 0);
    file_scene_end(&files);
    must(file_scene_check(store, 0) == 0);
    sound = memory_storage_copy(storage);
    store_close(store);
}

static bool is_below(const char *name, const char *folder)
{
    return strncmp(name, folder, strlen(folder)) == 0;
}

/* Header and keys are those of test_damage. */
static bool is_tried(const char *name)
{
    return is_below(name, "packs/") || is_below(name, "log/") || is_below(name, "index/") ||
           is_below(name, "checkpoints/");
}

/* ---- One try ---- */

static void *patient_begin(void *context)
{
    return scene_copy_begin(context, sound);
}

enum { TRIED, READ, REFUSED };

/* All of files/ is right, or is refused in words. */
static bool reads(struct scene_copy *patient)
{
    struct failure failure = {.code = 0};
    uint8_t picture[PICTURE_BYTES];
    struct file_scene files;
    int error = file_scene_begin(&files, patient->store, &failure);

    if (error == 0)
        error = file_picture(files.files, FILES_TOP, picture, &failure);
    file_scene_end(&files);
    must(error == 0 || (failure.code != 0 && failure.text[0] != '\0'));
    must(error != 0 || memcmp(picture, whole, PICTURE_BYTES) == 0);
    return error == 0;
}

/* GONE: a pack is, which perhaps nobody needed. */
static void examine(struct scene_copy *patient, bool gone, struct tally *tally)
{
    const struct check_options options = {.read_data = true, .threads = 1};
    struct check_result result;
    bool read = reads(patient);

    must(check(patient->store, &options, &result, NULL) == 0);
    must(result.findings > 0 || (gone && read));
    must(read || result.harmful > 0);
    tally->numbers[TRIED]++;
    tally->numbers[read ? READ : REFUSED]++;
}

static void spread(const char *what, spread_try *attempt, void *context, size_t count)
{
    const struct spread spread = {patient_begin, attempt, scene_copy_end, context};
    struct tally tally = {0};

    assert_true(count > 0 && spread_over(&spread, count, &tally));
    print_message("files, %s: %llu tries: %llu read all the same, %llu refused\n", what,
                  (unsigned long long)tally.numbers[TRIED], (unsigned long long)tally.numbers[READ],
                  (unsigned long long)tally.numbers[REFUSED]);
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(count));
    assert_true(tally.numbers[REFUSED] > 0);
}

/* ---- Bits ---- */

static size_t stride(void)
{
    return getenv("FAULT_ALL") != NULL ? 1 : EVERY;
}

/* The byte that NUMBER stands for, of all files in a row. */
static uint8_t *find_byte(struct scene_copy *patient, size_t number)
{
    size_t at = number * stride();

    for (size_t i = 0; i < memory_storage_count(sound); i++) {
        const char *name = memory_storage_name(sound, i);
        size_t size;
        uint8_t *bytes = memory_storage_bytes(patient->storage, name, &size);

        if (!is_tried(name))
            continue;
        if (at < size)
            return bytes + at;
        at -= size;
    }
    must(false);
    return NULL;
}

static void try_flip(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    uint8_t bit = (uint8_t)(1U << number % 8);
    uint8_t *byte = find_byte(patient, number);

    *byte ^= bit;
    examine(patient, false, tally);
    /* The storage has not been written to: it is the same byte. */
    *find_byte(patient, number) ^= bit;
}

static void flipped_bits_are_found(void **context)
{
    size_t bytes = 0;

    (void)context;
    for (size_t i = 0; i < memory_storage_count(sound); i++) {
        const char *name = memory_storage_name(sound, i);
        size_t size;

        (void)memory_storage_bytes(sound, name, &size);
        bytes += is_tried(name) ? size : 0;
    }
    spread("flipped bits", try_flip, NULL, bytes / stride());
}

/* ---- Packs ---- */

static const char *pack_name_of(size_t number)
{
    for (size_t i = 0; i < memory_storage_count(sound); i++) {
        const char *name = memory_storage_name(sound, i);

        if (is_below(name, "packs/") && number-- == 0)
            return name;
    }
    return NULL;
}

static size_t pack_count(void)
{
    size_t count = 0;

    while (pack_name_of(count) != NULL)
        count++;
    return count;
}

enum { GONE, HALF, EMPTY, EXCHANGED, HARMS };

static void try_harm(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const char *name = pack_name_of(number / HARMS);
    const char *other = pack_name_of((number / HARMS + 1) % pack_count());
    size_t size, other_size;
    const uint8_t *bytes = memory_storage_bytes(sound, name, &size);
    const uint8_t *other_bytes = memory_storage_bytes(sound, other, &other_size);
    struct storage *storage = patient->storage;

    switch (number % HARMS) {
    case GONE: must(storage->class->remove(storage, name, NULL) == 0); break;
    case HALF: memory_storage_set(storage, name, bytes, size / 2); break;
    case EMPTY: memory_storage_set(storage, name, bytes, 0); break;
    default:
        memory_storage_set(storage, name, other_bytes, other_size);
        memory_storage_set(storage, other, bytes, size);
        break;
    }
    examine(patient, number % HARMS == GONE, tally);
    memory_storage_assign(storage, sound);
}

static void harmed_packs_are_found(void **context)
{
    (void)context;
    spread("packs cut short, gone, exchanged", try_harm, NULL, pack_count() * HARMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flipped_bits_are_found),
        cmocka_unit_test(harmed_packs_are_found),
    };
    struct scene *scene = scene_create(1); /* random numbers, and a client that remembers nothing */
    int failed;

    make_store();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    sound->class->close(sound);
    scene_free(scene);
    return failed;
}
