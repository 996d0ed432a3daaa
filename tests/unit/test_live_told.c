/* SPDX-License-Identifier: MIT */
/* What is told of a live source: times, extended attributes, the status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/tree/live_internal.h"
#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"
#include "tests/unit/sample_table.h"

#define STATUS_LIMIT ((size_t)1 << 20)

static struct timespec modified(struct live_bench *bench, const char *name)
{
    struct node *node = bench_lookup(bench, NOBODY, name);
    struct timespec time = node_told(node).modified;

    node_release(node);
    return time;
}

static bool earlier(struct timespec left, struct timespec right)
{
    return left.tv_sec != right.tv_sec ? left.tv_sec < right.tv_sec : left.tv_nsec < right.tv_nsec;
}

static bool same_time(struct timespec left, struct timespec right)
{
    return !earlier(left, right) && !earlier(right, left);
}

static void show_notes(struct live_bench *bench, uint64_t first, uint64_t second)
{
    struct fake_table *tables[] = {sample_notes("a", 20, 10, first),
                                   sample_notes("b", 20, 10, second)};

    fake_source_set(bench->fake, tables, 2);
    pass_seconds(2);
}

static void test_modified(void **state)
{
    (void)state;
    struct live_bench bench;

    bench_prepare(&bench, &bench_well);
    show_notes(&bench, 1, 1);
    assert_int_equal(bench_start(&bench, NULL), 0);

    struct timespec a1 = modified(&bench, "a.csv");
    struct timespec b1 = modified(&bench, "b.csv");
    struct timespec package1 = modified(&bench, "datapackage.json");

    show_notes(&bench, 2, 1);
    assert_true(earlier(a1, modified(&bench, "a.csv")));
    assert_true(same_time(b1, modified(&bench, "b.csv")));
    assert_true(same_time(package1, modified(&bench, "datapackage.json")));

    /* As it was once more: that is a change too. A source may have no better time to tell. */
    struct timespec a2 = modified(&bench, "a.csv");

    fake_source_behave(bench.fake, &(struct fake_behaviour){.changed = a2});
    show_notes(&bench, 1, 1);
    assert_true(earlier(a2, modified(&bench, "a.csv")));
    assert_true(same_time(modified(&bench, "a.csv"), modified(&bench, "a.json")));
    assert_true(same_time(b1, modified(&bench, "b.csv")));
    bench_free(&bench);
}

/* An older generation's table that is read after the newest one's has no say in its time. */
static void test_modified_out_of_order(void **state)
{
    (void)state;
    struct live_bench bench;
    struct listing_entry entry;

    bench_prepare(&bench, &bench_well);
    show_notes(&bench, 1, 1);
    assert_int_equal(bench_start(&bench, NULL), 0);

    struct timespec time = modified(&bench, "a.csv");

    show_notes(&bench, 2, 1);

    struct listing *listing = bench_list(&bench, NOBODY);

    show_notes(&bench, 1, 1);
    assert_true(same_time(modified(&bench, "a.csv"), time));
    listing->class->entry(listing, 0, &entry);
    node_told(entry.node);
    listing->class->close(listing);
    show_notes(&bench, 1, 3);
    assert_true(same_time(modified(&bench, "a.csv"), time));
    bench_free(&bench);
}

static void test_xattrs(void **state)
{
    (void)state;
    struct live_bench bench;
    char value[200];

    bench_create_usual(&bench, &bench_well);

    struct node *node = bench_lookup(&bench, NOBODY, "contacts.csv");
    struct node *package = bench_lookup(&bench, NOBODY, "datapackage.json");
    ssize_t size = node->class->xattr(node, NULL, value, sizeof value, NULL);

    assert_int_equal(size, sizeof "user.crmfs.rows\0user.crmfs.table\0user.crmfs.generation");
    assert_int_equal(node->class->xattr(node, NULL, value, 0, NULL), size);
    assert_int_equal(node->class->xattr(node, "user.crmfs.rows", value, sizeof value, NULL), 3);
    assert_memory_equal(value, "201", 3);
    assert_int_equal(node->class->xattr(node, "user.crmfs.rows", value, 0, NULL), 3);
    assert_int_equal(node->class->xattr(node, "user.crmfs.rows", value, 2, NULL), -ERANGE);
    assert_int_equal(node->class->xattr(node, "user.crmfs.table", value, sizeof value, NULL), 8);
    assert_memory_equal(value, "contacts", 8);
    assert_int_equal(node->class->xattr(node, "user.crmfs.generation", value, sizeof value, NULL),
                     1);
    assert_int_equal(node->class->xattr(node, "user.other", value, sizeof value, NULL), -ENODATA);
    assert_int_equal(package->class->xattr(package, NULL, value, sizeof value, NULL), 0);
    assert_int_equal(package->class->xattr(package, "user.crmfs.rows", value, 9, NULL), -ENODATA);
    node_release(node);
    node_release(package);
    bench_free(&bench);
}

static json_t *status_of(struct live_bench *bench)
{
    struct buffer text = BUFFER(STATUS_LIMIT);

    must(live_status(bench->live, &text) == 0);

    json_t *status = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);

    must(status != NULL);
    buffer_release(&text);
    return status;
}

static void test_status(void **state)
{
    (void)state;
    struct live_bench bench;
    struct node *node;

    bench_create_usual(&bench, &bench_well);
    bench_inode(&bench, NOBODY, "contacts.csv");

    json_t *status = status_of(&bench);

    assert_string_equal(json_string_value(json_object_get(status, "name")), "crm");
    assert_string_equal(json_string_value(json_object_get(status, "url")), "fake:crm");
    assert_int_equal(json_integer_value(json_object_get(status, "tables")), 2);
    assert_int_equal(json_integer_value(json_object_get(status, "tables_read")), 1);
    assert_int_equal(json_integer_value(json_object_get(status, "rows_read")), 201);
    assert_int_equal(json_integer_value(json_object_get(status, "spool_bytes")),
                     bench_spool_used(&bench));
    assert_true(json_is_null(json_object_get(status, "error")));
    json_decref(status);
    fake_source_behave(bench.fake, &(struct fake_behaviour){.version_error = -EIO});
    pass_seconds(2);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "contacts.csv", &node, NULL), -EIO);
    status = status_of(&bench);
    assert_non_null(strstr(json_string_value(json_object_get(status, "error")), "version"));
    json_decref(status);
    bench_free(&bench);
}

static void test_folder_attributes(void **state)
{
    (void)state;
    struct live_bench bench;
    struct node_attributes found;
    uint64_t valid_ns;

    bench_create_usual(&bench, &bench_well);
    assert_int_equal(bench.folder->class->attributes(bench.folder, true, &found, &valid_ns, NULL),
                     0);
    assert_int_equal(found.type, S_IFDIR);
    assert_true(found.modified.tv_sec >= 1000000000);
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modified),
        cmocka_unit_test(test_modified_out_of_order),
        cmocka_unit_test(test_xattrs),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_folder_attributes),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
