/* SPDX-License-Identifier: MIT */
/*
 * A byte stream read ahead of its reader, by a thread of its own: what decompresses
 * and what takes the text apart work at the same time. While it stands between the two,
 * nobody else may use the stream that it reads.
 *
 *   FREE --filled by the thread--> FULL --next--> GIVEN --the next next--> FREE
 *
 * The pieces are those states in a ring; at most one is GIVEN.
 */
#ifndef CRMFS_SOURCE_AHEAD_STREAM_H
#define CRMFS_SOURCE_AHEAD_STREAM_H

#include <pthread.h>

#include "backends/source/byte_stream.h"

#define AHEAD_PIECES 4
#define AHEAD_PIECE_BYTES ((size_t)256 << 10)

struct ahead_piece {
    uint8_t *bytes; /* twice AHEAD_PIECE_BYTES, unless the stream gives more at once */
    size_t size;
    size_t capacity;
};

struct ahead_stream {
    struct byte_stream stream;
    struct byte_stream *from;
    pthread_t thread;
    struct ahead_piece pieces[AHEAD_PIECES];

    pthread_mutex_t lock; /* guards all below, and which pieces are whose */
    pthread_cond_t changed;
    size_t first; /* of the full pieces; the given one stands before it */
    size_t full;
    bool given;
    bool stopped; /* the reader wants no more */
    bool ended;   /* the thread reads no more: error says why */
    int error;
    struct failure failure;
};

/* 0; -ENOMEM, -EAGAIN: there is no thread, and FROM is as it was. */
int ahead_stream_begin(struct ahead_stream *ahead, struct byte_stream *from);

/* FROM may be used again, behind what was read ahead. */
void ahead_stream_end(struct ahead_stream *ahead);

#endif
