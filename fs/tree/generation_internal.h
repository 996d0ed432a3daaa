/* SPDX-License-Identifier: MIT */
/* The inside of a generation, shared by its tables (generation.c) and its files
 * (generation_file.c). */
#ifndef CRMFS_TREE_GENERATION_INTERNAL_H
#define CRMFS_TREE_GENERATION_INTERNAL_H

#include <pthread.h>

#include "fs/table/format.h"
#include "fs/table/image.h"
#include "fs/tree/file_set.h"
#include "fs/tree/generation.h"

struct generation_table {
    struct schema *schema; /* referenced */
    struct image *image;   /* NULL: not read, or given back; not known: not yet to be told of */
    bool known;            /* bytes, rows and modified are, for ever */
    uint64_t bytes[FORMAT_COUNT];
    uint64_t rows;
    struct timespec modified;
    struct failure *failure; /* the last attempt's, NULL: none; owned */
    uint64_t failed_ns;
};

struct generation_file {
    struct node
        node; /* references count from 0: the generation is referenced while they are not 0 */
    struct generation *generation;
    struct buffer text; /* extra files: made when first asked for */
    struct timespec modified;
    bool made;
};

struct generation {
    unsigned references; /* atomic */
    struct generation_options options;
    char *source_name;
    char *path;
    struct source_version version;
    struct timespec changed;
    struct timespec names_changed;
    struct file_set set;
    struct generation_file *files; /* set.count of them */

    pthread_mutex_t lock; /* guards all below, and the tables' and files' changing fields */
    pthread_cond_t scanned;
    struct dataset *dataset; /* released when RETIRED */
    bool open;               /* the dataset's transaction is */
    bool scanning;           /* a thread reads tables through, without the lock */
    bool superseded;
    bool ended;
    bool retired;
    unsigned users;
    unsigned pins; /* of the users */
    uint64_t last_used_ns;
    size_t table_count; /* does not change */
    struct generation_table *tables;
};

/* Has the table read through if it is not; the lock is held, and let go meanwhile. 0 or -errno. */
int generation_read_table(struct generation *generation, size_t index, struct failure *failure);

/* Gives everything back if that is due (fs/tree/generation.h, RETIRED). The lock is held. */
void generation_retire_if_due(struct generation *generation);

/*
 * Reads all tables of an open dataset through, before anyone else knows the
 * generation. -ESTALE when it was not one moment. What single tables refuse they keep.
 */
int generation_read_all(struct generation *generation, struct failure *failure);

/* Whether the table's last attempt failed so lately that another is not worth making. */
bool generation_failed_lately(const struct generation_table *table);

extern const struct node_class generation_file_class;

#endif
