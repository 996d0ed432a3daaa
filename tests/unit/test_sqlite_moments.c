/* SPDX-License-Identifier: MIT */
/*
 * A SQLite database that lives: one moment in every journal mode, versions, locks, files that come
 * and go, and never a trace of crmfs beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
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

#define TABLE "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'one');"
#define WAL "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;"

static void rest(void)
{
    struct timespec time = {.tv_nsec = 30000000};

    nanosleep(&time, NULL);
}

/* --- journal modes ------------------------------------------------------------------------ */

static void test_rollback_journal(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");

    execute(path, TABLE);

    struct writer writer = writer_start(path);
    struct source *source = open_source(path, 3);
    struct dataset *dataset = begin(source);
    struct failure failure;

    assert_true(dataset->hurry);
    assert_int_equal(dataset->parallel, 3);
    assert_rows(dataset, "t", "1|one\n");
    assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (2, 'two')"), SQLITE_BUSY);
    assert_rows(dataset, "t", "1|one\n");
    assert_int_equal(dataset->class->verify(dataset, &failure), 0);
    dataset->class->finish(dataset);
    assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (2, 'two')"), SQLITE_OK);
    dataset->class->release(dataset);
    dataset = begin(source);
    assert_rows(dataset, "t", "1|one\n2|two\n");
    dataset->class->release(dataset);
    source->class->close(source);
    writer_stop(&writer);
    assert_folder("crm.db");
}

