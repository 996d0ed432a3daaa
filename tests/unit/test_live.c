/* SPDX-License-Identifier: MIT */
/* Live sources without a mount: what names stand for, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/tree/live_internal.h"
#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"
#include "tests/unit/plain_render.h"
#include "tests/unit/sample_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static bool equals_plain(const struct buffer *text, const struct fake_table *table,
                         enum table_format format)
{
    struct buffer expected = plain_render(table, format);
    bool equal = text->size == expected.size &&
                 (text->size == 0 || memcmp(text->data, expected.data, text->size) == 0);

    buffer_release(&expected);
    return equal;
}

static void test_names(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "contacts.csv", "contacts.json",    "contacts.ndjson", "a%2Fb.csv",
        "a%2Fb.json",   "a%2Fb.ndjson",     "%2Ex.csv",        "%2Ex.json",
        "%2Ex.ndjson",  "datapackage.json", "schema.sql",
    };
    struct fake_table *tables[] = {sample_notes("contacts", 3, 5, 1), sample_notes("a/b", 2, 5, 2),
                                   sample_notes(".x", 0, 5, 3)};
    struct live_bench bench;

    bench_create(&bench, tables, 3, &bench_well);

    struct listing *listing = bench_list(&bench, NOBODY);

    assert_int_equal(listing->class->count(listing), COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        struct listing_entry entry;

        listing->class->entry(listing, i, &entry);
        assert_string_equal(entry.name, expected[i]);
        assert_int_equal(entry.type, S_IFREG);
        assert_int_equal(entry.inode, entry.node->inode);
        assert_int_equal(entry.inode, bench_inode(&bench, NOBODY, expected[i]));
        assert_non_null(strstr(entry.node->path, expected[i]));
    }
    listing->class->close(listing);

    static const char *const unknown[] = {"contact", "contacts.CSV", "", "a/b.csv", "x.csv", "."};

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        struct node *node;

        assert_int_equal(bench_try_lookup(&bench, NOBODY, unknown[i], &node, NULL), -ENOENT);
    }
    bench_free(&bench);
}

static void test_files(void **state)
{
    (void)state;
    struct fake_table *table = sample_contacts("contacts", 700, 1);
    struct live_bench bench;

    bench_create(&bench, &table, 1, &bench_well);
    for (int i = 0; i < FORMAT_COUNT; i++) {
        char name[40];

        snprintf(name, sizeof name, "contacts.%s", table_format_extension((enum table_format)i));

        struct node *node = bench_lookup(&bench, NOBODY, name);
        struct buffer text = node_text(node, NOBODY);

        assert_true(equals_plain(&text, table, (enum table_format)i));
        buffer_release(&text);
        node_release(node);
    }

    char *package = bench_text(&bench, NOBODY, "datapackage.json");
    char *ddl = bench_text(&bench, NOBODY, "schema.sql");
    json_t *parsed = json_loads(package, 0, NULL);

    assert_non_null(parsed);
    assert_string_equal(ddl, "CREATE TABLE contacts (…);\n");
    json_decref(parsed);
    free(package);
    free(ddl);
    bench_free(&bench);
}

/* Listing and asking without patience read no rows; a table is read once for all its files. */
static void test_reads_late_and_once(void **state)
{
    (void)state;
    struct live_bench bench;
    struct node_attributes ignored;
    struct listing_entry entry;
    uint64_t valid_ns;

    bench_create_usual(&bench, &bench_well);

    struct listing *listing = bench_list(&bench, NOBODY);

    for (size_t i = 0; i < 6; i++) {
        struct node_attributes untouched = {.bytes = 4711};

        valid_ns = 17;
        listing->class->entry(listing, i, &entry);
        assert_int_equal(
            entry.node->class->attributes(entry.node, false, &untouched, &valid_ns, NULL), -EAGAIN);
        assert_true(untouched.bytes == 4711 && untouched.type == 0 && valid_ns == 17);
    }
    assert_int_equal(fake_source_counts(bench.fake).rows, 0);
    listing->class->entry(listing, 0, &entry);
    node_told(entry.node);

    unsigned long rows = fake_source_counts(bench.fake).rows;

    assert_true(rows > 0);
    for (size_t i = 0; i < 3; i++) {
        listing->class->entry(listing, i, &entry);
        assert_int_equal(
            entry.node->class->attributes(entry.node, false, &ignored, &valid_ns, NULL), 0);
    }
    free(bench_text(&bench, NOBODY, "contacts.json"));
    assert_int_equal(fake_source_counts(bench.fake).rows, rows);
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 1);
    /* With the last table the transaction ends. */
    bench_inode(&bench, NOBODY, "notes.csv");
    assert_int_equal(fake_source_counts(bench.fake).transactions_open, 0);
    assert_int_equal(fake_source_counts(bench.fake).begins, 1);
    listing->class->close(listing);
    bench_free(&bench);
}

/* Somebody writes through the mount when the source has been asked, and has not answered yet. */
static void write_meanwhile(void *context)
{
    struct live_bench *bench = context;

    fake_source_behave(bench->fake, &bench_well);
    bench_show(bench, 2);
    live_note_written(bench->live, &(struct caller){.process = NOBODY});
}

