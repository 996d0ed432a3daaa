/* SPDX-License-Identifier: MIT */
/* The folder snapshots/ without a mount: what is in it, and what changes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/buffer.h"
#include "fs/base/clock.h"
#include "fs/store/log.h"
#include "fs/tree/snapshots.h"
#include "tests/unit/live_bench.h"
#include "tests/unit/own_clock.h"
#include "tests/unit/plain_render.h"
#include "tests/unit/sample_table.h"
#include "tests/unit/store_samples.h"

#define MIB ((size_t)1 << 20)

struct scene {
    struct fake_source *fake;
    struct source *source;
    struct store *store;
    struct frozen_context context;
    struct snapshots *snapshots;
    struct node *folder;
};

/* Without a source if BROWSE. */
static void scene_open(struct scene *scene, bool browse, bool read_only)
{
    struct take_source source = {.name = "crm", .source = scene->source};
    struct snapshots_options options = {
        .store = scene->store,
        .context = &scene->context,
        .sources = &source,
        .source_count = browse ? 0 : 1,
        .read_only = read_only,
        .threads = 2,
    };
    struct failure failure = {.code = 0};

    assert_int_equal(object_reader_create(scene->store, MIB, &scene->context.reader, &failure), 0);
    scene->context.cache = render_cache_create(MIB, 1);
    assert_non_null(scene->context.cache);
    assert_int_equal(image_shelf_create(scene->context.reader, MIB, &scene->context.shelf), 0);
    if (snapshots_create(&options, &scene->snapshots, &failure) != 0)
        fail_msg("%s", failure.text);
    scene->folder = snapshots_folder(scene->snapshots);
}

/* In the order of tree_free; source and store stay. */
static void scene_close(struct scene *scene)
{
    render_cache_free(scene->context.cache);
    node_release(scene->folder);
    snapshots_free(scene->snapshots);
    image_shelf_free(scene->context.shelf);
    object_reader_free(scene->context.reader);
}

static void scene_begin(struct scene *scene)
{
    *scene = (struct scene){.fake = fake_source_create()};
    scene->source = fake_source_source(scene->fake);
    scene->store = sample_store();
    scene_open(scene, false, false);
}

static void scene_end(struct scene *scene)
{
    scene_close(scene);
    scene->source->class->close(scene->source);
    fake_source_free(scene->fake);
    store_close(scene->store);
}

static struct fake_table *show(struct scene *scene, size_t rows, uint64_t seed)
{
    struct fake_table *table = sample_contacts("contacts", rows, seed);
    struct fake_table *shown[] = {fake_table_part(table, 0, rows, NULL)};

    fake_source_set(scene->fake, shown, 1);
    return table;
}

static int try_take(struct scene *scene, const char *name)
{
    struct node *node;
    uint64_t valid_ns;
    struct failure failure = {.code = 0};
    int error =
        scene->folder->class->make_directory(scene->folder, name, NULL, &node, &valid_ns, &failure);

    if (error == 0) {
        assert_true(valid_ns <= NS_PER_SECOND);
        node_release(node);
    } else {
        assert_true(failure.code != 0 && failure.text[0] != '\0');
    }
    return error;
}

static int try_find(struct node *directory, const char *name, struct node **ret_node)
{
    struct caller caller = {.process = NOBODY};
    uint64_t valid_ns;

    return directory->class->lookup(directory, name, &caller, ret_node, &valid_ns, NULL);
}

static struct node *find(struct node *directory, const char *name)
{
    struct node *node = NULL;
    int error = try_find(directory, name, &node);

    if (error != 0)
        fail_msg("%s: %s", name, strerror(-error));
    return node;
}

/* The node of PATH, three names below FOLDER. */
static struct node *find_file(struct node *folder, const char *snapshot, const char *file)
{
    struct node *taken = find(folder, snapshot);
    struct node *source = find(taken, "crm");
    struct node *node = find(source, file);

    node_release(taken);
    node_release(source);
    return node;
}

