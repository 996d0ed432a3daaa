/* SPDX-License-Identifier: MIT */
/* The inside of the tree: how it is put together (tree.c), and what it says of itself (tree_own.c).
 */
#ifndef CRMFS_TREE_TREE_INTERNAL_H
#define CRMFS_TREE_TREE_INTERNAL_H

#include <pthread.h>

#include "fs/table/cutter.h"
#include "fs/tree/error_log.h"
#include "fs/tree/keeper.h"
#include "fs/tree/snapshots.h"
#include "fs/tree/source_folders.h"
#include "fs/tree/tree.h"

struct tree {
    struct tree_options options;
    struct generation_context context;
    uint8_t cut_key[CUTTER_KEY_BYTES];
    bool cancelled; /* atomic */
    struct spool *spool;
    struct image_cache *kept; /* with a store */
    struct keeper *keeper;
    struct render_cache *cache;
    struct records *records;
    struct error_log *errors;
    struct node *root;
    struct source_folders *folders; /* NULL: there are no sources, but a store */
    struct frozen_context frozen;   /* with a store; its members are the tree's own */
    struct snapshots *snapshots;    /* NULL: there is no store */
    struct files *files;            /* the same */

    pthread_t tender;
    bool tended;          /* the thread runs */
    pthread_mutex_t lock; /* guards ending */
    pthread_cond_t changed;
    bool ending;
};

/* Puts .crmfs/ into the root. 0 or -ENOMEM. */
int tree_add_own(struct tree *tree);

#endif
