/* SPDX-License-Identifier: MIT */
#include "backends/source/tar_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)256 << 10) /* a multiple of the tar's */
#define OCTAL_MOST ((UINT64_C(1) << 33) - 1)

/* The fields of a ustar header that say anything. */
enum {
    NAME = 0,
    MODE = 100,
    SIZE = 124,
    TIME = 136,
    CHECKSUM = 148,
    TYPE = 156,
    MAGIC = 257,
};

/* Eleven octal digits; what is larger is in bytes behind a set bit, as GNU tar does it. */
static void write_size(uint8_t *field, uint64_t size)
{
    if (size <= OCTAL_MOST) {
        snprintf((char *)field, 12, "%011llo", (unsigned long long)size);
        return;
    }
    memset(field, 0, 12);
    field[0] = 0x80;
    for (int i = 11; i > 3; i--) {
        field[i] = (uint8_t)size;
        size >>= 8;
    }
}

static void write_header(uint8_t *header, const struct tar_member *member)
{
    unsigned sum = 0;

    memset(header, 0, TAR_BLOCK_BYTES);
    memcpy(header + NAME, member->name, strnlen(member->name, sizeof member->name));
    memcpy(header + MODE, "0000600", 8);
    write_size(header + SIZE, member->held != NULL ? member->held->size : 0);
    memcpy(header + TIME, "00000000000", 12);
    header[TYPE] = '0';
    memcpy(header + MAGIC, "ustar\00000", 8);
    memset(header + CHECKSUM, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
        sum += header[i];
    snprintf((char *)header + CHECKSUM, 7, "%06o", sum);
}

/* The next bytes of the member under way, whole blocks of them. */
static int give_bytes(struct tar_stream *tar, size_t *ret_size, struct failure *failure)
{
    struct held_bytes *held = tar->members[tar->at].held;
    uint64_t left = held != NULL ? held->size - tar->offset : 0;
    size_t size = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
    size_t padding = (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    int error = size != 0 ? held->class->read(held, tar->offset, tar->block, size, failure) : 0;

    memset(tar->block + size, 0, padding);
    tar->offset += size;
    *ret_size = size + padding;
    return error;
}

static int tar_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                    struct failure *failure)
{
    struct tar_stream *tar = (struct tar_stream *)stream;
    size_t size = 0;
    int error = 0;

    while (size == 0 && error == 0 && tar->at < tar->count) {
        if (!tar->in_member) {
            write_header(tar->block, &tar->members[tar->at]);
            tar->in_member = true;
            tar->offset = 0;
            size = TAR_BLOCK_BYTES;
            break;
        }
        error = give_bytes(tar, &size, failure);
        if (size == 0) {
            tar->in_member = false;
            tar->at++;
        }
    }
    if (error == 0 && size == 0 && tar->at == tar->count) {
        size = (size_t)2 * TAR_BLOCK_BYTES;
        memset(tar->block, 0, size);
        tar->at++;
    }
    *ret_data = tar->block;
    *ret_size = size;
    return error;
}

static const struct byte_stream_class tar_class = {tar_next};

int tar_stream_begin(struct tar_stream *tar, const struct tar_member *members, size_t count)
{
    *tar = (struct tar_stream){
        .stream = {&tar_class},
        .members = members,
        .count = count,
        .block = malloc(BLOCK_BYTES),
    };
    return tar->block != NULL ? 0 : -ENOMEM;
}

void tar_stream_end(struct tar_stream *tar)
{
    free(tar->block);
}
