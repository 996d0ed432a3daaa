/* SPDX-License-Identifier: MIT */
/*
 * Rounds of content into packs: several at a time, by the threads that store ahead, by whoever
 * writes more than there is room for, and by a commit.
 *
 *   lock     take a piece -> unlock  hash, compress, seal, append -> lock  the next one …
 *   unlock   the pack under way is ended, and durable             -> lock  place all of them
 *
 * While a commit stores what the tree is (committing, but not closed), no round begins: the batch
 * is the commit's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/files_internal.h"

/*
 * All rounds that are under way put into one pack, and end when together they have taken that part
 * of what may wait: the larger the packs, the fewer files there are to make, to flush and to find.
 * What is left is for who goes on writing while the pack is ended.
 */
#define TAKEN_MOST(waiting_most) ((waiting_most) / 8 * 5)
#define WORK_BYTES_LEAST (4 * CUT_MOST) /* before another thread is woken */

static size_t untaken(const struct files *files)
{
    return files->waiting_bytes - files->taken_bytes;
}

/* With the lock before and after, and without it in between. */
static int put_pieces(struct round *round)
{
    struct files *files = round->files;
    int error = 0;

    while (error == 0 && files->taken_bytes < TAKEN_MOST(files->waiting_most)) {
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

/* *RET_BYTES: how much it has taken. */
static int run_round(struct files *files, enum urgency urgency, size_t *ret_bytes,
                     struct failure *failure)
{
    struct round round = {.files = files, .urgency = urgency, .failure = failure};
    int error = files_begin_writing(files, &round.writer, failure);

    *ret_bytes = 0;
    if (error != 0)
        return error;
    files->rounds++;
    error = put_pieces(&round);
    *ret_bytes = round.bytes;
    pthread_mutex_unlock(&files->lock);
    if (error == 0 && round.count > 0)
        error = object_batch_end_pack(files->batch, failure);
    pthread_mutex_lock(&files->lock);
    files_end_writing(files, round.writer, error);
    files->rounds--;
    if (error != 0 && files->rounds == 0)
        files_drop_batch(files);
    if (error == 0)
        error = round_place(&round);
    else
        round_give_back(&round);
    files->round_failed = error != 0;
    round_release(&round);
    pthread_cond_broadcast(&files->moved);
    return error;
}

static void wait_until_moved(struct files *files)
{
    pthread_cond_wait(&files->moved, &files->lock);
}

int files_flush(struct files *files, struct failure *failure)
{
    int error = 0;

    while (error == 0 && (files->waiting != NULL || files->rounds > 0)) {
        size_t bytes = 0;

        if (files->waiting != NULL)
            error = run_round(files, STORE_ALL, &bytes, failure);
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

    if (first == NULL || files->round_failed || (files->committing && !files->closed))
        return false;
    return untaken(files) >= (files->closed ? WORK_BYTES_LEAST : files->waiting_most / 2) ||
           first->runs.bytes - first->runs.taken >= WORK_BYTES_LEAST;
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
