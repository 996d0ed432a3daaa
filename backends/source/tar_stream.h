/* SPDX-License-Identifier: MIT */
/* Held bytes as members of a tar (ustar), made as it is read. */
#ifndef CRMFS_SOURCE_TAR_STREAM_H
#define CRMFS_SOURCE_TAR_STREAM_H

#include "backends/source/byte_stream.h"
#include "backends/source/held_bytes.h"

#define TAR_BLOCK_BYTES 512
#define TAR_NAME_SIZE 32

struct tar_member {
    char name[TAR_NAME_SIZE];
    struct held_bytes *held; /* NULL: it has no bytes */
};

struct tar_stream {
    struct byte_stream stream;
    const struct tar_member *members;
    size_t count;
    size_t at; /* the member under way; COUNT and 1 more: the end was given */
    bool in_member;
    uint64_t offset; /* in its bytes */
    uint8_t *block;
};

/* MEMBERS are borrowed. 0 or -ENOMEM. */
int tar_stream_begin(struct tar_stream *tar, const struct tar_member *members, size_t count);
void tar_stream_end(struct tar_stream *tar);

#endif
