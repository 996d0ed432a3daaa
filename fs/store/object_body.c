/* SPDX-License-Identifier: MIT */
#include "fs/store/object_body.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fs/base/little_endian.h"

/* Of a zstd frame (RFC 8878, 3.1.1). */
#define FRAME_MAGIC 0xfd2fb528u
#define FRAME_SMALLEST 6 /* magic, descriptor, and a window or a size */
#define FRAME_SINGLE_SEGMENT 0x20u
#define WINDOW_LOG_LEAST 10u

size_t object_data_limit(enum object_type type)
{
    return type == OBJECT_ROW_GROUP ? ROW_GROUP_DATA_LIMIT : OBJECT_DATA_LIMIT;
}

void object_reference_encode(const struct object_reference *reference,
                             uint8_t bytes[OBJECT_REFERENCE_BYTES])
{
    memcpy(bytes, reference->id, OBJECT_ID_BYTES);
    put_u64(bytes + 32, reference->pack_hint);
    put_u32(bytes + 40, (uint32_t)(reference->offset / 8));
    put_u32(bytes + 44, reference->sealed_size);
}

struct object_reference object_reference_decode(const uint8_t bytes[OBJECT_REFERENCE_BYTES])
{
    struct object_reference reference = {
        .pack_hint = get_u64(bytes + 32),
        .offset = (uint64_t)get_u32(bytes + 40) * 8,
        .sealed_size = get_u32(bytes + 44),
    };

    memcpy(reference.id, bytes, OBJECT_ID_BYTES);
    return reference;
}

bool object_reference_same_place(const struct object_reference *left,
                                 const struct object_reference *right)
{
    return left->pack_hint == right->pack_hint && left->offset == right->offset &&
           left->sealed_size == right->sealed_size;
}

size_t object_head_encode(const struct object_head *head, uint8_t bytes[OBJECT_HEAD_MOST])
{
    bytes[0] = (uint8_t)head->encoding;
    bytes[1] = (uint8_t)head->type;
    bytes[2] = head->place.depth;
    bytes[3] = head->place.anchor;
    put_u32(bytes + 4, head->data_size);
    if (head->encoding != OBJECT_ZSTD_PARENT)
        return OBJECT_HEAD_BYTES;
    object_reference_encode(&head->parent, bytes + OBJECT_HEAD_BYTES);
    return OBJECT_HEAD_MOST;
}

static bool place_is_possible(const struct object_head *head)
{
    if (head->encoding != OBJECT_ZSTD_PARENT)
        return head->place.depth == 0 && head->place.anchor == 0;
    return head->place.depth >= 1 && head->place.depth <= OBJECT_DEPTH_MOST &&
           head->place.anchor <= head->place.depth;
}

ssize_t object_head_decode(const void *body, size_t size, struct object_head *ret_head)
{
    const uint8_t *bytes = body;

    if (size < OBJECT_HEAD_BYTES || size > OBJECT_BODY_LIMIT || size % OBJECT_BODY_ROUND != 0)
        return -EBADMSG;

    struct object_head head = {
        .encoding = bytes[0],
        .type = bytes[1],
        .place = {bytes[2], bytes[3]},
        .data_size = get_u32(bytes + 4),
    };
    size_t length = head.encoding == OBJECT_ZSTD_PARENT ? OBJECT_HEAD_MOST : OBJECT_HEAD_BYTES;

    if (head.encoding >= OBJECT_ENCODINGS || head.type < OBJECT_ROW_GROUP ||
        head.type >= OBJECT_TYPES || size < length || !place_is_possible(&head) ||
        head.data_size > object_data_limit(head.type))
        return -EBADMSG;
    if (head.encoding == OBJECT_ZSTD_PARENT)
        head.parent = object_reference_decode(bytes + OBJECT_HEAD_BYTES);
    *ret_head = head;
    return (ssize_t)length;
}

/*
 * The length of the frame that PAYLOAD begins with; 0 unless it holds DATA_SIZE bytes, wants no
 * dictionary, and a window within bounds.
 */
static size_t frame_size(const uint8_t *payload, size_t size, uint32_t data_size)
{
    if (size < FRAME_SMALLEST || get_u32(payload) != FRAME_MAGIC)
        return 0;
    if ((payload[4] & FRAME_SINGLE_SEGMENT) == 0) {
        unsigned exponent = payload[5] >> 3;
        unsigned mantissa = payload[5] & 7;

        if (WINDOW_LOG_LEAST + exponent + (mantissa != 0) > OBJECT_WINDOW_LOG_MOST)
            return 0;
    }
    if (ZSTD_getFrameContentSize(payload, size) != data_size ||
        ZSTD_getDictID_fromFrame(payload, size) != 0)
        return 0;

    size_t found = ZSTD_findFrameCompressedSize(payload, size);

    return ZSTD_isError(found) ? 0 : found;
}

/* Fewer zeros than would make another step of OBJECT_BODY_ROUND. */
static bool is_padding(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return size < OBJECT_BODY_ROUND;
}

static int decompress(const uint8_t *frame, size_t size, const struct buffer *parent,
                      ZSTD_DCtx *context, struct buffer *output, uint32_t data_size)
{
    if (parent != NULL && ZSTD_isError(ZSTD_DCtx_refPrefix(context, parent->data, parent->size)))
        return -ENOMEM;

    size_t got = ZSTD_decompressDCtx(context, output->data, data_size, frame, size);

    if (parent != NULL)
        ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters);
    return ZSTD_isError(got) || got != data_size ? -EBADMSG : 0;
}

int object_body_unpack(const struct object_head *head, const void *body, size_t size,
                       const struct buffer *parent, ZSTD_DCtx *context, struct buffer *output)
{
    size_t length = head->encoding == OBJECT_ZSTD_PARENT ? OBJECT_HEAD_MOST : OBJECT_HEAD_BYTES;
    const uint8_t *payload = (const uint8_t *)body + length;

    if (size < length || (head->encoding == OBJECT_ZSTD_PARENT) != (parent != NULL))
        return -EBADMSG;
    size -= length;

    size_t used = head->encoding == OBJECT_PLAIN ? head->data_size
                                                 : frame_size(payload, size, head->data_size);

    if (used > size || (used == 0 && head->encoding != OBJECT_PLAIN) ||
        !is_padding(payload + used, size - used))
        return -EBADMSG;
    buffer_clear(output);

    int error = buffer_reserve(output, (size_t)head->data_size + (head->data_size == 0));

    if (error != 0)
        return error;
    if (head->encoding == OBJECT_PLAIN)
        memcpy(output->data, payload, used);
    else
        error = decompress(payload, used, parent, context, output, head->data_size);
    if (error == 0)
        output->size = head->data_size;
    return error;
}
