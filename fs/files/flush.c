/* SPDX-License-Identifier: MIT */
/*
 * Rounds of content into packs: several at a time, by the threads that store ahead, by whoever
 * writes more than there is room for, and by a commit.
 *
 *   lock     take a piece -> unlock  hash, compress, seal, append -> lock  the next one …
 *   unlock   the pack under way is ended                          -> lock  place all of them
 *
 * The last round of a commit leaves its pack to the nodes, and is let go of when that is ended.
 *
 * While a commit stores what the tree is (committing, but not closed), no round begins: the batch
 * is the commit's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/batch.h"
#include "fs/files/round.h"

/*
 * All rounds that are under way put into one pack, and end when together they have taken that part
 * of what may wait: the larger the packs, the fewer files there are to make, to flush and to find.
 * What is left is for who goes on writing while the pack is ended.
 */
#define TAKEN_MOST(waiting_most) ((waiting_most) / 8 * 5)
#define WORK_BYTES_LEAST (4 * CUT_MOST) /* before another thread is woken */
/*
 * Of a stream, before it is stored ahead: less would be a pack of its own, padded as all are, where
 * storing is as fast as writing, as it is with a new version of a file.
 */
#define STREAM_BYTES_LEAST(waiting_most) ((waiting_most) / 8 * 3)

static void wait_until_moved(struct files *files)
{
    pthread_cond_wait(&files->moved, &files->lock);
}

static size_t untaken(const struct files *files)
{
    return files->waiting_bytes - files->taken_bytes;
}

/*
 * Until MOST bytes are taken, by all rounds. With the lock before and after, and without it in
 * between.
 */
static int put_pieces(struct round *round, size_t most)
{
    struct files *files = round->files;
    int error = 0;

    while (error == 0 && files->taken_bytes < most) {
        struct object_put put;
        const struct piece *piece;
        const uint8_t *bytes;

        error = round_take(round, &piece, &bytes);
        if (error != 0)
            return error == -EAGAIN ? 0 : error;
        pthread_mutex_unlock(&files->lock);
        error = object_put(round->writer, OBJECT_CONTENT, bytes, piece->size,
                           piece->has_parent ? &piece->parent : NULL, &put, round->failure);
        pthread_mutex_lock(&files->lock);
        if (error == 0)
            round_learn(round, &put);
    }
    return error;
}

/* What a round has put stands, if ERROR is 0: it takes its place. */
static int end_round(struct round *round, int error)
{
    struct files *files = round->files;

    batch_end_writing(files, round->writer, error);
    files->rounds--;
    if (error != 0 && files->rounds == 0)
        batch_drop(files);
    if (error == 0)
        error = round_place(round);
    else
        round_give_back(round);
    files->round_failed = error != 0;
    pthread_cond_broadcast(&files->moved);
    return error;
}

/*
 * What this round has put stands in a pack that has ended: by who is the last to put into it. How
 * long that is put off, TAKEN_MOST bounds.
 */
static int end_shared_pack(struct files *files, struct failure *failure)
{
    uint64_t ended = files->packs_ended;
    int error;

    while (files->putting > 0 && files->packs_ended == ended)
        wait_until_moved(files);
    if (files->packs_ended != ended)
        return 0;
    pthread_mutex_unlock(&files->lock);
    error = object_batch_end_pack(files->batch, failure);
    pthread_mutex_lock(&files->lock);
    if (error == 0)
        files->packs_ended++;
    return error;
}

/* The batch is a commit's, or is about to be. */
static bool is_taken(const struct files *files)
{
    return files->finishing || (files->committing && !files->closed);
}

/* *RET_BYTES: how much it has taken; 0 as well when no round may begin now. */
static int run_round(struct files *files, enum urgency urgency, size_t *ret_bytes,
                     struct failure *failure)
{
    struct round round = {.files = files, .urgency = urgency, .failure = failure};
    int error;

