/* SPDX-License-Identifier: MIT */
/*
 * From memory to the store.
 *
 *   content -> packs, durable -> extents in the tree -> the runs are let go
 *   nodes   -> packs, durable -> the log's record    -> the nodes are clean
 *
 * Nothing in memory is given up before what replaces it is in packs that stand: an attempt that
 * fails (no space, no answer) leaves everything as it was, and can be made again. Only a claim
 * that was lost, or packs that were taken away, end it for good.
 *
 *   committing, closed      content is stored, nodes are encoded: nothing changes, all can be read
 *   committing, not closed  the disk is waited for, without the lock: changes go on, in memory
 *
 * Whoever wants a commit while one is under way waits for it, and shares the next one with all
 * others who do.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/files/files_internal.h"
#include "fs/store/pack.h"

#define COMMIT_ATTEMPTS 100
/* After an attempt that failed, before the next one that nobody asks for: twice as long each time.
 */
#define PAUSE_LEAST_NS UINT64_C(250000000)
#define PAUSE_MOST_NS UINT64_C(10000000000)

/* ---- Batches ---- */

/* Marked packs count as absent. */
static int avoid_marked(struct files *files, struct object_batch *batch)
{
    int error = 0;

    for (size_t i = 0; i < files->state.mark_count && error == 0; i++) {
        const char *pack = files->state.marks[i].pack;

        error = object_batch_avoid(batch, &pack, 1);
    }
    return error;
}

static int note_packs(struct files *files, const char *const *names, size_t count)
{
    struct pack_names *packs = &files->packs;
    char **grown = reallocarray(packs->names, packs->count + count + 1, sizeof *grown);

    if (grown == NULL)
        return -ENOMEM;
    packs->names = grown;
    for (size_t i = 0; i < count; i++) {
        char *name = strdup(names[i]);

        if (name == NULL)
            return -ENOMEM;
        packs->names[packs->count++] = name;
    }
    return 0;
}

static int note_relied(struct files *files, const struct object_batch *batch)
{
    struct hint_list *relied = &files->relied;
    const uint64_t *hints;
    size_t count;

    object_batch_relied(batch, &hints, &count);
    if (count == 0)
        return 0;

    uint64_t *grown = reallocarray(relied->hints, relied->count + count, sizeof *grown);

    if (grown == NULL)
        return -ENOMEM;
    memcpy(grown + relied->count, hints, count * sizeof *hints);
    relied->hints = grown;
    relied->count += count;
    return 0;
}

static void end_writers(struct files *files)
{
    while (files->writer_count > 0) {
        struct object_writer *writer = files->writers[--files->writer_count];

        (void)object_writer_finish(writer);
        object_writer_free(writer);
    }
}

/* The batch goes, and what it says of packs is kept. */
static int drop_batch(struct files *files)
{
    struct object_batch *batch = steal_pointer(&files->batch);
    const char *const *names;
    size_t count;

    if (batch == NULL)
        return 0;
    end_writers(files);
    object_batch_packs(batch, &names, &count);

    int error = note_packs(files, names, count);

    if (error == 0)
        error = note_relied(files, batch);
    object_batch_free(batch);
    return error;
}

void files_drop_batch(struct files *files)
{
    (void)drop_batch(files);
}

/* An index only saves time: it can be made from the packs. */
static void finish_batch(struct object_batch *batch)
{
    const char *const *names;
    size_t count;
    uint64_t stored;

    if (batch != NULL)
        (void)object_batch_finish(batch, &names, &count, &stored, NULL);
    object_batch_free(batch);
}

/* Whether others have changed the store since it was looked at last. */
static bool is_changed(struct files *files)
{
    uint64_t before = files->state.sequence;

    return log_read(files->options.store, &files->state, NULL) == 0 &&
           files->state.sequence != before;
}

void files_look_at_log(struct files *files)
{
    const char *const *names;
    size_t count;

    while (files->renewing)
        pthread_cond_wait(&files->moved, &files->lock);
    if (files->rounds > 0 || (files->batch != NULL && !files->settled) || !is_changed(files) ||
        files->batch == NULL)
        return;
    object_batch_packs(files->batch, &names, &count);
    if (note_packs(files, names, count) != 0 || note_relied(files, files->batch) != 0)
        return;
    end_writers(files);

    struct object_batch *batch = steal_pointer(&files->batch);

    files->renewing = true;
    pthread_mutex_unlock(&files->lock);
    finish_batch(batch);
    pthread_mutex_lock(&files->lock);
    files->renewing = false;
    pthread_cond_broadcast(&files->moved);
}

