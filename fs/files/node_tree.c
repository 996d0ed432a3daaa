/* SPDX-License-Identifier: MIT */
#include "fs/files/node_tree.h"

#include <errno.h>
#include <string.h>

#include "fs/files/catalogue_internal.h"

/* A node emptier than that is put together with a neighbour, if both then leave room. */
#define SPARSE_BYTES (FILE_NODE_LIMIT / 4)
#define MERGED_MOST (FILE_NODE_LIMIT / 4 * 3)

static int load_top(struct node_tree *tree, struct node **ret_node, struct failure *failure)
{
    if (tree->top == NULL)
        return node_load(tree->cache, &tree->stored, true, ret_node, failure);
    *ret_node = tree->top;
    return 0;
}

static int load_child(struct node_tree *tree, const struct node *node, unsigned place,
                      struct node **ret_child, struct failure *failure)
{
    struct node *child = node_child_pointer(node, place);

    if (child == NULL) {
        struct file_item item = node_item(node, place);
        struct object_reference reference = object_reference_decode(item.value);
        int error = node_load(tree->cache, &reference, false, &child, failure);

        if (error != 0)
            return error;
    }
    *ret_child = child;
    return child->level + 1 == node->level
               ? 0
               : failure_set(failure, EIO, "the store is damaged: the parts of files/ do not fit");
}

size_t node_tree_leaves_most(struct node_tree *tree)
{
    const size_t children_most = FILE_NODE_LIMIT / (FILE_ITEM_HEAD_BYTES + OBJECT_REFERENCE_BYTES);
    struct node *top;
    size_t most;

    if (load_top(tree, &top, NULL) != 0 || top->level > 2)
        return SIZE_MAX;
    most = top->level > 0 ? top->count : 1;
    return top->level == 2 ? most * children_most : most;
}

/* ---- Looking ---- */

int node_tree_get(struct node_tree *tree, const struct file_key *key, struct file_item *ret_item,
                  struct failure *failure)
{
    struct node *node;
    bool exact;
    int error = load_top(tree, &node, failure);

    while (error == 0 && node->level > 0)
        error = load_child(tree, node, node_child(node, key), &node, failure);
    if (error != 0)
        return error;

    unsigned place = node_find(node, key, &exact);

    if (!exact)
        return -ENOENT;
    *ret_item = node_item(node, place);
    return 0;
}

static int next_in(struct node_tree *tree, struct node *node, const struct file_key *key,
                   struct file_item *ret_item, struct failure *failure)
{
    int error = -ENOENT;
    bool exact;

    if (node->level == 0) {
        unsigned place = node_find(node, key, &exact);

        if (place == node->count)
            return -ENOENT;
        *ret_item = node_item(node, place);
        return 0;
    }
    for (unsigned i = node_child(node, key); i < node->count && error == -ENOENT; i++) {
        struct node *child = NULL;

        error = load_child(tree, node, i, &child, failure);
        if (error == 0)
            error = next_in(tree, child, key, ret_item, failure);
    }
    return error;
}

int node_tree_next(struct node_tree *tree, const struct file_key *key, struct file_item *ret_item,
                   struct failure *failure)
{
    struct node *top;
    int error = load_top(tree, &top, failure);

    return error == 0 ? next_in(tree, top, key, ret_item, failure) : error;
}

static int before_in(struct node_tree *tree, struct node *node, const struct file_key *key,
                     struct file_item *ret_item, struct failure *failure)
{
    int error = -ENOENT;
    bool exact;

    if (node->level == 0) {
        unsigned place = node_find(node, key, &exact);

        if (!exact && place == 0)
            return -ENOENT;
        *ret_item = node_item(node, exact ? place : place - 1);
        return 0;
    }
    for (unsigned i = node_child(node, key) + 1; i > 0 && error == -ENOENT; i--) {
        struct node *child = NULL;

        error = load_child(tree, node, i - 1, &child, failure);
        if (error == 0)
            error = before_in(tree, child, key, ret_item, failure);
    }
    return error;
}

