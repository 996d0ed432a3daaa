/* SPDX-License-Identifier: MIT */
/* What a tree and the cache of nodes share: its nodes in memory (catalogue_cache.c). */
#ifndef CRMFS_FILES_CATALOGUE_INTERNAL_H
#define CRMFS_FILES_CATALOGUE_INTERNAL_H

#include "fs/files/node_tree.h"

#define LEVELS_USUAL 4 /* that a change may split, and one more for the top */
#define SPARES_MOST 128

/* NULL: no memory. */
struct node *node_take_spare(struct catalogue_cache *cache);
void node_give_spare(struct catalogue_cache *cache, struct node *node);

/* The node stored at REFERENCE, clean. 0, -EIO, -ENOMEM. */
int node_load(struct catalogue_cache *cache, const struct object_reference *reference, bool top,
              struct node **ret_node, struct failure *failure);

/* Takes a clean node out of the cache; whoever refers to it must point to it then. */
void node_make_dirty(struct catalogue_cache *cache, struct node *node);

#endif
