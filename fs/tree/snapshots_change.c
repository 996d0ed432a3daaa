/* SPDX-License-Identifier: MIT */
/* Taking, forgetting and renaming snapshots through their folder; and what is said of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/tree/snapshots_internal.h"

#define ATTEMPTS 100 /* others may append to the log at the same time */

static int refuse_changes(const struct snapshots *snapshots, struct failure *failure)
{
    return snapshots->read_only ? failure_set(failure, EROFS,
                                              "the mount is read-only: mount it "
                                              "with rw to change snapshots")
                                : 0;
}

/* -ENOENT of a change is one thing, of the way to it another. */
static int no_snapshot(const char *name, struct failure *failure)
{
    return failure_set(failure, ENOENT, "there is no snapshot %s", name);
}

static void warn(void *context, const char *source, const char *table, const struct failure *why)
{
    struct snapshots *snapshots = context;
    cleanup_free char *path = NULL;
    struct failure words = *why;

    /* What holds nothing is not missed. */
    if (why->code != ENODATA)
        snapshots->leaving_out = true;
    if (snapshots->report == NULL)
        return;
    failure_prefix(&words, why->code,
                   why->code == EPERM ? "the snapshot may lack tables"
                                      : "left out of the snapshot");
    if (asprintf(&path, "snapshots/%s/%s%s%s", snapshots->taken, source, table != NULL ? "/" : "",
                 table != NULL ? table : "") < 0) {
        path = NULL;
        return;
    }
    snapshots->report(snapshots->report_context, path, &words);
}

static void warn_of_later(struct snapshots *snapshots, const struct log_state *state)
{
    struct failure words;

    if (snapshots->report != NULL && snapshot_latest_is_to_come(state, &words))
        snapshots->report(snapshots->report_context, "snapshots/latest", &words);
}

/* Only one at a time: each takes as much memory as a scan may. */
static int take_one(struct snapshots *snapshots, const char *name, const bool *cancelled,
                    struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    struct take_options options = {
        .store = snapshots->store,
        .reader = snapshots->context.reader,
        .sources = snapshots->sources,
        .source_count = snapshots->source_count,
        .name = name,
        .files = snapshots->context.files,
        .threads = snapshots->threads,
        .view_timeout_ns = snapshots->view_timeout_ns,
        .cancelled = cancelled,
        .progress = &snapshots->progress,
        .warn = warn,
        .warn_context = snapshots,
    };
    int error = snapshot_take(&options, &state, NULL, failure);

    if (error == 0)
        warn_of_later(snapshots, &state);
    log_state_release(&state);
    /* Of a database or the store; the kernel would take it for the folder's, or try again. */
    if (error == -ENOENT || error == -ESTALE || error == -EBADMSG) {
        error = -EIO;
        failure->code = EIO;
    }
    return error;
}

/* Whether a snapshot may be begun; snapshots_end() then reaches it through CANCELLED. */
static bool begin(struct snapshots *snapshots, const char *name, bool *cancelled)
{
    pthread_mutex_lock(&snapshots->lock);
    bool allowed = !snapshots->ending;

    if (allowed) {
        snapshots->cancel = cancelled;
        snapshots->taken = name;
        snapshots->leaving_out = false;
    }
    pthread_mutex_unlock(&snapshots->lock);
    return allowed;
}

/* ERROR: of the taking. */
static void end(struct snapshots *snapshots, int error)
{
    pthread_mutex_lock(&snapshots->lock);
    if (error == 0) {
        free(snapshots->incomplete);
        snapshots->incomplete = snapshots->leaving_out ? strdup(snapshots->taken) : NULL;
    }
    snapshots->cancel = NULL;
    snapshots->taken = NULL;
    snapshots->progress = (struct take_progress){.rows = 0};
    snapshots->valid_until_ns = 0;
    pthread_mutex_unlock(&snapshots->lock);
}

static bool has_files(struct snapshots *snapshots)
{
    bool any = false;

    return snapshots->context.files != NULL && files_any(snapshots->context.files, &any) == 0 &&
           any;
}

int snapshots_take(struct node *node, const char *name, bool *cancelled, struct node **ret_node,
                   uint64_t *ret_valid_ns, struct failure *failure)
{
    struct snapshots *snapshots = (struct snapshots *)node;
    bool never = false;
    int error = refuse_changes(snapshots, failure);

    if (cancelled == NULL)
        cancelled = &never;
    if (error == 0 && snapshots->source_count == 0 && !has_files(snapshots))
        error = failure_set(failure, EROFS,
                            "there is nothing to take: files/ is empty, and no source is mounted "
                            "here; put something into files/, mount a source beside the store, or "
                            "use crmfs snapshot");
    if (error == 0)
        error = snapshot_name_check(name, failure);
    if (error != 0)
        return error;
    pthread_mutex_lock(&snapshots->taking);
    if (begin(snapshots, name, cancelled)) {
        error = take_one(snapshots, name, cancelled, failure);
        end(snapshots, error);
    } else {
        error = -ECANCELED;
    }
    pthread_mutex_unlock(&snapshots->taking);
    if (error != 0)
        return error;
    pthread_mutex_lock(&snapshots->lock);
    error = snapshots_find(snapshots, name, ret_node, ret_valid_ns, failure);
    pthread_mutex_unlock(&snapshots->lock);
    return error;
}

