/* SPDX-License-Identifier: MIT */
/* Files of a directory storage that stay open between readings, and are asked for ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "fs/base/memory.h"
#include "tests/unit/dir_calls.h"
#include "tests/unit/dir_place.h"

/* Puts a file of two bytes, both FILL, and reads the second of them. */
static void put_and_read(struct storage *storage, unsigned number, char fill)
{
    char bytes[] = {fill, fill};
    char name[32];
    char got = 0;

    snprintf(name, sizeof name, "packs/a0/%02x", number);
    assert_int_equal(storage->class->put_exclusive(storage, name, bytes, sizeof bytes, NULL), 0);
    assert_int_equal(storage->class->read(storage, name, 1, &got, 1, NULL), 0);
    assert_int_equal(got, fill);
}

/* Files that were read in part stay open, but not too many, and not when they have gone. */
static void test_kept_open(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    size_t before = open_descriptors();
    char got = 0;

    for (unsigned i = 0; i < DIR_FILES_KEPT + 8; i++)
        put_and_read(storage, i, (char)i);
    assert_int_equal(open_descriptors(), before + DIR_FILES_KEPT);
    for (unsigned i = 0; i < DIR_FILES_KEPT + 8; i++) {
        char name[32];

        snprintf(name, sizeof name, "packs/a0/%02x", i);
        assert_int_equal(storage->class->read(storage, name, 0, &got, 1, NULL), 0);
        assert_int_equal(got, (char)i);
        assert_int_equal(storage->class->remove(storage, name, NULL), 0);
        assert_int_equal(storage->class->read(storage, name, 0, &got, 1, NULL), -ENOENT);
        put_and_read(storage, i, 'n');
        assert_int_equal(storage->class->remove(storage, name, NULL), 0);
        assert_int_equal(storage->class->read(storage, name, 0, &got, 1, NULL), -ENOENT);
    }
    assert_int_equal(open_descriptors(), before);
}

/* What somebody else has removed gives its room back before something is written. */
static void test_removed_by_others(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    size_t before = open_descriptors();

    put_and_read(storage, 1, 'a');
    put_and_read(storage, 2, 'b');
    assert_int_equal(open_descriptors(), before + 2);
    assert_int_equal(unlink(place_path(place, "packs/a0/01")), 0);
    assert_int_equal(storage->class->put_exclusive(storage, "packs/a0/03", "c", 1, NULL), 0);
    assert_int_equal(open_descriptors(), before + 1);
}

/* How often all of SIZE bytes is asked for when READS parts of it are read. */
static unsigned times_asked_for(const struct place *place, size_t size, unsigned reads)
{
    cleanup_free char *bytes = calloc(1, size);
    struct storage *storage = place->storage;
    unsigned times = 0;
    char got;

    assert_non_null(bytes);
    assert_int_equal(storage->class->put_exclusive(storage, "packs/a0/part", bytes, size, NULL), 0);
    arm(0, 0, false);
    for (unsigned i = 0; i < reads; i++)
        assert_int_equal(storage->class->read(storage, "packs/a0/part", i, &got, 1, NULL), 0);
    disarm();
    for (const char *at = calls.journal; (at = strstr(at, "all of ")) != NULL; at++)
        times++;
    assert_int_equal(storage->class->remove(storage, "packs/a0/part", NULL), 0);
    return times;
}

/* A small file that is read here and there is asked for ahead, once. */
static void test_asked_for_ahead(void **state)
{
    assert_int_equal(times_asked_for(*state, 100000, 3), 0);
    assert_int_equal(times_asked_for(*state, 100000, 50), 1);
    assert_int_equal(times_asked_for(*state, ((size_t)4 << 20) + 1, 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_open, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_removed_by_others, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_asked_for_ahead, place_begin, place_end_calm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