static void test_wal(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct writer writer = writer_start(path);

    assert_int_equal(writer_do(&writer, WAL TABLE), SQLITE_OK);

    struct source *source = open_source(path, 3);
    struct dataset *dataset = begin(source);
    struct failure failure;

    assert_false(dataset->hurry);
    assert_int_equal(dataset->parallel, 3);
    assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (2, 'two')"), SQLITE_OK);
    assert_int_equal(writer_do(&writer, "PRAGMA wal_checkpoint(PASSIVE)"), SQLITE_OK);
    assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (3, 'three')"), SQLITE_OK);
    assert_rows(dataset, "t", "1|one\n");
    assert_int_equal(dataset->class->verify(dataset, &failure), 0);

    struct dataset *later = begin(source);

    assert_rows(later, "t", "1|one\n2|two\n3|three\n");
    assert_rows(dataset, "t", "1|one\n");
    dataset->class->release(dataset);
    later->class->release(later);
    /* Nothing of ours pins the log. */
    assert_int_equal(writer_do(&writer, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);

    struct stat about;

    assert_int_equal(stat(in_folder("crm.db-wal"), &about), 0);
    assert_int_equal(about.st_size, 0);
    dataset = begin(source);
    assert_rows(dataset, "t", "1|one\n2|two\n3|three\n");
    dataset->class->release(dataset);
    writer_stop(&writer);
    assert_folder("crm.db"); /* the writer was the last to have it open */
    source->class->close(source);
}

/* Closed by its program: the file is complete, and stays alone. */
static void test_wal_closed(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct failure failure;

    execute(path, WAL TABLE);

    struct source *source = open_source(path, 2);
    struct dataset *dataset = begin(source);

    assert_folder("crm.db");
    assert_true(dataset->hurry);
    assert_rows(dataset, "t", "1|one\n");
    assert_int_equal(dataset->class->verify(dataset, &failure), 0);

    /* A program that writes to its log meanwhile leaves the file as it is … */
    struct writer writer = writer_start(path);

    assert_int_equal(
        writer_do(&writer, "PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (2, 'two')"),
        SQLITE_OK);
    assert_rows(dataset, "t", "1|one\n");
    assert_int_equal(dataset->class->verify(dataset, &failure), 0);
    /* … also when it closes the database: it then leaves its log to us … */
    writer_stop(&writer);
    assert_folder("crm.db crm.db-shm crm.db-wal");
    assert_rows(dataset, "t", "1|one\n");
    assert_int_equal(dataset->class->verify(dataset, &failure), 0);
    /* … and is noticed when it does not. */
    execute(path, "PRAGMA wal_checkpoint");
    assert_int_equal(dataset->class->verify(dataset, &failure), -ESTALE);
    dataset->class->release(dataset);
    dataset = begin(source);
    assert_rows(dataset, "t", "1|one\n2|two\n");
    dataset->class->release(dataset);
    source->class->close(source);
    execute(path, "SELECT * FROM t");
    assert_folder("crm.db");
}

/* Left by a program that died; the log's content counts, and nothing is repaired. */
static void test_wal_left_behind(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");

    for (int shared_memory = 0; shared_memory < 2; shared_memory++) {
        struct writer writer = writer_start(path);

        assert_int_equal(writer_do(&writer, WAL "DROP TABLE IF EXISTS t;"), SQLITE_OK);
        assert_int_equal(writer_do(&writer, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
        assert_int_equal(writer_do(&writer, TABLE), SQLITE_OK);
        writer_kill(&writer);
        if (!shared_memory)
            unlink(in_folder("crm.db-shm"));

        struct source *source = open_source(path, 2);
        struct dataset *dataset = begin(source);
        struct failure failure;

        assert_int_equal(dataset->hurry, !shared_memory);
        assert_rows(dataset, "t", "1|one\n");
        assert_int_equal(dataset->class->verify(dataset, &failure), 0);
        assert_folder(shared_memory ? "crm.db crm.db-shm crm.db-wal" : "crm.db crm.db-wal");
        writer = writer_start(path);
        assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (2, 'two')"), SQLITE_OK);
        if (shared_memory)
            assert_rows(dataset, "t", "1|one\n");
        assert_int_equal(dataset->class->verify(dataset, &failure), shared_memory ? 0 : -ESTALE);
        dataset->class->release(dataset);
        dataset = begin(source);
        assert_rows(dataset, "t", "1|one\n2|two\n");
        dataset->class->release(dataset);
        writer_stop(&writer);
        source->class->close(source);
    }
}

/* Programs that come and go between begin and end of a dataset. */
static void test_modes_change(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");

    execute(path, TABLE);

    struct source *source = open_source(path, 2);
    static const char *const steps[] = {WAL, "", "PRAGMA journal_mode = delete", WAL,
                                        "PRAGMA journal_mode = truncate"};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct writer writer = writer_start(path);
        struct dataset *dataset;
        char rows[40];

        snprintf(rows, sizeof rows, "1|one%.*s\n", (int)i + 1, "xxxxxxxx");
        assert_int_equal(writer_do(&writer, steps[i]), SQLITE_OK);
        assert_int_equal(writer_do(&writer, "UPDATE t SET v = v || 'x'"), SQLITE_OK);
        dataset = begin(source);
        assert_rows(dataset, "t", rows);
        dataset->class->release(dataset);
        writer_stop(&writer);
        dataset = begin(source);
        assert_rows(dataset, "t", rows);
        dataset->class->release(dataset);
    }
    source->class->close(source);
}

/* --- one moment --------------------------------------------------------------------------- */

static int64_t sum(struct dataset *dataset, const char *table)
{
    int64_t total = 0;
    char *rows = table_rows(dataset, table);

    for (char *line = strtok(rows, "\n"); line != NULL; line = strtok(NULL, "\n"))
        total += strtoll(strchr(line, '|') + 1, NULL, 10);
    free(rows);
    return total;
}

/* Another program moves money all the time; on two connections at once it is all there. */
static void test_all_connections_see_one_moment(void **state)
{
    (void)state;
    const char *path = in_folder("bank.db");
    struct writer writer = writer_start(path);

    assert_int_equal(writer_do(&writer,
                               "PRAGMA journal_mode = wal; PRAGMA synchronous = off;"
                               "CREATE TABLE a (id INTEGER PRIMARY KEY, v);"
                               "CREATE TABLE b (id INTEGER PRIMARY KEY, v);"
                               "INSERT INTO a VALUES (1, 500); INSERT INTO b VALUES (1, 500);"),
                     SQLITE_OK);

    pid_t pid = fork();

    if (pid == 0) {
        struct writer busy = writer_start(path);

        for (;;)
            writer_do(&busy,
                      "BEGIN IMMEDIATE; UPDATE a SET v = v - 1; UPDATE b SET v = v + 1; COMMIT");
    }

    struct source *source = open_source(path, 4);
    struct range_plan plan = {.count = 1, .starts = &(int64_t){INT64_MIN}};
    int64_t last = INT64_MAX;
    unsigned several = 0;

    for (int i = 0; i < 200; i++) {
        struct dataset *dataset = begin(source);
        struct cursor *cursor = NULL;

        several += dataset->parallel == 4;
        for (unsigned j = 0; j < dataset->parallel; j++) {
            int64_t in_a = sum(dataset, "a");

            assert_int_equal(in_a + sum(dataset, "b"), 1000);
            assert_true(in_a <= last);
            last = in_a;
            /* Takes one connection out of the way of the next round. */
            if (j == 0 && dataset->parallel > 1)
                assert_int_equal(dataset->class->open_cursor(dataset, 0, &plan, 0, &cursor, NULL),
                                 0);
        }
        if (cursor != NULL)
            cursor->class->close(cursor);
        dataset->class->release(dataset);
    }
    kill(pid, 9);
    assert_true(several > 20);
    source->class->close(source);
    writer_stop(&writer);
}

/* --- files that do not hold still ----------------------------------------------------------- */

#define COPIES 60

static const char *replaced; /* NULL: nothing is */
static int copies_left;

/*
 * SQLite's reading, in this program: the database is replaced by another copy each time, as long as
 * there are any.
 */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): theirs is reserved
ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
    char copy[512];

    if (replaced != NULL && copies_left > 0) {
        snprintf(copy, sizeof copy, "%s.%d", replaced, copies_left--);
        if (rename(copy, replaced) != 0)
            abort();
    }
    return syscall(SYS_pread64, descriptor, bytes, size, offset);
}

