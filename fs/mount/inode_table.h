/* SPDX-License-Identifier: MIT */
/*
 * The inodes that the kernel knows: inode number → node, and how many times
 * the kernel was told of it and has not forgotten yet. The table keeps one
 * reference on each node; the root stays for ever. May be used by several
 * threads at once.
 */
#ifndef CRMFS_MOUNT_INODE_TABLE_H
#define CRMFS_MOUNT_INODE_TABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/tree/node.h"

struct inode_table;

/* NULL: no memory. */
struct inode_table *inode_table_create(struct node *root);

/* Gives back every node. NULL is allowed. */
void inode_table_free(struct inode_table *table);

/*
 * The kernel is told of NODE, which it reached through the directory with the
 * inode number PARENT, once more. 0 or -ENOMEM.
 */
int inode_table_add(struct inode_table *table, struct node *node, uint64_t parent);

/*
 * A reference on the node; NULL: unknown. ret_parent (may be NULL): the
 * directory through which it was first reached, the root's being itself.
 */
struct node *inode_table_find(struct inode_table *table, uint64_t inode, uint64_t *ret_parent);

/* The kernel has forgotten COUNT of its lookups; more than it made, or of an unknown inode, is
 * ignored. */
void inode_table_forget(struct inode_table *table, uint64_t inode, uint64_t count);

/* How many inodes are known, the root included. */
size_t inode_table_count(struct inode_table *table);

/* An inode that the kernel could forget, as the kernel knows it. */
struct idle_inode {
    uint64_t parent;
    char name[NAME_MAX + 1];
};

/*
 * Up to MOST of those that may be forgotten (node_class.forgettable) and that nobody asked for
 * lately: second chances are given in the order in which they became known. One that was returned
 * is not again, unless it was looked up meanwhile: the kernel may keep it, if it is in use.
 */
size_t inode_table_idle(struct inode_table *table, struct idle_inode *ret_idle, size_t most);

#endif
