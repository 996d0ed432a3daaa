/* SPDX-License-Identifier: MIT */
/* What trees say of tables that were left out of their sources. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fs/store/tables.h"

#define TREE_SIZE 1024

/* A tree of one source without tables, with MEMBERS between its kind and its time. */
static const char *tree_with(const char *members, char text[TREE_SIZE])
{
    snprintf(text, TREE_SIZE,
             "{\"sources\":[{\"name\":\"a\",\"kind\":\"sqlite\",%s\"time\":1,\"tables\":[]}]}",
             members);
    return text;
}

static int decode(const char *members, struct stored_tree *ret_tree)
{
    char text[TREE_SIZE];

    tree_with(members, text);
    return stored_tree_decode(text, strlen(text), ret_tree);
}

static void assert_names(const struct stored_names *names, const char *wanted)
{
    char text[TREE_SIZE] = "";
    size_t used = 0;

    for (size_t i = 0; i < names->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s ", names->names[i]);
    assert_string_equal(text, wanted);
}

static void test_what_is_said(void **context)
{
    static const char both[] = "\"partial\":true,\"only\":[\"e\",\"t\"],\"lacking\":[\"t\"],";
    struct stored_tree tree;
    size_t place = 0;

    (void)context;
    assert_int_equal(decode(both, &tree), 0);
    assert_true(tree.sources[0].partial && tree.sources[0].has_only);
    assert_names(&tree.sources[0].only, "e t ");
    assert_names(&tree.sources[0].without, "");
    assert_string_equal(stored_source_next_lacking(&tree.sources[0], &place), "t");
    assert_null(stored_source_next_lacking(&tree.sources[0], &place));
    assert_true(stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);

    assert_int_equal(decode("\"partial\":true,\"without\":[\"log\"],", &tree), 0);
    assert_names(&tree.sources[0].without, "log ");
    assert_true(!tree.sources[0].has_only && stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);

    assert_int_equal(decode("\"partial\":true,\"lacking\":[\"t\"],", &tree), 0);
    assert_false(stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);

    assert_int_equal(decode("\"partial\":true,\"only\":[],", &tree), 0);
    assert_true(tree.sources[0].has_only && stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);

    assert_int_equal(decode("\"partial\":true,\"lacking\":[\"t\"],\"unseen\":true,", &tree), 0);
    assert_true(tree.sources[0].unseen && stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);

    assert_int_equal(decode("", &tree), 0);
    assert_false(stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);
}

static void test_written(void **context)
{
    static char name[] = "a";
    static char kind[] = "sqlite";
    struct stored_source source = {
        .name = name, .kind = kind, .partial = true, .has_only = true, .time_ns = 1};
    const struct stored_tree tree = {.source_count = 1, .sources = &source};
    cleanup_buffer struct buffer bytes = BUFFER(1 << 20);
    char text[TREE_SIZE];

    (void)context;
    assert_int_equal(stored_names_add(&source.only, "t"), 0);
    assert_int_equal(stored_names_add(&source.only, "e"), 0);
    assert_int_equal(stored_names_add(&source.only, "t"), 0);
    assert_int_equal(stored_names_add(&source.lacking, "t"), 0);
    assert_int_equal(stored_tree_encode(&tree, &bytes), 0);
    tree_with("\"partial\":true,\"only\":[\"e\",\"t\"],\"lacking\":[\"t\"],", text);
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
    source.partial = false;
    assert_int_equal(stored_tree_encode(&tree, &bytes), 0);
    assert_int_equal(bytes.size, strlen(tree_with("", text)));
    source.name = source.kind = NULL;
    stored_source_release(&source);
}

/* As trees were before: it is a view of which there is the statement only, or nobody knows what. */
static void test_what_was_not_said(void **context)
{
    static const char unsaid[] =
        "{\"sources\":[{\"name\":\"a\",\"kind\":\"sqlite\",\"partial\":true,\"time\":1,\"tables\":["
        "{\"name\":\"b\",\"image\":"
        "\"0101010101010101010101010101010101010101010101010101010101010101"
        "01776655443322110100000065000000\",\"rows\":3,\"csv\":100,\"ndjson\":200},"
        "{\"name\":\"view\",\"image\":"
        "\"0202020202020202020202020202020202020202020202020202020202020202"
        "02776655443322110200000066000000\",\"rows\":0,\"csv\":1,\"ndjson\":0}]}]}";
    struct stored_tree tree;
    size_t place = 0;

    (void)context;
    assert_int_equal(stored_tree_decode(unsaid, sizeof unsaid - 1, &tree), 0);
    assert_string_equal(stored_source_next_lacking(&tree.sources[0], &place), "view");
    assert_null(stored_source_next_lacking(&tree.sources[0], &place));
    assert_false(stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);

    place = 0;
    assert_int_equal(decode("\"partial\":true,", &tree), 0);
    assert_null(stored_source_next_lacking(&tree.sources[0], &place));
    assert_true(stored_source_lacks_more(&tree.sources[0]));
    stored_tree_release(&tree);
}

static void test_strict(void **context)
{
    static const char *const wrong[] = {
        "\"partial\":true,\"only\":[\"t\",\"e\"],",
        "\"partial\":true,\"only\":[\"e\",\"e\"],",
        "\"partial\":true,\"only\":\"e\",",
        "\"partial\":true,\"only\":null,",
        "\"partial\":true,\"lacking\":[1],",
        "\"partial\":true,\"lacking\":[],",
        "\"partial\":true,\"without\":[],",
        "\"partial\":true,\"only\":[\"e\"],\"without\":[\"t\"],",
        "\"partial\":true,\"lacking\":[\"e\"],\"without\":[\"t\"],",
        "\"partial\":false,\"without\":[\"t\"],",
        "\"without\":[\"t\"],\"partial\":true,",
        "\"without\":[\"t\"],",
        "\"only\":[],",
        "\"unseen\":true,",
        "\"partial\":true,\"unseen\":false,",
        "\"partial\":true,\"unseen\":true,\"lacking\":[\"t\"],",
    };

    (void)context;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct stored_tree tree;

        if (decode(wrong[i], &tree) != -EBADMSG)
            fail_msg("%s", wrong[i]);
    }
}

static void test_files(void **context)
{
    static const char text[] = "{\"lacksFiles\":true,\"sources\":[]}";
    static const char *const wrong[] = {
        "{\"lacksFiles\":false,\"sources\":[]}",
        "{\"sources\":[],\"lacksFiles\":true}",
        "{\"lacksFiles\":true}",
    };
    cleanup_buffer struct buffer bytes = BUFFER(TREE_SIZE);
    struct stored_tree tree = {.lacks_files = true};

    (void)context;
    assert_true(stored_tree_is_partial(&tree));
    assert_int_equal(stored_tree_encode(&tree, &bytes), 0);
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, strlen(text));
    tree.lacks_files = false;
    assert_int_equal(stored_tree_decode(text, strlen(text), &tree), 0);
    assert_true(tree.lacks_files);
    stored_tree_release(&tree);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(stored_tree_decode(wrong[i], strlen(wrong[i]), &tree), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_what_was_not_said),
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
