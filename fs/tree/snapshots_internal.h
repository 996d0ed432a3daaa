/* SPDX-License-Identifier: MIT */
/* The inside of snapshots/: what it shows (snapshots.c), and what changes it (snapshots_change.c).
 */
#ifndef CRMFS_TREE_SNAPSHOTS_INTERNAL_H
#define CRMFS_TREE_SNAPSHOTS_INTERNAL_H

#include <pthread.h>

#include "fs/base/name_map.h"
#include "fs/store/log.h"
#include "fs/tree/snapshot_folder.h"
#include "fs/tree/snapshots.h"

struct alive_folder;

struct snapshots {
    struct node node;
    struct snapshot_owner owner; /* folders call back */
    struct store *store;
    struct frozen_context context;
    struct take_source *sources;
    size_t source_count;
    bool read_only;
    unsigned threads;
    uint64_t view_timeout_ns;
    void (*report)(void *context, const char *path, const struct failure *failure);
    void *report_context;

    pthread_mutex_t taking; /* held while a snapshot is taken; before lock */

    pthread_mutex_t lock; /* guards all below */
    struct log_state state;
    uint64_t valid_until_ns; /* 0: the log is to be read again */
    struct failure failure;  /* of the last reading; code 0: it worked */
    uint64_t mapped;         /* the sequence that names is of; 0: none */
    struct name_map *names;  /* to indexes of state.snapshots */
    struct timespec changed;
    struct alive_folder *alive; /* the folders that somebody refers to, not referenced */
    struct node *latest;        /* the link made last, referenced; NULL: none yet */
    bool *cancel;               /* of the snapshot that is being taken; NULL: none is */
    const char *taken;          /* its name */
    struct take_progress progress;
    bool leaving_out; /* something of it had to be left out; written while it is taken only */
    char *incomplete; /* the last one taken here, if that was so; NULL: it was not */
    bool ending;
};

/* Makes the state one that holds now. The lock is held. 0 or -errno. */
int snapshots_refresh(struct snapshots *snapshots, struct failure *failure);

/* The folder of the snapshot NAME with a reference. The lock is held. -ENOENT, -ENOMEM … */
int snapshots_find(struct snapshots *snapshots, const char *name, struct node **ret_node,
                   uint64_t *ret_valid_ns, struct failure *failure);

uint64_t snapshots_latest_inode(void); /* what stat shows for `latest` */

/* As struct node_class has them. */
int snapshots_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                   struct failure *failure);
int snapshots_take(struct node *node, const char *name, bool *cancelled, struct node **ret_node,
                   uint64_t *ret_valid_ns, struct failure *failure);
int snapshots_forget(struct node *node, const char *name, struct failure *failure);
int snapshots_rename(struct node *node, const char *name, const char *new_name,
                     struct failure *failure);

#define SNAPSHOTS_LATEST "latest"

#endif
