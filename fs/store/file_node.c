/* SPDX-License-Identifier: MIT */
#include "fs/store/file_node.h"

#include <errno.h>
#include <string.h>

#include "fs/base/little_endian.h"

int file_key_compare(const struct file_key *left, const struct file_key *right)
{
    if (left->inode != right->inode)
        return left->inode < right->inode ? -1 : 1;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    if (left->number != right->number)
        return left->number < right->number ? -1 : 1;
    return 0;
}

void file_node_head_encode(unsigned level, unsigned count, uint8_t bytes[FILE_NODE_HEAD_BYTES])
{
    bytes[0] = (uint8_t)level;
    bytes[1] = 0;
    put_u16(bytes + 2, (uint16_t)count);
}

void file_item_head_encode(const struct file_key *key, size_t value_size,
                           uint8_t bytes[FILE_ITEM_HEAD_BYTES])
{
    put_u64(bytes, key->inode);
    bytes[8] = key->kind;
    put_u64(bytes + 9, key->number);
    put_u16(bytes + 17, (uint16_t)value_size);
}

/* The item at BYTES, of which SIZE are left; its length, or -EBADMSG. */
static ssize_t decode_item(const uint8_t *bytes, size_t size, unsigned level,
                           struct file_item *item)
{
    if (size < FILE_ITEM_HEAD_BYTES)
        return -EBADMSG;
    item->key =
        (struct file_key){.inode = get_u64(bytes), .kind = bytes[8], .number = get_u64(bytes + 9)};
    item->size = get_u16(bytes + 17);
    item->value = bytes + FILE_ITEM_HEAD_BYTES;
    if (item->size > size - FILE_ITEM_HEAD_BYTES || item->key.kind >= FILE_ITEM_KINDS ||
        (level > 0 && item->size != OBJECT_REFERENCE_BYTES))
        return -EBADMSG;
    return (ssize_t)(FILE_ITEM_HEAD_BYTES + item->size);
}

/* Goes through COUNT items; without VISIT only to check them. */
static int go_through(const uint8_t *bytes, size_t size, unsigned level, unsigned count,
                      file_item_visit *visit, void *context)
{
    struct file_key before = {0};
    int result = 0;

    for (unsigned i = 0; i < count && result == 0; i++) {
        struct file_item item;
        ssize_t length = decode_item(bytes, size, level, &item);

        if (length < 0 || (i > 0 && file_key_compare(&before, &item.key) >= 0))
            return -EBADMSG;
        before = item.key;
        bytes += length;
        size -= (size_t)length;
        if (visit != NULL)
            result = visit(context, level, &item);
    }
    return result == 0 && size != 0 ? -EBADMSG : result;
}

int file_node_visit(const void *bytes, size_t size, bool top, unsigned *ret_level,
                    file_item_visit *visit, void *context)
{
    const uint8_t *head = bytes;

    if (size < FILE_NODE_HEAD_BYTES || size > FILE_NODE_LIMIT || head[0] > FILE_LEVEL_MOST ||
        head[1] != 0)
        return -EBADMSG;

    unsigned level = head[0];
    unsigned count = get_u16(head + 2);
    const uint8_t *items = head + FILE_NODE_HEAD_BYTES;
    int error = count == 0 && (!top || level != 0) ? -EBADMSG : 0;

    size -= FILE_NODE_HEAD_BYTES;
    if (error == 0)
        error = go_through(items, size, level, count, NULL, NULL);
    if (error != 0)
        return error;
    *ret_level = level;
    return go_through(items, size, level, count, visit, context);
}

void file_extent_encode(const struct file_extent *extent, uint8_t bytes[FILE_EXTENT_BYTES])
{
    object_reference_encode(&extent->content, bytes);
    put_u32(bytes + 48, extent->from);
    put_u32(bytes + 52, extent->length);
}

int file_extent_decode(const struct file_item *item, struct file_extent *ret_extent)
{
    if (item->size != FILE_EXTENT_BYTES)
        return -EBADMSG;

    struct file_extent extent = {.content = object_reference_decode(item->value),
                                 .from = get_u32(item->value + 48),
                                 .length = get_u32(item->value + 52)};

    if (extent.length == 0 || extent.length > FILE_CONTENT_LIMIT ||
        extent.from > FILE_CONTENT_LIMIT - extent.length)
        return -EBADMSG;
    *ret_extent = extent;
    return 0;
}
