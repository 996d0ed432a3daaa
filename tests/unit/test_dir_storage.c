/* SPDX-License-Identifier: MIT */
/* The directory storage on a real directory: what can be put, read, listed and removed, and by
 * whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "backends/storage/storage_name.h"
#include "tests/unit/dir_calls.h"
#include "tests/unit/dir_place.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static void test_names(void **state)
{
    static const char *const good[] = {"store", "a/b", "packs/3f/3f09", "log/00000000000000000001",
                                       "a-b.c", "...", "a/.../b"};
    static const char *const bad[] = {"",        "/",   "a/",       "/a",   "a//b",
                                      ".",       "..",  "a/..",     "../a", "a/./b",
                                      "a/b/c/d", "a\n", "\xc3\xa4", "a\x7f"};
    char name[STORAGE_NAME_LIMIT + 2];
    struct place *place = *state;

    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(storage_name_valid(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(storage_name_valid(bad[i]));
        assert_int_equal(put_text(place->storage, bad[i], "x"), -EINVAL);
    }
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(storage_name_valid(name));
    name[STORAGE_NAME_LIMIT] = '\0';
    assert_true(storage_name_valid(name));
    assert_int_equal(put_text(place->storage, "tmp/a", "x"), -EINVAL);
}

/* A storage_visit of names alone. */
static int count_name(void *context, const char *name, uint64_t size, time_t modified)
{
    assert_true(strcmp(name, "3f/3f09") == 0 || strcmp(name, "a0/a0") == 0);
    assert_true(size == 0 && modified == 0);
    ++*(size_t *)context;
    return 0;
}

static void check_round_trip(struct storage *storage)
{
    char *bytes = pattern_bytes();
    struct names names = {.count = 0};
    char found[16];
    size_t listed = 0;

    assert_int_equal(put_text(storage, "store", "header"), 0);
    assert_int_equal(put_text(storage, "store", "another"), -EEXIST);
    assert_true(holds(storage, "store", "header", 6));
    assert_int_equal(put_text(storage, "log/empty", ""), 0);
    assert_true(holds(storage, "log/empty", "", 0));
    assert_int_equal(put_large(storage, "packs/3f/3f09", bytes, LARGE), 0);
    assert_int_equal(put_large(storage, "packs/3f/3f09", bytes, 3), -EEXIST);
    assert_int_equal(put_large(storage, "packs/a0/a0", bytes, 5), 0);
    assert_true(holds(storage, "packs/3f/3f09", bytes, LARGE));

    assert_int_equal(storage->class->read(storage, "store", 2, found, 4, NULL), 0);
    assert_memory_equal(found, "ader", 4);
    assert_int_equal(storage->class->read(storage, "store", 2, found, 5, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "store", 7, found, 0, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "store", UINT64_MAX, found, 2, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "absent", 0, found, 1, NULL), -ENOENT);
    assert_int_equal(storage->class->read(storage, "no/such", 0, found, 1, NULL), -ENOENT);
    assert_int_equal(storage->class->size(storage, "no/such", &(uint64_t){0}, NULL), -ENOENT);

    assert_int_equal(storage->class->list(storage, "packs", gather_names, &names, NULL), 0);
    assert_int_equal(names.count, 2);
    assert_non_null(strstr(names.text, "3f/3f09:200000 "));
    assert_non_null(strstr(names.text, "a0/a0:5 "));
    assert_int_equal(storage->class->names(storage, "packs", count_name, &listed, NULL), 0);
    assert_int_equal(listed, 2);
    names = (struct names){.answer = 77};
    assert_int_equal(storage->class->list(storage, "packs", gather_names, &names, NULL), 77);
    assert_int_equal(names.count, 1);
    names = (struct names){.count = 0};
    assert_int_equal(storage->class->list(storage, "index", gather_names, &names, NULL), 0);
    assert_int_equal(names.count, 0);

    assert_int_equal(storage->class->remove(storage, "packs/a0/a0", NULL), 0);
    assert_int_equal(storage->class->remove(storage, "packs/a0/a0", NULL), -ENOENT);
    assert_int_equal(storage->class->remove(storage, "no/such", NULL), -ENOENT);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    free(bytes);
}

static void test_round_trip(void **state)
{
    const struct place *place = *state;

    check_round_trip(place->storage);
    assert_int_equal(entries_in(place_path(place, "tmp")), 0);
}

/* The same on a kernel without openat2. */
static void test_walking(void **state)
{
    const struct place *place = *state;

    dir_of(place->storage)->walk = true;
    check_round_trip(place->storage);
}

/* ... with every write and read short or interrupted, and on a file system that cannot move so. */
static void test_stutter(void **state)
{
    const struct place *place = *state;

    arm(0, 0, false);
    calls.stuttering = true;
    calls.no_renaming = true;
    check_round_trip(place->storage);
    disarm();
    assert_int_equal(entries_in(place_path(place, "tmp")), 0);
}

