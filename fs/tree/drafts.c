/* SPDX-License-Identifier: MIT */
#include "fs/tree/drafts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "fs/base/memory.h"

#define COPY_BYTES ((size_t)128 << 10)

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

struct draft_handle {
    struct handle handle;
    struct draft *draft; /* referenced */
};

static const struct node_class draft_class;
static const struct handle_class draft_handle_class;

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

/* ---- the list; its lock is held ---- */

static struct draft *find(struct drafts *drafts, const char *name)
{
    for (struct draft *draft = drafts->first; draft != NULL; draft = draft->next) {
        if (strcmp(draft->name, name) == 0)
            return draft;
    }
    return NULL;
}

static void list(struct drafts *drafts, struct draft *draft)
{
    DL_APPEND2(drafts->first, draft, previous, next);
    draft->listed = true;
    node_reference(&draft->node);
}

/* Whoever calls has a reference of its own. */
static void unlist(struct drafts *drafts, struct draft *draft)
{
    if (!draft->listed)
        return;
    DL_DELETE2(drafts->first, draft, previous, next);
    draft->listed = false;
    node_release(&draft->node);
}

/* ---- one draft ---- */

static int make(struct drafts *drafts, const char *name, struct draft **ret_draft)
{
    struct draft *draft = calloc(1, sizeof *draft);
    cleanup_free char *path = NULL;

    if (draft == NULL)
        return -ENOMEM;
    if (asprintf(&path, "%s/%s", drafts->path, name) < 0)
        path = NULL;
    draft->drafts = drafts;
    draft->name = strdup(name);
    draft->staging = staging_create(drafts->spool);
    if (path == NULL || draft->name == NULL || draft->staging == NULL ||
        node_init(&draft->node, &draft_class, path) != 0) {
        staging_free(draft->staging);
        free(draft->name);
        free(draft);
        return -ENOMEM;
    }
    pthread_mutex_init(&draft->lock, NULL);
    clock_gettime(CLOCK_REALTIME, &draft->modified);
    *ret_draft = draft;
    return 0;
}

static void draft_release(struct node *node)
{
    struct draft *draft = (struct draft *)node;

    pthread_mutex_destroy(&draft->lock);
    staging_free(draft->staging);
    free(draft->name);
    free(node->path);
    free(draft);
}

static int open_draft(struct draft *draft, struct handle **ret_handle)
{
    struct draft_handle *handle = calloc(1, sizeof *handle);

    if (handle == NULL)
        return -ENOMEM;
    handle->handle.class = &draft_handle_class;
    handle->draft = (struct draft *)node_reference(&draft->node);
    pthread_mutex_lock(&draft->lock);
    draft->open++;
    pthread_mutex_unlock(&draft->lock);
    *ret_handle = &handle->handle;
    return 0;
}

/* Of a draft that is whole. Its lock is held, and let go meanwhile; the folder's for applying too.
 */
static int apply(struct draft *draft, const char *name, bool renamed, const struct caller *caller,
                 struct failure *failure)
{
    const struct drafts *drafts = draft->drafts;
    struct draft_content content = {
        .name = name,
        .staging = draft->staging,
        .renamed = renamed,
        .based = draft->based,
        .base_digest = draft->base_digest,
    };

    if (draft->broken == 0) {
        draft->busy = true;
        pthread_mutex_unlock(&draft->lock);

        int error = drafts->class->apply(drafts->context, &content, caller, failure);

        pthread_mutex_lock(&draft->lock);
        draft->busy = false;
        return error;
    }
    failure_set(failure, -draft->broken,
                "%s lacks what could not be written into it before (%s): nothing was changed", name,
                strerror(-draft->broken));
    drafts->class->abandoned(drafts->context, name, failure);
    return draft->broken;
}

/* Nothing more becomes of it. */
static void settle(struct draft *draft)
{
    struct drafts *drafts = draft->drafts;

    pthread_mutex_lock(&drafts->lock);
    unlist(drafts, draft);
    pthread_mutex_unlock(&drafts->lock);
}

