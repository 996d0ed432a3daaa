/* SPDX-License-Identifier: MIT */
/* What a tree does without being asked goes on when the calendar's clock is set back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fs/tree/tree.h"
#include "tests/unit/sqlite_fixture.h"

/* It was an hour ahead until everybody had looked at it. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    if (syscall(SYS_clock_gettime, clock, ret_time) != 0)
        return -1;
    if (clock == CLOCK_REALTIME)
        ret_time->tv_sec += 3600;
    return 0;
}

static struct node *look_up(struct node *directory, const char *name)
{
    const struct caller nobody = {.process = 0};
    struct node *node;
    uint64_t valid_ns;

    assert_int_equal(directory->class->lookup(directory, name, &nobody, &node, &valid_ns, NULL), 0);
    return node;
}

/* The size of live/crm/t.csv, for which the table is read through. */
static uint64_t read_through(struct tree *tree)
{
    struct node *live = look_up(tree_root(tree), "live");
    struct node *source = look_up(live, "crm");
    struct node *file = look_up(source, "t.csv");
    struct node_attributes attributes;
    uint64_t valid_ns;

    assert_int_equal(file->class->attributes(file, true, &attributes, &valid_ns, NULL), 0);
    node_release(file);
    node_release(source);
    node_release(live);
    return attributes.bytes;
}

static off_t log_bytes(void)
{
    struct stat about;

    assert_int_equal(stat(in_folder("crm.db-wal"), &about), 0);
    return about.st_size;
}

static void test_transactions_are_given_back(void **state)
{
    (void)state;
    const char *path = in_folder("crm.db");
    const struct tree_source source = {.name = "crm", .url = path};
    const struct tree_options options = {.max_memory_bytes = (uint64_t)64 << 20,
                                         .spool_bytes = (uint64_t)64 << 20,
                                         .busy_timeout_ms = 1000};
    struct failure failure = {.code = 0};
    struct writer writer;
    struct tree *tree;

    execute(
        path,
        "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE u (id)");
    writer = writer_start(path);
    assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (1)"), 0);
    assert_int_equal(tree_create(&options, &source, 1, &tree, &failure), 0);
    assert_int_equal(read_through(tree), 5);
    assert_int_equal(writer_do(&writer, "INSERT INTO t VALUES (2)"), 0);
    assert_int_equal(writer_do(&writer, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    assert_int_not_equal(log_bytes(), 0);

    /* A moment of which something is still to be read keeps the log from being emptied. */
    for (int i = 0; i < 1000 && log_bytes() != 0; i++) {
        assert_int_equal(writer_do(&writer, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
        usleep(10000);
    }
    assert_int_equal(log_bytes(), 0);
    writer_stop(&writer);
    assert_int_equal(tree_free(tree, &failure), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_transactions_are_given_back, folder_create,
                                        folder_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