/* A writer of the batch, which is made when there is none. */
int files_begin_writing(struct files *files, struct object_writer **ret_writer,
                        struct failure *failure)
{
    int error = 0;

    files->settled = false;
    if (files->batch == NULL) {
        error = object_batch_create(files->options.store, files->options.reader, &files->batch,
                                    failure);
        if (error == 0) {
            object_batch_pad_closely(files->batch);
            error = avoid_marked(files, files->batch);
        }
    }
    if (error != 0)
        return error;
    if (files->writer_count > 0) {
        *ret_writer = files->writers[--files->writer_count];
        return 0;
    }
    return object_writer_create(files->batch, ret_writer, failure);
}

void files_end_writing(struct files *files, struct object_writer *writer, int error)
{
    if (error == 0 && files->writer_count < STORERS_MOST) {
        files->writers[files->writer_count++] = writer;
        return;
    }
    /* One that failed has told the batch. */
    (void)object_writer_finish(writer);
    object_writer_free(writer);
}

/* For good: durable, and noted for the record. The index of small commits comes later. */
static int settle_batch(struct files *files, uint64_t *ret_stored, struct failure *failure)
{
    struct object_batch *batch = files->batch;
    const char *const *names;
    size_t count;
    int error = object_batch_settle(batch, failure);

    if (error != 0)
        return error;
    object_batch_packs(batch, &names, &count);
    *ret_stored = object_batch_stored_bytes(batch);
    error = note_packs(files, names, count);
    if (error == 0)
        error = note_relied(files, batch);
    if (error == 0)
        object_batch_renew(batch);
    return error;
}

void files_end_batch(struct files *files)
{
    end_writers(files);
    finish_batch(steal_pointer(&files->batch));
}

/* ---- The commit ---- */

static bool relies_on(const struct files *files, const char *pack)
{
    uint8_t salt[STORE_SALT_BYTES];

    if (!pack_salt(pack, salt))
        return false;
    for (size_t i = 0; i < files->relied.count; i++) {
        if (files->relied.hints[i] == pack_hint(salt))
            return true;
    }
    for (size_t i = 0; i < files->packs.count; i++) {
        if (strcmp(files->packs.names[i], pack) == 0)
            return true;
    }
    return false;
}

static int lose_packs(struct failure *failure)
{
    (void)failure_set(failure, EIO,
                      "prune took away what files/ had just begun to use: what was written "
                      "since the last sync is lost; unmount, mount again");
    return -EPERM;
}

/* Packs that were marked meanwhile are unmarked. -EAGAIN: look again. */
static int keep_packs(struct files *files, struct failure *failure)
{
    for (size_t i = 0; i < files->state.mark_count; i++) {
        const struct log_mark *mark = &files->state.marks[i];

        if (!relies_on(files, mark->pack))
            continue;
        if (mark->removed)
            return lose_packs(failure);

        const char *pack = mark->pack;
        int error = log_unmark_packs(files->options.store, &files->state, &pack, 1, failure);

        return error == 0 ? -EAGAIN : error;
    }
    return 0;
}

/* -EPERM: never again. */
static int put_record(struct files *files, const struct object_reference *top,
                      struct failure *failure)
{
    int error = -EAGAIN;

    for (int i = 0; i < COMMIT_ATTEMPTS && error == -EAGAIN; i++) {
        error = keep_packs(files, failure);
        if (error == 0)
            error = log_files(files->options.store, &files->state, files->writer, top,
                              (const char *const *)files->packs.names, files->packs.count, failure);
    }
    return error == -EAGAIN
               ? failure_set(failure, EBUSY, "others change the store all the time: try again")
               : error;
}

static void forget_packs(struct files *files)
{
    for (size_t i = 0; i < files->packs.count; i++)
        free(files->packs.names[i]);
    files->packs.count = 0;
    files->relied.count = 0;
}

int files_store_error(int error, struct failure *failure)
{
    if (error == 0 || error == -ENOSPC || error == -EDQUOT || error == -ENOMEM)
        return error;
    return failure_prefix(failure, EIO, "files/ cannot be stored");
}

