/* SPDX-License-Identifier: MIT */
/*
 * The folder of one source in a snapshot: the same files as in live/, which never
 * change any more. What they are called and how large they are the snapshot's tree
 * says; a table is opened when somebody reads it, its schema when datapackage.json
 * or schema.sql is asked for. All of that is known only while somebody needs it (has a
 * file, or a listing): of thousands of snapshots that were walked through, little stays.
 */
#ifndef CRMFS_TREE_FROZEN_H
#define CRMFS_TREE_FROZEN_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/tables.h"
#include "fs/table/reader.h"
#include "fs/table/records.h"
#include "fs/tree/image_shelf.h"
#include "fs/tree/node.h"

/* What all snapshots of a mount share; outlives their nodes. */
struct files;

struct frozen_context {
    struct object_reader *reader;
    struct render_cache *cache;
    struct image_shelf *shelf;
    struct records *records;
    bool list_records;   /* folders of rows are listed */
    struct files *files; /* NULL: snapshots show none */
};

/* What a snapshot's nodes take from it. */
struct frozen_snapshot {
    uint8_t id[SNAPSHOT_ID_BYTES];
    const char *name; /* copied */
    struct object_reference tree;
};

/* SOURCE is one of the tree's, copied in part. PATH: of the folder, below the mountpoint. 0 or
 * -ENOMEM. */
int frozen_create(const struct frozen_context *context, const struct frozen_snapshot *snapshot,
                  const char *path, const struct stored_source *source, struct node **ret_folder);

/* A snapshot's tree, the caller's to release. -EIO, -ENOMEM. */
int frozen_read_tree(const struct frozen_context *context, const struct object_reference *tree,
                     struct stored_tree *ret_tree, struct failure *failure);

/*
 * What stat shows for a snapshot (SOURCE NULL), a source's folder (FILE NULL) or a
 * file in it: the same in every mount of the store, and no number that
 * node_next_inode() gives.
 */
uint64_t frozen_inode(const uint8_t id[SNAPSHOT_ID_BYTES], const char *source, const char *file);

extern const char frozen_unchanging[]; /* why nothing in a snapshot can be changed, for people */

#endif
