/* SPDX-License-Identifier: MIT */
/*
 * A folder of single rows: <key>.json for every row of a table, whose content is the row's line in
 * the table's NDJSON file. It stands beside the table's files and is found by its name, but listed
 * only if the mount was asked for that: whoever copies a source's folder wants each row once.
 *
 * What the rows are is asked anew for every lookup and listing: a live table's are those of the
 * generation that the caller is to see. A row's node is made for whoever looks it up.
 *
 * Where rows can be written, a change is made to the row as it was last read here (within
 * RECORDS_SEEN_NS), or else as it was looked up: if it is another by then, the change is refused.
 */
#ifndef CRMFS_TREE_RECORDS_FOLDER_H
#define CRMFS_TREE_RECORDS_FOLDER_H

#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/table/image.h"
#include "fs/table/records.h"
#include "fs/tree/drafts.h"
#include "fs/tree/node.h"
#include "fs/tree/staging.h"

#define RECORDS_SEEN_NS (UINT64_C(3600) * 1000000000)

/* A table at one moment. */
struct records_view {
    struct image *image; /* referenced */
    struct node *rows;   /* the table's NDJSON file, referenced */
    uint64_t valid_ns;   /* how long its names hold */
    uint64_t inode_seed; /* of what stat shows; the same in every mount */
    void *moment;        /* the class's own */
};

/* What a row has to be still, so that nobody's change is overwritten unseen. */
struct record_base {
    bool exists;     /* false: there is no such row yet */
    uint64_t digest; /* as struct record has it */
};

struct records_folder;
struct records_folder_class {
    /*
     * The table that the caller is to see; LISTED: for a listing, which ends with unlisted.
     * -ENOENT: there is no such table with a key any more. Else as the table's files.
     */
    int (*view)(struct records_folder *folder, const struct caller *caller, bool listed,
                struct records_view *ret_view, struct failure *failure);
    /*
     * The row alone, asked of its database, where the whole table has not been read yet: its line,
     * when the data last changed, and what to mix its inode of. -EAGAIN: the view is to be asked;
     * -ENOENT: there is no such row. NULL: the view is always asked.
     */
    int (*peek)(struct records_folder *folder, const char *name, const struct caller *caller,
                struct buffer *line, struct timespec *ret_modified, uint64_t *ret_inode_seed);
    /* Gives back what view gave beyond references. May be NULL. */
    void (*leave)(struct records_folder *folder, struct records_view *view);
    void (*unlisted)(struct records_folder *folder, pid_t process); /* may be NULL */
    /* Opens the NDJSON file for a row of it. */
    int (*open)(struct node *rows, const struct caller *caller, struct handle **ret_handle,
                struct failure *failure);
    /* As those of a node, but for the type. */
    int (*attributes)(struct records_folder *folder, struct node_attributes *ret_attributes,
                      uint64_t *ret_valid_ns, struct failure *failure);
    /* Where rows can be written, else NULL: sets what CONTENT, a JSON object, has of the row with
     * that file name (without ".json"), or adds it; deletes it. */
    int (*write)(struct records_folder *folder, const char *name, struct staging *content,
                 const struct record_base *base, const struct caller *caller,
                 struct failure *failure);
    int (*remove)(struct records_folder *folder, const char *name, const struct record_base *base,
                  const struct caller *caller, struct failure *failure);
    void (*release)(struct records_folder *folder); /* frees it, but for what is in node */
};

struct records_seen;

struct records_folder {
    struct node node;
    const struct records_folder_class *class;
    struct records *records;   /* outlives it */
    struct drafts *drafts;     /* owned; NULL: nothing can be written */
    struct records_seen *seen; /* owned; the same */
};

/* An inode number, from a hash, that no node has of itself. */
uint64_t records_inode(uint64_t hash);

/* Fills in the common part, one reference. 0 or -ENOMEM. */
int records_folder_init(struct records_folder *folder, const struct records_folder_class *class,
                        struct records *records, const char *path);

/* Before it is shared: its rows can be written, by way of drafts in SPOOL. 0 or -ENOMEM. */
int records_folder_make_writable(struct records_folder *folder, struct spool *spool);

#endif