static void test_unfinished(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct storage_writer *writer;
    struct names names = {.count = 0};
    unsigned before = open_descriptors();

    assert_int_equal(storage->class->create(storage, "packs/3f/3f", &writer, NULL), 0);
    assert_int_equal(open_descriptors(), before + 1);
    assert_int_equal(storage->class->append(writer, "abc", 3, NULL), 0);
    assert_int_equal(entries_in(place_path(place, "tmp")), 1);
    assert_int_equal(storage->class->list(storage, "packs", gather_names, &names, NULL), 0);
    assert_int_equal(names.count, 0);
    storage->class->abort(writer);
    assert_int_equal(entries_in(place_path(place, "tmp")), 0);
    assert_int_equal(storage->class->size(storage, "packs/3f/3f", &(uint64_t){0}, NULL), -ENOENT);
    assert_int_equal(open_descriptors(), before);
}

/* Nobody may lead a reader or writer out of the store, nor make it wait. */
static void check_planted(const struct place *place)
{
    struct storage *storage = place->storage;
    struct names names = {.count = 0};
    struct failure failure = {0};
    uint64_t size;
    char found[8];

    assert_true(storage->class->read(storage, "outside", 0, found, 1, NULL) < 0);
    assert_true(storage->class->size(storage, "outside", &(uint64_t){0}, NULL) < 0);
    assert_true(storage->class->read(storage, "packs/passwd", 0, found, 1, NULL) < 0);
    assert_true(put_text(storage, "packs/new", "x") < 0);
    assert_true(storage->class->remove(storage, "packs/passwd", NULL) < 0);
    assert_true(storage->class->list(storage, "packs", gather_names, &names, NULL) < 0);
    assert_int_equal(storage->class->read(storage, "log/pipe", 0, found, 1, NULL), -EISDIR);
    assert_int_equal(storage->class->size(storage, "log/folder", &size, &failure), -EISDIR);
    assert_non_null(strstr(failure.text, "log/folder: it is no file"));
    assert_int_equal(storage->class->read(storage, "log/link", 0, found, 1, &failure), -ELOOP);
    assert_non_null(strstr(failure.text, "symbolic links are not followed"));
    assert_int_equal(storage->class->list(storage, "log", gather_names, &names, NULL), 0);
    assert_string_equal(names.text, "file:1 ");
}

