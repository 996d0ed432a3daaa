/* SPDX-License-Identifier: MIT */
/*
 * A tree of items, as it is stored (FORMAT.md, "Files"). One that was stored never changes;
 * changing it makes nodes in memory, from the changed leaf up to the top, which then refer to all
 * that stayed.
 *
 * Invariants:
 *  1. A node is clean (stored, in the cache by its id, to be dropped at any time) or dirty (in
 *     memory only, and its parent's value is a pointer to it, or it is the top of a tree). What
 *     is above a dirty node is dirty.
 *  2. catalogue_reserve() gives what the changes of one operation can need, so that they do not
 *     fail half-way: nodes that were looked at by the same operation are in memory.
 *  3. A node is clean only once the pack that it was written to is known to stand: until
 *     node_tree_stored() a failure costs nothing but the attempt.
 *  4. Between node_tree_write() and node_tree_stored() the tree may be changed: then a node has
 *     changed, and all above it; these stay dirty.
 *
 * One owner, no locks: fs/files/files.c has the lock.
 */
#ifndef CRMFS_FILES_NODE_TREE_H
#define CRMFS_FILES_NODE_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"
#include "fs/files/node.h"

/* Nodes of all trees of one store. */
struct catalogue_cache {
    struct object_reader *reader; /* borrowed */
    struct node *clean;           /* by id */
    struct node *first;           /* the same, the longest unused first */
    size_t clean_count;
    size_t clean_most; /* after catalogue_trim() */
    size_t dirty_count;
    struct node *spare;
    size_t spare_count;
    struct buffer bytes;
};

void catalogue_cache_init(struct catalogue_cache *cache, struct object_reader *reader,
                          size_t clean_most);
void catalogue_cache_release(struct catalogue_cache *cache);

/* Room for COUNT changes. 0 or -ENOMEM. */
int catalogue_reserve(struct catalogue_cache *cache, unsigned count);

/* Takes the nodes that were not used for the longest time out of memory. */
void catalogue_trim(struct catalogue_cache *cache);

#define CATALOGUE_VALUE_LIMIT ((size_t)4400)

struct node_tree {
    struct catalogue_cache *cache;
    struct object_reference stored; /* the top, when it is not in memory */
    struct node *top;               /* dirty; NULL: it is as stored */
    int64_t grown;                  /* by so many items since it was opened */
};

/* The tree whose top is stored at TOP; NULL: an empty one. 0 or -ENOMEM. */
int node_tree_open(struct node_tree *tree, struct catalogue_cache *cache,
                   const struct object_reference *top);

/* Drops what is not stored. */
void node_tree_close(struct node_tree *tree);

/* At most how many leaves it has, as far as its top tells that. */
size_t node_tree_leaves_most(struct node_tree *tree);

/* As those of the catalogue: catalogue.h. */
int node_tree_get(struct node_tree *tree, const struct file_key *key, struct file_item *ret_item,
                  struct failure *failure);
int node_tree_next(struct node_tree *tree, const struct file_key *key, struct file_item *ret_item,
                   struct failure *failure);
int node_tree_before(struct node_tree *tree, const struct file_key *key, struct file_item *ret_item,
                     struct failure *failure);
int node_tree_put(struct node_tree *tree, const struct file_key *key, const void *value,
                  size_t size, struct failure *failure);
int node_tree_remove(struct node_tree *tree, const struct file_key *key, struct failure *failure);
int node_tree_write(struct node_tree *tree, struct object_writer *writer,
                    struct object_reference *ret_top, struct failure *failure);
void node_tree_stored(struct node_tree *tree);

#endif
