/* SPDX-License-Identifier: MIT */
/* files/ without a mount: what new versions and copies take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/memory.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"
#include "tests/unit/text_scene.h"

/* One in a hundred lines is another: over the old version, beside it, in place, after a remount. */
static void a_new_version_takes_what_differs(void **context)
{
    struct text_scene scene;
    struct stat stat;

    (void)context;
    text_scene_begin(&scene);

    cleanup_free uint8_t *versions[5];

    for (unsigned i = 0; i < 5; i++)
        versions[i] = text_version(i);

    uint64_t number = text_scene_make(&scene, "dump-monday.csv");

    text_scene_write(&scene, number, versions[0], TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t first = text_scene_stored(&scene);

    assert_true(first > TEXT_BYTES / 3);
    for (unsigned i = 1; i < 5; i++) {
        uint64_t before = text_scene_stored(&scene);

        if (i == 2)
            number = text_scene_make(&scene, "dump-tuesday.csv");
        if (i == 4) {
            text_scene_again(&scene);
            succeed(files_open(scene.files, number, false, &failure));
        }
        if (i == 1 || i == 4)
            succeed(files_set(scene.files, number, FILES_SET_SIZE, &(struct stat){.st_size = 0},
                              &stat, &failure));
        text_scene_write(&scene, number, versions[i], TEXT_BYTES);
        succeed(files_sync(scene.files, &failure));
        text_scene_expect(&scene, number, versions[i], TEXT_BYTES);
        /* Mostly a tenth of that; a commit in between may store the first pieces of a new file
         * whole. */
        if (text_scene_stored(&scene) - before > first / 3)
            fail_msg("version %u took %llu bytes, the first %llu", i,
                     (unsigned long long)(text_scene_stored(&scene) - before),
                     (unsigned long long)first);
    }
    text_scene_again(&scene);
    text_scene_expect(&scene, number, versions[4], TEXT_BYTES);
    for (unsigned i = 1; i < 5; i++)
        free(versions[i]);
    text_scene_end(&scene);
}

/* A commit may come after every little that is written. */
static void a_new_version_that_comes_slowly_takes_what_differs(void **context)
{
    struct text_scene scene;

    (void)context;
    text_scene_begin(&scene);

    cleanup_free uint8_t *old = text_version(0);
    cleanup_free uint8_t *new = text_version(1);
    uint64_t number = text_scene_make(&scene, "dump-monday.csv");

    text_scene_write(&scene, number, old, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t first = text_scene_stored(&scene);

    number = text_scene_make(&scene, "dump-tuesday.csv");
    for (size_t at = 0; at < TEXT_BYTES; at += WRITE_BYTES) {
        size_t part = TEXT_BYTES - at < WRITE_BYTES ? TEXT_BYTES - at : WRITE_BYTES;

        succeed(files_write(scene.files, number, at, new + at, part, &failure));
        succeed(files_sync(scene.files, &failure));
    }
    text_scene_expect(&scene, number, new, TEXT_BYTES);
    /* Pieces that end where a commit was are often like two of the old ones. */
    if (text_scene_stored(&scene) - first > first / 3 * 2)
        fail_msg("it took %llu bytes, the first %llu",
                 (unsigned long long)(text_scene_stored(&scene) - first),
                 (unsigned long long)first);
    text_scene_end(&scene);
}

/* ---- Ways to put a new version in an old one's place ---- */

#define VERSION_BYTES ((size_t)1500 << 10)

static uint64_t put_file(struct text_scene *scene, const char *name, const uint8_t *bytes)
{
    uint64_t number = text_scene_make(scene, name);

    text_scene_write(scene, number, bytes, VERSION_BYTES);
    files_close(scene->files, number);
    return number;
}

static void move_file(struct text_scene *scene, const char *from, const char *to)
{
    succeed(files_rename(scene->files, FILES_TOP, from, FILES_TOP, to, 0, &failure));
}

static void remove_first(struct text_scene *scene, const uint8_t *bytes)
{
    succeed(files_unlink(scene->files, FILES_TOP, "crm.csv", &failure));
    (void)put_file(scene, "crm.csv", bytes);
}

static void move_over(struct text_scene *scene, const uint8_t *bytes)
{
    (void)put_file(scene, "sedAb3xy", bytes);
    move_file(scene, "sedAb3xy", "crm.csv");
}

static void sync_and_move_over(struct text_scene *scene, const uint8_t *bytes)
{
    (void)put_file(scene, "sedAb3xy", bytes);
    succeed(files_sync(scene->files, &failure));
    move_file(scene, "sedAb3xy", "crm.csv");
}

static void put_beside(struct text_scene *scene, const uint8_t *bytes)
{
    (void)put_file(scene, "2", bytes);
}

static void put_beside_after_remount(struct text_scene *scene, const uint8_t *bytes)
{
    text_scene_again(scene);
    (void)put_file(scene, "2", bytes);
}

static void remove_and_put_elsewhere(struct text_scene *scene, const uint8_t *bytes)
{
    succeed(files_unlink(scene->files, FILES_TOP, "crm.csv", &failure));
    (void)put_file(scene, "2", bytes);
}

/* What is like it in its name alone is there as well. */
static void put_beside_misleading_names(struct text_scene *scene, const uint8_t *bytes)
{
    uint8_t *other = malloc(VERSION_BYTES);

    for (size_t i = 0; i < VERSION_BYTES; i++)
        other[i] = (uint8_t)text_scramble(i);
    (void)put_file(scene, "backup-1.csv", other);
    succeed(files_sync(scene->files, &failure));
    (void)put_file(scene, "backup-2.csv", bytes);
    free(other);
}

#define GROWN_BYTES ((size_t)20 * LINE_BYTES)

/* A dump whose beginning has grown by some lines. */
static void put_longer(struct text_scene *scene, const uint8_t *bytes)
{
    uint64_t number = text_scene_make(scene, "2");

    text_scene_write(scene, number, bytes + VERSION_BYTES, GROWN_BYTES);
    for (size_t at = 0; at < VERSION_BYTES; at += VERSION_BYTES / 10)
        succeed(files_write(scene->files, number, GROWN_BYTES + at, bytes + at, VERSION_BYTES / 10,
                            &failure));
    files_close(scene->files, number);
}

static void a_new_version_takes_what_differs_however_it_comes(void **context)
{
    static const struct {
        const char *name;
        void (*put)(struct text_scene *, const uint8_t *);
        uint64_t besides; /* what else it writes */
    } ways[] = {
        {"removed first", remove_first, 0},
        {"moved over", move_over, 0},
        {"stored, and moved over", sync_and_move_over, 0},
        {"beside", put_beside, 0},
        {"beside, after a remount", put_beside_after_remount, 0},
        {"in place of a removed one", remove_and_put_elsewhere, 0},
        {"beside misleading names", put_beside_misleading_names, VERSION_BYTES},
        {"longer", put_longer, 0},
    };
    cleanup_free uint8_t *old = text_version(0);
    cleanup_free uint8_t *new = text_version(1);

    (void)context;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct text_scene scene;

        text_scene_begin(&scene);
        (void)put_file(&scene, "crm.csv", old);
        succeed(files_sync(scene.files, &failure));

        uint64_t first = text_scene_stored(&scene);

        ways[i].put(&scene, new);
        succeed(files_sync(scene.files, &failure));

        uint64_t taken = text_scene_stored(&scene) - first;

        if (taken > first / 3 + ways[i].besides / 16 * 17)
            fail_msg("%s: it took %llu bytes, the first %llu", ways[i].name,
                     (unsigned long long)taken, (unsigned long long)first);
        text_scene_end(&scene);
    }
}

static void a_copy_takes_nothing(void **context)
{
    struct text_scene scene;

    (void)context;
    text_scene_begin(&scene);

    cleanup_free uint8_t *bytes = text_version(0);
    uint64_t from = text_scene_make(&scene, "a");
    uint64_t to = text_scene_make(&scene, "b");

    text_scene_write(&scene, from, bytes, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t before = text_scene_stored(&scene);
    struct files_copied wanted = {.number = from, .to_number = to, .size = UINT32_MAX};

    assert_int_equal(files_copy(scene.files, &wanted, &failure), TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));
    text_scene_expect(&scene, to, bytes, TEXT_BYTES);
    assert_true(text_scene_stored(&scene) - before < 100000);

    /* From the middle of a piece, to a place that nothing ends at. */
    wanted = (struct files_copied){
        .number = from, .offset = 12345, .to_number = to, .to_offset = 77777, .size = 500001};
    assert_int_equal(files_copy(scene.files, &wanted, &failure), 500001);

    cleanup_free uint8_t *changed = malloc(TEXT_BYTES);

    memcpy(changed, bytes, TEXT_BYTES);
    memcpy(changed + 77777, bytes + 12345, 500001);
    text_scene_expect(&scene, to, changed, TEXT_BYTES);
    text_scene_expect(&scene, from, bytes, TEXT_BYTES);

    /* What waits and is not stored yet, what is stored, and nothing behind the end. */
    succeed(files_write(scene.files, from, 1000, "waits", 5, &failure));
    wanted = (struct files_copied){
        .number = from, .offset = 900, .to_number = to, .to_offset = 0, .size = 300};
    assert_int_equal(files_copy(scene.files, &wanted, &failure), 300);
    memcpy(changed, bytes + 900, 300);
    memcpy(changed + 100, "waits", 5);
    text_scene_expect(&scene, to, changed, TEXT_BYTES);
    wanted.offset = TEXT_BYTES;
    assert_int_equal(files_copy(scene.files, &wanted, &failure), 0);
    text_scene_end(&scene);
}

/* Of a new version, most of which stands as what differs from the first, in a commit before. */
static void content_that_is_there_as_differences_is_not_stored_again(void **context)
{
    struct text_scene scene;
    struct stat stat;

    (void)context;
    text_scene_begin(&scene);

    cleanup_free uint8_t *first = text_version(0);
    cleanup_free uint8_t *second = text_version(1);
    uint64_t number = text_scene_make(&scene, "crm.sql");

    text_scene_write(&scene, number, first, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));
    succeed(files_set(scene.files, number, FILES_SET_SIZE, &(struct stat){.st_size = 0}, &stat,
                      &failure));
    text_scene_write(&scene, number, second, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t before = text_scene_stored(&scene);

    number =
        text_scene_make(&scene, "export"); /* a name that has nothing in common with the other */
    text_scene_write(&scene, number, second, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));
    assert_true(text_scene_stored(&scene) - before < 100000);
    text_scene_expect(&scene, number, second, TEXT_BYTES);
    text_scene_again(&scene);
    text_scene_expect(&scene, number, second, TEXT_BYTES);
    text_scene_end(&scene);
}

