/* SPDX-License-Identifier: MIT */
/*
 * Nodes of the tree that files/ is kept in, as bytes (FORMAT.md, "Files"): items in the order of
 * their keys. What the items of leaves mean, fs/files knows; here is what whoever goes through
 * a store needs: the nodes below a node, and the content that a leaf's extents refer to.
 */
#ifndef CRMFS_STORE_FILE_NODE_H
#define CRMFS_STORE_FILE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/store/object.h"

#define FILE_NODE_LIMIT ((size_t)16384)
#define FILE_NODE_HEAD_BYTES ((size_t)4)
#define FILE_ITEM_HEAD_BYTES ((size_t)19) /* key and length of the value */
#define FILE_LEVEL_MOST 15
#define FILE_CONTENT_LIMIT ((size_t)1 << 20)
#define FILE_EXTENT_BYTES ((size_t)56)

enum file_item_kind {
    FILE_ROOT,
    FILE_ATTRIBUTES,
    FILE_ENTRY,
    FILE_TARGET,
    FILE_XATTR,
    FILE_EXTENT,
    FILE_ORPHAN,
    FILE_ITEM_KINDS
};

struct file_key {
    uint64_t inode;
    uint64_t number;
    uint8_t kind;
};

struct file_item {
    struct file_key key;
    const uint8_t *value; /* borrowed */
    size_t size;
};

/* As memcmp(). */
int file_key_compare(const struct file_key *left, const struct file_key *right);

/* Writes the head of a node, and of an item; the value follows. */
void file_node_head_encode(unsigned level, unsigned count, uint8_t bytes[FILE_NODE_HEAD_BYTES]);
void file_item_head_encode(const struct file_key *key, size_t value_size,
                           uint8_t bytes[FILE_ITEM_HEAD_BYTES]);

/* Not 0 ends the visit. */
typedef int file_item_visit(void *context, unsigned level, const struct file_item *item);

/*
 * Every item of a node, after all of it was checked. TOP: it may be empty. 0, what VISIT returned,
 * -EBADMSG.
 */
int file_node_visit(const void *bytes, size_t size, bool top, unsigned *ret_level,
                    file_item_visit *visit, void *context);

struct file_extent {
    struct object_reference content;
    uint32_t from;   /* in the content */
    uint32_t length; /* bytes, at least 1 */
};

void file_extent_encode(const struct file_extent *extent, uint8_t bytes[FILE_EXTENT_BYTES]);

/* 0 or -EBADMSG. */
int file_extent_decode(const struct file_item *item, struct file_extent *ret_extent);

#endif