static int handle_flush(struct handle *handle, const struct caller *caller, struct failure *failure)
{
    struct draft *draft = ((struct draft_handle *)handle)->draft;
    struct drafts *drafts = draft->drafts;
    bool done = false;
    int error = 0;

    pthread_mutex_lock(&drafts->applying);
    pthread_mutex_lock(&draft->lock);
    /* What a shell's redirection closes before anything was written is not the end; nor is what a
     * child closes that inherited it. */
    if (draft->dirty && !draft->settled && draft->writer == caller->process) {
        draft->dirty = false;
        if (drafts->class->means(drafts->context, draft->name)) {
            error = apply(draft, draft->name, false, caller, failure);
            draft->settled = done = true;
        }
    }
    pthread_mutex_unlock(&draft->lock);
    pthread_mutex_unlock(&drafts->applying);
    if (done)
        settle(draft);
    return error;
}

/* Its writer ended without closing it, or was killed. The lock is held. */
static void abandon(struct draft *draft)
{
    struct drafts *drafts = draft->drafts;
    struct failure why;

    failure_set(&why, ECANCELED,
                "the program that wrote it ended without closing it: nothing was changed");
    drafts->class->abandoned(drafts->context, draft->name, &why);
    draft->settled = true;
}

static void handle_close(struct handle *handle)
{
    struct draft *draft = ((struct draft_handle *)handle)->draft;
    struct drafts *drafts = draft->drafts;
    bool done = false;

    pthread_mutex_lock(&draft->lock);
    if (--draft->open == 0 && draft->dirty && !draft->settled &&
        drafts->class->means(drafts->context, draft->name)) {
        abandon(draft);
        done = true;
    }
    /* One that was never written to is nothing. */
    done = done || (draft->open == 0 && staging_size(draft->staging) == 0 &&
                    drafts->class->means(drafts->context, draft->name));
    pthread_mutex_unlock(&draft->lock);
    if (done)
        settle(draft);
    node_release(&draft->node);
    free(handle);
}

static void release_memory(void *memory)
{
    free(memory);
}

/* What it holds is on its way into the database, or there. */
static int refuse_late(const struct draft *draft, struct failure *failure)
{
    return failure_set(failure, EBUSY, "%s is being applied, or has been: wait, and write it anew",
                       draft->name);
}

static int handle_read(struct handle *handle, uint64_t offset, size_t size,
                       struct reading *ret_reading, struct failure *failure)
{
    struct draft *draft = ((struct draft_handle *)handle)->draft;
    uint8_t *bytes = malloc(size != 0 ? size : 1);
    size_t got = 0;

    if (bytes == NULL)
        return -ENOMEM;
    pthread_mutex_lock(&draft->lock);
    int error = draft->busy ? refuse_late(draft, failure)
                            : staging_read(draft->staging, offset, bytes, size, &got, failure);

    pthread_mutex_unlock(&draft->lock);
    if (error != 0 || got == 0) {
        free(bytes);
        return error;
    }
    ret_reading->pieces[0] = (struct iovec){bytes, got};
    ret_reading->count = 1;
    ret_reading->held[0].release = release_memory;
    ret_reading->held[0].object = bytes;
    ret_reading->held_count = 1;
    return 0;
}

/* The lock is held. */
static void note_written(struct draft *draft, pid_t writer)
{
    draft->dirty = true;
    draft->writer = writer;
    clock_gettime(CLOCK_REALTIME, &draft->modified);
}

static int handle_write(struct handle *handle, const struct caller *caller, uint64_t offset,
                        const void *bytes, size_t size, struct failure *failure)
{
    struct draft *draft = ((struct draft_handle *)handle)->draft;

    pthread_mutex_lock(&draft->lock);
    bool allowed = !draft->settled && !draft->busy;
    int error = allowed ? staging_write(draft->staging, offset, bytes, size, failure)
                        : refuse_late(draft, failure);

    if (allowed) {
        note_written(draft, caller->process);
        draft->broken = error != 0 ? error : draft->broken;
    }
    pthread_mutex_unlock(&draft->lock);
    return error;
}