/* The pack of the last content and of the nodes. The lock is given back meanwhile. */
static int end_last_pack(struct files *files, struct failure *failure)
{
    pthread_mutex_unlock(&files->lock);

    int error = object_batch_end_pack(files->batch, failure);

    pthread_mutex_lock(&files->lock);
    return error;
}

/* Closed to changes: all content into packs, and the nodes of the tree. */
static int gather_all(struct files *files, struct object_reference *ret_top,
                      struct failure *failure)
{
    struct round last = {.files = files, .urgency = STORE_ALL, .failure = failure};
    int error;

    files->closed = true;
    files_look_at_log(files);
    if (files_has_work(files))
        pthread_cond_broadcast(&files->work);
    error = files_flush(files, &last);
    if (error == 0)
        error = inode_write_root(files, failure);
    if (error == 0)
        error = files_write_nodes(files, ret_top, failure);
    if (error == 0 && last.count > 0)
        error = end_last_pack(files, failure);
    if (error == 0)
        error = round_let_go(&last);
    else
        round_give_back(&last);
    round_release(&last);
    files->finishing = false;
    files->closed = false;
    pthread_cond_broadcast(&files->moved);
    return error;
}

/* What an attempt has put before it failed takes room on the disk until it is pruned. */
static void put_off_next(struct files *files, bool failed)
{
    uint64_t pause = 2 * files->commit_pause_ns;

    if (pause < PAUSE_LEAST_NS)
        pause = PAUSE_LEAST_NS;
    else if (pause > PAUSE_MOST_NS)
        pause = PAUSE_MOST_NS;
    files->commit_pause_ns = failed ? pause : 0;
    files->commit_again_ns = failed ? files_clock_ns() + pause : 0;
}

static int end_commit(struct files *files, int error, struct failure *words,
                      struct failure *failure)
{
    if (error != 0) {
        (void)drop_batch(files);
        if (error == -EPERM)
            files_break(files, words);
        error = files_store_error(error, words);
        if (failure != NULL)
            *failure = *words;
    }
    files->committing = false;
    files->commit_failed = error != 0;
    put_off_next(files, error != 0);
    files->round_failed = files->round_failed && error != 0;
    pthread_cond_broadcast(&files->moved);
    pthread_cond_broadcast(&files->work);
    return error;
}

static int commit_once(struct files *files, struct failure *failure)
{
    struct object_reference top;
    struct failure words = {0};
    int error;

    if (files->broken.code != 0)
        return failure_set(failure, EIO, "%s", files->broken.text);
    if (files->changes == files->committed)
        return 0;
    files->committing = true;
    error = gather_all(files, &top, &words);

    uint64_t changes = files->changes;
    uint64_t gathered_ns = files_clock_ns();
    uint64_t dropped = files->dropped_bytes;
    uint64_t stored = 0;

    /* What is changed from here on is of the next commit. */
    files->settled = false;
    pthread_mutex_unlock(&files->lock);
    if (error == 0)
        error = settle_batch(files, &stored, &words);
    if (error == 0)
        error = put_record(files, &top, &words);
    pthread_mutex_lock(&files->lock);
    if (error == 0) {
        catalogue_stored(&files->tree);
        forget_packs(files);
        files->settled = true;
        files->committed = changes;
        files->spent_bytes += stored + dropped;
        files->dropped_bytes -= dropped;
        if (files->spent_bytes > files->options.garbage_bytes)
            pthread_cond_signal(&files->upkeep);
        files->oldest_change_ns = gathered_ns;
        /* What was marked meanwhile is not relied on from now on. */
        if (files->batch != NULL && avoid_marked(files, files->batch) != 0)
            files_end_batch(files);
    }
    return end_commit(files, error, &words, failure);
}

int files_commit(struct files *files, struct failure *failure)
{
    int error = commit_once(files, failure);

    /* With no content in it, it is small, and may be what makes room. */
    if ((error == -ENOSPC || error == -EDQUOT) && files->waiting == NULL &&
        reserve_spend(&files->reserve))
        error = commit_once(files, failure);
    return error;
}

void files_await_commit(struct files *files)
{
    while (files->committing)
        pthread_cond_wait(&files->moved, &files->lock);
}

void files_await_writing(struct files *files)
{
    do {
        files_await_commit(files);
        files_look_at_log(files);
    } while (files->committing);
}
