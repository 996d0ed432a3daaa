/* SPDX-License-Identifier: MIT */
/* The inside of a source's folder in a snapshot, shared by frozen.c and frozen_file.c. */
#ifndef CRMFS_TREE_FROZEN_INTERNAL_H
#define CRMFS_TREE_FROZEN_INTERNAL_H

#include <pthread.h>

#include "fs/base/buffer.h"
#include "fs/tree/file_set.h"
#include "fs/tree/frozen.h"

struct frozen_file {
    struct node node; /* references count from 0: they hold one of the folder together */
    struct frozen *folder;
    uint64_t shown_inode;
};

struct frozen {
    struct node node;
    struct frozen_context context;
    uint8_t id[SNAPSHOT_ID_BYTES];
    char *snapshot; /* its name */
    struct stored_source source;
    uint64_t shown_inode;

    pthread_mutex_t lock; /* guards all below; what is made stays as it is */
    bool listed;          /* set and files are made */
    struct file_set set;
    struct frozen_file *files; /* set.count of them */
    bool described;            /* texts are made */
    struct buffer texts[EXTRA_FILES];
};

extern const struct node_class frozen_file_class;

#endif