    *ret_bytes = 0;
    batch_look_at_log(files);
    if (is_taken(files))
        return 0;
    error = reserve_hold(&files->reserve, store_storage(files->options.store));
    if (error != 0)
        return failure_set(
            failure, -error,
            "the store's disk is full: what is left of it is kept for removing files");
    error = batch_begin_writing(files, &round.writer, failure);
    if (error != 0)
        return error;
    files->rounds++;
    files->putting++;
    error = put_pieces(&round, TAKEN_MOST(files->waiting_most));
    files->putting--;
    *ret_bytes = round.bytes;
    if (error == 0 && round.count > 0)
        error = end_shared_pack(files, failure);
    error = end_round(&round, error);
    if (round_let_go(&round) != 0 && error == 0)
        error = -ENOMEM;
    round_release(&round);
    return error;
}

/*
 * The last round of a commit, of all that waits when that is little: its pack is not ended, since
 * the nodes that name its pieces are to stand in the same one.
 */
static int run_last_round(struct round *round)
{
    struct files *files = round->files;
    int error = batch_begin_writing(files, &round->writer, round->failure);

    if (error != 0)
        return error;
    files->rounds++;
    files->finishing = true;
    return end_round(round, put_pieces(round, SIZE_MAX));
}

/* Nobody else stores anything, and nobody needs to be called for what is left. */
static bool is_last(const struct files *files)
{
    return files->rounds == 0 && untaken(files) < WORK_BYTES_LEAST;
}

int files_flush(struct files *files, struct round *last)
{
    int error = 0;

    while (error == 0 && (files->waiting != NULL || files->rounds > 0)) {
        size_t bytes = 0;

        if (files->waiting != NULL && is_last(files))
            return run_last_round(last);
        if (files->waiting != NULL)
            error = run_round(files, STORE_ALL, &bytes, last->failure);
        if (error == 0 && bytes == 0 && files->rounds > 0)
            wait_until_moved(files);
    }
    while (files->rounds > 0)
        wait_until_moved(files);
    return error;
}

int files_wait_for_room(struct files *files, struct failure *failure)
{
    enum urgency urgency = STORE_MOST;
    int error = 0;

    while (error == 0 && files->waiting_bytes > files->waiting_most) {
        size_t bytes = 0;

        if (files->waiting == NULL && files->rounds == 0 && !files->committing)
            return failure_set(failure, EIO,
                               "too much was written into damaged files, and cannot be stored: "
                               ".crmfs/errors names them");
        if (!files->committing && files->waiting != NULL)
            error = run_round(files, urgency, &bytes, failure);
        if (error == 0 && bytes == 0) {
            urgency = STORE_ALL;
            if (files->rounds > 0 || files->committing)
                wait_until_moved(files);
        }
    }
    return error;
}

bool files_has_work(const struct files *files)
{
    const struct held_file *first = files->waiting;

    if (first == NULL || files->round_failed || is_taken(files))
        return false;
    return untaken(files) >= (files->closed ? WORK_BYTES_LEAST : files->waiting_most / 2) ||
           first->runs.bytes - first->runs.taken >=
               (files->closed ? WORK_BYTES_LEAST : STREAM_BYTES_LEAST(files->waiting_most));
}

void *files_storer(void *context)
{
    struct files *files = context;

    pthread_mutex_lock(&files->lock);
    while (!files->ending) {
        struct failure failure = {0};
        enum urgency urgency = STORE_STREAMS;
        size_t bytes = 0;

        if (files->closed)
            urgency = STORE_ALL;
        else if (untaken(files) >= files->waiting_most / 2)
            urgency = STORE_MOST;
        /* What fails is tried again by who waits for it, and said then. */
        if (files_has_work(files))
            (void)run_round(files, urgency, &bytes, &failure);
        if (bytes == 0)
            pthread_cond_wait(&files->work, &files->lock);
    }
    pthread_mutex_unlock(&files->lock);
    return NULL;
}
