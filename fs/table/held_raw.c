/* SPDX-License-Identifier: MIT */
#include "fs/table/held_raw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/raw_bytes.h"

#define PIECE_BYTES ((size_t)256 << 10)

struct held_raw {
    struct held_bytes held;
    struct raw_bytes *raw;
    uint8_t *last;    /* PIECE_BYTES: the end, which is not put yet */
    size_t last_size; /* bytes in use */
};

static int put_last(struct held_raw *own, struct failure *failure)
{
    int error = raw_bytes_add(own->raw, own->last, own->last_size, failure);

    if (error == 0)
        own->last_size = 0;
    return error;
}

static int held_read(struct held_bytes *held, uint64_t offset, void *buffer, size_t size,
                     struct failure *failure)
{
    struct held_raw *own = (struct held_raw *)held;
    struct reading reading;
    uint8_t *to = buffer;
    int error = own->last_size != 0 ? put_last(own, failure) : 0;

    if (error == 0)
        error = raw_bytes_read(own->raw, offset, size, &reading, failure);
    if (error != 0)
        return error;
    error = reading_size(&reading) == size ? 0 : -EIO;
    for (unsigned i = 0; i < reading.count && error == 0; i++) {
        memcpy(to, reading.pieces[i].iov_base, reading.pieces[i].iov_len);
        to += reading.pieces[i].iov_len;
    }
    reading_release(&reading);
    return error;
}

static void held_release(struct held_bytes *held)
{
    struct held_raw *own = (struct held_raw *)held;

    raw_bytes_release(own->raw);
    free(own->last);
    free(own);
}

static const struct held_bytes_class held_class = {held_read, held_release};

static int create(struct spool *spool, struct held_bytes **ret_held)
{
    struct held_raw *own = calloc(1, sizeof *own);

    if (own == NULL)
        return -ENOMEM;
    own->held.class = &held_class;
    own->raw = raw_bytes_create(spool);
    own->last = malloc(PIECE_BYTES);
    if (own->raw == NULL || own->last == NULL) {
        held_release(&own->held);
        return -ENOMEM;
    }
    *ret_held = &own->held;
    return 0;
}

int held_raw_add(struct spool *spool, struct held_bytes **held, const void *bytes, size_t size,
                 struct failure *failure)
{
    const uint8_t *at = bytes;
    int error = *held == NULL ? create(spool, held) : 0;

    while (error == 0 && size > 0) {
        struct held_raw *own = (struct held_raw *)*held;
        size_t room = PIECE_BYTES - own->last_size;
        size_t step = size < room ? size : room;

        memcpy(own->last + own->last_size, at, step);
        own->last_size += step;
        own->held.size += step;
        at += step;
        size -= step;
        if (own->last_size == PIECE_BYTES)
            error = put_last(own, failure);
    }
    return error;
}
