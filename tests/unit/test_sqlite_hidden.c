/* SPDX-License-Identifier: MIT */
/*
 * A writer who has written a commit to the -wal and not yet said so, because the disk is slow: who
 * looks at the database in between must find out when the commit shows, though no file is written.
 *
 * The writers are other programs, this one started again; their flush of a -wal takes as long as
 * there is a file of the name in the environment's CRMFS_TEST_HOLD, but for as many flushes as it
 * has bytes. Then another file, beside it, says that a writer waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backends/source/sqlite.h"
#include "tests/unit/sqlite_fixture.h"

#define HOLD "CRMFS_TEST_HOLD"
#define TABLE "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'one');"
#define WAL "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = full;"
#define ADD "INSERT INTO t VALUES (2, 'two')"
#define BEFORE "1|one\n"
#define AFTER "1|one\n2|two\n"

static void rest(long milliseconds)
{
    struct timespec time = {.tv_nsec = milliseconds * 1000000};

    nanosleep(&time, NULL);
}

static void make_file(const char *path, off_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (descriptor < 0 || ftruncate(descriptor, size) != 0)
        abort();
    close(descriptor);
}

static bool is_log(int descriptor)
{
    char link[64];
    char path[PATH_MAX] = "";

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);

    ssize_t size = readlink(link, path, sizeof path - 1);

    return size > 4 && strcmp(path + size - 4, "-wal") == 0;
}

/* SQLite's flush, in this program: the C library's own is what it ends in. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): theirs is reserved
int fdatasync(int descriptor)
{
    static off_t passed;
    const char *hold = getenv(HOLD);
    struct stat about;

    if (hold != NULL && is_log(descriptor) && stat(hold, &about) == 0 && ++passed > about.st_size) {
        char waits[PATH_MAX];

        snprintf(waits, sizeof waits, "%s.waits", hold);
        make_file(waits, 0);
        while (access(hold, F_OK) == 0)
            rest(1);
    }
    return (int)syscall(SYS_fdatasync, descriptor);
}

/* ---- What the tests share ---- */

struct scene {
    struct source *source;
    struct writer writer;
    struct writer other; /* has the database open all the time */
};

static struct scene begin_scene(void)
{
    const char *path = in_folder("crm.db");
    struct scene scene;

    assert_int_equal(setenv(HOLD, in_folder("hold"), 1), 0);
    scene.writer = writer_start(path);
    assert_int_equal(writer_do(&scene.writer, WAL TABLE), SQLITE_OK);
    scene.other = writer_start(path);
    assert_int_equal(writer_do(&scene.other, "SELECT * FROM t"), SQLITE_OK);
    scene.source = open_source(path, 2);
    return scene;
}

static void end_scene(struct scene *scene)
{
    scene->source->class->close(scene->source);
    writer_stop(&scene->other);
    writer_stop(&scene->writer);
}

/* The writer has written SQL's frames, which takes so many FLUSHES, and stands before it says so.
 */
static void hold_commit(struct scene *scene, const char *sql, unsigned flushes)
{
    make_file(in_folder("hold"), flushes);
    writer_begin(&scene->writer, sql);
    while (access(in_folder("hold.waits"), F_OK) != 0)
        rest(1);
    rest(30); /* the times say no more that the files are being written */
}

static void forget_hold(void)
{
    assert_int_equal(unlink(in_folder("hold")), 0);
    assert_int_equal(unlink(in_folder("hold.waits")), 0);
}

static struct source_version begin_version(struct scene *scene, const char *rows)
{
    struct source_version version;
    struct dataset *dataset;
    struct failure failure;

    if (scene->source->class->begin(scene->source, &dataset, &version, &failure) != 0)
        fail_msg("%s", failure.text);
    assert_false(dataset->hurry); /* a snapshot, with the shared memory */
    assert_rows(dataset, "t", rows);
    dataset->class->release(dataset);
    return version;
}

/* What is there now stays, and is known to: nobody reads it twice. */
static void assert_settled(struct scene *scene, const char *rows)
{
    rest(30);
    assert_true(same_version(begin_version(scene, rows), version_of(scene->source)));
}

/* After BEFORE, a commit that shows late. */
static void check_late_commit(const char *before, unsigned flushes)
{
    struct scene scene = begin_scene();

    assert_int_equal(writer_do(&scene.writer, before), SQLITE_OK);
    assert_settled(&scene, BEFORE);
    hold_commit(&scene, ADD, flushes);

    struct source_version hidden = begin_version(&scene, BEFORE);

    forget_hold();
    assert_int_equal(writer_end(&scene.writer), SQLITE_OK);
    assert_false(same_version(hidden, version_of(scene.source)));
    assert_settled(&scene, AFTER);
    end_scene(&scene);
}

static void a_commit_behind_others_shows_late(void **state)
{
    (void)state;
    check_late_commit("SELECT 1", 0);
}

static void the_first_commit_of_a_log_shows_late(void **state)
{
    (void)state;
    check_late_commit("PRAGMA wal_checkpoint(TRUNCATE)", 1); /* its header is flushed first */
}

static void the_first_commit_of_a_log_begun_anew_shows_late(void **state)
{
    (void)state;
    check_late_commit("PRAGMA wal_checkpoint(RESTART)", 1);
}

/* ---- What is behind the last commit and no commit ---- */

static void what_was_rolled_back_hides_nothing(void **state)
{
    (void)state;
    struct scene scene = begin_scene();
    struct stat before;
    struct stat after;

    assert_int_equal(stat(in_folder("crm.db-wal"), &before), 0);
    assert_int_equal(
        writer_do(&scene.writer,
                  "PRAGMA cache_size = 1; BEGIN;"
                  "WITH RECURSIVE n(x) AS (SELECT 2 UNION SELECT x + 1 FROM n LIMIT 900)"
                  " INSERT INTO t SELECT x, zeroblob(1000) FROM n;"
                  "ROLLBACK"),
        SQLITE_OK);
    assert_int_equal(stat(in_folder("crm.db-wal"), &after), 0);
    assert_true(after.st_size > before.st_size); /* it did not fit into memory */
    assert_settled(&scene, BEFORE);
    end_scene(&scene);
}

/* A byte of the last page is another. */
static void tear_log(void)
{
    const char *path = in_folder("crm.db-wal");
    struct stat about;
    char byte = 0;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);

    assert_true(descriptor >= 0);
    assert_int_equal(fstat(descriptor, &about), 0);
    assert_int_equal(pread(descriptor, &byte, 1, about.st_size - 1), 1);
    byte ^= 1;
    assert_int_equal(pwrite(descriptor, &byte, 1, about.st_size - 1), 1);
    close(descriptor);
}

/* Its commit may show yet, when somebody goes through the log; one that is torn never does. */
static void a_writer_who_died_hides_what_is_whole(void **state)
{
    (void)state;
    struct scene scene = begin_scene();

    hold_commit(&scene, ADD, 0);
    writer_kill(&scene.writer);
    forget_hold();
    assert_false(same_version(begin_version(&scene, BEFORE), version_of(scene.source)));
    tear_log();
    assert_settled(&scene, BEFORE);
    scene.writer = writer_start(in_folder("crm.db"));
    assert_int_equal(writer_do(&scene.writer, ADD), SQLITE_OK);
    assert_settled(&scene, AFTER);
    end_scene(&scene);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_create, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(a_commit_behind_others_shows_late),
        TEST(the_first_commit_of_a_log_shows_late),
        TEST(the_first_commit_of_a_log_begun_anew_shows_late),
        TEST(what_was_rolled_back_hides_nothing),
        TEST(a_writer_who_died_hides_what_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
