/* SPDX-License-Identifier: MIT */
/* A file, from its first byte to its last, as a stream. */
#ifndef CRMFS_SOURCE_FILE_STREAM_H
#define CRMFS_SOURCE_FILE_STREAM_H

#include "backends/source/byte_stream.h"

struct file_stream {
    struct byte_stream stream;
    int file;
    uint8_t *buffer;
    uint64_t bytes; /* read so far, from the beginning; atomic */
    uint64_t end;   /* to be read to; what the file ends at is the end as well */
};

/* 0, -EIO in words whatever the reason, -ENOMEM. */
int file_stream_open(struct file_stream *file, const char *path, struct failure *failure);

/* Whether the file begins with these SIZE bytes, at most 16. */
bool file_stream_begins(const struct file_stream *file, const void *bytes, size_t size);

/* To be read from OFFSET on, SIZE bytes of it. */
void file_stream_seek(struct file_stream *file, uint64_t offset, uint64_t size);

/* Of one that was opened, or is all zeros. */
void file_stream_close(struct file_stream *file);

#endif
