/* SPDX-License-Identifier: MIT */
/* Nodes in memory: read, kept, written. What a tree does with them: node_tree.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/files/catalogue_internal.h"

void catalogue_cache_init(struct catalogue_cache *cache, struct object_reader *reader,
                          size_t clean_most)
{
    *cache = (struct catalogue_cache){
        .reader = reader, .clean_most = clean_most, .bytes = BUFFER(FILE_NODE_LIMIT)};
}

static void drop_clean(struct catalogue_cache *cache, struct node *node)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a clean node is in the hash
    HASH_DEL(cache->clean, node);
    DL_DELETE2(cache->first, node, previous, next);
    cache->clean_count--;
}

void catalogue_cache_release(struct catalogue_cache *cache)
{
    struct node *clean, *next;

    HASH_ITER (hh, cache->clean, clean, next) {
        HASH_DEL(cache->clean, clean);
        free(clean);
    }
    while (cache->spare != NULL) {
        struct node *node = cache->spare;

        cache->spare = node->next;
        free(node);
    }
    buffer_release(&cache->bytes);
}

void catalogue_trim(struct catalogue_cache *cache)
{
    while (cache->clean_count > cache->clean_most && cache->first != NULL) {
        struct node *node = cache->first;

        drop_clean(cache, node);
        node_give_spare(cache, node);
    }
}

struct node *node_take_spare(struct catalogue_cache *cache)
{
    struct node *node = cache->spare;

    if (node == NULL)
        return malloc(sizeof *node);
    cache->spare = node->next;
    cache->spare_count--;
    return node;
}

void node_give_spare(struct catalogue_cache *cache, struct node *node)
{
    if (cache->spare_count >= SPARES_MOST) {
        free(node);
        return;
    }
    node->next = cache->spare;
    cache->spare = node;
    cache->spare_count++;
}

int catalogue_reserve(struct catalogue_cache *cache, unsigned count)
{
    size_t wanted = (size_t)count * LEVELS_USUAL;

    while (cache->spare_count < wanted) {
        struct node *node = malloc(sizeof *node);

        if (node == NULL)
            return -ENOMEM;
        node->next = cache->spare;
        cache->spare = node;
        cache->spare_count++;
    }
    return 0;
}

/* Into the cache. What is there already, or has no room, is let go: it can be read again. */
static void keep_clean(struct catalogue_cache *cache, struct node *node)
{
    struct node *same;

    node->dirty = false;
    node->refused = false;
    HASH_FIND(hh, cache->clean, node->reference.id, OBJECT_ID_BYTES, same);
    if (same == NULL)
        HASH_ADD(hh, cache->clean, reference.id, OBJECT_ID_BYTES, node);
    if (same != NULL || node->refused) {
        node_give_spare(cache, node);
        return;
    }
    DL_APPEND2(cache->first, node, previous, next);
    cache->clean_count++;
}

static int read_node(struct catalogue_cache *cache, const struct object_reference *reference,
                     bool top, struct node **ret_node, struct failure *failure)
{
    struct node *node = node_take_spare(cache);

    if (node == NULL)
        return -ENOMEM;

    int error = object_read(cache->reader, reference, OBJECT_NODE, false, &cache->bytes, failure);

    if (error == 0)
        error = node_decode(cache->bytes.data, cache->bytes.size, top, node);
    if (error != 0) {
        node_give_spare(cache, node);
        return error == -EBADMSG ? failure_set(failure, EIO,
                                               "the store is damaged: a part of "
                                               "files/ cannot be made out")
                                 : error;
    }
    node->reference = *reference;
    node->dirty = false;
    node->refused = false;
    HASH_ADD(hh, cache->clean, reference.id, OBJECT_ID_BYTES, node);
    if (node->refused) {
        node_give_spare(cache, node);
        return -ENOMEM;
    }
    DL_APPEND2(cache->first, node, previous, next);
    cache->clean_count++;
    *ret_node = node;
    return 0;
}

int node_load(struct catalogue_cache *cache, const struct object_reference *reference, bool top,
              struct node **ret_node, struct failure *failure)
{
    struct node *node;

    HASH_FIND(hh, cache->clean, reference->id, OBJECT_ID_BYTES, node);
    if (node == NULL)
        return read_node(cache, reference, top, ret_node, failure);
    DL_DELETE2(cache->first, node, previous, next);
    DL_APPEND2(cache->first, node, previous, next);
    *ret_node = node;
    return 0;
}

void node_make_dirty(struct catalogue_cache *cache, struct node *node)
{
    node->changed = true;
    if (node->dirty)
        return;
    drop_clean(cache, node);
    node->dirty = true;
    cache->dirty_count++;
}

/* ---- Writing ---- */

static int write_node(struct catalogue_cache *cache, struct node *node,
                      struct object_writer *writer, struct failure *failure)
{
    struct object_put put;
    int error = 0;

    for (unsigned i = 0; node->level > 0 && i < node->count && error == 0; i++) {
        struct node *child = node_child_pointer(node, i);

        if (child != NULL)
            error = write_node(cache, child, writer, failure);
    }
    if (error == 0)
        error = node_encode(node, &cache->bytes);
    if (error == 0)
        error = object_put(writer, OBJECT_NODE, cache->bytes.data, cache->bytes.size, NULL, &put,
                           failure);
    if (error == 0) {
        node->written = put.reference;
        node->changed = false;
    }
    return error;
}

int node_tree_write(struct node_tree *tree, struct object_writer *writer,
                    struct object_reference *ret_top, struct failure *failure)
{
    int error = 0;

    if (tree->top != NULL)
        error = write_node(tree->cache, tree->top, writer, failure);
    if (error == 0)
        *ret_top = tree->top != NULL ? tree->top->written : tree->stored;
    return error;
}

/* Of a node that has changed since, those below may still be as they were written. */
static void node_stored(struct catalogue_cache *cache, struct node *node)
{
    for (unsigned i = 0; node->level > 0 && i < node->count; i++) {
        struct node *child = node_child_pointer(node, i);

        if (child == NULL)
            continue;
        if (!child->changed)
            node_set_reference(node, i, &child->written);
        node_stored(cache, child);
    }
    if (node->changed)
        return;
    node->reference = node->written;
    cache->dirty_count--;
    keep_clean(cache, node);
}

void node_tree_stored(struct node_tree *tree)
{
    struct node *top = tree->top;

    if (top == NULL)
        return;
    if (!top->changed) {
        tree->stored = top->written;
        tree->top = NULL;
    }
    node_stored(tree->cache, top);
}

static void drop_dirty(struct catalogue_cache *cache, struct node *node)
{
    for (unsigned i = 0; node->level > 0 && i < node->count; i++) {
        struct node *child = node_child_pointer(node, i);

        if (child != NULL)
            drop_dirty(cache, child);
    }
    cache->dirty_count--;
    node_give_spare(cache, node);
}

int node_tree_open(struct node_tree *tree, struct catalogue_cache *cache,
                   const struct object_reference *top)
{
    *tree = (struct node_tree){.cache = cache};
    if (top != NULL) {
        tree->stored = *top;
        return 0;
    }
    tree->top = node_take_spare(cache);
    if (tree->top == NULL)
        return -ENOMEM;
    node_clear(tree->top, 0);
    tree->top->dirty = true;
    tree->top->changed = true;
    cache->dirty_count++;
    return 0;
}

void node_tree_close(struct node_tree *tree)
{
    if (tree->top != NULL)
        drop_dirty(tree->cache, tree->top);
    tree->top = NULL;
}
