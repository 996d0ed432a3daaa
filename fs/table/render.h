/* SPDX-License-Identifier: MIT */
/*
 * What rendering CSV and JSON has in common: a place to write to, and a cursor
 * over each column of a row group.
 *
 * Writers first ask for room and then write without checks, in whole blocks
 * (fs/table/block.h). They never ask for more than FORMAT_SLACK beyond what they
 * are about to write: with so much room beyond the rendered size a buffer need
 * not grow.
 */
#ifndef CRMFS_TABLE_RENDER_H
#define CRMFS_TABLE_RENDER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/table/block.h"
#include "fs/table/format.h"
#include "fs/table/row_group.h"

/* Text up to this size is given room for its worst case; for longer text it is counted. */
#define RENDER_SHORT 1024

struct render {
    struct buffer *buffer;
    uint8_t *at;
    uint8_t *end;
};

/* BUFFER has memory already. */
static inline void render_begin(struct render *render, struct buffer *buffer)
{
    render->buffer = buffer;
    render->at = buffer->data + buffer->size;
    render->end = buffer->data + buffer->capacity;
}

static inline void render_end(struct render *render)
{
    render->buffer->size = (size_t)(render->at - render->buffer->data);
}

/* Out of line of the loops: the buffer is too small. */
__attribute__((noinline, unused)) static int render_grow(struct render *render, size_t bytes)
{
    render_end(render);

    int error = buffer_reserve(render->buffer, bytes);

    render_begin(render, render->buffer);
    return error;
}

/*
 * Room for BYTES and what whole blocks write beyond. 0, -ENOMEM, -EFBIG. It is a copy that grows:
 * as its own address goes nowhere, RENDER may be kept in registers.
 */
static inline int render_room(struct render *render, size_t bytes)
{
    if (__builtin_expect((size_t)(render->end - render->at) >= bytes + BLOCK_SLACK, 1))
        return 0;

    struct render grown = *render;
    int error = render_grow(&grown, bytes + BLOCK_SLACK);

    *render = grown;
    return error;
}

/* Copies from memory with BLOCK_SLACK readable bytes after it to such writable memory. */
static inline uint8_t *render_copy(uint8_t *to, const uint8_t *from, size_t size)
{
    block_store(to, block_load(from));
    if (size > BLOCK_SIZE) {
        block_store(to + BLOCK_SIZE, block_load(from + BLOCK_SIZE));
        if (size > (size_t)2 * BLOCK_SIZE)
            memcpy(to + (size_t)2 * BLOCK_SIZE, from + (size_t)2 * BLOCK_SIZE,
                   size - (size_t)2 * BLOCK_SIZE);
    }
    return to + size;
}

struct column_cursor {
    const uint8_t *data;
    const uint8_t *lengths; /* the next cell's; at least 4 bytes are readable */
    const uint8_t *kinds;
    uint32_t length_mask;
    uint8_t length_step;
    uint8_t kind_step;
};

static inline struct column_cursor column_cursor_begin(const struct column_view *view)
{
    static const uint32_t masks[] = {UINT32_MAX, 0xff, 0xffff, 0, UINT32_MAX};

    return (struct column_cursor){
        .data = view->data,
        .lengths = view->lengths,
        .kinds = view->kinds != NULL ? view->kinds : &view->kind,
        .length_mask = masks[view->length_bytes],
        .length_step = view->length_bytes,
        .kind_step = view->kinds != NULL,
    };
}

struct cell_view {
    const uint8_t *data;
    uint32_t size;
    uint8_t kind;
};

static inline struct cell_view column_cursor_next(struct column_cursor *cursor)
{
    struct cell_view cell = {.data = cursor->data, .kind = *cursor->kinds};
    uint32_t length;

    memcpy(&length, cursor->lengths, sizeof(length));
    cell.size = le32toh(length) & cursor->length_mask;
    cursor->data += cell.size;
    cursor->lengths += cursor->length_step;
    cursor->kinds += cursor->kind_step;
    return cell;
}

#endif
