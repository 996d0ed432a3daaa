/* SPDX-License-Identifier: MIT */
#include "fs/tree/staging.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define PIECE_BYTES ((size_t)256 << 10)
#define NO_PIECE SIZE_MAX

struct piece {
    bool sealed; /* false: zeros, unless it is the open one */
    struct spool_blob blob;
};

struct staging {
    struct spool *spool;
    uint64_t size;
    size_t count; /* of pieces */
    size_t capacity;
    struct piece *pieces;
    size_t open; /* the piece that bytes hold, or NO_PIECE */
    bool changed;
    uint8_t *bytes; /* PIECE_BYTES */
    struct buffer fetched;
};

struct staging *staging_create(struct spool *spool)
{
    struct staging *staging = calloc(1, sizeof *staging);

    if (staging == NULL)
        return NULL;
    staging->spool = spool;
    staging->open = NO_PIECE;
    staging->fetched = BUFFER(PIECE_BYTES);
    return staging;
}

static void drop_pieces(struct staging *staging, size_t from)
{
    for (size_t i = from; i < staging->count; i++) {
        if (staging->pieces[i].sealed)
            spool_drop(staging->spool, &staging->pieces[i].blob);
    }
    if (staging->count > from)
        staging->count = from;
    if (staging->open != NO_PIECE && staging->open >= from)
        staging->open = NO_PIECE;
}

void staging_free(struct staging *staging)
{
    if (staging == NULL)
        return;
    drop_pieces(staging, 0);
    free(staging->pieces);
    free(staging->bytes);
    buffer_release(&staging->fetched);
    free(staging);
}

uint64_t staging_size(const struct staging *staging)
{
    return staging->size;
}

/* The open piece goes into the spool, up to the file's end: all behind that is zeros. */
static int seal(struct staging *staging, struct failure *failure)
{
    struct spool_blob blob;

    if (staging->open == NO_PIECE || !staging->changed)
        return 0;

    struct piece *piece = &staging->pieces[staging->open];
    uint64_t left = staging->size - (uint64_t)staging->open * PIECE_BYTES;
    size_t size = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    int error = spool_put(staging->spool, staging->bytes, size, &blob, failure);

    if (error != 0)
        return error;
    if (piece->sealed)
        spool_drop(staging->spool, &piece->blob);
    *piece = (struct piece){true, blob};
    staging->changed = false;
    return 0;
}

void staging_rest(struct staging *staging)
{
    if (seal(staging, NULL) != 0)
        return;
    staging->open = NO_PIECE;
    free(staging->bytes);
    staging->bytes = NULL;
    buffer_release(&staging->fetched);
}

/* Makes piece INDEX, below the count, the open one. */
static int open_piece(struct staging *staging, size_t index, struct failure *failure)
{
    if (staging->open == index)
        return 0;

    int error = seal(staging, failure);

    if (error == 0 && staging->bytes == NULL && (staging->bytes = malloc(PIECE_BYTES)) == NULL)
        error = -ENOMEM;
    if (error != 0)
        return error;
    staging->open = NO_PIECE;
    if (staging->pieces[index].sealed) {
        error = spool_get(staging->spool, &staging->pieces[index].blob, &staging->fetched, failure);
        if (error != 0)
            return error;
        memcpy(staging->bytes, staging->fetched.data, staging->fetched.size);
        memset(staging->bytes + staging->fetched.size, 0, PIECE_BYTES - staging->fetched.size);
    } else {
        memset(staging->bytes, 0, PIECE_BYTES);
    }
    staging->open = index;
    staging->changed = false;
    return 0;
}

static int grow(struct staging *staging, uint64_t size)
{
    size_t count = (size_t)((size + PIECE_BYTES - 1) / PIECE_BYTES);

    if (size > STAGING_LIMIT)
        return -EFBIG;
    if (count > staging->capacity) {
        size_t capacity = count > 2 * staging->capacity ? count : 2 * staging->capacity;
        struct piece *pieces = reallocarray(staging->pieces, capacity, sizeof *pieces);

        if (pieces == NULL)
            return -ENOMEM;
        staging->pieces = pieces;
        staging->capacity = capacity;
    }
    for (; staging->count < count; staging->count++)
        staging->pieces[staging->count] = (struct piece){.sealed = false};
    return 0;
}

int staging_write(struct staging *staging, uint64_t offset, const void *bytes, size_t size,
                  struct failure *failure)
{
    const uint8_t *from = bytes;
    int error = offset > STAGING_LIMIT ? -EFBIG : grow(staging, offset + size);

    while (size != 0 && error == 0) {
        size_t at = (size_t)(offset % PIECE_BYTES);
        size_t step = size < PIECE_BYTES - at ? size : PIECE_BYTES - at;

        error = open_piece(staging, (size_t)(offset / PIECE_BYTES), failure);
        if (error != 0)
            break;
        memcpy(staging->bytes + at, from, step);
        staging->changed = true;
        offset += step;
        from += step;
        size -= step;
        if (offset > staging->size)
            staging->size = offset;
    }
    return error;
}

int staging_resize(struct staging *staging, uint64_t size, struct failure *failure)
{
    int error = grow(staging, size);

    if (error == 0 && size < staging->size) {
        size_t rest = (size_t)(size % PIECE_BYTES);

        /* What is cut off is zeros if the file grows again. */
        if (rest != 0) {
            error = open_piece(staging, (size_t)(size / PIECE_BYTES), failure);
            if (error == 0) {
                memset(staging->bytes + rest, 0, PIECE_BYTES - rest);
                staging->changed = true;
            }
        }
        /* Last, so that what fails has changed nothing. */
        if (error == 0)
            drop_pieces(staging, (size_t)((size + PIECE_BYTES - 1) / PIECE_BYTES));
    }
    if (error == 0)
        staging->size = size;
    return error;
}

int staging_read(struct staging *staging, uint64_t offset, void *bytes, size_t size,
                 size_t *ret_size, struct failure *failure)
{
    uint8_t *to = bytes;
    int error = 0;

    if (offset >= staging->size)
        size = 0;
    else if (size > staging->size - offset)
        size = (size_t)(staging->size - offset);
    *ret_size = size;
    while (size != 0 && error == 0) {
        size_t at = (size_t)(offset % PIECE_BYTES);
        size_t step = size < PIECE_BYTES - at ? size : PIECE_BYTES - at;

        error = open_piece(staging, (size_t)(offset / PIECE_BYTES), failure);
        if (error != 0)
            break;
        memcpy(to, staging->bytes + at, step);
        offset += step;
        to += step;
        size -= step;
    }
    return error;
}

static int next_piece(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct staging_stream *from = (struct staging_stream *)stream;
    size_t size;
    int error = staging_read(from->staging, from->at, from->piece, PIECE_BYTES, &size, failure);

    if (error != 0)
        return error;
    from->at += size;
    *ret_data = from->piece;
    *ret_size = size;
    return 0;
}

int staging_stream_begin(struct staging *staging, struct staging_stream *ret_stream)
{
    static const struct byte_stream_class class = {next_piece};

    *ret_stream = (struct staging_stream){{&class}, staging, 0, malloc(PIECE_BYTES)};
    return ret_stream->piece != NULL ? 0 : -ENOMEM;
}

void staging_stream_end(struct staging_stream *stream)
{
    free(stream->piece);
}
