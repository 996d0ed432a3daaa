/* SPDX-License-Identifier: MIT */
/* What may be wrong with a SQLite database: locked, crashed, no database, taken away, cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/sqlite.h"
#include "tests/unit/sqlite_fixture.h"

#define TABLE "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 'one');"
#define WAL "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;"

static void test_locked(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct writer writer = writer_start(path);
    struct failure failure;

    assert_int_equal(writer_do(&writer, TABLE "BEGIN EXCLUSIVE"), SQLITE_OK);
    assert_int_equal(refusal(path, &failure), EBUSY);
    assert_non_null(strstr(failure.text, "locked by another program"));
    assert_int_equal(writer_do(&writer, "COMMIT"), SQLITE_OK);

    struct source *source = open_source(path, 2);
    struct source_version version;

    /* Its version does not wait. */
    assert_int_equal(writer_do(&writer, "BEGIN EXCLUSIVE"), SQLITE_OK);
    assert_int_equal(source->class->version(source, &version, &failure), 0);
    writer_stop(&writer);
    source->class->close(source);
}

static void test_hot_journal(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct writer writer = writer_start(path);
    struct failure failure;

    assert_int_equal(writer_do(&writer, TABLE "PRAGMA cache_size = 1; BEGIN;"), SQLITE_OK);
    assert_int_equal(
        writer_do(&writer, "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n"
                           "  WHERE i < 500) INSERT INTO t SELECT i, hex(zeroblob(1000)) FROM n"),
        SQLITE_OK);
    writer_kill(&writer);
    assert_folder("crm.db crm.db-journal");
    assert_int_equal(refusal(path, &failure), EROFS);
    assert_non_null(strstr(failure.text, "journal"));
    assert_folder("crm.db crm.db-journal");
    execute(path, "SELECT * FROM t");

    struct source *source = open_source(path, 2);
    struct dataset *dataset = begin(source);

    assert_rows(dataset, "t", "1|one\n");
    dataset->class->release(dataset);
    source->class->close(source);
}

static void test_no_database(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct failure failure;
    char noise[8192];

    assert_int_equal(refusal(path, &failure), ENOENT);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * i + 7 * i + 1);
    write_file(path, noise, sizeof noise);
    assert_int_equal(refusal(path, &failure), EILSEQ);
    assert_non_null(strstr(failure.text, "encrypted"));
    write_file(path, "SQLite format 3", 16);
    assert_true(refusal(path, &failure) != 0);
    write_file(path, "", 0);
    assert_int_equal(refusal(path, &failure), EILSEQ);
    unlink(path);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(refusal(path, &failure), EISDIR);
}

/* Deleted, replaced and cut while it is open. */
static void test_taken_away(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct failure failure;
    struct source_version version;

    execute(path, TABLE "INSERT INTO t VALUES (2, hex(zeroblob(20000)))");
    execute(in_folder("other.db"), "CREATE TABLE t (id, v); INSERT INTO t VALUES (7, 'seven')");

    struct source *source = open_source(path, 2);
    struct dataset *dataset = begin(source);
    struct source_version before;

    assert_int_equal(source->class->version(source, &before, &failure), 0);
    /* Its content is what it was. */
    assert_int_equal(rename(in_folder("other.db"), path), 0);
    assert_rows(dataset, "t", "1|one\n2|40000:e277c905\n");
    assert_int_equal(source->class->version(source, &version, &failure), 0);
    assert_memory_not_equal(&version, &before, sizeof version);
    dataset->class->release(dataset);
    dataset = begin(source);
    assert_rows(dataset, "t", "7|seven\n");
    assert_int_equal(unlink(path), 0);
    assert_rows(dataset, "t", "7|seven\n");
    assert_int_equal(source->class->version(source, &version, &failure), -ENOENT);
    assert_non_null(strstr(failure.text, path));
    dataset->class->release(dataset);
    assert_int_equal(source->class->begin(source, &dataset, &version, &failure), -ENOENT);
    assert_non_null(strstr(failure.text, path));
    write_file(path, "this is no database, and never was one", 38);
    assert_int_equal(source->class->begin(source, &dataset, &version, &failure), -EIO);
    assert_non_null(strstr(failure.text, "not a SQLite database"));
    source->class->close(source);
}

/* The last pages of a long cell are gone: an error, and no zeros in their place. */
static void test_cut_short(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    struct writer writer = writer_start(path);
    struct range_plan plan = {.count = 1, .starts = &(int64_t){INT64_MIN}};

    for (int wal = 0; wal < 2; wal++) {
        struct cursor *cursor;
        const struct row *row;
        struct failure failure;
        struct stat about;

        assert_int_equal(writer_do(&writer, "DROP TABLE IF EXISTS t; VACUUM"), SQLITE_OK);
        assert_int_equal(
            writer_do(&writer, TABLE "INSERT INTO t VALUES (2, hex(zeroblob(100000)))"), SQLITE_OK);
        if (wal)
            assert_int_equal(writer_do(&writer, WAL "UPDATE t SET id = 1 WHERE id = 1"), SQLITE_OK);

        struct source *source = open_source(path, 1);
        struct dataset *dataset = begin(source);

        assert_int_equal(dataset->hurry, !wal);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(truncate(path, about.st_size - 8192), 0);
        assert_int_equal(dataset->class->open_cursor(dataset, 0, &plan, 0, &cursor, &failure), 0);
        assert_int_equal(cursor->class->next(cursor, &row, &failure), 1);
        assert_int_equal(cursor->class->next(cursor, &row, &failure), wal ? -EIO : -ESTALE);
        assert_int_equal(cursor->class->next(cursor, &row, &failure), wal ? -EIO : -ESTALE);
        cursor->class->close(cursor);
        dataset->class->release(dataset);
        source->class->close(source);
        assert_int_equal(truncate(path, about.st_size), 0);
    }
    writer_stop(&writer);
}

/* A path may hold what a URI would take for its own; and the working directory may change. */
static void test_paths(void **state)
{
    (void)state;
    static const char *const names[] = {"100%.db", "a?mode=rw",   "a#b",
                                        "%41.db",  "quote'\".db", "é b"};

    assert_int_equal(chdir(in_folder("")), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        execute(names[i], WAL TABLE);

        struct source *source = open_source(names[i], 2);

        assert_int_equal(chdir("/"), 0);

        struct dataset *dataset = begin(source);

        assert_rows(dataset, "t", "1|one\n");
        dataset->class->release(dataset);
        source->class->close(source);
        assert_int_equal(chdir(in_folder("")), 0);
    }
    assert_int_equal(chdir("/"), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_create, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_locked),     TEST(test_hot_journal), TEST(test_no_database),
        TEST(test_taken_away), TEST(test_cut_short),   TEST(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