/* What is written here shows at once, whoever asked the source just before. */
static void test_written_while_the_source_is_asked(void **state)
{
    struct live_bench bench;
    struct fake_behaviour behaviour = {.on_version = write_meanwhile, .version_context = &bench};
    uint64_t before;

    (void)state;
    bench_create_usual(&bench, &bench_well);
    before = bench_inode(&bench, NOBODY, "contacts.csv");
    pass_seconds(2);
    fake_source_behave(bench.fake, &behaviour);
    bench_inode(&bench, NOBODY, "contacts.csv");
    assert_int_not_equal(bench_inode(&bench, NOBODY, "contacts.csv"), before);
    bench_free(&bench);
}

static void test_change(void **state)
{
    (void)state;
    struct fake_table *first = sample_notes("t", 100, 10, 1);
    struct fake_table *second = sample_notes("t", 101, 10, 2);
    struct live_bench bench;

    bench_create(&bench, &first, 1, &bench_well);

    struct node *old = bench_lookup(&bench, NOBODY, "t.csv");
    struct handle *handle = node_open(old, NOBODY);
    struct node_attributes before = node_told(old);
    struct buffer expected = plain_render(first, FORMAT_CSV);

    fake_source_set(bench.fake, &second, 1);
    /* Not before it is asked again. */
    assert_int_equal(bench_inode(&bench, NOBODY, "t.csv"), old->inode);
    pass_seconds(2);

    struct node *new = bench_lookup(&bench, NOBODY, "t.csv");
    struct buffer text = node_text(new, NOBODY);

    assert_true(new->inode != old->inode);
    assert_true(equals_plain(&text, second, FORMAT_CSV));
    buffer_release(&text);

    struct node_attributes after = node_told(old);

    check_same_attributes(&before, &after);
    text = handle_text(handle);
    assert_int_equal(text.size, expected.size);
    assert_memory_equal(text.data, expected.data, text.size);
    buffer_release(&text);
    buffer_release(&expected);
    handle->class->close(handle);

    /* Without users its rows are given back; who opens it now is told to look again. */
    struct caller caller = {.process = NOBODY};

    assert_int_equal(old->class->open(old, &caller, &handle, NULL), -ESTALE);
    assert_int_equal(fake_source_counts(bench.fake).datasets_alive, 1);
    after = node_told(old);
    check_same_attributes(&before, &after);
    node_release(old);
    node_release(new);
    bench_free(&bench);
}

/* Files that came into being with an older generation and were never looked at. */
static void test_unread_of_the_past(void **state)
{
    (void)state;
    struct live_bench bench;
    struct listing_entry entry;
    struct node_attributes ignored;
    uint64_t valid_ns;

    bench_create_usual(&bench, &bench_well);

    struct listing *listing = bench_list(&bench, NOBODY);

    listing->class->entry(listing, 0, &entry);

    struct node *node = node_reference(entry.node);

    bench_change(&bench, 2);
    bench_inode(&bench, NOBODY, "notes.csv");
    /* As long as the listing is open they can be read. */
    assert_true(node_told(node).bytes > 0);
    listing->class->entry(listing, 3, &entry);

    struct node *unread = node_reference(entry.node);

    listing->class->close(listing);
    assert_int_equal(unread->class->attributes(unread, true, &ignored, &valid_ns, NULL), -ESTALE);
    assert_true(node_told(node).bytes > 0);
    node_release(node);
    node_release(unread);
    bench_free(&bench);
}

static void test_dropped_table(void **state)
{
    (void)state;
    struct live_bench bench;
    struct fake_table *left = sample_notes("notes", 5, 5, 1);
    struct node *node;

    bench_create_usual(&bench, &bench_well);
    bench_inode(&bench, NOBODY, "contacts.csv");
    fake_source_set(bench.fake, &left, 1);
    pass_seconds(2);
    assert_int_equal(bench_try_lookup(&bench, NOBODY, "contacts.csv", &node, NULL), -ENOENT);
    free(bench_text(&bench, NOBODY, "notes.csv"));
    fake_source_set(bench.fake, NULL, 0);
    pass_seconds(2);

    struct listing *listing = bench_list(&bench, NOBODY);

    assert_int_equal(listing->class->count(listing), 2);
    listing->class->close(listing);
    bench_free(&bench);
}

/* Nothing of what nobody uses any more stays in the spool. */
static void test_spool_is_given_back(void **state)
{
    (void)state;
    struct live_bench bench;
    uint64_t most = 0;

    bench_create_usual(&bench, &bench_well);
    for (uint64_t seed = 2; seed < 30; seed++) {
        free(bench_text(&bench, NOBODY, "contacts.csv"));
        free(bench_text(&bench, NOBODY, "notes.json"));
        if (seed == 2)
            most = bench_spool_used(&bench) * 2;
        assert_in_range(bench_spool_used(&bench), 1, most);
        bench_change(&bench, seed);
    }
    bench_free(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_reads_late_and_once),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_written_while_the_source_is_asked),
        cmocka_unit_test(test_unread_of_the_past),
        cmocka_unit_test(test_dropped_table),
        cmocka_unit_test(test_spool_is_given_back),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
