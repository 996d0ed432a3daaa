/* SPDX-License-Identifier: MIT */
/*
 * Bytes in order: a file, what a compressed file holds, a member of an archive.
 * A window shows a run of them at once and lets go of what was read; it knows
 * which line and byte it stands at.
 */
#ifndef CRMFS_SOURCE_BYTE_STREAM_H
#define CRMFS_SOURCE_BYTE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"

struct byte_stream;
struct byte_stream_class {
    /*
     * The next bytes, valid until the next call; *ret_size is 0 at the end only. 0 or -errno:
     * -EIO with words where what is read is damaged or cut short.
     */
    int (*next)(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                struct failure *failure);
};
struct byte_stream {
    const struct byte_stream_class *class;
};

/* Of a stream without a byte. */
extern const struct byte_stream_class byte_stream_empty;

/* Bytes that may be read (not written) behind a window's end: for whoever looks at whole words. */
#define BYTE_WINDOW_SLACK 32

struct byte_window {
    struct byte_stream *stream;
    uint8_t *data;
    size_t at;              /* what stands before has been read */
    size_t end;             /* of what is there */
    size_t capacity;        /* without the slack */
    size_t limit;           /* that end - at may grow to */
    bool ended;             /* nothing comes behind end … */
    int error;              /* … because the stream is broken there: -errno; 0 */
    struct failure failure; /* then its words */
    uint64_t offset;        /* of data[0] in the stream */
    uint64_t line;          /* of data[0], from 1 */
};

#define BYTE_WINDOW(from, most_bytes)                      \
    (struct byte_window)                                   \
    {                                                      \
        .stream = (from), .limit = (most_bytes), .line = 1 \
    }

/*
 * Adds what the stream gives next; data may move, offsets from `at` hold. 1: there is more,
 * 0: it has ended, or broken off (error says so); -EFBIG without words: the limit is reached;
 * -ENOMEM, or as the stream.
 */
int byte_window_more(struct byte_window *window, struct failure *failure);

/* More until SIZE bytes from `at` are there, or the end. 0 or -errno. */
int byte_window_want(struct byte_window *window, size_t size, struct failure *failure);

/* Where `at` stands: the line, from 1, and the byte, from 0. */
uint64_t byte_window_line(const struct byte_window *window);
uint64_t byte_window_byte(const struct byte_window *window);

void byte_window_release(struct byte_window *window);

#endif
