/* SPDX-License-Identifier: MIT */
/*
 * A node of the catalogue in memory: items sorted by key, their values in a heap that grows towards
 * them. What it takes as bytes (FORMAT.md, "Files") decides what fits into it, and that always
 * fits into the page. One owner, no locks.
 */
#ifndef CRMFS_FILES_NODE_H
#define CRMFS_FILES_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/base/hash.h"
#include "fs/store/file_node.h"

struct node_slot {
    uint64_t inode;
    uint64_t number;
    uint16_t at; /* of the value, in the page */
    uint16_t size;
    uint8_t kind;
};

/* FILE_NODE_LIMIT bytes of items, each 5 larger here, and at least 19 there. */
#define NODE_PAGE_BYTES ((size_t)20736)

struct node {
    struct object_reference reference; /* where it is stored; clean ones only */
    struct object_reference written;   /* where it was written now, until that is known to stand */
    bool dirty;                        /* differs from what is stored; its parent points to it */
    bool changed;                      /* dirty, and not as it was written last */
    bool refused;                      /* by the cache: fs/base/hash.h */
    uint8_t level;
    uint16_t count;
    uint16_t heap;  /* where the values begin */
    uint16_t holes; /* bytes of the heap without use */
    uint16_t bytes; /* as it would be stored */
    struct node *previous, *next;
    UT_hash_handle hh;
    union {
        struct node_slot slots[NODE_PAGE_BYTES / sizeof(struct node_slot)];
        uint8_t page[NODE_PAGE_BYTES];
    };
};

/* Makes it an empty node. */
void node_clear(struct node *node, unsigned level);

struct file_key node_key(const struct node *node, unsigned place);
struct file_item node_item(const struct node *node, unsigned place);

/* The first place whose key is not before KEY; whether it is KEY. */
unsigned node_find(const struct node *node, const struct file_key *key, bool *ret_exact);

/* The child below which KEY stands or would. There is one at least. */
unsigned node_child(const struct node *node, const struct file_key *key);

/* Whether a further item with SIZE bytes of value fits. */
bool node_has_room(const struct node *node, size_t size);

/* Into its place; there is room. */
void node_insert(struct node *node, unsigned place, const struct file_key *key, const void *value,
                 size_t size);
void node_remove(struct node *node, unsigned place);

/* Moves all items from PLACE on to the end of TO, where they fit and belong. */
void node_move_tail(struct node *from, unsigned place, struct node *to);

/* The first item's key becomes KEY, if that is lower. */
void node_lower_key(struct node *node, const struct file_key *key);

/* A child that is in memory only is its parent's value; NULL: the value is a reference. */
struct node *node_child_pointer(const struct node *node, unsigned place);
void node_set_child(struct node *node, unsigned place, const struct node *child);
void node_set_reference(struct node *node, unsigned place,
                        const struct object_reference *reference);
void node_pointer_value(const struct node *child, uint8_t value[OBJECT_REFERENCE_BYTES]);

/* As bytes, with what children were WRITTEN to, into OUTPUT (cleared first). 0 or -ENOMEM. */
int node_encode(const struct node *node, struct buffer *output);

/* 0 or -EBADMSG. */
int node_decode(const void *bytes, size_t size, bool top, struct node *node);

#endif