static void make_copies(const char *path)
{
    char command[2048];

    snprintf(command, sizeof command, "for i in $(seq %d); do cp '%s' '%s'.$i || exit; done",
             COPIES, path, path);
    assert_int_equal(system(command), 0);
}

/* As a lock is; a few attempts are made in any case. */
static void test_files_that_change_are_waited_for(void **state)
{
    (void)state;
    const struct source_options options = {.busy_timeout_ms = 60000, .parallel = 2};
    const char *path = in_folder("crm.db");
    struct source *source;
    struct dataset *dataset;
    struct source_version version;
    struct failure failure = {.code = 0};

    execute(path, TABLE);
    make_copies(path);
    assert_int_equal(sqlite_source_open(path, &options, &source, &failure), 0);
    replaced = path;
    copies_left = COPIES;
    if (source->class->begin(source, &dataset, &version, &failure) != 0)
        fail_msg("%s", failure.text);
    assert_int_equal(copies_left, 0);
    replaced = NULL;
    assert_rows(dataset, "t", "1|one\n");
    dataset->class->release(dataset);
    source->class->close(source);
}

/* --- versions ----------------------------------------------------------------------------- */

static void check_versions(const char *path, struct writer *writer)
{
    struct source *source = open_source(path, 2);
    struct source_version version;
    struct source_version begun;
    struct dataset *dataset;

    rest();
    version = version_of(source);
    assert_true(same_version(version, version_of(source)));
    assert_int_equal(source->class->begin(source, &dataset, &begun, NULL), 0);
    assert_true(same_version(version, begun));
    dataset->class->release(dataset);
    assert_true(same_version(version, version_of(source)));
    /* However fast they come: none goes unnoticed. */
    for (int i = 0; i < 50; i++) {
        assert_int_equal(writer_do(writer, "UPDATE t SET v = v || '.'"), SQLITE_OK);
        assert_false(same_version(version, version_of(source)));
        version = version_of(source);
    }
    rest();
    version = version_of(source);
    assert_int_equal(writer_do(writer, "BEGIN IMMEDIATE"), SQLITE_OK);
    assert_true(same_version(version, version_of(source)));
    assert_int_equal(writer_do(writer, "ROLLBACK"), SQLITE_OK);
    source->class->close(source);
}

static void test_versions(void **state)
{
    (void)state;
    static const char *const modes[] = {"", WAL};

    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(i == 0 ? "rollback.db" : "wal.db");
        struct writer writer = writer_start(path);

        assert_int_equal(writer_do(&writer, modes[i]), SQLITE_OK);
        assert_int_equal(writer_do(&writer, TABLE), SQLITE_OK);
        check_versions(path, &writer);
        writer_stop(&writer);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_create, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_rollback_journal), TEST(test_wal),
        TEST(test_wal_closed),       TEST(test_wal_left_behind),
        TEST(test_modes_change),     TEST(test_all_connections_see_one_moment),
        TEST(test_versions),         TEST(test_files_that_change_are_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