int node_tree_before(struct node_tree *tree, const struct file_key *key, struct file_item *ret_item,
                     struct failure *failure)
{
    struct node *top;
    int error = load_top(tree, &top, failure);

    return error == 0 ? before_in(tree, top, key, ret_item, failure) : error;
}

/* ---- Changing ---- */

static int own_top(struct node_tree *tree, struct failure *failure)
{
    struct node *top;
    int error = load_top(tree, &top, failure);

    if (error != 0)
        return error;
    node_make_dirty(tree->cache, top);
    tree->top = top;
    return 0;
}

/* The child, dirty. */
static int own_child(struct node_tree *tree, struct node *node, unsigned place,
                     struct node **ret_child, struct failure *failure)
{
    int error = load_child(tree, node, place, ret_child, failure);

    if (error != 0)
        return error;

    bool was_dirty = (*ret_child)->dirty;

    node_make_dirty(tree->cache, *ret_child);
    if (!was_dirty)
        node_set_child(node, place, *ret_child);
    return 0;
}

static struct node *new_node(struct node_tree *tree, unsigned level)
{
    struct node *node = node_take_spare(tree->cache);

    if (node == NULL)
        return NULL;
    node_clear(node, level);
    node->dirty = true;
    node->changed = true;
    tree->cache->dirty_count++;
    return node;
}

static void free_node(struct node_tree *tree, struct node *node)
{
    tree->cache->dirty_count--;
    node_give_spare(tree->cache, node);
}

/*
 * Where a node is split that has no room for SIZE bytes more at PLACE: where the second half of the
 * bytes begins, neither half being empty. A large value there counts for the first half; if what
 * goes before it then has no room in it, it counts for the second.
 */
static unsigned split_place(const struct node *node, unsigned place, size_t size)
{
    size_t bytes = FILE_NODE_HEAD_BYTES;
    unsigned middle = 0;

    while (middle + 1U < node->count && bytes < node->bytes / 2U) {
        bytes += FILE_ITEM_HEAD_BYTES + node->slots[middle].size;
        middle++;
    }
    if (place < middle && bytes + FILE_ITEM_HEAD_BYTES + size > FILE_NODE_LIMIT)
        middle--;
    return middle > 0 ? middle : 1;
}

/*
 * Inserts an item, which is not there, into NODE; *RET_RIGHT is the node that then follows it, or
 * NULL. What is put in rising order leaves full nodes behind.
 */
static int insert_or_split(struct node_tree *tree, struct node *node, unsigned place,
                           const struct file_item *item, struct node **ret_right)
{
    *ret_right = NULL;
    if (node_has_room(node, item->size)) {
        node_insert(node, place, &item->key, item->value, item->size);
        return 0;
    }

    struct node *right = new_node(tree, node->level);

    if (right == NULL)
        return -ENOMEM;
    if (place < node->count) {
        unsigned middle = split_place(node, place, item->size);

        node_move_tail(node, middle, right);
        if (place <= middle && node_has_room(node, item->size)) {
            node_insert(node, place, &item->key, item->value, item->size);
            *ret_right = right;
            return 0;
        }
        place = place > middle ? place - middle : 0;
    } else {
        place = 0;
    }
    node_insert(right, place, &item->key, item->value, item->size);
    *ret_right = right;
    return 0;
}

/* NODE is dirty. */
static int put_in(struct node_tree *tree, struct node *node, const struct file_item *item,
                  struct node **ret_right, struct failure *failure)
{
    uint8_t pointer[OBJECT_REFERENCE_BYTES];
    struct node *child = NULL;
    struct node *right = NULL;
    bool exact;

    *ret_right = NULL;
    if (node->level == 0) {
        unsigned place = node_find(node, &item->key, &exact);

        if (exact && node->slots[place].size == item->size) {
            memcpy(node->page + node->slots[place].at, item->value, item->size);
            return 0;
        }
        if (exact)
            node_remove(node, place);

        int error = insert_or_split(tree, node, place, item, ret_right);

        tree->grown += (error == 0) - exact;
        return error;
    }

