/* SPDX-License-Identifier: MIT */
/*
 * The body of an object, as it is once its seal is open: one byte for the length
 * of its parent's data in steps of 16, that data, then the body. What is accepted
 * has exactly the length that its head says, within the bounds of its type; its
 * head is what encoding it again gives; and unpacking it twice gives the same.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/object_body.h"
#include "tests/fuzz/target.h"

static void unpack(const struct object_head *head, const uint8_t *body, size_t size,
                   const struct buffer *parent)
{
    static ZSTD_DCtx *context;
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    struct buffer again = BUFFER(OBJECT_DATA_LIMIT);

    if (context == NULL)
        context = ZSTD_createDCtx();
    require(context != NULL);
    if (head->encoding != OBJECT_ZSTD_PARENT)
        parent = NULL;

    int error = object_body_unpack(head, body, size, parent, context, &output);

    require(error == 0 || error == -EBADMSG);
    require(output.size == (error == 0 ? head->data_size : 0));
    if (error == 0) {
        require(object_body_unpack(head, body, size, parent, context, &again) == 0);
        require(again.size == output.size);
        require(output.size == 0 || memcmp(again.data, output.data, output.size) == 0);
    }
    buffer_release(&output);
    buffer_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[OBJECT_HEAD_MOST];
    struct object_head head;

    if (size == 0)
        return 0;

    size_t parent_size = (size_t)data[0] * 16;

    data++;
    size--;
    if (parent_size > size)
        parent_size = size;

    struct buffer parent = BUFFER(OBJECT_DATA_LIMIT);

    require(buffer_append(&parent, data, parent_size) == 0);

    const uint8_t *body = data + parent_size;
    ssize_t length = object_head_decode(body, size - parent_size, &head);

    require(length == -EBADMSG || length > 0);
    if (length > 0) {
        require(head.data_size <= object_data_limit(head.type));
        require(object_head_encode(&head, bytes) == (size_t)length);
        require(memcmp(bytes, body, (size_t)length) == 0);
        unpack(&head, body, size - parent_size, &parent);
    }
    buffer_release(&parent);
    return 0;
}
