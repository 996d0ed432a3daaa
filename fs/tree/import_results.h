/* SPDX-License-Identifier: MIT */
/*
 * What became of the files that were put into a folder of .import/: beside each stands, until a
 * new file of its name comes, <file>.result. The last RESULTS_MOST are kept. Safe from several
 * threads at once.
 */
#ifndef CRMFS_TREE_IMPORT_RESULTS_H
#define CRMFS_TREE_IMPORT_RESULTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/tree/node.h"

#define RESULTS_MOST 64
#define RESULT_LIMIT ((size_t)4096)

struct import_result {
    char *name;
    struct node *file; /* referenced */
};

struct import_results {
    const char *path; /* of the folder, borrowed */

    pthread_mutex_t lock; /* guards what follows */
    size_t count;
    struct import_result results[RESULTS_MOST]; /* the newest come last */
};

void import_results_init(struct import_results *results, const char *path);
void import_results_destroy(struct import_results *results);

/*
 * FILE's result, instead of an earlier one. Without memory there is none, which says less, but
 * nothing wrong.
 */
void import_results_put(struct import_results *results, const char *file, struct buffer *text);
void import_results_refuse(struct import_results *results, const char *file, int error,
                           const struct failure *why);

/* What became of an earlier FILE says nothing of the one that is coming. */
void import_results_forget(struct import_results *results, const char *file);

/* The result called NAME: with a reference; there or not; removed. -ENOENT: there is none. */
int import_results_find(struct import_results *results, const char *name, struct node **ret_node);
bool import_results_has(struct import_results *results, const char *name);
int import_results_remove(struct import_results *results, const char *name);

/* Appends the names, each ended by NUL, and counts them. 0 or -ENOMEM. */
int import_results_names(struct import_results *results, struct buffer *names, size_t *count);

#endif
