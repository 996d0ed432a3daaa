/* SPDX-License-Identifier: MIT */
/*
 * The body of an object: what is sealed for it (FORMAT.md, "Stored object"). All
 * that a decoder must refuse is refused here, before memory is taken.
 */
#ifndef CRMFS_STORE_OBJECT_BODY_H
#define CRMFS_STORE_OBJECT_BODY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <zstd.h>

#include "fs/base/buffer.h"
#include "fs/store/object.h"

#define OBJECT_HEAD_BYTES ((size_t)8)
#define OBJECT_HEAD_MOST (OBJECT_HEAD_BYTES + OBJECT_REFERENCE_BYTES) /* with a parent */
#define OBJECT_BODY_ROUND ((size_t)8) /* a body is padded with zeros to a multiple of it */
#define OBJECT_BODY_LIMIT (OBJECT_HEAD_MOST + OBJECT_DATA_LIMIT)
#define OBJECT_SEALED_LEAST (OBJECT_HEAD_BYTES + SEAL_OVERHEAD_BYTES)
#define OBJECT_SEALED_LIMIT (OBJECT_BODY_LIMIT + SEAL_OVERHEAD_BYTES)
#define OBJECT_WINDOW_LOG_MOST 27 /* of a zstd frame */

enum object_encoding {
    OBJECT_PLAIN,
    OBJECT_ZSTD,
    OBJECT_ZSTD_PARENT, /* compressed against the data of another object */
    OBJECT_ENCODINGS
};

/* Where an object stands in its chain (fs/store/chain.h). */
struct chain_place {
    uint8_t depth;
    uint8_t anchor;
};

struct object_head {
    enum object_encoding encoding;
    enum object_type type;
    struct chain_place place;
    uint32_t data_size;
    struct object_reference parent; /* OBJECT_ZSTD_PARENT only */
};

/* Bytes of data that an object of TYPE may have. */
size_t object_data_limit(enum object_type type);

/* Writes HEAD; returns its length, OBJECT_HEAD_BYTES or OBJECT_HEAD_MOST. */
size_t object_head_encode(const struct object_head *head, uint8_t bytes[OBJECT_HEAD_MOST]);

/* The head of a body of SIZE bytes in all; returns its length, or -EBADMSG when malformed. */
ssize_t object_head_decode(const void *body, size_t size, struct object_head *ret_head);

/*
 * The data of a body of SIZE bytes whose head was decoded, into OUTPUT (cleared
 * first). PARENT is the parent's data, or NULL without one. 0; -EBADMSG when
 * malformed; -ENOMEM; -EFBIG: more than OUTPUT may hold.
 */
int object_body_unpack(const struct object_head *head, const void *body, size_t size,
                       const struct buffer *parent, ZSTD_DCtx *context, struct buffer *output);

#endif