/* All names with a blank after each, in the order of the listing. */
static void expect_names(struct node *directory, const char *expected)
{
    struct caller caller = {.process = NOBODY};
    struct listing *listing;
    struct buffer text = BUFFER(1000);

    assert_int_equal(directory->class->list(directory, &caller, &listing, NULL), 0);
    for (size_t i = 0; i < listing->class->count(listing); i++) {
        struct listing_entry entry;

        listing->class->entry(listing, i, &entry);
        assert_int_equal(buffer_print(&text, "%s ", entry.name), 0);
    }
    listing->class->close(listing);
    assert_string_equal(text.size != 0 ? (const char *)text.data : "", expected);
    buffer_release(&text);
}

static void expect_files(struct scene *scene, const char *snapshot, const struct fake_table *table)
{
    for (int i = 0; i < FORMAT_COUNT; i++) {
        struct buffer expected = plain_render(table, (enum table_format)i);
        char name[40];

        snprintf(name, sizeof name, "contacts.%s", table_format_extension((enum table_format)i));

        struct node *node = find_file(scene->folder, snapshot, name);

        assert_int_equal(node_told(node).bytes, expected.size);

        struct buffer text = node_text(node, NOBODY);

        assert_int_equal(text.size, expected.size);
        assert_memory_equal(text.data, expected.data, expected.size);
        node_release(node);
        buffer_release(&text);
        buffer_release(&expected);
    }
}

static void test_files(void **state)
{
    (void)state;
    struct scene scene;

    scene_begin(&scene);
    expect_names(scene.folder, "");

    struct fake_table *before = show(&scene, 700, 1);

    assert_int_equal(try_take(&scene, "a"), 0);

    struct fake_table *after = show(&scene, 800, 2);

    assert_int_equal(try_take(&scene, "b"), 0);
    expect_names(scene.folder, "a b latest ");
    expect_files(&scene, "a", before);
    expect_files(&scene, "b", after);

    struct node *taken = find(scene.folder, "a");
    struct node *source = find(taken, "crm");
    struct node *ddl = find(source, "schema.sql");
    struct buffer text = node_text(ddl, NOBODY);

    expect_names(taken, "crm ");
    expect_names(source, "contacts.csv contacts.json contacts.ndjson datapackage.json schema.sql ");
    assert_int_equal(text.size, strlen("CREATE TABLE contacts (…);\n"));
    buffer_release(&text);
    node_release(ddl);
    node_release(source);
    node_release(taken);
    fake_table_release(before);
    fake_table_release(after);
    scene_end(&scene);
}

static void test_attributes(void **state)
{
    (void)state;
    static const char *const names[] = {"rows", "table", "snapshot", "digest", "stored"};
    struct scene scene;
    char value[200];

    scene_begin(&scene);
    fake_table_release(show(&scene, 70, 1));
    assert_int_equal(try_take(&scene, "a"), 0);

    struct node *node = find_file(scene.folder, "a", "contacts.csv");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[40];

        snprintf(name, sizeof name, "user.crmfs.%s", names[i]);

        ssize_t size = node->class->xattr(node, name, value, sizeof value - 1, NULL);

        assert_true(size > 0);
        value[size] = '\0';
        if (i == 0)
            assert_string_equal(value, "70");
        if (i == 2)
            assert_string_equal(value, "a");
        if (i == 3)
            assert_int_equal(size, 64);
        if (size > 1)
            assert_int_equal(node->class->xattr(node, name, value, (size_t)size - 1, NULL),
                             -ERANGE);
        assert_int_equal(node->class->xattr(node, name, value, 0, NULL), size);
    }
    assert_int_equal(node->class->xattr(node, "user.other", value, sizeof value, NULL), -ENODATA);

    uint64_t shown = node_told(node).shown_inode;

    node_release(node);
    /* The same in every mount, and after it was forgotten. */
    scene_close(&scene);
    scene_open(&scene, true, false);
    node = find_file(scene.folder, "a", "contacts.csv");
    assert_int_equal(node_told(node).shown_inode, shown);
    node_release(node);
    scene_end(&scene);
}

