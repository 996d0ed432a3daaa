/* SPDX-License-Identifier: MIT */
/*
 * The files and directories that are open in a mount. The kernel gives them
 * back one by one, but not when it is cut off: what is left then is closed all
 * at once.
 */
#ifndef CRMFS_MOUNT_OPENED_H
#define CRMFS_MOUNT_OPENED_H

#include <pthread.h>
#include <stdbool.h>

#include "fs/tree/node.h"

struct opened {
    unsigned references;     /* atomic */
    struct node *node;       /* a reference */
    struct handle *handle;   /* a file's; owned */
    struct listing *listing; /* a directory's; owned */
    bool begun;              /* a directory's first entry has been given out */
    struct opened *previous, *next;
};

struct opened_set {
    pthread_mutex_t lock; /* guards the list */
    struct opened *first;
};

/* An opened NODE, with one reference, and neither handle nor listing yet. NULL: no memory. */
struct opened *opened_create(struct node *node);

/* Takes the caller's reference over. */
void opened_set_add(struct opened_set *set, struct opened *opened);

/* Takes it out of the SET, and gives back the set's reference. */
void opened_set_close(struct opened_set *set, struct opened *opened);

/* For who uses it beyond the answer to a request. */
static inline struct opened *opened_reference(struct opened *opened)
{
    __atomic_add_fetch(&opened->references, 1, __ATOMIC_RELAXED);
    return opened;
}

/* The last one closes it. NULL is allowed. */
void opened_release(struct opened *opened);

void opened_set_init(struct opened_set *set);
void opened_set_release(struct opened_set *set);

#endif
