/* SPDX-License-Identifier: MIT */
/* The inside of drafts, shared by the folder (drafts.c) and one file in it (draft.c). */
#ifndef CRMFS_TREE_DRAFTS_INTERNAL_H
#define CRMFS_TREE_DRAFTS_INTERNAL_H

#include <pthread.h>

#include "fs/tree/drafts.h"

struct draft {
    struct node node;
    struct drafts *drafts;
    struct draft *previous, *next; /* guarded by the drafts' lock, as listed and name */
    bool listed;                   /* with a reference */
    char *name;

    pthread_mutex_t lock; /* guards all below */
    struct staging *staging;
    struct timespec modified;
    bool dirty;    /* written since it was closed by its writer */
    int broken;    /* -errno of a write that failed: it lacks something; 0 */
    bool busy;     /* it is being applied: what it holds stays as it is */
    bool settled;  /* it was applied, refused, removed or abandoned: nothing more becomes of it */
    pid_t writer;  /* who wrote last */
    unsigned open; /* handles */
    bool based;
    uint64_t base_digest;
};

struct drafts {
    const struct drafts_class *class;
    void *context;
    struct spool *spool;
    char *path;
    pthread_mutex_t applying; /* held while one is applied; before the others */
    pthread_mutex_t lock;     /* guards the list */
    struct draft *first;
};

/* A new one, empty and listed nowhere; its one reference is the caller's. 0 or -ENOMEM. */
int draft_make(struct drafts *drafts, const char *name, struct draft **ret_draft);

int draft_handle_create(struct draft *draft, struct handle **ret_handle);

/* What an open file holds becomes the draft's. */
int draft_copy(struct draft *draft, struct handle *from, struct failure *failure);

/*
 * Of a draft that is whole. Its lock is held, and let go meanwhile; the folder's for applying too.
 */
int draft_apply(struct draft *draft, const char *name, bool renamed, const struct caller *caller,
                struct failure *failure);

/* Nothing more becomes of it: takes it off the list. Whoever calls has a reference of its own. */
void draft_settle(struct draft *draft);

#endif
