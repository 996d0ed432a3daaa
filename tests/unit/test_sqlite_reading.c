/* SPDX-License-Identifier: MIT */
/* How a SQLite table is read: large cells, ranges, several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/sqlite_fixture.h"

/* --- large cells -------------------------------------------------------------------------- */

static void test_large_cells(void **state)
{
    (void)state;
    struct crm crm = make_crm(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c);"
        "INSERT INTO t VALUES (1, 1, 2, 3), (5, 0.5, hex(zeroblob(600000)), 'after'),"
        "  (6, NULL, zeroblob(1048576), ''), (7, zeroblob(3000000), zeroblob(1048577), x'01');"
        "CREATE TABLE keyed (k TEXT PRIMARY KEY, a, b);"
        "INSERT INTO keyed SELECT 'k' || -id, b, a FROM t; INSERT INTO keyed VALUES ('k-1', '', 'x')"
        "  ON CONFLICT DO NOTHING; CREATE TABLE plain (a, b); INSERT INTO plain SELECT b, id FROM t;"
        "CREATE TABLE no_rowid (k PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO no_rowid SELECT id, b FROM t;"
        "CREATE TABLE made (a, b AS (length(a))); INSERT INTO made SELECT b FROM t;");

    assert_rows(crm.dataset, "t",
                "1|1|2|3\n5|0.5|1200000:f4e72d05!|after\n6|~|1048576:6a001505|\n"
                "7|3000000:f350cd05!|1048577:aa02b5a5!|x'01'\n");
    assert_rows(crm.dataset, "keyed",
                "k-1|2|1\nk-5|1200000:f4e72d05!|0.5\nk-6|1048576:6a001505|~\n"
                "k-7|1048577:aa02b5a5!|3000000:f350cd05!\n");
    assert_rows(crm.dataset, "plain",
                "2|1\n1200000:f4e72d05!|5\n1048576:6a001505|6\n1048577:aa02b5a5!|7\n");
    assert_rows(crm.dataset, "no_rowid",
                "1|2\n5|1200000:f4e72d05\n6|1048576:6a001505\n7|1048577:aa02b5a5\n");
    assert_rows(
        crm.dataset, "made",
        "2|1\n1200000:f4e72d05|1200000\n1048576:6a001505|1048576\n1048577:aa02b5a5|1048577\n");
    unmake_crm(&crm);
}

/* --- ranges ------------------------------------------------------------------------------- */

/* Plans, reads all ranges, and checks that each row is in one, and that no range is too long. */
static void check_ranges(struct dataset *dataset, const char *name, size_t rows, size_t longest)
{
    size_t table = find_table(dataset, name);
    struct range_plan plan;
    size_t total = 0;

    assert_int_equal(dataset->class->plan(dataset, table, 8, &plan, NULL), 0);
    assert_int_equal(plan.starts[0], INT64_MIN);
    for (size_t i = 0; i < plan.count; i++) {
        struct cursor *cursor;
        const struct row *row;
        size_t inside = 0;
        size_t after = 0;

        assert_true(i == 0 || plan.starts[i] > plan.starts[i - 1]);
        assert_int_equal(dataset->class->open_cursor(dataset, table, &plan, i, &cursor, NULL), 0);
        while (cursor->class->next(cursor, &row, NULL) == 1) {
            assert_true(after == 0 || row->past_range);
            inside += !row->past_range;
            after += row->past_range;
        }
        cursor->class->close(cursor);
        total += inside;
        assert_int_equal(total + after, rows);
        assert_in_range(inside, 0, longest);
    }
    assert_int_equal(total, rows);
    assert_true(longest == rows || plan.count == 8);
    free(plan.starts);
}

static void test_ranges(void **state)
{
    (void)state;
    struct crm crm = make_crm(
        "CREATE TABLE even (id INTEGER PRIMARY KEY, v); CREATE TABLE hidden (v);"
        "CREATE TABLE small (id INTEGER PRIMARY KEY); CREATE TABLE gaps (id INTEGER PRIMARY KEY);"
        "CREATE TABLE text (k TEXT PRIMARY KEY); CREATE TABLE uneven (id INTEGER PRIMARY KEY);"
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        "  INSERT INTO even SELECT i * 3 - 60000, i FROM n;"
        "INSERT INTO hidden SELECT v FROM even; INSERT INTO text SELECT v FROM even;"
        "INSERT INTO small SELECT v FROM even LIMIT 10000;"
        "INSERT INTO gaps SELECT v FROM even WHERE v <= 20000;"
        "INSERT INTO gaps SELECT v + 4611686018427387904 FROM even WHERE v <= 20000;"
        "INSERT INTO gaps VALUES (-9223372036854775808), (9223372036854775807);"
        "INSERT INTO uneven SELECT v * 64 FROM even WHERE v <= 20000;"
        "INSERT OR IGNORE INTO uneven SELECT 600000 + v FROM even WHERE v <= 20317;");

    check_ranges(crm.dataset, "even", 40000, 6500);
    check_ranges(crm.dataset, "hidden", 40000, 6500);
    check_ranges(crm.dataset, "gaps", 40002, 7500);
    check_ranges(crm.dataset, "uneven", 40000, 10000);
    check_ranges(crm.dataset, "small", 10000, 10000);
    check_ranges(crm.dataset, "text", 40000, 40000);
    unmake_crm(&crm);
}

/* --- threads ------------------------------------------------------------------------------ */

#define READERS 4 /* on two connections */

static void *read_rows(void *argument)
{
    struct dataset *dataset = argument;
    const struct range_plan plan = {.count = 1, .starts = &(int64_t){INT64_MIN}};
    size_t rows = 0;

    for (int i = 0; i < 20; i++) {
        struct cursor *cursor;
        const struct row *row;
        struct range_plan own;

        if (dataset->class->plan(dataset, 0, 4, &own, NULL) != 0 ||
            dataset->class->open_cursor(dataset, 0, &plan, 0, &cursor, NULL) != 0)
            return NULL;
        free(own.starts);
        while (cursor->class->next(cursor, &row, NULL) == 1)
            rows++;
        cursor->class->close(cursor);
    }
    return rows == (size_t)20 * 30000 ? dataset : NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct crm crm = make_crm("CREATE TABLE t (id INTEGER PRIMARY KEY);"
                              "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                              "  WHERE i < 30000) INSERT INTO t SELECT i FROM n;");
    pthread_t threads[READERS];
    void *result;

    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_rows, crm.dataset), 0);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_ptr_equal(result, crm.dataset);
    }
    unmake_crm(&crm);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, folder_create, folder_remove)
    const struct CMUnitTest tests[] = {
        TEST(test_large_cells),
        TEST(test_ranges),
        TEST(test_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
