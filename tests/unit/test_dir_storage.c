/* SPDX-License-Identifier: MIT */
/*
 * The directory storage on a real directory, with the system calls it makes in
 * the hands of the test: they are defined here, so that they can be watched,
 * cut short, interrupted, made to fail and never come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "backends/storage/storage_name.h"
#include "fs/base/memory.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define LARGE ((size_t)200000)

/* ---- The system calls ---- */

enum call {
    CALL_WRITE,
    CALL_DATA_FLUSH,
    CALL_FLUSH,
    CALL_MOVE,
    CALL_MAKE_FOLDER,
    CALL_UNLINK,
    CALL_PREAD,
};

static struct {
    bool armed;
    bool stuttering;      /* writes and reads are short, and interrupted every second time */
    bool no_renaming;     /* as on NFS */
    bool failing_flushes; /* of data */
    unsigned count;       /* of calls since the last arm() */
    unsigned fail_at;     /* from 1; 0: never */
    bool for_ever;
    int code;           /* errno; 0: the process ends there */
    char journal[8192]; /* what was done to what */
} calls;

static void arm(unsigned fail_at, int code, bool for_ever)
{
    memset(&calls, 0, sizeof calls);
    calls.armed = true;
    calls.fail_at = fail_at;
    calls.code = code;
    calls.for_ever = for_ever;
}

static void disarm(void)
{
    calls.armed = false;
}

static const char *path_of(int descriptor)
{
    static char path[4096];
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);

    ssize_t size = readlink(link, path, sizeof path - 1);

    path[size > 0 ? size : 0] = '\0';
    return path;
}

static void note(const char *what, int descriptor)
{
    size_t used = strlen(calls.journal);

    snprintf(calls.journal + used, sizeof calls.journal - used, "%s %s\n", what,
             path_of(descriptor));
}

