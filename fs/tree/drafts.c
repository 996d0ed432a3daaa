/* SPDX-License-Identifier: MIT */
#include "fs/tree/drafts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "fs/tree/drafts_internal.h"

int drafts_create(const struct drafts_class *class, void *context, struct spool *spool,
                  const char *path, struct drafts **ret_drafts)
{
    struct drafts *drafts = calloc(1, sizeof *drafts);

    if (drafts == NULL || (drafts->path = strdup(path)) == NULL) {
        free(drafts);
        return -ENOMEM;
    }
    drafts->class = class;
    drafts->context = context;
    drafts->spool = spool;
    pthread_mutex_init(&drafts->applying, NULL);
    pthread_mutex_init(&drafts->lock, NULL);
    *ret_drafts = drafts;
    return 0;
}

void drafts_free(struct drafts *drafts)
{
    if (drafts == NULL)
        return;
    while (drafts->first != NULL) {
        struct draft *draft = drafts->first;

        DL_DELETE2(drafts->first, draft, previous, next);
        node_release(&draft->node);
    }
    pthread_mutex_destroy(&drafts->lock);
    pthread_mutex_destroy(&drafts->applying);
    free(drafts->path);
    free(drafts);
}

/* The list's lock is held. */
static struct draft *find(struct drafts *drafts, const char *name)
{
    for (struct draft *draft = drafts->first; draft != NULL; draft = draft->next) {
        if (strcmp(draft->name, name) == 0)
            return draft;
    }
    return NULL;
}

/* The list's lock is held. */
static void list(struct drafts *drafts, struct draft *draft)
{
    DL_APPEND2(drafts->first, draft, previous, next);
    draft->listed = true;
    node_reference(&draft->node);
}

int drafts_find(struct drafts *drafts, const char *name, struct node **ret_node)
{
    pthread_mutex_lock(&drafts->lock);
    struct draft *draft = find(drafts, name);

    if (draft != NULL)
        *ret_node = node_reference(&draft->node);
    pthread_mutex_unlock(&drafts->lock);
    return draft != NULL ? 0 : -ENOENT;
}

int drafts_make(struct drafts *drafts, const char *name, struct node **ret_node,
                struct handle **ret_handle, struct failure *failure)
{
    struct draft *draft;
    int error = draft_make(drafts, name, &draft);

    (void)failure;
    if (error != 0)
        return error;
    error = draft_handle_create(draft, ret_handle);
    if (error != 0) {
        node_release(&draft->node);
        return error;
    }
    drafts_remove(drafts, name);
    pthread_mutex_lock(&drafts->lock);
    list(drafts, draft);
    pthread_mutex_unlock(&drafts->lock);
    *ret_node = &draft->node;
    return 0;
}

int drafts_replace(struct drafts *drafts, const char *name, uint64_t base_digest,
                   struct handle *from, struct handle **ret_handle, struct failure *failure)
{
    struct draft *draft;
    int error = draft_make(drafts, name, &draft);

    if (error != 0)
        return error;
    draft->based = true;
    draft->base_digest = base_digest;
    error = from != NULL ? draft_copy(draft, from, failure) : 0;
    if (error == 0)
        error = draft_handle_create(draft, ret_handle);
    node_release(&draft->node);
    return error;
}

int drafts_remove(struct drafts *drafts, const char *name)
{
    struct node *node;
    int error = drafts_find(drafts, name, &node);

    if (error != 0)
        return error;

    struct draft *draft = (struct draft *)node;

    pthread_mutex_lock(&draft->lock);
    draft->settled = true;
    pthread_mutex_unlock(&draft->lock);
    draft_settle(draft);
    node_release(node);
    return 0;
}

/* Gives it another name, instead of what has that. */
static int rename_draft(struct drafts *drafts, struct draft *draft, const char *new_name)
{
    char *copy_of_name = strdup(new_name);

    if (copy_of_name == NULL)
        return -ENOMEM;
    drafts_remove(drafts, new_name);
    pthread_mutex_lock(&drafts->lock);
    free(draft->name);
    draft->name = copy_of_name;
    pthread_mutex_unlock(&drafts->lock);
    return 0;
}

/* What is wrong with the content, as a rename's error: of EINVAL mv says that a folder would become
 * a part of itself. */
static int word_for_rename(int error, struct failure *failure)
{
    if (error != -EINVAL)
        return error;
    if (failure != NULL && failure->code == EINVAL)
        failure->code = EBADMSG;
    return -EBADMSG;
}

int drafts_rename(struct drafts *drafts, const char *name, const char *new_name,
                  const struct caller *caller, struct failure *failure)
{
    struct node *node;
    bool done = false;
    int error = drafts_find(drafts, name, &node);

    if (error != 0 || strcmp(name, new_name) == 0) {
        if (error == 0)
            node_release(node);
        return error;
    }

    struct draft *draft = (struct draft *)node;

    pthread_mutex_lock(&drafts->applying);
    pthread_mutex_lock(&draft->lock);
    if (!drafts->class->means(drafts->context, new_name)) {
        error = rename_draft(drafts, draft, new_name);
    } else if (draft->dirty) {
        error = failure_set(failure, EBUSY,
                            "%s is being written, or the program that wrote it ended without "
                            "closing it: copy it again",
                            name);
    } else {
        error = word_for_rename(draft_apply(draft, new_name, true, caller, failure), failure);
        draft->settled = done = error == 0;
    }
    pthread_mutex_unlock(&draft->lock);
    pthread_mutex_unlock(&drafts->applying);
    if (done)
        draft_settle(draft);
    node_release(node);
    return error;
}

char *drafts_names(struct drafts *drafts, size_t *ret_count)
{
    size_t size = 1;
    size_t count = 0;

    pthread_mutex_lock(&drafts->lock);
    for (const struct draft *draft = drafts->first; draft != NULL; draft = draft->next) {
        size += strlen(draft->name) + 1;
        count++;
    }
    char *names = calloc(1, size);
    char *to = names;

    for (const struct draft *draft = drafts->first; draft != NULL; draft = draft->next) {
        if (names != NULL)
            to = stpcpy(to, draft->name) + 1;
    }
    pthread_mutex_unlock(&drafts->lock);
    *ret_count = count;
    return names;
}
