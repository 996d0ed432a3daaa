/* SPDX-License-Identifier: MIT */
/*
 * The tree of a mount: what stands where (README.md, "What the mount shows"). Made of the
 * sources that it is given; knows nothing of FUSE.
 */
#ifndef CRMFS_TREE_TREE_H
#define CRMFS_TREE_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"
#include "fs/tree/node.h"

struct tree_options {
    uint64_t max_garbage_bytes;  /* what of a store may be garbage before it is pruned; 0: any */
    uint64_t max_memory_bytes;   /* resident memory that the whole process may take */
    uint64_t refresh_ns;         /* a change in a source shows at most so much later */
    const char *spool_directory; /* NULL: $TMPDIR, or /tmp */
    uint64_t spool_bytes;        /* 0: half of what is free there at the beginning */
    unsigned busy_timeout_ms;
    uint64_t view_timeout_ns; /* what reading a view may take; 0: for ever */
    struct store *store;      /* the caller's, outlives the tree; NULL: there are no snapshots */
    const char *store_path;   /* for the status */
    bool list_records;        /* folders of single rows are listed, not only found */
    bool write_live;          /* rows of live sources can be written back */
    bool read_only;           /* snapshots and files/ can only be looked at */
    uid_t uid;                /* owner of files/ at first */
    gid_t gid;
};

struct tree_source {
    const char *name; /* the folder's name under live/ or archives/ */
    const char *url;
    bool archive;                 /* stands under archives/ whatever it is */
    const char *password;         /* as in struct source_options */
    const char *password_command; /* likewise */
};

struct tree;
struct files;

/*
 * Opens the sources, none if there is a store, and builds the tree. Fails as
 * source_open and log_read do, and with -EEXIST when two sources have one name.
 * Starts threads: call it after the last fork.
 */
int tree_create(const struct tree_options *options, const struct tree_source *sources,
                size_t source_count, struct tree **ret_tree, struct failure *failure);

/* The root directory, borrowed. */
struct node *tree_root(struct tree *tree);

/* What is below files/, borrowed; NULL: there is no store. */
struct files *tree_files(struct tree *tree);

/* Adds a line to .crmfs/errors: the last TREE_ERRORS_KEPT stay. */
#define TREE_ERRORS_KEPT 1000
void tree_report(struct tree *tree, const char *path, const struct failure *failure);

/*
 * Space for statfs: of the disk that the store is on, which files/ is written to. Without a store
 * on a disk, used and free bytes of the spool within its bound.
 */
struct tree_space {
    uint64_t total_bytes;
    uint64_t free_bytes;
    uint64_t available_bytes; /* of these, to who is not root */
};
void tree_space(struct tree *tree, struct tree_space *ret_space);

/* Has scans under way end early, with -ECANCELED: the mount is ending. */
void tree_end(struct tree *tree);

/*
 * After all nodes but the root, handles and listings are given back. 0, or -errno in words: what
 * was written into files/ last could not be stored, and is lost.
 */
int tree_free(struct tree *tree, struct failure *failure);

#endif
