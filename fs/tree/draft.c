/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

#include "fs/base/memory.h"
#include "fs/tree/drafts_internal.h"

#define COPY_BYTES ((size_t)128 << 10)

struct draft_handle {
    struct handle handle;
    struct draft *draft; /* referenced */
};

static const struct node_class draft_class;
static const struct handle_class draft_handle_class;

int draft_make(struct drafts *drafts, const char *name, struct draft **ret_draft)
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

int draft_handle_create(struct draft *draft, struct handle **ret_handle)
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

/* It waits for its name. The lock is held. */
static void rest_if_closed(struct draft *draft)
{
    if (draft->open == 0 && !draft->busy && !draft->settled)
        staging_rest(draft->staging);
}

int draft_apply(struct draft *draft, const char *name, bool renamed, const struct caller *caller,
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
        rest_if_closed(draft);
        return error;
    }
    failure_set(failure, -draft->broken,
                "%s lacks what could not be written into it before (%s): nothing was changed", name,
                strerror(-draft->broken));
    drafts->class->abandoned(drafts->context, name, failure);
    return draft->broken;
}

/* The list's lock is held, and whoever calls has a reference of its own. */
static void unlist(struct drafts *drafts, struct draft *draft)
{
    if (!draft->listed)
        return;
    DL_DELETE2(drafts->first, draft, previous, next);
    draft->listed = false;
    node_release(&draft->node);
}

void draft_settle(struct draft *draft)
{
    struct drafts *drafts = draft->drafts;

    pthread_mutex_lock(&drafts->lock);
    unlist(drafts, draft);
    pthread_mutex_unlock(&drafts->lock);
}

/* Any process that nobody can see may have closed it, or one that was killed. */
static int refuse_stranger(const struct draft *draft, struct failure *failure)
{
    const struct drafts *drafts = draft->drafts;

    failure_set(
        failure, EPERM,
        "the program that wrote it runs where crmfs cannot see it, as in another container or "
        "behind hidepid of /proc, so that nobody can tell whether it is whole: nothing was "
        "changed; write it under another name, and rename it");
    drafts->class->abandoned(drafts->context, draft->name, failure);
    return -EPERM;
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
            error = draft->writer != 0 && !caller->hidden
                        ? draft_apply(draft, draft->name, false, caller, failure)
                        : refuse_stranger(draft, failure);
            draft->settled = done = true;
        }
    }
    pthread_mutex_unlock(&draft->lock);
    pthread_mutex_unlock(&drafts->applying);
    if (done)
        draft_settle(draft);
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
    if (!done)
        rest_if_closed(draft);
    pthread_mutex_unlock(&draft->lock);
    if (done)
        draft_settle(draft);
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
    return draft_handle_create((struct draft *)node, ret_handle);
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
    return error != 0 ? error : draft_handle_create(draft, ret_handle);
}

static const struct node_class draft_class = {
    .attributes = draft_attributes,
    .open = draft_open,
    .open_writing = draft_open_writing,
    .release = draft_release,
};

int draft_copy(struct draft *draft, struct handle *from, struct failure *failure)
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
