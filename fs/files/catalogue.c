/* SPDX-License-Identifier: MIT */
#include "fs/files/catalogue.h"

#include <errno.h>

/* Before it is looked how many nodes are dirty: each call gets that far. */
#define MERGED_LEAST 64

static bool has_recent(const struct catalogue *catalogue)
{
    return catalogue->recent.cache != NULL;
}

int catalogue_open(struct catalogue *catalogue, struct catalogue_cache *cache,
                   const struct object_reference *top)
{
    *catalogue = (struct catalogue){.cache = cache};
    return node_tree_open(&catalogue->tree, cache, top);
}

static void close_recent(struct catalogue *catalogue)
{
    if (has_recent(catalogue))
        node_tree_close(&catalogue->recent);
    catalogue->recent.cache = NULL;
}

void catalogue_close(struct catalogue *catalogue)
{
    close_recent(catalogue);
    node_tree_close(&catalogue->tree);
}

uint64_t catalogue_recent_items(const struct catalogue *catalogue)
{
    return has_recent(catalogue) ? (uint64_t)catalogue->recent.grown : 0;
}

size_t catalogue_leaves_most(struct catalogue *catalogue)
{
    return node_tree_leaves_most(&catalogue->tree);
}

/* ---- Looking ---- */

int catalogue_get(struct catalogue *catalogue, const struct file_key *key,
                  struct file_item *ret_item, struct failure *failure)
{
    int error =
        has_recent(catalogue) ? node_tree_get(&catalogue->recent, key, ret_item, failure) : -ENOENT;

    return error == -ENOENT ? node_tree_get(&catalogue->tree, key, ret_item, failure) : error;
}

typedef int find_near(struct node_tree *tree, const struct file_key *key,
                      struct file_item *ret_item, struct failure *failure);

/* What FIND finds in both: of the two the one before the other, or, with LAST, after it. */
static int get_near(struct catalogue *catalogue, find_near *find, bool last,
                    const struct file_key *key, struct file_item *ret_item, struct failure *failure)
{
    struct file_item stored;
    struct file_item recent;
    int error = find(&catalogue->tree, key, &stored, failure);
    int recent_error = -ENOENT;

    if (has_recent(catalogue) && (error == 0 || error == -ENOENT))
        recent_error = find(&catalogue->recent, key, &recent, failure);
    if (recent_error == -ENOENT) {
        if (error == 0)
            *ret_item = stored;
        return error;
    }
    if (recent_error != 0)
        return recent_error;
    if (error == 0) {
        int order = file_key_compare(&stored.key, &recent.key);

        *ret_item = (last ? order > 0 : order < 0) ? stored : recent;
    } else {
        *ret_item = recent;
    }
    return 0;
}

int catalogue_next(struct catalogue *catalogue, const struct file_key *key,
                   struct file_item *ret_item, struct failure *failure)
{
    return get_near(catalogue, node_tree_next, false, key, ret_item, failure);
}

int catalogue_before(struct catalogue *catalogue, const struct file_key *key,
                     struct file_item *ret_item, struct failure *failure)
{
    return get_near(catalogue, node_tree_before, true, key, ret_item, failure);
}

/* ---- Changing ---- */

int catalogue_put(struct catalogue *catalogue, const struct file_key *key, const void *value,
                  size_t size, struct failure *failure)
{
    int error = 0;

    if (!has_recent(catalogue))
        error = node_tree_open(&catalogue->recent, catalogue->cache, NULL);
    if (error != 0) {
        catalogue->recent.cache = NULL;
        return error;
    }
    return node_tree_put(&catalogue->recent, key, value, size, failure);
}

int catalogue_remove(struct catalogue *catalogue, const struct file_key *key,
                     struct failure *failure)
{
    struct file_item item;
    int error = node_tree_get(&catalogue->tree, key, &item, failure);
    bool is_stored = error == 0;

    if (error != 0 && error != -ENOENT)
        return error;
    if (is_stored)
        error = node_tree_remove(&catalogue->tree, key, failure);
    if (is_stored && error != 0)
        return error;
    if (!has_recent(catalogue) || node_tree_get(&catalogue->recent, key, &item, failure) != 0)
        return is_stored ? 0 : -ENOENT;
    return node_tree_remove(&catalogue->recent, key, failure);
}

/* ---- From memory to the store ---- */

/* The first item that is recent. 0, -ENOENT: there is none; what reading the tree says. */
static int merge_first(struct catalogue *catalogue, struct failure *failure)
{
    const struct file_key lowest = {.inode = 0};
    struct file_item item;
    struct file_item before;
    int error = node_tree_next(&catalogue->recent, &lowest, &item, failure);

    if (error == 0)
        error = catalogue_reserve(catalogue->cache, 2);
    if (error != 0)
        return error;
    /* Into memory, so that the put does not fail half-way. */
    error = node_tree_get(&catalogue->tree, &item.key, &before, failure);
    if (error != 0 && error != -ENOENT)
        return error;
    error = node_tree_put(&catalogue->tree, &item.key, item.value, item.size, failure);
    return error == 0 ? node_tree_remove(&catalogue->recent, &item.key, failure) : error;
}

int catalogue_merge(struct catalogue *catalogue, size_t dirty_most, struct failure *failure)
{
    int error = 0;

    if (!has_recent(catalogue))
        return 0;
    for (unsigned i = 1; error == 0; i++) {
        error = merge_first(catalogue, failure);
        if (error == 0 && i % MERGED_LEAST == 0 && catalogue->cache->dirty_count > dirty_most)
            return 1;
    }
    if (error != -ENOENT)
        return error;
    close_recent(catalogue);
    return 0;
}

int catalogue_write(struct catalogue *catalogue, struct object_writer *writer,
                    struct object_reference *ret_top, struct failure *failure)
{
    return node_tree_write(&catalogue->tree, writer, ret_top, failure);
}

void catalogue_stored(struct catalogue *catalogue)
{
    node_tree_stored(&catalogue->tree);
}
