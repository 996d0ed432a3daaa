/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/mount/inode_table.h"

#define THREADS 8
#define NODES 200
#define ROUNDS 20000

static unsigned living; /* atomic */

static void release(struct node *node)
{
    free(node->path);
    free(node);
    __atomic_sub_fetch(&living, 1, __ATOMIC_RELAXED);
}

static const struct node_class class = {.release = release};
static const struct node_class forgettable_class = {.release = release, .forgettable = true};

static struct node *new_node(void)
{
    struct node *node = calloc(1, sizeof *node);

    assert_non_null(node);
    assert_int_equal(node_init(node, &class, "x"), 0);
    __atomic_add_fetch(&living, 1, __ATOMIC_RELAXED);
    return node;
}

/* Known to the table, and to nobody else. */
static uint64_t add_file(struct inode_table *table, const char *path)
{
    struct node *node = new_node();
    uint64_t inode = node->inode;

    node->class = &forgettable_class;
    free(node->path);
    node->path = strdup(path);
    assert_int_equal(inode_table_add(table, node, 7), 0);
    node_release(node);
    return inode;
}

/* Whether the table knows INODE. */
static bool known(struct inode_table *table, uint64_t inode)
{
    struct node *node = inode_table_find(table, inode, NULL);
    bool found = node != NULL;

    node_release(node);
    return found;
}

static void test_lookups_are_counted(void **state)
{
    (void)state;
    struct node *root = new_node();
    struct node *node = new_node();
    uint64_t inode = node->inode;
    struct inode_table *table = inode_table_create(root);

    assert_false(known(table, inode));
    assert_int_equal(inode_table_add(table, node, root->inode), 0);
    assert_int_equal(inode_table_add(table, node, root->inode), 0);
    assert_int_equal(inode_table_add(table, node, root->inode), 0);
    node_release(node); /* the table's reference keeps it */
    assert_int_equal(inode_table_count(table), 2);

    inode_table_forget(table, inode, 2);
    assert_true(known(table, inode));
    inode_table_forget(table, inode, 1);
    assert_false(known(table, inode));
    assert_int_equal(inode_table_count(table), 1);
    assert_int_equal(living, 1);

    inode_table_free(table);
    node_release(root);
    assert_int_equal(living, 0);
}

static void test_too_much_is_forgotten(void **state)
{
    (void)state;
    struct node *root = new_node();
    struct node *node = new_node();
    struct inode_table *table = inode_table_create(root);

    inode_table_forget(table, 12345678, 1);
    inode_table_add(table, node, root->inode);
    inode_table_forget(table, node->inode, UINT64_MAX);
    assert_false(known(table, node->inode));
    node_release(node);
    assert_int_equal(living, 1);

    inode_table_free(table);
    node_release(root);
}

static void test_root_stays(void **state)
{
    (void)state;
    struct node *root = new_node();
    struct inode_table *table = inode_table_create(root);
    uint64_t parent = 0;

    inode_table_forget(table, root->inode, 10);
    inode_table_add(table, root, root->inode);
    inode_table_forget(table, root->inode, 10);

    struct node *found = inode_table_find(table, root->inode, &parent);

    assert_ptr_equal(found, root);
    assert_int_equal(parent, root->inode);
    assert_int_equal(inode_table_count(table), 1);
    node_release(found);
    inode_table_free(table);
    node_release(root);
    assert_int_equal(living, 0);
}

static void test_parent_and_reference(void **state)
{
    (void)state;
    struct node *root = new_node();
    struct node *folder = new_node();
    struct node *file = new_node();
    struct inode_table *table = inode_table_create(root);
    uint64_t parent = 0;

    inode_table_add(table, folder, root->inode);
    inode_table_add(table, file, folder->inode);

    struct node *found = inode_table_find(table, file->inode, &parent);

    assert_ptr_equal(found, file);
    assert_int_equal(parent, folder->inode);
    node_release(folder);
    node_release(file);
    inode_table_free(table);
    assert_int_equal(living, 2); /* the root, and what was found */
    node_release(found);
    node_release(root);
    assert_int_equal(living, 0);
}

/* Those that nobody asked for come once, in turn; the others get another chance. */
static void test_idle(void **state)
{
    (void)state;
    struct node *root = new_node();
    struct inode_table *table = inode_table_create(root);
    struct node *folder = new_node();
    struct idle_inode idle[8];
    uint64_t files[4];

    assert_int_equal(inode_table_idle(table, idle, 8), 0);
    assert_int_equal(inode_table_add(table, folder, 1), 0);
    for (int i = 0; i < 4; i++) {
        const char *const paths[] = {"a/one", "a/two", "a/three", "four"};

        files[i] = add_file(table, paths[i]);
    }
    /* A chance each, for having been added; then all of them, but not the folder. */
    assert_int_equal(inode_table_idle(table, idle, 2), 2);
    assert_int_equal(idle[0].parent, 7);
    for (int i = 0; i < 4; i++)
        assert_true(known(table, files[i]));
    /* Two are asked for already, whatever they are; both others were asked after just now. */
    assert_int_equal(inode_table_idle(table, idle + 2, 6), 2);
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(idle[i].name, idle[j].name);
    }
    assert_int_equal(inode_table_idle(table, idle, 8), 0);
    for (int i = 0; i < 3; i++)
        inode_table_forget(table, files[i], 1);
    assert_int_equal(inode_table_count(table), 3);
    /* The kernel kept one, and was told of it again. */
    struct node *kept = inode_table_find(table, files[3], NULL);

    assert_int_equal(inode_table_add(table, kept, 7), 0);
    node_release(kept);
    assert_int_equal(inode_table_idle(table, idle, 8), 1);
    assert_string_equal(idle[0].name, "four");
    node_release(folder);
    inode_table_free(table);
    node_release(root);
    assert_int_equal(living, 0);
}

struct storm {
    struct inode_table *table;
    struct node **nodes;
    unsigned seed;
};

/* Looks nodes up and forgets as many: each thread what it looked up itself. */
static void *rage(void *context)
{
    struct storm *storm = context;

    for (int i = 0; i < ROUNDS; i++) {
        struct node *node = storm->nodes[rand_r(&storm->seed) % NODES];
        uint64_t count = 1 + (uint64_t)(rand_r(&storm->seed) % 3);

        for (uint64_t j = 0; j < count; j++) {
            if (inode_table_add(storm->table, node, 1) != 0)
                abort();
        }
        if (!known(storm->table, node->inode))
            abort();
        inode_table_forget(storm->table, node->inode, count);
    }
    return NULL;
}

static void test_storm(void **state)
{
    (void)state;
    struct node *root = new_node();
    struct inode_table *table = inode_table_create(root);
    struct node *nodes[NODES];
    struct storm storms[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < NODES; i++)
        nodes[i] = new_node();
    for (unsigned i = 0; i < THREADS; i++) {
        storms[i] = (struct storm){.table = table, .nodes = nodes, .seed = i};
        assert_int_equal(pthread_create(&threads[i], NULL, rage, &storms[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(inode_table_count(table), 1);
    for (int i = 0; i < NODES; i++)
        node_release(nodes[i]);
    assert_int_equal(living, 1);
    inode_table_free(table);
    node_release(root);
    assert_int_equal(living, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookups_are_counted),
        cmocka_unit_test(test_too_much_is_forgotten),
        cmocka_unit_test(test_root_stays),
        cmocka_unit_test(test_parent_and_reference),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_storm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