static const char *latest(struct scene *scene, char target[SNAPSHOT_NAME_LIMIT + 1])
{
    struct node *link = find(scene->folder, "latest");

    snprintf(target, SNAPSHOT_NAME_LIMIT + 1, "%s", link->class->target(link));
    node_release(link);
    return target;
}

static int forget(struct scene *scene, const char *name)
{
    return scene->folder->class->remove_directory(scene->folder, name, NULL);
}

static int move(struct scene *scene, const char *name, const char *new_name)
{
    return scene->folder->class->rename(scene->folder, name, new_name, NULL);
}

static void test_changes(void **state)
{
    (void)state;
    struct scene scene;
    struct node *node;
    char target[SNAPSHOT_NAME_LIMIT + 1];

    scene_begin(&scene);

    struct fake_table *table = show(&scene, 20, 1);

    assert_int_equal(try_find(scene.folder, "latest", &node), -ENOENT);
    assert_int_equal(try_take(&scene, "a"), 0);
    assert_string_equal(latest(&scene, target), "a");
    assert_int_equal(try_take(&scene, "a"), -EEXIST);
    assert_int_equal(try_take(&scene, "latest"), -EINVAL);
    assert_int_equal(try_take(&scene, "\x01"), -EINVAL);
    assert_int_equal(try_take(&scene, "b"), 0);
    assert_string_equal(latest(&scene, target), "b");

    /* As long as somebody has the folder, its names mean the same nodes. */
    struct node *folder = find(scene.folder, "a");
    struct node *kept = find_file(scene.folder, "a", "contacts.csv");
    struct node *same = find_file(scene.folder, "a", "contacts.csv");

    assert_ptr_equal(kept, same);
    node_release(same);
    node_release(folder);
    assert_int_equal(move(&scene, "b", "a"), -EEXIST);
    assert_int_equal(move(&scene, "x", "y"), -ENOENT);
    assert_int_equal(move(&scene, "latest", "y"), -EPERM);
    assert_int_equal(move(&scene, "b", "latest"), -EINVAL);
    assert_int_equal(move(&scene, "b", "c"), 0);
    expect_names(scene.folder, "a c latest ");
    assert_string_equal(latest(&scene, target), "c");
    expect_files(&scene, "c", table);
    assert_int_equal(forget(&scene, "latest"), -ENOTDIR);
    assert_int_equal(forget(&scene, "b"), -ENOENT);
    assert_int_equal(forget(&scene, "a"), 0);
    expect_names(scene.folder, "c latest ");
    assert_int_equal(try_find(scene.folder, "a", &node), -ENOENT);

    /* What is open stays readable until it is pruned. */
    struct buffer text = node_text(kept, NOBODY);

    buffer_release(&text);
    node_release(kept);
    fake_table_release(table);
    scene_end(&scene);
}

/* Somebody else's changes show within a second, and not before the log is due. */
static void test_others(void **state)
{
    (void)state;
    struct scene scene;
    struct log_state theirs = {.sequence = 0};
    const struct snapshot *gone;
    struct node *node;

    scene_begin(&scene);
    fake_table_release(show(&scene, 20, 1));
    assert_int_equal(try_take(&scene, "a"), 0);
    expect_names(scene.folder, "a latest ");
    assert_int_equal(log_read(scene.store, &theirs, NULL), 0);
    assert_int_equal(log_rename(scene.store, &theirs, "a", "b", NULL), 0);
    pass_seconds(1);
    expect_names(scene.folder, "b latest ");
    assert_int_equal(try_find(scene.folder, "a", &node), -ENOENT);
    node = find(scene.folder, "b");
    node_release(node);
    gone = log_find(&theirs, "b");
    assert_int_equal(log_forget(scene.store, &theirs, &gone, 1, NULL), 0);
    pass_seconds(1);
    expect_names(scene.folder, "");
    log_state_release(&theirs);
    scene_end(&scene);
}

