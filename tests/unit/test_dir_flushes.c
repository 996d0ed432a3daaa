/* SPDX-License-Identifier: MIT */
/*
 * When a directory storage flushes what, and what becomes of a flush that failed: it is made again,
 * or nothing is called durable after it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "fs/base/memory.h"
#include "tests/unit/dir_calls.h"
#include "tests/unit/dir_place.h"

/* What was flushed when: data before the name, folders from where the file stands up to the top. */
static void test_order(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    char expected[1024];

    arm(0, 0, false);
    assert_int_equal(put_text(storage, "log/1", "one"), 0);
    /* In between, the file's own temporary name. */
    const char *moved = strstr(calls.journal, "move to ");
    assert_memory_equal(calls.journal, "data ", 5);
    assert_non_null(moved);
    snprintf(expected, sizeof expected, "move to %s/log\nflush %s/log\nflush %s\n", place->path,
             place->path, place->path);
    assert_string_equal(moved, expected);

    /* The folder is known to stay by now. */
    arm(0, 0, false);
    assert_int_equal(put_text(storage, "log/2", "two"), 0);
    snprintf(expected, sizeof expected, "move to %s/log\nflush %s/log\n", place->path, place->path);
    assert_string_equal(strstr(calls.journal, "move to "), expected);

    assert_int_equal(put_large(storage, "packs/3f/1", "one", 3), 0);
    assert_int_equal(put_large(storage, "packs/3f/2", "two", 3), 0);
    arm(0, 0, false);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    snprintf(expected, sizeof expected,
             "data %s/packs/3f/1\ndata %s/packs/3f/2\n"
             "flush %s\nflush %s/packs\nflush %s/packs/3f\n",
             place->path, place->path, place->path, place->path, place->path);
    assert_string_equal(calls.journal, expected);

    /* Nothing is left to be flushed; and then only what has changed. */
    arm(0, 0, false);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    assert_string_equal(calls.journal, "");
    assert_int_equal(storage->class->remove(storage, "packs/3f/1", NULL), 0);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    snprintf(expected, sizeof expected, "flush %s/packs/3f\n", place->path);
    assert_string_equal(calls.journal, expected);
}

/* A flush that failed is made again by the next sync, with all that depends on it. */
static void test_failed_sync(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct failure failure = {0};

    for (unsigned at = 1; at <= 3; at++) {
        assert_int_equal(put_large(storage,
                                   at == 1   ? "a/1/x"
                                   : at == 2 ? "b/1/x"
                                             : "c/1/x",
                                   "x", 1),
                         0);
        arm(at + 1, EIO, false); /* after the data */
        assert_int_equal(storage->class->sync(storage, &failure), -EIO);
        assert_non_null(strstr(failure.text, place->path));
        arm(0, 0, false);
        assert_int_equal(storage->class->sync(storage, NULL), 0);
        assert_int_equal(calls.count, 3);
    }
}

/* The kernel tells once that it could not write data: they are written again, of what it still has.
 */
static void test_flush_that_failed(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct failure failure = {0};
    static char content[LARGE];
    size_t before = open_descriptors();

    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * i);
    assert_int_equal(put_large(storage, "a/1/x", content, sizeof content), 0);
    arm(1, EIO, false);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    assert_non_null(strstr(calls.journal, "/tmp/"));
    assert_int_equal(put_large(storage, "a/1/y", content, sizeof content), 0);
    arm(1, ENOSPC, true);
    assert_int_equal(storage->class->sync(storage, &failure), -ENOSPC);
    assert_non_null(strstr(failure.text, place->path));
    assert_int_equal(storage->class->sync(storage, &failure), -ENOSPC);
    disarm();
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    for (const char *name = "xy"; *name != '\0'; name++) {
        cleanup_free char *got = malloc(sizeof content);
        const char path[] = {'a', '/', '1', '/', *name, '\0'};

        assert_int_equal(storage->class->read(storage, path, 0, got, sizeof content, NULL), 0);
        assert_memory_equal(got, content, sizeof content);
    }
    assert_int_equal(storage->class->remove(storage, "a/1/x", NULL), 0);
    assert_int_equal(storage->class->remove(storage, "a/1/y", NULL), 0);
    assert_int_equal(put_large(storage, "a/1/z", "z", 1), 0);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    assert_int_equal(open_descriptors(), before);
}

/* What was removed before it could be written again need not be. */
static void test_flush_of_what_is_gone(void **state)
{
    struct storage *storage = ((const struct place *)*state)->storage;

    assert_int_equal(put_large(storage, "a/1/x", "x", 1), 0);
    arm(1, EIO, true);
    assert_int_equal(storage->class->sync(storage, NULL), -EIO);
    disarm();
    assert_int_equal(storage->class->remove(storage, "a/1/x", NULL), 0);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    assert_int_equal(storage->class->size(storage, "a/1/x", &(uint64_t){0}, NULL), -ENOENT);
}

