/* SPDX-License-Identifier: MIT */
/*
 * The catalogue: the tree of items that files/ is kept in (FORMAT.md, "Files"). A tree that was
 * stored never changes; changing one makes nodes in memory, from the changed leaf up to the top,
 * which then refer to all that stayed.
 *
 * Invariants:
 *  1. A node is clean (stored, in the cache by its id, to be dropped at any time) or dirty (in
 *     memory only, and its parent's value is a pointer to it, or it is the top of a tree). What
 *     is above a dirty node is dirty.
 *  2. catalogue_reserve() gives what the changes of one operation can need, so that they do not
 *     fail half-way: nodes that were looked at by the same operation are in memory.
 *  3. A node is clean only once the pack that it was written to is known to stand: until
 *     catalogue_stored() a failure costs nothing but the attempt.
 *  4. Between catalogue_write() and catalogue_stored() the tree may be changed: then a node has
 *     changed, and all above it; these stay dirty.
 *
 * One owner, no locks: fs/files/files.c has the lock.
 */
#ifndef CRMFS_FILES_CATALOGUE_H
#define CRMFS_FILES_CATALOGUE_H

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

struct catalogue {
    struct catalogue_cache *cache;
    struct object_reference stored; /* the top, when it is not in memory */
    struct node *top;               /* dirty; NULL: it is as stored */
};

/* The tree whose top is stored at TOP; NULL: an empty one. 0 or -ENOMEM. */
int catalogue_open(struct catalogue *catalogue, struct catalogue_cache *cache,
                   const struct object_reference *top);

/* Drops what is not stored. */
void catalogue_close(struct catalogue *catalogue);

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

/* Room for COUNT changes. 0 or -ENOMEM. */
int catalogue_reserve(struct catalogue_cache *cache, unsigned count);

#define CATALOGUE_VALUE_LIMIT ((size_t)4400)

/*
 * VALUE is copied, and not one of the catalogue's own. After a reserve, and when KEY was looked
 * for, it does not fail.
 */
int catalogue_put(struct catalogue *catalogue, const struct file_key *key, const void *value,
                  size_t size, struct failure *failure);

/* -ENOENT: it is not there. */
int catalogue_remove(struct catalogue *catalogue, const struct file_key *key,
                     struct failure *failure);

/* Takes the nodes that were not used for the longest time out of memory. */
void catalogue_trim(struct catalogue_cache *cache);

/* Writes all that is dirty; RET_TOP is where its top will be, once the writer has finished. */
int catalogue_write(struct catalogue *catalogue, struct object_writer *writer,
                    struct object_reference *ret_top, struct failure *failure);

/* After that: it stands. What was changed in between stays dirty. */
void catalogue_stored(struct catalogue *catalogue);

#endif
