/* SPDX-License-Identifier: MIT */
#include "fs/mount/opened.h"

#include <stdlib.h>
#include <utlist.h>

struct opened *opened_create(struct node *node)
{
    struct opened *opened = calloc(1, sizeof *opened);

    if (opened == NULL)
        return NULL;
    opened->references = 1;
    opened->node = node_reference(node);
    return opened;
}

void opened_release(struct opened *opened)
{
    if (opened == NULL || __atomic_sub_fetch(&opened->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    if (opened->handle != NULL)
        opened->handle->class->close(opened->handle);
    if (opened->listing != NULL)
        opened->listing->class->close(opened->listing);
    node_release(opened->node);
    free(opened);
}

void opened_set_add(struct opened_set *set, struct opened *opened)
{
    pthread_mutex_lock(&set->lock);
    DL_APPEND2(set->first, opened, previous, next);
    pthread_mutex_unlock(&set->lock);
}

void opened_set_close(struct opened_set *set, struct opened *opened)
{
    pthread_mutex_lock(&set->lock);
    DL_DELETE2(set->first, opened, previous, next);
    pthread_mutex_unlock(&set->lock);
    opened_release(opened);
}

void opened_set_init(struct opened_set *set)
{
    *set = (struct opened_set){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void opened_set_release(struct opened_set *set)
{
    while (set->first != NULL)
        opened_set_close(set, set->first);
    pthread_mutex_destroy(&set->lock);
}