/* Whether the call is to fail, errno being set. */
static bool fails(enum call call)
{
    if (!calls.armed)
        return false;
    calls.count++;
    if (calls.stuttering && calls.count % 2 == 1 && call != CALL_MOVE && call != CALL_UNLINK &&
        call != CALL_MAKE_FOLDER) {
        errno = EINTR;
        return true;
    }
    if (calls.fail_at == 0 || calls.count < calls.fail_at ||
        (calls.count > calls.fail_at && !calls.for_ever))
        return false;
    if (calls.code == 0)
        _exit(0);
    errno = calls.code;
    return true;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's own are __x */
ssize_t write(int descriptor, const void *bytes, size_t size)
{
    if (fails(CALL_WRITE))
        return -1;
    if (calls.armed && calls.stuttering && size > 3)
        size = size / 2 + 1;
    return syscall(SYS_write, descriptor, bytes, size);
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
    if (fails(CALL_PREAD))
        return -1;
    if (calls.armed && calls.stuttering && size > 3)
        size = size / 2 + 1;
    return syscall(SYS_pread64, descriptor, bytes, size, offset);
}

int fdatasync(int descriptor)
{
    if (fails(CALL_DATA_FLUSH))
        return -1;
    if (calls.armed && calls.failing_flushes) {
        errno = EIO;
        return -1;
    }
    if (calls.armed)
        note("data", descriptor);
    return 0;
}

int fsync(int descriptor)
{
    if (fails(CALL_FLUSH))
        return -1;
    if (calls.armed)
        note("flush", descriptor);
    return 0;
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (fails(CALL_MOVE))
        return -1;
    if (calls.armed && calls.no_renaming) {
        errno = EINVAL;
        return -1;
    }
    if (calls.armed)
        note("move to", to);
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    return fails(CALL_MAKE_FOLDER) ? -1 : (int)syscall(SYS_mkdirat, folder, name, mode);
}

int posix_fadvise(int descriptor, off_t offset, off_t size, int advice)
{
    if (calls.armed && offset == 0 && size == 0 && advice == POSIX_FADV_WILLNEED)
        note("all of", descriptor);
    return 0;
}

int unlinkat(int folder, const char *name, int flags)
{
    return fails(CALL_UNLINK) ? -1 : (int)syscall(SYS_unlinkat, folder, name, flags);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- A directory for each test ---- */

struct place {
    char path[64];
    struct storage *storage;
    unsigned descriptors; /* open before */
};

static unsigned open_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(stream);
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    disarm();
    snprintf(place->path, sizeof place->path, "/tmp/crmfs-dir-storage-XXXXXX");
    if (mkdtemp(place->path) == NULL) {
        free(place);
        return -1;
    }
    place->descriptors = open_descriptors();
    *state = place;
    return dir_storage_open(place->path, 1, &place->storage, NULL);
}

static int tear_down(void **state)
{
    struct place *place = *state;

    disarm();
    if (place->storage != NULL)
        place->storage->class->close(place->storage);

    unsigned now = open_descriptors();
    int result = now == place->descriptors ? 0 : -1;

    if (result != 0)
        print_error("%u descriptors are open, %u were\n", now, place->descriptors);
    nftw(place->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return result;
}

static char *below(const struct place *place, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", place->path, name);
    return path;
}

static int put(struct storage *storage, const char *name, const char *text)
{
    return storage->class->put_exclusive(storage, name, text, strlen(text), NULL);
}

static int put_large(struct storage *storage, const char *name, const char *bytes, size_t size)
{
    struct storage_writer *writer;
    int error = storage->class->create(storage, name, &writer, NULL);

    for (size_t at = 0; error == 0 && at < size; at += 7000) {
        size_t more = size - at < 7000 ? size - at : 7000;

        error = storage->class->append(writer, bytes + at, more, NULL);
        if (error != 0)
            storage->class->abort(writer);
    }
    return error != 0 ? error : storage->class->commit(writer, NULL);
}

static bool has(struct storage *storage, const char *name, const char *bytes, size_t size)
{
    char *found = malloc(size + 1);
    uint64_t length;
    bool same = storage->class->size(storage, name, &length, NULL) == 0 && length == size &&
                storage->class->read(storage, name, 0, found, size, NULL) == 0 &&
                memcmp(found, bytes, size) == 0;

    free(found);
    return same;
}

struct names {
    char text[2048];
    unsigned count;
    int answer;
};

static int gather(void *context, const char *name, uint64_t size, time_t modified)
{
    struct names *names = context;
    size_t used = strlen(names->text);

    assert_true(modified >= time(NULL) - 100 && modified <= time(NULL) + 1);
    snprintf(names->text + used, sizeof names->text - used, "%s:%ju ", name, (uintmax_t)size);
    names->count++;
    return names->answer;
}

static unsigned count_entries(const char *path)
{
    DIR *stream = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    if (stream == NULL)
        return 0;
    while ((entry = readdir(stream)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(stream);
    return count;
}

static char *large_bytes(void)
{
    char *bytes = malloc(LARGE);

    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}

/* ---- Tests ---- */

static void test_names(void **state)
{
    static const char *const good[] = {"store", "a/b", "packs/3f/3f09", "log/00000000000000000001",
                                       "a-b.c", "...", "a/.../b"};
    static const char *const bad[] = {"",    "/",    "a/",   "/a",      "a//b",    ".",
                                      "..",  "a/..", "../a", "a/./b",   "a/b/c/d", "A",
                                      "a b", "a\n",  "a_b",  "\xc3\xa4"};
    char name[STORAGE_NAME_LIMIT + 2];
    struct place *place = *state;

    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_true(storage_name_valid(good[i]));
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(storage_name_valid(bad[i]));
        assert_int_equal(put(place->storage, bad[i], "x"), -EINVAL);
    }
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_false(storage_name_valid(name));
    name[STORAGE_NAME_LIMIT] = '\0';
    assert_true(storage_name_valid(name));
    assert_int_equal(put(place->storage, "tmp/a", "x"), -EINVAL);
}

static void check_round_trip(struct storage *storage)
{
    char *bytes = large_bytes();
    struct names names = {.count = 0};
    char found[16];

    assert_int_equal(put(storage, "store", "header"), 0);
    assert_int_equal(put(storage, "store", "another"), -EEXIST);
    assert_true(has(storage, "store", "header", 6));
    assert_int_equal(put(storage, "log/empty", ""), 0);
    assert_true(has(storage, "log/empty", "", 0));
    assert_int_equal(put_large(storage, "packs/3f/3f09", bytes, LARGE), 0);
    assert_int_equal(put_large(storage, "packs/3f/3f09", bytes, 3), -EEXIST);
    assert_int_equal(put_large(storage, "packs/a0/a0", bytes, 5), 0);
    assert_true(has(storage, "packs/3f/3f09", bytes, LARGE));

    assert_int_equal(storage->class->read(storage, "store", 2, found, 4, NULL), 0);
    assert_memory_equal(found, "ader", 4);
    assert_int_equal(storage->class->read(storage, "store", 2, found, 5, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "store", 7, found, 0, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "store", UINT64_MAX, found, 2, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "absent", 0, found, 1, NULL), -ENOENT);
    assert_int_equal(storage->class->read(storage, "no/such", 0, found, 1, NULL), -ENOENT);
    assert_int_equal(storage->class->size(storage, "no/such", &(uint64_t){0}, NULL), -ENOENT);

    assert_int_equal(storage->class->list(storage, "packs", gather, &names, NULL), 0);
    assert_int_equal(names.count, 2);
    assert_non_null(strstr(names.text, "3f/3f09:200000 "));
    assert_non_null(strstr(names.text, "a0/a0:5 "));
    names = (struct names){.answer = 77};
    assert_int_equal(storage->class->list(storage, "packs", gather, &names, NULL), 77);
    assert_int_equal(names.count, 1);
    names = (struct names){.count = 0};
    assert_int_equal(storage->class->list(storage, "index", gather, &names, NULL), 0);
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
    assert_int_equal(count_entries(below(place, "tmp")), 0);
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
    assert_int_equal(count_entries(below(place, "tmp")), 0);
}

static size_t descriptors(void)
{
    return count_entries("/proc/self/fd");
}

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
    size_t before = descriptors();
    char got = 0;

    for (unsigned i = 0; i < DIR_FILES_KEPT + 8; i++)
        put_and_read(storage, i, (char)i);
    assert_int_equal(descriptors(), before + DIR_FILES_KEPT);
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
    assert_int_equal(descriptors(), before);
}

/* What somebody else has removed gives its room back before something is written. */
static void test_removed_by_others(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    size_t before = descriptors();

    put_and_read(storage, 1, 'a');
    put_and_read(storage, 2, 'b');
    assert_int_equal(descriptors(), before + 2);
    assert_int_equal(unlink(below(place, "packs/a0/01")), 0);
    assert_int_equal(storage->class->put_exclusive(storage, "packs/a0/03", "c", 1, NULL), 0);
    assert_int_equal(descriptors(), before + 1);
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
    assert_int_equal(count_entries(below(place, "tmp")), 1);
    assert_int_equal(storage->class->list(storage, "packs", gather, &names, NULL), 0);
    assert_int_equal(names.count, 0);
    storage->class->abort(writer);
    assert_int_equal(count_entries(below(place, "tmp")), 0);
    assert_int_equal(storage->class->size(storage, "packs/3f/3f", &(uint64_t){0}, NULL), -ENOENT);
    assert_int_equal(open_descriptors(), before);
}

/* Nobody may lead a reader or writer out of the store, nor make it wait. */
static void check_planted(const struct place *place)
{
    struct storage *storage = place->storage;
    struct names names = {.count = 0};
    char found[8];

    assert_true(storage->class->read(storage, "outside", 0, found, 1, NULL) < 0);
    assert_true(storage->class->size(storage, "outside", &(uint64_t){0}, NULL) < 0);
    assert_true(storage->class->read(storage, "packs/passwd", 0, found, 1, NULL) < 0);
    assert_true(put(storage, "packs/new", "x") < 0);
    assert_true(storage->class->remove(storage, "packs/passwd", NULL) < 0);
    assert_true(storage->class->list(storage, "packs", gather, &names, NULL) < 0);
    assert_int_equal(storage->class->read(storage, "log/pipe", 0, found, 1, NULL), -EBADMSG);
    assert_int_equal(storage->class->read(storage, "log/folder", 0, found, 1, NULL), -EBADMSG);
    assert_int_equal(storage->class->list(storage, "log", gather, &names, NULL), 0);
    assert_string_equal(names.text, "file:1 ");
}

static void test_planted(void **state)
{
    const struct place *place = *state;

    assert_int_equal(symlink("/etc/passwd", below(place, "outside")), 0);
    assert_int_equal(symlink("/etc", below(place, "packs")), 0);
    assert_int_equal(put(place->storage, "log/file", "x"), 0);
    assert_int_equal(mkfifo(below(place, "log/pipe"), 0600), 0);
    assert_int_equal(mkdir(below(place, "log/folder"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", below(place, "log/link")), 0);
    assert_int_equal(symlink("/etc", below(place, "log/links")), 0);
    assert_int_equal(close(open(below(place, "log/Not one of ours~"), O_CREAT, 0600)), 0);
    check_planted(place);
    dir_of(place->storage)->walk = true;
    check_planted(place);
}

/* What was flushed when: data before the name, folders from where the file stands up to the top. */
static void test_order(void **state)
{
    const struct place *place = *state;
    struct storage *storage = place->storage;
    char expected[1024];

    arm(0, 0, false);
    assert_int_equal(put(storage, "log/1", "one"), 0);
    /* In between, the file's own temporary name. */
    const char *moved = strstr(calls.journal, "move to ");
    assert_memory_equal(calls.journal, "data ", 5);
    assert_non_null(moved);
    snprintf(expected, sizeof expected, "move to %s/log\nflush %s/log\nflush %s\n", place->path,
             place->path, place->path);
    assert_string_equal(moved, expected);

    /* The folder is known to stay by now. */
    arm(0, 0, false);
    assert_int_equal(put(storage, "log/2", "two"), 0);
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
    size_t before = descriptors();

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
    assert_int_equal(descriptors(), before);
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
            assert_int_equal(chmod(below(place, "a/1/x"), 0644), 0);

            cleanup_fd int file = open(below(place, "a/1/x"), O_WRONLY | O_CLOEXEC);

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

    assert_int_equal(put(storage, "log/1", "one"), 0);
    arm(4, EIO, false); /* write, data, move, flush */
    assert_int_equal(put(storage, "log/2", "two"), -EIO);
    assert_true(has(storage, "log/2", "two", 3));
    arm(0, 0, false);
    assert_int_equal(storage->class->sync(storage, NULL), 0);
    snprintf(expected, sizeof expected, "flush %s/log\n", place->path);
    assert_string_equal(calls.journal, expected);
}

static void test_create(void **state)
{
    struct place *place = *state;
    struct storage *other = NULL;
    struct failure failure = {0};

    assert_int_equal(dir_storage_open(below(place, "no/such"), 1, &other, NULL), -ENOENT);
    assert_int_equal(dir_storage_open(below(place, "new"), 0, &other, NULL), -ENOENT);
    assert_int_equal(dir_storage_open(below(place, "new"), 1, &other, NULL), 0);
    assert_int_equal(put(other, "log/1", "x"), 0);
    other->class->close(other);
    assert_int_equal(dir_storage_open(below(place, "new"), 1, &other, &failure), -ENOTEMPTY);
    assert_non_null(strstr(failure.text, "not empty"));
    /* Empty folders, and what a writer that was killed left behind, are no reason. */
    assert_int_equal(unlink(below(place, "new/log/1")), 0);
    assert_int_equal(mkdir(below(place, "new/lost+found"), 0), 0);
    assert_int_equal(
        close(open(below(place, "new/tmp/0123456789abcdef0123456789abcdef"), O_CREAT, 0600)), 0);
    assert_int_equal(dir_storage_open(below(place, "new"), 1, &other, NULL), 0);
    other->class->close(other);
    assert_int_equal(close(open(below(place, "new/tmp/mine"), O_CREAT, 0600)), 0);
    assert_int_equal(dir_storage_open(below(place, "new"), 1, &other, NULL), -ENOTEMPTY);
    assert_int_equal(dir_storage_open(below(place, "new/tmp/mine"), 1, &other, NULL), -ENOTDIR);
    assert_int_equal(dir_storage_open(below(place, "new/tmp/mine"), 0, &other, NULL), -ENOTDIR);
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
    snprintf(left, sizeof left, "%s", below(place, "tmp/0123456789abcdef0123456789abcdef"));
    assert_int_equal(close(open(left, O_CREAT, 0600)), 0);
    assert_int_equal(utimensat(AT_FDCWD, left, old, 0), 0);
    snprintf(left, sizeof left, "%s", below(place, "tmp/mine"));
    assert_int_equal(close(open(left, O_CREAT, 0600)), 0);
    assert_int_equal(utimensat(AT_FDCWD, left, old, 0), 0);
    assert_int_equal(count_entries(below(place, "tmp")), 3);
    assert_int_equal(storage->class->sweep(storage, time(NULL) - 86400, NULL), 0);
    assert_int_equal(count_entries(below(place, "tmp")), 2);
    assert_int_equal(access(left, F_OK), 0);
    assert_int_equal(storage->class->commit(writer, NULL), 0);
    assert_true(has(storage, "a", "", 0));
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
    if (!has(storage, "log/1", "one", 3))
        return 2;
    if (put(storage, "log/2", "two") != -EROFS ||
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
    assert_int_equal(put(place->storage, "log/1", "one"), 0);
    assert_int_equal(chmod(place->path, 0555), 0);

    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(use_read_only(place));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* What a writer does; whatever it meets, nothing is there by halves. */
static int write_some(struct storage *storage, const char *bytes)
{
    int error = put_large(storage, "packs/3f/3f", bytes, LARGE);

    if (error == 0)
        error = storage->class->sync(storage, NULL);
    if (error == 0)
        error = put(storage, "log/1", "record");
    return error;
}

static void check_whole(struct storage *storage, const char *bytes)
{
    bool record = storage->class->size(storage, "log/1", &(uint64_t){0}, NULL) == 0;
    bool pack = storage->class->size(storage, "packs/3f/3f", &(uint64_t){0}, NULL) == 0;

    assert_true(!pack || has(storage, "packs/3f/3f", bytes, LARGE));
    assert_true(!record || (pack && has(storage, "log/1", "record", 6)));
}

static void start_anew(struct place *place)
{
    struct storage *storage = place->storage;

    storage->class->remove(storage, "packs/3f/3f", NULL);
    storage->class->remove(storage, "log/1", NULL);
    assert_int_equal(storage->class->sweep(storage, time(NULL) + 10, NULL), 0);
    storage->class->close(storage);
    assert_int_equal(dir_storage_open(place->path, 1, &place->storage, NULL), 0);
}

/* Killed at every system call. */
static void test_killed(void **state)
{
    struct place *place = *state;
    char *bytes = large_bytes();
    int status;
    unsigned at = 0;

    do {
        at++;
        start_anew(place);
        fflush(NULL);

        pid_t child = fork();

        if (child == 0) {
            arm(at, 0, false);
            _exit(write_some(place->storage, bytes) == 0 ? 7 : 8);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        check_whole(place->storage, bytes);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 8);
    } while (WEXITSTATUS(status) != 7);
    assert_true(at > 30);
    assert_true(has(place->storage, "log/1", "record", 6));
    free(bytes);
}

/* Every system call fails, once and for ever. */
static void check_failing(struct place *place, int code, bool for_ever)
{
    char *bytes = large_bytes();
    unsigned before;
    unsigned at = 0;
    unsigned calls_made;
    int error;

    do {
        at++;
        start_anew(place);
        before = open_descriptors();
        arm(at, code, for_ever);
        error = write_some(place->storage, bytes);
        calls_made = calls.count;
        disarm();
        assert_true(error == 0 || error == -code);
        assert_int_equal(open_descriptors(), before);
        check_whole(place->storage, bytes);
        /* The next try works, unless what failed had been done already. */
        if (error != 0) {
            error = write_some(place->storage, bytes);
            assert_true(error == 0 || error == -EEXIST);
            check_whole(place->storage, bytes);
        }
    } while (at <= calls_made);
    assert_true(at > 30);
    free(bytes);
}

static void test_failing(void **state)
{
    static const int codes[] = {EIO, ENOSPC, EDQUOT};

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        check_failing(*state, codes[i], false);
        check_failing(*state, codes[i], true);
    }
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
        error = put(rival->storage, name, "record");
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
    assert_int_equal(count_entries(below(place, "tmp")), 0);
    other->class->close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stutter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kept_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_by_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_asked_for_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfinished, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_planted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flush_that_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flush_of_what_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_flushes_that_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_unflushed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failed_put, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_create, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sweep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rivals, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
