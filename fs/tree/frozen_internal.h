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
    char *name;     /* the source's */
    uint64_t time_ns;
    struct object_reference tree;
    uint64_t shown_inode;

    pthread_mutex_t lock; /* guards all below, but for what is made for users by the users */
    /* Listings, and files that somebody refers to. While there are any, these are made: */
    size_t users;
    struct stored_source source;
    struct file_set set;
    struct frozen_file *files; /* set.count of them */

    bool described; /* the extra files' lengths are known, from then on for ever */
    uint64_t extra_bytes[EXTRA_FILES];
};

/* One user more: from then on source, set and files may be read without the lock. -EIO, -ENOMEM. */
int frozen_enter(struct frozen *folder, struct failure *failure);

/*
 * The file with a reference, for a user of the folder. The first one is another user, and also
 * holds the folder, until its release; which may come after another first one, and belongs to
 * the one before then.
 */
struct node *frozen_refer_to(struct frozen *folder, size_t index);

/* For a user of the folder: the folder of rows called NAME; -ENOENT: there is none. */
int frozen_records_create(struct frozen *frozen, const char *name, struct node **ret_folder,
                          struct failure *failure);

/* The same: whether the table has a key; -ENOENT: it has not. */
int frozen_table_keyed(struct frozen *frozen, size_t table, struct failure *failure);

/* One user less. */
void frozen_leave(struct frozen *folder);

extern const struct node_class frozen_file_class;

#endif