/* The kernel has other data than were written: nothing is called durable after that. */
static void test_lost_data(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct failure failure = {0};

    for (int lost = 0; lost < 2; lost++) {
        assert_int_equal(put_large(storage, lost ? "a/1/x" : "a/1/w", "old", 3), 0);
        if (lost) {
            assert_int_equal(chmod(place_path(place, "a/1/x"), 0644), 0);

            cleanup_fd int file = open(place_path(place, "a/1/x"), O_WRONLY | O_CLOEXEC);

            assert_int_equal(pwrite(file, "new", 3, 0), 3);
        }
        arm(1, EIO, false);
        assert_int_equal(storage->class->sync(storage, &failure), lost ? -EIO : 0);
        disarm();
    }
    assert_non_null(strstr(failure.text, place->path));
    assert_non_null(strstr(failure.text, "begin anew"));
    assert_int_equal(storage->class->sync(storage, &failure), -EIO);
}

/* More of them at once than are kept for another try. */
static void test_many_flushes_that_failed(void **state)
{
    struct storage *storage = ((const struct place *)*state)->storage;
    struct failure failure = {0};
    char name[128];

    arm(0, 0, false);
    for (unsigned i = 0; i < 2 * UNFLUSHED_MOST; i++) {
        snprintf(name, sizeof name, "a/1/%u", i);
        assert_int_equal(put_large(storage, name, "x", 1), 0);
    }
    calls.failing_flushes = true; /* of as many as are kept */
    assert_int_equal(storage->class->sync(storage, &failure), -EIO);
    calls.failing_flushes = false;
    assert_int_equal(storage->class->sync(storage, &failure), 0);
    calls.failing_flushes = true;
    for (unsigned i = 0; i < 2 * UNFLUSHED_MOST + 1; i++) {
        snprintf(name, sizeof name, "b/1/%u", i);
        assert_int_equal(put_large(storage, name, "x", 1), 0);
    }
    assert_int_equal(storage->class->sync(storage, &failure), -EIO);
    disarm();
    assert_int_equal(storage->class->sync(storage, &failure), -EIO);
    assert_non_null(strstr(failure.text, "begin anew"));
}

/* More files than are kept open until they are flushed. */
static void test_many_unflushed(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    char name[128];

    arm(0, 0, false);
    for (unsigned i = 0; i < UNFLUSHED_MOST + 3; i++) {
        snprintf(name, sizeof name, "a/1/%u", i);
        assert_int_equal(put_large(storage, name, "x", 1), 0);
    }
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    assert_non_null(strstr(calls.journal, "data "));
    assert_non_null(strstr(strstr(calls.journal, "data "), "/a/1/0\n"));
}

/* An exclusive put that could not be made durable is there, and the next sync makes it so. */
static void test_failed_put(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    char expected[256];

    assert_int_equal(put_text(storage, "log/1", "one"), 0);
    arm(4, EIO, false); /* write, data, move, flush */
    assert_int_equal(put_text(storage, "log/2", "two"), -EIO);
    assert_true(holds(storage, "log/2", "two", 3));
    arm(0, 0, false);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    snprintf(expected, sizeof expected, "flush %s/log\n", place->path);
    assert_string_equal(calls.journal, expected);
}

/* What another process has put, and not flushed, is made durable by name. */
static void test_flush_of_anothers(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct storage *other;
    struct failure failure = {0};
    char expected[512];

    assert_int_equal(dir_storage_open(place->path, 0, &other, NULL), 0);
    assert_int_equal(put_large(other, "packs/3f/1", "one", 3), 0);
    arm(0, 0, false);
    assert_int_equal(storage->class->flush(storage, "packs/3f/1", NULL), 0);
    snprintf(expected, sizeof expected,
             "data %s/packs/3f/1\nflush %s/packs/3f\nflush %s/packs\nflush %s\n", place->path,
             place->path, place->path, place->path);
    assert_string_equal(calls.journal, expected);
    for (unsigned at = 1; at <= 2; at++) {
        arm(at, EIO, false);
        assert_int_equal(storage->class->flush(storage, "packs/3f/1", &failure), -EIO);
        assert_non_null(strstr(failure.text, "packs/3f/1"));
    }
    disarm();
    assert_int_equal(storage->class->flush(storage, "packs/3f/2", NULL), -ENOENT);
    other->class->close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_failed_sync, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_flush_that_failed, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_flush_of_what_is_gone, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_lost_data, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_many_flushes_that_failed, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_many_unflushed, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_failed_put, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_flush_of_anothers, place_begin, place_end_calm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