static int handle_resize(struct handle *handle, const struct caller *caller, uint64_t size,
                         struct failure *failure)
{
    struct draft *draft = ((struct draft_handle *)handle)->draft;

    pthread_mutex_lock(&draft->lock);
    bool same = size == staging_size(draft->staging);
    int error = draft->settled || draft->busy ? refuse_late(draft, failure)
                                              : staging_resize(draft->staging, size, failure);

    if (error == 0 && !same)
        note_written(draft, caller->process);
    pthread_mutex_unlock(&draft->lock);
    return error;
}

static const struct handle_class draft_handle_class = {
    .read = handle_read,
    .close = handle_close,
    .write = handle_write,
    .resize = handle_resize,
    .flush = handle_flush,
};

static int draft_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                            uint64_t *ret_valid_ns, struct failure *failure)
{
    struct draft *draft = (struct draft *)node;

    (void)wait;
    (void)failure;
    pthread_mutex_lock(&draft->lock);
    *ret_attributes = (struct node_attributes){
        .type = S_IFREG,
        .bytes = staging_size(draft->staging),
        .modified = draft->modified,
        .writable = true,
    };
    pthread_mutex_unlock(&draft->lock);
    *ret_valid_ns = 0;
    return 0;
}

static int draft_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                      struct failure *failure)
{
    (void)caller;
    (void)failure;
    return open_draft((struct draft *)node, ret_handle);
}

static int draft_open_writing(struct node *node, const struct caller *caller, bool truncate,
                              struct handle **ret_handle, struct failure *failure)
{
    struct draft *draft = (struct draft *)node;
    int error = 0;

    pthread_mutex_lock(&draft->lock);
    if (truncate && (draft->settled || draft->busy)) {
        error = refuse_late(draft, failure);
    } else if (truncate && draft->dirty && draft->open != 0 && draft->writer != caller->process) {
        /* Whoever closes it first would have a mixture of both applied. */
        error = failure_set(failure, EBUSY,
                            "%s is being written by another program: wait until that has closed it",
                            draft->name);
    } else if (truncate) {
        error = staging_resize(draft->staging, 0, failure);
        draft->broken = error;
    }
    pthread_mutex_unlock(&draft->lock);
    return error != 0 ? error : open_draft(draft, ret_handle);
}

static const struct node_class draft_class = {
    .attributes = draft_attributes,
    .open = draft_open,
    .open_writing = draft_open_writing,
    .release = draft_release,
};

/* ---- the folder ---- */

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
    int error = make(drafts, name, &draft);

    (void)failure;
    if (error != 0)
        return error;
    error = open_draft(draft, ret_handle);
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

/* What an open file holds becomes the draft's. */
static int copy(struct draft *draft, struct handle *from, struct failure *failure)
{
    uint64_t offset = 0;

    for (;;) {
        struct reading reading = {.count = 0};
        int error = from->class->read(from, offset, COPY_BYTES, &reading, failure);

        if (error != 0 || reading.count == 0) {
            reading_release(&reading);
            return error;
        }
        for (unsigned i = 0; i < reading.count && error == 0; i++) {
            error = staging_write(draft->staging, offset, reading.pieces[i].iov_base,
                                  reading.pieces[i].iov_len, failure);
            offset += reading.pieces[i].iov_len;
        }
        reading_release(&reading);
        if (error != 0)
            return error;
    }
}

int drafts_replace(struct drafts *drafts, const char *name, uint64_t base_digest,
                   struct handle *from, struct handle **ret_handle, struct failure *failure)
{
    struct draft *draft;
    int error = make(drafts, name, &draft);

    if (error != 0)
        return error;
    draft->based = true;
    draft->base_digest = base_digest;
    error = from != NULL ? copy(draft, from, failure) : 0;
    if (error == 0)
        error = open_draft(draft, ret_handle);
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
    settle(draft);
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
        error = word_for_rename(apply(draft, new_name, true, caller, failure), failure);
        draft->settled = done = error == 0;
    }
    pthread_mutex_unlock(&draft->lock);
    pthread_mutex_unlock(&drafts->applying);
    if (done)
        settle(draft);
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
