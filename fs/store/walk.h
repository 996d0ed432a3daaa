/* SPDX-License-Identifier: MIT */
/*
 * Goes through all that a snapshot consists of: its tree, and of every table the
 * image, the schema, the pages and, by their references, the row groups; of its files the nodes
 * and, by their references, the content. What cannot be read is reported, with its place in words
 * that a user knows, and passed over.
 */
#ifndef CRMFS_STORE_WALK_H
#define CRMFS_STORE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/store/log.h"
#include "fs/store/object.h"

/* Where in a snapshot an object stands; what does not apply is NULL or 0. Borrowed. */
struct walk_place {
    const struct snapshot *snapshot; /* NULL: files/ as it is now */
    uint64_t inode;                  /* of the file that content belongs to; 0: none */
    bool files;                      /* in files/, not in a table */
    const char *source;
    const char *table;
    size_t page; /* from 1; 0: the whole table, or no table */
    size_t page_count;
    uint64_t first_row; /* of a row group, from 0; UINT64_MAX: not known */
    uint64_t rows;
};

/* An object that is referred to. 0: go into it; 1: leave it out; negative: ends the walk. */
typedef int walk_object(void *context, const struct object_reference *reference,
                        enum object_type type, const struct walk_place *place);

/* One that was gone into but cannot be read. 0: go on beside it; negative: ends the walk. */
typedef int walk_failed(void *context, const struct object_reference *reference,
                        enum object_type type, const struct walk_place *place,
                        const struct failure *failure);

struct walk {
    struct object_reader *reader;
    walk_object *object;
    walk_failed *failed;
    void *context;
};

/* 0; -ENOMEM; what a visitor returned. */
int walk_snapshot(const struct walk *walk, const struct snapshot *snapshot,
                  struct failure *failure);

/* The same for files/ as it is now, whose top node is TOP. */
int walk_files(const struct walk *walk, const struct object_reference *top,
               struct failure *failure);

/* Whether an object of TYPE refers to no other: the walk does not go into it. */
static inline bool walk_is_leaf(enum object_type type)
{
    return type == OBJECT_ROW_GROUP || type == OBJECT_CONTENT;
}

#endif
