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

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/files/batch.h"
#include "fs/files/round.h"
#include "fs/store/hint_set.h"
#include "fs/store/pack.h"

#define COMMIT_ATTEMPTS 100

/* After an attempt that failed, until the next one by itself: twice as long each time. */
#define PAUSE_LEAST_NS UINT64_C(250000000)
#define PAUSE_MOST_NS UINT64_C(10000000000)

static bool relies_on(const struct files *files, const char *pack)
{
    uint8_t salt[STORE_SALT_BYTES];

    if (!pack_salt(pack, salt))
        return false;

    uint64_t hint = pack_hint(salt);

    for (size_t i = 0; i < files->relied.count; i++) {
        if (files->relied.hints[i] == hint)
            return true;
    }
    if (files->options.set_back && hint_set_has(files->options.set_back_on, hint))
        return true;
    for (size_t i = 0; i < files->packs.count; i++) {
        if (strcmp(files->packs.names[i], pack) == 0)
            return true;
    }
    return false;
}

/* Where prune cannot see what is used here, and no record could be put for a long time. */
static int lose_packs(struct failure *failure)
{
    (void)failure_set(failure, EIO,
                      "prune took away what files/ had just begun to use: what was written "
                      "since the last sync is lost; unmount, mount again");
    return -EPERM;
}

/* Those that were marked meanwhile, as many as a record may name, borrowed from the state; NAMES
 * has room. */
static int find_marked(const struct files *files, const char **names, size_t *ret_count,
                       struct failure *failure)
{
    size_t count = 0;

    for (size_t i = 0; i < files->state.mark_count && count < LOG_PACKS_LIMIT; i++) {
        const struct log_mark *mark = &files->state.marks[i];

        if (!relies_on(files, mark->pack))
            continue;
        if (mark->removed)
            return lose_packs(failure);
        names[count++] = mark->pack;
    }
    *ret_count = count;
    return 0;
}

/* They are unmarked. -EAGAIN: look again. */
static int keep_packs(struct files *files, struct failure *failure)
{
    cleanup_free const char **names = allocate_array(files->state.mark_count, sizeof(const char *));
    size_t count = 0;
    int error = names != NULL ? find_marked(files, names, &count, failure) : -ENOMEM;

    if (error == 0 && count > 0)
        error = log_unmark_packs(files->options.store, &files->state, names, count, failure);
    return error == 0 && count == LOG_PACKS_LIMIT ? -EAGAIN : error;
}

/* -EPERM: never again. */
static int put_record(struct files *files, const struct object_reference *top,
                      struct failure *failure)
{
    int error = -EAGAIN;

    for (int i = 0; i < COMMIT_ATTEMPTS && error == -EAGAIN; i++) {
        error = keep_packs(files, failure);
        if (error == 0)
            error = log_files(files->options.store, &files->state, files->own.claim.writer, top,
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

/* What was written over is garbage, and stays until prune has marked it and waited. */
static int hint_at_prune(int error, struct failure *failure)
{
    char words[sizeof failure->text];

    if (failure == NULL || strstr(failure->text, "crmfs prune") != NULL)
        return error;
    memcpy(words, failure->text, sizeof words);
    return failure_set(
        failure, -error,
        "%s; `crmfs prune` on the store gives back what nothing needs, an hour after "
        "it has marked it, with `--grace 0` at once: then what other mounts have open "
        "may become unreadable",
        words);
}

int files_store_error(int error, struct failure *failure)
{
    if (error == -ENOSPC || error == -EDQUOT)
        return hint_at_prune(error, failure);
    if (error == 0 || error == -ENOMEM)
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
    files_try_held_back(files);
    batch_look_at_log(files);
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
    files->commit_again_ns = failed ? clock_now_ns() + pause : 0;
}

static int end_commit(struct files *files, int error, struct failure *words,
                      struct failure *failure)
{
    if (error != 0) {
        batch_drop(files);
        if (error == -EPERM)
            files_break(files, words);
        if (error == -ENOSPC || error == -EDQUOT)
            files_disk_is_full(files);
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
    uint64_t gathered_ns = clock_now_ns();
    uint64_t dropped = files->dropped_bytes;
    uint64_t stored = 0;

    /* What is changed from here on is of the next commit. */
    files->settled = false;
    pthread_mutex_unlock(&files->lock);
    if (error == 0)
        error = batch_settle(files, &stored, &words);
    if (error == 0)
        error = put_record(files, &top, &words);
    pthread_mutex_lock(&files->lock);
    if (error == 0) {
        catalogue_stored(&files->tree);
        forget_packs(files);
        claim_lock_drop_packs(&files->own.lock);
        files->settled = true;
        files->committed = changes;
        files->spent_bytes += stored + dropped;
        files->dropped_bytes -= dropped;
        if (files->spent_bytes > files->options.garbage_bytes)
            pthread_cond_signal(&files->upkeep);
        files->oldest_change_ns = gathered_ns;
        /* What was marked meanwhile is not relied on from now on. */
        if (files->batch != NULL && batch_avoid_marked(files) != 0)
            batch_end(files);
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
        batch_look_at_log(files);
    } while (files->committing);
}
