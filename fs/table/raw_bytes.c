/* SPDX-License-Identifier: MIT */
#include "fs/table/raw_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES ((size_t)256 << 10)

struct piece {
    struct spool_blob blob;
    uint64_t end; /* of all pieces up to and with this one */
};

struct raw_bytes {
    unsigned references; /* atomic */
    struct spool *spool;
    struct piece *pieces;
    size_t count;
    size_t capacity;
};

struct raw_bytes *raw_bytes_create(struct spool *spool)
{
    struct raw_bytes *raw = calloc(1, sizeof *raw);

    if (raw != NULL) {
        raw->references = 1;
        raw->spool = spool;
    }
    return raw;
}

struct raw_bytes *raw_bytes_reference(struct raw_bytes *raw)
{
    __atomic_add_fetch(&raw->references, 1, __ATOMIC_RELAXED);
    return raw;
}

void raw_bytes_release(struct raw_bytes *raw)
{
    if (raw == NULL || __atomic_sub_fetch(&raw->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < raw->count; i++)
        spool_drop(raw->spool, &raw->pieces[i].blob);
    free(raw->pieces);
    free(raw);
}

uint64_t raw_bytes_size(const struct raw_bytes *raw)
{
    return raw->count != 0 ? raw->pieces[raw->count - 1].end : 0;
}

static int add_piece(struct raw_bytes *raw, const void *bytes, size_t size, struct failure *failure)
{
    if (raw->count == raw->capacity) {
        size_t capacity = raw->capacity != 0 ? raw->capacity * 2 : 1;
        struct piece *pieces = reallocarray(raw->pieces, capacity, sizeof *pieces);

        if (pieces == NULL)
            return -ENOMEM;
        raw->pieces = pieces;
        raw->capacity = capacity;
    }

    struct piece piece = {.end = raw_bytes_size(raw) + size};
    int error = spool_put(raw->spool, bytes, size, &piece.blob, failure);

    if (error == 0)
        raw->pieces[raw->count++] = piece;
    return error;
}

int raw_bytes_add(struct raw_bytes *raw, const void *bytes, size_t size, struct failure *failure)
{
    const uint8_t *at = bytes;
    int error = 0;

    while (size > 0 && error == 0) {
        size_t step = size < PIECE_BYTES ? size : PIECE_BYTES;

        error = add_piece(raw, at, step, failure);
        at += step;
        size -= step;
    }
    return error;
}

/* The piece in which OFFSET lies. */
static size_t find_piece(const struct raw_bytes *raw, uint64_t offset)
{
    size_t low = 0;
    size_t high = raw->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (raw->pieces[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Copies what of the piece lies in [OFFSET, OFFSET + SIZE). How much; or -errno. */
static ssize_t copy_piece(struct raw_bytes *raw, size_t index, uint64_t offset, size_t size,
                          uint8_t *to, struct failure *failure)
{
    struct buffer plain = BUFFER(PIECE_BYTES);
    uint64_t start = index != 0 ? raw->pieces[index - 1].end : 0;
    int error = spool_get(raw->spool, &raw->pieces[index].blob, &plain, failure);
    size_t within = (size_t)(offset - start);
    ssize_t copied = error;

    if (error == 0) {
        size_t there = plain.size - within;

        copied = (ssize_t)(there < size ? there : size);
        memcpy(to, plain.data + within, (size_t)copied);
    }
    buffer_release(&plain);
    return copied;
}

int raw_bytes_read(struct raw_bytes *raw, uint64_t offset, size_t size, struct reading *ret_reading,
                   struct failure *failure)
{
    uint64_t total = raw_bytes_size(raw);
    size_t done = 0;

    *ret_reading = (struct reading){0};
    if (offset >= total)
        return 0;
    if (size > total - offset)
        size = (size_t)(total - offset);

    uint8_t *bytes = malloc(size);

    if (bytes == NULL)
        return -ENOMEM;
    for (size_t index = find_piece(raw, offset); done < size; index++) {
        ssize_t copied = copy_piece(raw, index, offset + done, size - done, bytes + done, failure);

        if (copied < 0) {
            free(bytes);
            return (int)copied;
        }
        done += (size_t)copied;
    }
    ret_reading->pieces[0] = (struct iovec){bytes, size};
    ret_reading->count = 1;
    ret_reading->held[0].release = free;
    ret_reading->held[0].object = bytes;
    ret_reading->held_count = 1;
    return 0;
}