    unsigned place = node_child(node, &item->key);
    int error = own_child(tree, node, place, &child, failure);

    /* The first child's key stays the lowest below it: a part of it may get a key of its own. */
    if (error == 0 && place == 0)
        node_lower_key(node, &item->key);
    if (error == 0)
        error = put_in(tree, child, item, &right, failure);
    if (error != 0 || right == NULL)
        return error;
    node_pointer_value(right, pointer);

    const struct file_item below = {
        .key = node_key(right, 0), .value = pointer, .size = sizeof pointer};

    return insert_or_split(tree, node, place + 1, &below, ret_right);
}

static void add_child(struct node *node, const struct node *child)
{
    uint8_t pointer[OBJECT_REFERENCE_BYTES];
    struct file_key key = node_key(child, 0);

    node_pointer_value(child, pointer);
    node_insert(node, node->count, &key, pointer, sizeof pointer);
}

int node_tree_put(struct node_tree *tree, const struct file_key *key, const void *value,
                  size_t size, struct failure *failure)
{
    const struct file_item item = {.key = *key, .value = value, .size = size};
    struct node *right;
    int error = size <= CATALOGUE_VALUE_LIMIT ? own_top(tree, failure) : -EFBIG;

    if (error == 0)
        error = put_in(tree, tree->top, &item, &right, failure);
    if (error != 0 || right == NULL)
        return error;

    struct node *above = new_node(tree, tree->top->level + 1U);

    if (above == NULL)
        return -ENOMEM;
    add_child(above, tree->top);
    add_child(above, right);
    tree->top = above;
    return 0;
}

/* Puts two neighbours together when both are in memory. No error: it only saves room. */
static bool merge(struct node_tree *tree, struct node *node, unsigned left)
{
    struct node *first = node_child_pointer(node, left);
    struct node *second = node_child_pointer(node, left + 1);

    if (first == NULL || second == NULL || (size_t)first->bytes + second->bytes > MERGED_MOST)
        return false;
    first->changed = true;
    node_move_tail(second, 0, first);
    node_remove(node, left + 1);
    free_node(tree, second);
    return true;
}

static int remove_in(struct node_tree *tree, struct node *node, const struct file_key *key,
                     struct failure *failure)
{
    struct node *child = NULL;
    bool exact;

    if (node->level == 0) {
        unsigned place = node_find(node, key, &exact);

        if (exact)
            node_remove(node, place);
        tree->grown -= exact;
        return exact ? 0 : -ENOENT;
    }

    unsigned place = node_child(node, key);
    int error = own_child(tree, node, place, &child, failure);

    if (error == 0)
        error = remove_in(tree, child, key, failure);
    if (error != 0)
        return error;
    if (child->count == 0) {
        node_remove(node, place);
        free_node(tree, child);
    } else if (child->bytes < SPARSE_BYTES) {
        if (place + 1U >= node->count || !merge(tree, node, place)) {
            if (place > 0)
                merge(tree, node, place - 1);
        }
    }
    return 0;
}

/* A top with one child is none; one without any is an empty leaf. */
static void lower_top(struct node_tree *tree)
{
    struct node *top = tree->top;

    while (top != NULL && top->level > 0 && top->count == 1) {
        struct file_item item = node_item(top, 0);
        struct node *child = node_child_pointer(top, 0);

        if (child == NULL)
            tree->stored = object_reference_decode(item.value);
        tree->top = child;
        free_node(tree, top);
        top = child;
    }
    if (top != NULL && top->count == 0)
        node_clear(top, 0);
}

int node_tree_remove(struct node_tree *tree, const struct file_key *key, struct failure *failure)
{
    int error = own_top(tree, failure);

    if (error == 0)
        error = remove_in(tree, tree->top, key, failure);
    if (error == 0)
        lower_top(tree);
    return error;
}