/* ---- Names ---- */

#define ALIKE 2000
#define ALIKE_SECONDS 2

/* Whatever names are like, all else in files/ waits no longer for a version to be found. */
static void names_that_are_much_alike_are_compared_soon(void **context)
{
    char name[NAME_MAX + 1];
    struct text_scene scene;
    uint8_t *bytes = text_version(1);
    clock_t begun;

    (void)context;
    text_scene_begin(&scene);
    for (unsigned i = 0; i <= ALIKE; i++) {
        struct stat stat = {.st_size = (off_t)TEXT_BYTES};
        uint64_t number;

        memset(name, 'a', NAME_MAX);
        snprintf(name + NAME_MAX - 5, 6, "%05u", i);
        number = text_scene_make(&scene, name);
        if (i < ALIKE) {
            succeed(files_set(scene.files, number, FILES_SET_SIZE, &stat, &stat, &failure));
            files_close(scene.files, number);
            continue;
        }
        begun = clock();
        text_scene_write(&scene, number, bytes, TEXT_BYTES);
        succeed(files_sync(scene.files, &failure));
        assert_in_range((clock() - begun) / CLOCKS_PER_SEC, 0, ALIKE_SECONDS);
    }
    free(bytes);
    text_scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_version_takes_what_differs),
        cmocka_unit_test(a_new_version_that_comes_slowly_takes_what_differs),
        cmocka_unit_test(a_new_version_takes_what_differs_however_it_comes),
        cmocka_unit_test(a_copy_takes_nothing),
        cmocka_unit_test(content_that_is_there_as_differences_is_not_stored_again),
        cmocka_unit_test(names_that_are_much_alike_are_compared_soon),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
