/* SPDX-License-Identifier: MIT */
#include "backends/source/ahead_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the thread --------------------------------------------------------------------------- */

static int append(struct ahead_piece *piece, const void *bytes, size_t size)
{
    if (piece->capacity - piece->size < size) {
        size_t capacity = piece->size + size;
        uint8_t *more;

        if (capacity < 2 * AHEAD_PIECE_BYTES)
            capacity = 2 * AHEAD_PIECE_BYTES;
        more = realloc(piece->bytes, capacity);
        if (more == NULL)
            return -ENOMEM;
        piece->bytes = more;
        piece->capacity = capacity;
    }
    if (size != 0)
        memcpy(piece->bytes + piece->size, bytes, size);
    piece->size += size;
    return 0;
}

/* Reads until the piece is worth giving. *ret_ended: the stream has. What it gave before counts. */
static int fill(struct ahead_stream *ahead, struct ahead_piece *piece, bool *ret_ended)
{
    int error = 0;

    piece->size = 0;
    *ret_ended = false;
    while (error == 0 && !*ret_ended && piece->size < AHEAD_PIECE_BYTES) {
        const void *bytes;
        size_t size;

        error = ahead->from->class->next(ahead->from, &bytes, &size, &ahead->failure);
        if (error != 0)
            break;
        *ret_ended = size == 0;
        error = append(piece, bytes, size);
    }
    return error;
}

/*
 * A piece that is free; NULL: no more is wanted. The lock is held. As waking a thread takes as long
 * as it takes to make some 100 rows, one that had to wait goes on when half of them are free.
 */
static struct ahead_piece *await_free(struct ahead_stream *ahead)
{
    if (ahead->full + ahead->given == AHEAD_PIECES) {
        while (!ahead->stopped && ahead->full + ahead->given > AHEAD_PIECES / 2)
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    return ahead->stopped ? NULL : &ahead->pieces[(ahead->first + ahead->full) % AHEAD_PIECES];
}

static void *run(void *argument)
{
    struct ahead_stream *ahead = argument;
    struct ahead_piece *piece;

    pthread_mutex_lock(&ahead->lock);
    while (!ahead->ended && (piece = await_free(ahead)) != NULL) {
        bool ended;

        pthread_mutex_unlock(&ahead->lock);
        int error = fill(ahead, piece, &ended);

        pthread_mutex_lock(&ahead->lock);
        ahead->full += piece->size != 0;
        ahead->ended = ended || error != 0;
        ahead->error = error;
        pthread_cond_signal(&ahead->changed);
    }
    pthread_mutex_unlock(&ahead->lock);
    return NULL;
}

/* --- the reader --------------------------------------------------------------------------- */

static int ahead_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct ahead_stream *ahead = (struct ahead_stream *)stream;
    int error = 0;

    pthread_mutex_lock(&ahead->lock);
    if (ahead->given) {
        ahead->given = false;
        if (ahead->full <= AHEAD_PIECES / 2)
            pthread_cond_signal(&ahead->changed);
    }
    while (ahead->full == 0 && !ahead->ended)
        pthread_cond_wait(&ahead->changed, &ahead->lock);
    if (ahead->full != 0) {
        *ret_data = ahead->pieces[ahead->first].bytes;
        *ret_size = ahead->pieces[ahead->first].size;
        ahead->first = (ahead->first + 1) % AHEAD_PIECES;
        ahead->full--;
        ahead->given = true;
    } else {
        *ret_size = 0;
        error = ahead->error;
        if (error != 0 && failure != NULL)
            *failure = ahead->failure;
    }
    pthread_mutex_unlock(&ahead->lock);
    return error;
}

static const struct byte_stream_class ahead_class = {ahead_next};

int ahead_stream_begin(struct ahead_stream *ahead, struct byte_stream *from)
{
    *ahead = (struct ahead_stream){.stream = {&ahead_class}, .from = from};
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);

    int error = -pthread_create(&ahead->thread, NULL, run, ahead);

    if (error != 0) {
        pthread_cond_destroy(&ahead->changed);
        pthread_mutex_destroy(&ahead->lock);
    }
    return error;
}

void ahead_stream_end(struct ahead_stream *ahead)
{
    pthread_mutex_lock(&ahead->lock);
    ahead->stopped = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    pthread_join(ahead->thread, NULL);
    for (size_t i = 0; i < AHEAD_PIECES; i++)
        free(ahead->pieces[i].bytes);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
}