/* What fails leaves nothing, and the next try works. */
static void test_failures(void **state)
{
    (void)state;
    struct fake_behaviour behaviour = {
        .faulty_table = "contacts", .row_fails = true, .faulty_row = 15, .row_error = -EIO};
    struct scene scene;
    struct node *node;
    uint64_t valid_ns;
    bool cancelled = true;

    scene_begin(&scene);

    struct fake_table *table = show(&scene, 20, 1);

    fake_source_behave(scene.fake, &behaviour);
    assert_int_equal(try_take(&scene, "a"), -EIO);
    behaviour = (struct fake_behaviour){.begin_error = -ENOENT};
    fake_source_behave(scene.fake, &behaviour);
    assert_int_equal(try_take(&scene, "a"), -EIO);
    behaviour = (struct fake_behaviour){.begin_error = 0};
    fake_source_behave(scene.fake, &behaviour);
    assert_int_equal(
        scene.folder->class->make_directory(scene.folder, "a", &cancelled, &node, &valid_ns, NULL),
        -ECANCELED);
    expect_names(scene.folder, "");
    assert_int_equal(try_take(&scene, "a"), 0);
    expect_files(&scene, "a", table);
    snapshots_end(scene.snapshots);
    assert_int_equal(
        scene.folder->class->make_directory(scene.folder, "b", NULL, &node, &valid_ns, NULL),
        -ECANCELED);
    fake_table_release(table);
    scene_end(&scene);
}

static void test_only_looked_at(void **state)
{
    (void)state;
    struct scene scene;
    struct node_attributes attributes;
    uint64_t valid_ns;

    scene_begin(&scene);
    fake_table_release(show(&scene, 20, 1));
    assert_int_equal(try_take(&scene, "a"), 0);
    scene_close(&scene);
    scene_open(&scene, true, false); /* no sources */
    assert_int_equal(try_take(&scene, "b"), -EROFS);
    assert_int_equal(move(&scene, "a", "c"), 0);
    scene_close(&scene);
    scene_open(&scene, false, true); /* read-only */
    assert_int_equal(try_take(&scene, "b"), -EROFS);
    assert_int_equal(move(&scene, "c", "d"), -EROFS);
    assert_int_equal(forget(&scene, "c"), -EROFS);
    assert_int_equal(
        scene.folder->class->attributes(scene.folder, true, &attributes, &valid_ns, NULL), 0);
    assert_false(attributes.writable);
    expect_names(scene.folder, "c latest ");
    scene_end(&scene);
}

/* Two snapshots of one table have one image. */
static void test_shelf(void **state)
{
    (void)state;
    struct scene scene;
    struct log_state log = {.sequence = 0};
    struct image *images[2];

    scene_begin(&scene);
    fake_table_release(show(&scene, 20, 1));
    assert_int_equal(try_take(&scene, "a"), 0);
    assert_int_equal(try_take(&scene, "b"), 0);
    assert_int_equal(log_read(scene.store, &log, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct buffer data = BUFFER(MIB);
        struct stored_tree tree;

        assert_int_equal(object_read(scene.context.reader, &log.snapshots[i].tree, OBJECT_TREE,
                                     true, &data, NULL),
                         0);
        assert_int_equal(stored_tree_decode(data.data, data.size, &tree), 0);
        assert_int_equal(image_shelf_open(scene.context.shelf, &tree.sources[0].tables[0].image,
                                          &images[i], NULL),
                         0);
        stored_tree_release(&tree);
        buffer_release(&data);
    }
    assert_ptr_equal(images[0], images[1]);
    image_release(images[0]);
    image_release(images[1]);
    log_state_release(&log);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),    cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_changes),  cmocka_unit_test(test_others),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_only_looked_at),
        cmocka_unit_test(test_shelf),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
