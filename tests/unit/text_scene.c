/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"
#include "tests/unit/text_scene.h"

#define MEMORY_BYTES ((size_t)4 << 20)

static void open_files(struct text_scene *scene)
{
    const struct files_options options = {
        .store = scene->store, .reader = scene->reader, .memory_bytes = MEMORY_BYTES};

    succeed(files_create(&options, &scene->files, &failure));
}

void text_scene_begin(struct text_scene *scene)
{
    scene->storage = memory_storage_new();
    sample_store_make(scene->storage);
    sample_state_forget();
    scene->store = sample_store_open(scene->storage);
    succeed(object_reader_create(scene->store, MEMORY_BYTES, &scene->reader, &failure));
    open_files(scene);
}

/* As after an unmount and another mount. */
void text_scene_again(struct text_scene *scene)
{
    files_free(scene->files);
    open_files(scene);
}

void text_scene_end(struct text_scene *scene)
{
    files_free(scene->files);
    object_reader_free(scene->reader);
    store_close(scene->store);
}

uint64_t text_scene_make(struct text_scene *scene, const char *name)
{
    struct files_new wanted = {
        .directory = FILES_TOP, .name = name, .mode = S_IFREG | 0644, .open = true};
    struct stat stat;
    uint64_t number;

    succeed(files_make(scene->files, &wanted, &number, &stat, &failure));
    return number;
}

void text_scene_write(struct text_scene *scene, uint64_t number, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += WRITE_BYTES) {
        size_t part = size - at < WRITE_BYTES ? size - at : WRITE_BYTES;

        succeed(files_write(scene->files, number, at, bytes + at, part, &failure));
    }
}

void text_scene_expect(struct text_scene *scene, uint64_t number, const uint8_t *bytes, size_t size)
{
    cleanup_free uint8_t *found = malloc(size + 1);
    ssize_t length = files_read(scene->files, number, 0, found, size + 1, &failure);

    assert_int_equal(length, size);
    assert_memory_equal(found, bytes, size);
}

uint64_t text_scramble(uint64_t number)
{
    number *= UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return number ^ number >> 32;
}

/* Lines that do not compress well; every hundredth differs from one VERSION to the next. */
uint8_t *text_version(unsigned version)
{
    uint8_t *bytes = malloc(TEXT_BYTES + LINE_BYTES);

    assert_non_null(bytes);
    for (size_t i = 0; i < LINES; i++) {
        uint64_t seed = i % 100 == version % 100 ? i + version * UINT64_C(1000003) : i;
        char line[LINE_BYTES + 1];

        snprintf(line, sizeof line, "%06zu %016llx %016llx %016llx %016llx %016llx 12345\n", i,
                 (unsigned long long)text_scramble(seed),
                 (unsigned long long)text_scramble(seed + 7000000),
                 (unsigned long long)text_scramble(seed + 8000000),
                 (unsigned long long)text_scramble(seed + 9000000),
                 (unsigned long long)text_scramble(seed + 6000000));
        memset(bytes + i * LINE_BYTES, ' ', LINE_BYTES);
        memcpy(bytes + i * LINE_BYTES, line, strlen(line));
    }
    return bytes;
}

uint64_t text_scene_stored(const struct text_scene *scene)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < memory_storage_count(scene->storage); i++) {
        const char *name = memory_storage_name(scene->storage, i);
        size_t size;

        (void)memory_storage_bytes(scene->storage, name, &size);
        if (strncmp(name, "packs/", 6) == 0)
            bytes += size;
    }
    return bytes;
}
