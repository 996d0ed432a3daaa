/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: all that files/ is, as items in the order of their keys. They stand in a tree as
 * it is stored, or in one beside it, in memory, of those that were put since:
 *
 *   put   -> recent          whatever leaf it belongs to stays as it is stored
 *   merge    recent -> tree  in the order of the keys, so that each leaf is changed once
 *   write    tree -> packs
 *
 * Names stand by their hash: of those that are made in one large directory each belongs to another
 * leaf. Without what is beside it, there would be as many changed leaves as names, more than there
 * is memory for, and each would be written again for every few names.
 *
 * What is recent hides what the tree has of the same key. What is removed is removed from both.
 *
 * One owner, no locks: fs/files/files.c has the lock.
 */
#ifndef CRMFS_FILES_CATALOGUE_H
#define CRMFS_FILES_CATALOGUE_H

#include "fs/files/node_tree.h"

struct catalogue {
    struct catalogue_cache *cache;
    struct node_tree tree;
    struct node_tree recent; /* without a cache: there is none */
};

/* The tree whose top is stored at TOP; NULL: an empty one. 0 or -ENOMEM. */
int catalogue_open(struct catalogue *catalogue, struct catalogue_cache *cache,
                   const struct object_reference *top);

/* Drops what is not stored. */
void catalogue_close(struct catalogue *catalogue);

/* How many items are recent. */
uint64_t catalogue_recent_items(const struct catalogue *catalogue);

/* At most how many leaves it has of what is not recent. */
size_t catalogue_leaves_most(struct catalogue *catalogue);

/*
 * The item of KEY; the first one at or after it; the last one at or before it. Valid until
 * something is changed, or the cache trimmed. 0, -ENOENT, -EIO with words, -ENOMEM.
 */
int catalogue_get(struct catalogue *catalogue, const struct file_key *key,
                  struct file_item *ret_item, struct failure *failure);
int catalogue_next(struct catalogue *catalogue, const struct file_key *key,
                   struct file_item *ret_item, struct failure *failure);
int catalogue_before(struct catalogue *catalogue, const struct file_key *key,
                     struct file_item *ret_item, struct failure *failure);

/*
 * VALUE has at most CATALOGUE_VALUE_LIMIT bytes; is copied, and not one of the catalogue's own.
 * After a reserve it does not fail.
 */
int catalogue_put(struct catalogue *catalogue, const struct file_key *key, const void *value,
                  size_t size, struct failure *failure);

/* -ENOENT: it is not there. After a reserve, and when KEY was looked for, nothing else. */
int catalogue_remove(struct catalogue *catalogue, const struct file_key *key,
                     struct failure *failure);

/*
 * What is recent, into the tree. 0; 1: no further, since more than DIRTY_MOST nodes are dirty:
 * write them, and call again; -EIO with words, -ENOMEM: nothing is lost, and it can be tried again.
 */
int catalogue_merge(struct catalogue *catalogue, size_t dirty_most, struct failure *failure);

/*
 * Writes what of the tree is dirty; RET_TOP is where its top will be, once the writer has
 * finished. It is all there is when nothing is recent.
 */
int catalogue_write(struct catalogue *catalogue, struct object_writer *writer,
                    struct object_reference *ret_top, struct failure *failure);

/* After that: it stands. What was changed in between stays dirty. */
void catalogue_stored(struct catalogue *catalogue);

#endif