static void test_planted(void **state)
{
    const struct place *place = *state;

    assert_int_equal(symlink("/etc/passwd", place_path(place, "outside")), 0);
    assert_int_equal(symlink("/etc", place_path(place, "packs")), 0);
    assert_int_equal(put_text(place->storage, "log/file", "x"), 0);
    assert_int_equal(mkfifo(place_path(place, "log/pipe"), 0600), 0);
    assert_int_equal(mkdir(place_path(place, "log/folder"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", place_path(place, "log/link")), 0);
    assert_int_equal(symlink("/etc", place_path(place, "log/links")), 0);
    assert_int_equal(close(open(place_path(place, "log/not one of \xc3\xb6urs"), O_CREAT, 0600)),
                     0);
    check_planted(place);
    dir_of(place->storage)->walk = true;
    check_planted(place);
}

static void test_create(void **state)
{
    struct place *place = *state;
    struct storage *other = NULL;
    struct failure failure = {0};

    assert_int_equal(dir_storage_open(place_path(place, "no/such"), 1, &other, NULL), -ENOENT);
    assert_int_equal(dir_storage_open(place_path(place, "new"), 0, &other, NULL), -ENOENT);
    assert_int_equal(dir_storage_open(place_path(place, "new"), 1, &other, NULL), 0);
    assert_int_equal(put_text(other, "log/1", "x"), 0);
    other->class->close(other);
    assert_int_equal(dir_storage_open(place_path(place, "new"), 1, &other, &failure), -ENOTEMPTY);
    assert_non_null(strstr(failure.text, "not empty"));
    /* Empty folders, and what a writer that was killed left behind, are no reason. */
    assert_int_equal(unlink(place_path(place, "new/log/1")), 0);
    assert_int_equal(mkdir(place_path(place, "new/lost+found"), 0), 0);
    assert_int_equal(
        close(open(place_path(place, "new/tmp/0123456789abcdef0123456789abcdef"), O_CREAT, 0600)),
        0);
    assert_int_equal(dir_storage_open(place_path(place, "new"), 1, &other, NULL), 0);
    other->class->close(other);
    assert_int_equal(close(open(place_path(place, "new/tmp/mine"), O_CREAT, 0600)), 0);
    assert_int_equal(dir_storage_open(place_path(place, "new"), 1, &other, NULL), -ENOTEMPTY);
    assert_int_equal(dir_storage_open(place_path(place, "new/tmp/mine"), 1, &other, NULL),
                     -ENOTDIR);
    assert_int_equal(dir_storage_open(place_path(place, "new/tmp/mine"), 0, &other, NULL),
                     -ENOTDIR);
}

static void test_sweep(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct storage_writer *writer;
    const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char left[512];

    assert_int_equal(storage->class->sweep(storage, time(NULL), NULL), 0);
    assert_int_equal(storage->class->create(storage, "a", &writer, NULL), 0);
    snprintf(left, sizeof left, "%s", place_path(place, "tmp/0123456789abcdef0123456789abcdef"));
    assert_int_equal(close(open(left, O_CREAT, 0600)), 0);
    assert_int_equal(utimensat(AT_FDCWD, left, old, 0), 0);
    snprintf(left, sizeof left, "%s", place_path(place, "tmp/mine"));
    assert_int_equal(close(open(left, O_CREAT, 0600)), 0);
    assert_int_equal(utimensat(AT_FDCWD, left, old, 0), 0);
    assert_int_equal(entries_in(place_path(place, "tmp")), 3);
    assert_int_equal(storage->class->sweep(storage, time(NULL) - 86400, NULL), 0);
    assert_int_equal(entries_in(place_path(place, "tmp")), 2);
    assert_int_equal(access(left, F_OK), 0);
    assert_int_equal(storage->class->commit(writer, NULL), 0);
    assert_true(holds(storage, "a", "", 0));
}

/* By one to whom what is being written is old: its clock is ahead. */
static void test_swept_too_early(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    struct storage_writer *writer;
    struct failure failure = {0};

    assert_int_equal(storage->class->create(storage, "a", &writer, NULL), 0);
    assert_int_equal(storage->class->append(writer, "text", 4, NULL), 0);
    assert_int_equal(storage->class->sweep(storage, time(NULL) + 3600, NULL), 0);
    assert_int_equal(storage->class->commit(writer, &failure), -EIO);
    assert_non_null(strstr(failure.text, "was removed from"));
    assert_non_null(strstr(failure.text, "clock"));
    assert_false(holds(storage, "a", "text", 4));
}

/* In a process of its own, as a user who may only read. */
static int use_read_only(const struct place *place)
{
    struct storage *storage;
    struct failure failure = {0};
    struct storage_writer *writer;

    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 10;
    if (dir_storage_open(place->path, 0, &storage, &failure) != 0)
        return 1;
    if (!holds(storage, "log/1", "one", 3))
        return 2;
    if (put_text(storage, "log/2", "two") != -EROFS ||
        storage->class->create(storage, "log/2", &writer, &failure) != -EROFS ||
        storage->class->remove(storage, "log/1", NULL) != -EROFS ||
        storage->class->sweep(storage, 0, NULL) != -EROFS)
        return 3;
    if (strstr(failure.text, place->path) == NULL || storage->class->sync(storage, NULL) != 0)
        return 4;
    if (dir_storage_open(place->path, 1, &storage, NULL) != -EACCES)
        return 5;
    return 0;
}

static void test_read_only(void **state)
{
    const struct place *place = *state;

    umask(022);
    assert_int_equal(put_text(place->storage, "log/1", "one"), 0);
    assert_int_equal(chmod(place->path, 0555), 0);

    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(use_read_only(place));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Several at once: each name is got by one. */
#define THREADS 8
#define NAMES 40

struct rival {
    struct storage *storage;
    unsigned won;
    int error;
};

static void *compete(void *context)
{
    struct rival *rival = context;
    char name[64];
    int error;

    for (unsigned i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "log/%u", i);
        error = put_text(rival->storage, name, "record");
        rival->won += error == 0;
        rival->error |= error != 0 && error != -EEXIST;
        snprintf(name, sizeof name, "packs/%02x/%u", i % 16, i);
        error = put_large(rival->storage, name, "pack", 4);
        rival->won += error == 0;
        rival->error |= error != 0 && error != -EEXIST;
        if (i % 8 == 0)
            rival->error |= rival->storage->class->sync(rival->storage, NULL) != 0;
    }
    return NULL;
}

static void test_rivals(void **state)
{
    const struct place *place = *state;
    pthread_t threads[THREADS];
    struct rival rivals[THREADS];
    struct storage *other;
    unsigned won = 0;

    assert_int_equal(dir_storage_open(place->path, 0, &other, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        rivals[i] = (struct rival){.storage = i % 2 == 0 ? place->storage : other};
        assert_int_equal(pthread_create(&threads[i], NULL, compete, &rivals[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(rivals[i].error, 0);
        won += rivals[i].won;
    }
    assert_int_equal(won, 2 * NAMES);
    assert_int_equal(entries_in(place_path(place, "tmp")), 0);
    other->class->close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_round_trip, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_walking, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_stutter, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_unfinished, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_planted, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_create, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_sweep, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_swept_too_early, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_read_only, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_rivals, place_begin, place_end_calm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