/* One attempt on a state just read. The lock is held. */
static int forget_once(struct snapshots *snapshots, const char *name, struct failure *failure)
{
    const struct snapshot *snapshot = log_find(&snapshots->state, name);

    if (snapshot == NULL)
        return no_snapshot(name, failure);
    return log_forget(snapshots->store, &snapshots->state, &snapshot, 1, failure);
}

static int rename_once(struct snapshots *snapshots, const char *name, const char *new_name,
                       struct failure *failure)
{
    if (log_find(&snapshots->state, name) == NULL)
        return no_snapshot(name, failure);
    if (log_find(&snapshots->state, new_name) != NULL)
        return failure_set(failure, EEXIST, "there is a snapshot %s already", new_name);
    return log_rename(snapshots->store, &snapshots->state, name, new_name, failure);
}

/* Forgets NAME, or renames it when NEW_NAME is not NULL. */
static int change(struct snapshots *snapshots, const char *name, const char *new_name,
                  struct failure *failure)
{
    int error = -EAGAIN;

    pthread_mutex_lock(&snapshots->lock);
    for (int i = 0; i < ATTEMPTS && error == -EAGAIN; i++) {
        snapshots->valid_until_ns = 0;
        error = snapshots_refresh(snapshots, failure);
        if (error == 0)
            error = new_name == NULL ? forget_once(snapshots, name, failure)
                                     : rename_once(snapshots, name, new_name, failure);
    }
    snapshots->valid_until_ns = 0;
    (void)snapshots_refresh(snapshots, NULL); /* the names are those of the state before */
    pthread_mutex_unlock(&snapshots->lock);
    return error == -EAGAIN
               ? failure_set(failure, EBUSY, "others change the store all the time: try again")
               : error;
}

static bool is_latest(const char *name)
{
    return strcmp(name, SNAPSHOTS_LATEST) == 0;
}

int snapshots_forget(struct node *node, const char *name, struct failure *failure)
{
    struct snapshots *snapshots = (struct snapshots *)node;
    int error = refuse_changes(snapshots, failure);

    if (error == 0 && is_latest(name))
        error = failure_set(failure, ENOTDIR, "it is a link to the newest snapshot");
    return error != 0 ? error : change(snapshots, name, NULL, failure);
}

int snapshots_rename(struct node *node, const char *name, const char *new_name,
                     struct failure *failure)
{
    struct snapshots *snapshots = (struct snapshots *)node;
    int error = refuse_changes(snapshots, failure);

    if (error == 0 && is_latest(name))
        error = failure_set(failure, EPERM, "it is a link to the newest snapshot, always");
    if (error == 0)
        error = snapshot_name_check(new_name, failure);
    return error != 0 ? error : change(snapshots, name, new_name, failure);
}

static uint64_t seen(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/* The lock is held. */
static int write_taking(struct snapshots *snapshots, struct buffer *text)
{
    const struct take_progress *progress = &snapshots->progress;

    if (snapshots->taken == NULL)
        return buffer_append_text(text, ",\"taking\":null");

    int error = buffer_append_text(text, ",\"taking\":{\"name\":");

    if (error == 0)
        error = json_text_append(text, snapshots->taken, strlen(snapshots->taken));
    if (error == 0)
        error = buffer_print(text,
                             ",\"rows\":%" PRIu64 ",\"tables\":%" PRIu64 ",\"tables_done\":%" PRIu64
                             ",\"raw_bytes\":%" PRIu64 ",\"stored_bytes\":%" PRIu64 "}",
                             seen(&progress->rows), seen(&progress->tables),
                             seen(&progress->tables_done), seen(&progress->raw_bytes),
                             seen(&progress->stored_bytes));
    return error;
}

/* The lock is held. */
static int write_status(struct snapshots *snapshots, struct buffer *text)
{
    const struct log_state *state = &snapshots->state;
    const struct failure *failure = &snapshots->failure;
    int error = buffer_print(text, "\"sequence\":%" PRIu64 ",\"snapshots\":%zu,\"latest\":",
                             state->sequence, state->snapshot_count);

    if (error == 0 && state->snapshot_count != 0) {
        const char *name = state->snapshots[state->snapshot_count - 1].name;

        error = json_text_append(text, name, strlen(name));
    } else if (error == 0) {
        error = buffer_append_text(text, "null");
    }
    if (error == 0)
        error = write_taking(snapshots, text);
    if (error == 0)
        error = buffer_append_text(text, ",\"incomplete\":");
    if (error == 0)
        error = snapshots->incomplete != NULL
                    ? json_text_append(text, snapshots->incomplete, strlen(snapshots->incomplete))
                    : buffer_append_text(text, "null");
    if (error == 0)
        error = buffer_append_text(text, ",\"error\":");
    if (error == 0)
        error = failure->code != 0 ? json_text_append(text, failure->text, strlen(failure->text))
                                   : buffer_append_text(text, "null");
    return error;
}

int snapshots_status(struct snapshots *snapshots, struct buffer *text)
{
    pthread_mutex_lock(&snapshots->lock);
    (void)snapshots_refresh(snapshots, NULL);

    int error = write_status(snapshots, text);

    pthread_mutex_unlock(&snapshots->lock);
    return error;
}

void snapshots_end(struct snapshots *snapshots)
{
    pthread_mutex_lock(&snapshots->lock);
    snapshots->ending = true;
    if (snapshots->cancel != NULL)
        __atomic_store_n(snapshots->cancel, true, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&snapshots->lock);
}
