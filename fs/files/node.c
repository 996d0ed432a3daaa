/* SPDX-License-Identifier: MIT */
#include "fs/files/node.h"

#include <errno.h>
#include <string.h>

#include "fs/base/little_endian.h"

/* In a reference, the length of the sealed body: 0 in none that is stored. */
#define AT_SEALED_SIZE 44
#define POINTER_BYTES (sizeof(void *))

void node_clear(struct node *node, unsigned level)
{
    node->level = (uint8_t)level;
    node->count = 0;
    node->heap = (uint16_t)NODE_PAGE_BYTES;
    node->holes = 0;
    node->bytes = (uint16_t)FILE_NODE_HEAD_BYTES;
}

static struct file_key slot_key(const struct node_slot *slot)
{
    return (struct file_key){.inode = slot->inode, .number = slot->number, .kind = slot->kind};
}

struct file_key node_key(const struct node *node, unsigned place)
{
    return slot_key(&node->slots[place]);
}

struct file_item node_item(const struct node *node, unsigned place)
{
    const struct node_slot *slot = &node->slots[place];

    return (struct file_item){
        .key = slot_key(slot), .value = node->page + slot->at, .size = slot->size};
}

unsigned node_find(const struct node *node, const struct file_key *key, bool *ret_exact)
{
    unsigned low = 0;
    unsigned high = node->count;

    *ret_exact = false;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        struct file_key found = node_key(node, middle);
        int order = file_key_compare(&found, key);

        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
            *ret_exact = *ret_exact || order == 0;
        }
    }
    return low;
}

unsigned node_child(const struct node *node, const struct file_key *key)
{
    bool exact;
    unsigned place = node_find(node, key, &exact);

    return exact || place == 0 ? place : place - 1;
}

bool node_has_room(const struct node *node, size_t size)
{
    return node->bytes + FILE_ITEM_HEAD_BYTES + size <= FILE_NODE_LIMIT;
}

/* Puts the values together at the end of the page. */
static void close_holes(struct node *node)
{
    uint8_t values[NODE_PAGE_BYTES];
    size_t at = NODE_PAGE_BYTES;

    for (unsigned i = 0; i < node->count; i++) {
        struct node_slot *slot = &node->slots[i];

        at -= slot->size;
        memcpy(values + at, node->page + slot->at, slot->size);
        slot->at = (uint16_t)at;
    }
    memcpy(node->page + at, values + at, NODE_PAGE_BYTES - at);
    node->heap = (uint16_t)at;
    node->holes = 0;
}

void node_insert(struct node *node, unsigned place, const struct file_key *key, const void *value,
                 size_t size)
{
    size_t slots = (node->count + 1U) * sizeof *node->slots;

    if (slots + size > node->heap)
        close_holes(node);
    memmove(&node->slots[place + 1], &node->slots[place],
            (node->count - place) * sizeof *node->slots);
    node->heap = (uint16_t)(node->heap - size);
    memcpy(node->page + node->heap, value, size);
    node->slots[place] = (struct node_slot){.inode = key->inode,
                                            .number = key->number,
                                            .kind = key->kind,
                                            .at = node->heap,
                                            .size = (uint16_t)size};
    node->count++;
    node->bytes = (uint16_t)(node->bytes + FILE_ITEM_HEAD_BYTES + size);
}

void node_remove(struct node *node, unsigned place)
{
    struct node_slot *slot = &node->slots[place];

    node->bytes = (uint16_t)(node->bytes - FILE_ITEM_HEAD_BYTES - slot->size);
    node->holes = (uint16_t)(node->holes + slot->size);
    node->count--;
    memmove(slot, slot + 1, (node->count - place) * sizeof *slot);
}

void node_move_tail(struct node *from, unsigned place, struct node *to)
{
    for (unsigned i = place; i < from->count; i++) {
        struct file_item item = node_item(from, i);

        node_insert(to, to->count, &item.key, item.value, item.size);
    }
    while (from->count > place)
        node_remove(from, from->count - 1U);
}

void node_lower_key(struct node *node, const struct file_key *key)
{
    struct node_slot *slot = &node->slots[0];
    struct file_key first = slot_key(slot);

    if (file_key_compare(key, &first) >= 0)
        return;
    slot->inode = key->inode;
    slot->number = key->number;
    slot->kind = key->kind;
}

struct node *node_child_pointer(const struct node *node, unsigned place)
{
    const uint8_t *value = node->page + node->slots[place].at;
    struct node *child;

    if (get_u32(value + AT_SEALED_SIZE) != 0)
        return NULL;
    /* cppcheck-suppress pointerSize ; the page holds the pointer itself */
    memcpy((void *)&child, value, POINTER_BYTES);
    return child;
}

void node_pointer_value(const struct node *child, uint8_t value[OBJECT_REFERENCE_BYTES])
{
    memset(value, 0, OBJECT_REFERENCE_BYTES);
    memcpy(value, (const void *)&child, POINTER_BYTES);
}

void node_set_child(struct node *node, unsigned place, const struct node *child)
{
    node_pointer_value(child, node->page + node->slots[place].at);
}

void node_set_reference(struct node *node, unsigned place, const struct object_reference *reference)
{
    object_reference_encode(reference, node->page + node->slots[place].at);
}

int node_encode(const struct node *node, struct buffer *output)
{
    buffer_clear(output);
    if (buffer_reserve(output, node->bytes) != 0)
        return -ENOMEM;

    uint8_t *at = output->data;

    file_node_head_encode(node->level, node->count, at);
    at += FILE_NODE_HEAD_BYTES;
    for (unsigned i = 0; i < node->count; i++) {
        struct file_item item = node_item(node, i);
        const struct node *child = node->level > 0 ? node_child_pointer(node, i) : NULL;

        file_item_head_encode(&item.key, item.size, at);
        at += FILE_ITEM_HEAD_BYTES;
        if (child != NULL)
            object_reference_encode(&child->written, at);
        else
            memcpy(at, item.value, item.size);
        at += item.size;
    }
    output->size = node->bytes;
    return 0;
}

/* A file_item_visit. */
static int add_item(void *context, unsigned level, const struct file_item *item)
{
    struct node *node = context;

    if (level > 0 && get_u32(item->value + AT_SEALED_SIZE) == 0)
        return -EBADMSG;
    node_insert(node, node->count, &item->key, item->value, item->size);
    return 0;
}

int node_decode(const void *bytes, size_t size, bool top, struct node *node)
{
    unsigned level;

    node_clear(node, 0);

    int error = file_node_visit(bytes, size, top, &level, add_item, node);

    if (error == 0)
        node->level = (uint8_t)level;
    return error;
}
