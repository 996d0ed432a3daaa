/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/source/source.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SQLITE_LOCKS 0x40000000 /* where SQLite's locks stand in a file, and how many bytes */
#define SQLITE_LOCKS_SIZE 512

static const struct source_options options = {.busy_timeout_ms = 100, .parallel = 1};

/* The reason stands behind the longest path that there may be. */
static void test_long_path_is_cut_in_words(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct failure failure = {0};
    struct source *source = NULL;

    for (size_t i = 0; i < sizeof path - 1; i++)
        path[i] = i % 200 == 0 ? '/' : 'x';
    path[sizeof path - 1] = '\0';
    assert_int_equal(source_open(path, &options, &source, &failure), -ENOENT);
    assert_non_null(strstr(failure.text, "No such file"));
}

static int enter_folder(void **state)
{
    static char folder[40];

    strcpy(folder, "/tmp/crmfs-test-XXXXXX");
    *state = folder;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    return chdir("/") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static sqlite3 *make_database(const char *path)
{
    sqlite3 *database = NULL;

    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    return database;
}

static void assert_opens(const char *url)
{
    struct failure failure = {0};
    struct source *source = NULL;

    if (source_open(url, &options, &source, &failure) != 0)
        fail_msg("%s: %s", url, failure.text);
    assert_non_null(source);
    source->class->close(source);
}

static void assert_refused(const char *url, int code, const char *word)
{
    struct source *const untouched = (struct source *)&code;
    struct source *source = untouched;
    struct failure failure = {0};
    int error = source_open(url, &options, &source, &failure);

    if (error != -code || failure.code != code)
        fail_msg("%s: %d, %s", url, error, failure.text);
    if (strstr(failure.text, word) == NULL)
        fail_msg("%s: nothing of \"%s\" in: %s", url, word, failure.text);
    assert_ptr_equal(source, untouched);
    assert_int_equal(source_open(url, &options, &source, NULL), -code);
}

static void test_open(void **state)
{
    char url[200];

    sqlite3_close(make_database("a%41=b.db"));
    assert_opens("a%41=b.db"); /* a URL: its name has been taken off */
    assert_opens("./a%41=b.db");
    assert_opens("sqlite:a%41=b.db");
    snprintf(url, sizeof url, "%s/a%%41=b.db", (char *)*state);
    assert_opens(url);
    snprintf(url, sizeof url, "sqlite:%s/a%%41=b.db", (char *)*state);
    assert_opens(url);
    snprintf(url, sizeof url, "sqlite://%s/%%61%%2541%%3db.db", (char *)*state);
    assert_opens(url);
    snprintf(url, sizeof url, "sqlite://%s/a%%41=b.db", (char *)*state);
    assert_refused(url, ENOENT, "aA=b.db: No such file"); /* as the path is, not the URL */
    assert_int_equal(symlink("a%41=b.db", "link"), 0);
    assert_opens("link");
    unlink("link");
    unlink("a%41=b.db");
}

/* What SQLite does not take is told apart from what is not there. */
static void test_path_too_long_for_sqlite(void **state)
{
    char folders[3][201];
    char path[700];

    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        memset(folders[i], 'x', 200);
        folders[i][200] = '\0';
        assert_int_equal(mkdir(folders[i], 0700), 0);
        assert_int_equal(chdir(folders[i]), 0);
    }
    write_file("crm.db", "SQLite format 3", 16);
    assert_int_equal(chdir(*state), 0);
    snprintf(path, sizeof path, "%s/%s/%s/crm.db", folders[0], folders[1], folders[2]);
    assert_refused(path, ENAMETOOLONG, "too long for SQLite");
    unlink(path);
    for (size_t i = COUNT_OF(folders); i > 0; i--) {
        *strrchr(path, '/') = '\0';
        assert_int_equal(rmdir(path), 0);
    }
}

static void test_no_database(void **state)
{
    (void)state;
    static const char text[] = "hello, I am a text file, longer than a page begins";
    uint8_t noise[4096];

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * i * 31 >> 3);
    write_file("text", text, sizeof text - 1);
    write_file("byte", "x", 1);
    write_file("almost", "SQLite format 3 ", 16);
    write_file("short", "SQLite format 3", 15);
    write_file("noise", noise, sizeof noise);
    write_file("empty", "", 0);
    assert_refused("text", EILSEQ, "text: not a database");
    assert_refused("byte", EILSEQ, "not a database");
    assert_refused("almost", EILSEQ, "not a database");
    assert_refused("noise", EILSEQ, "encrypted");
    assert_refused("empty", EILSEQ, "empty: the file is empty");
    assert_refused("sqlite:empty", EILSEQ, "empty (0 bytes)");
    /* Zeros are read behind the end, so that it is taken for a database; SQLite knows better. */
    assert_int_not_equal(source_open("short", &options, &(struct source *){NULL}, NULL), 0);
    unlink("text");
    unlink("byte");
    unlink("almost");
    unlink("short");
    unlink("noise");
    unlink("empty");
}

static void test_no_file(void **state)
{
    (void)state;
    struct stat about;

    assert_refused("none.db", ENOENT, "none.db: No such file");
    assert_refused("sqlite:none.db", ENOENT, "none.db: No such file");
    assert_int_not_equal(stat("none.db", &about), 0);
    assert_refused("none/none.db", ENOENT, "No such file");
    assert_refused("/dev/null/none.db", ENOTDIR, "Not a directory");
    assert_refused("oracle:crm", EINVAL, "\"oracle:\"");
    assert_refused("", EINVAL, "no path");

    assert_int_equal(mkdir("folder.db", 0700), 0);
    assert_refused("folder.db", EISDIR, "directory");
    assert_refused("sqlite:folder.db/", EISDIR, "directory");
    rmdir("folder.db");
    assert_int_equal(mkfifo("pipe.db", 0600), 0);
    assert_refused("pipe.db", EINVAL, "not a regular file"); /* and does not wait for a writer */
    unlink("pipe.db");
    assert_refused("/dev/zero", EINVAL, "not a regular file");
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_refused("loop", ELOOP, "symbolic links");
    unlink("loop");
}

/* Whether another process finds a lock of SQLite's on PATH. */
static bool is_locked(const char *path)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct flock lock = {.l_type = F_WRLCK,
                             .l_whence = SEEK_SET,
                             .l_start = SQLITE_LOCKS,
                             .l_len = SQLITE_LOCKS_SIZE};
        int descriptor = open(path, O_RDWR | O_CLOEXEC);

        _exit(descriptor >= 0 && fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/* Opening and closing a file drops the process's POSIX locks on it, unless SQLite does it. */
static void test_locks_are_kept(void **state)
{
    (void)state;
    sqlite3 *database = make_database("crm.db");

    assert_int_equal(sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_true(is_locked("crm.db"));
    assert_opens("crm.db");
    assert_true(is_locked("crm.db"));
    sqlite3_close(database);
    assert_false(is_locked("crm.db"));
    unlink("crm.db");
    unlink("crm.db-journal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_path_is_cut_in_words),
        cmocka_unit_test_setup_teardown(test_open, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_path_too_long_for_sqlite, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_no_database, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_no_file, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(test_locks_are_kept, enter_folder, leave_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
