/* SPDX-License-Identifier: MIT */
/*
 * A byte buffer that grows up to a limit given when it is made. One owner, no
 * locks. Growing doubles, so that appending is linear; the capacity is kept by
 * buffer_clear() for reuse.
 */
#ifndef CRMFS_BASE_BUFFER_H
#define CRMFS_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* bytes that it may ever hold */
};

#define BUFFER(most_bytes)    \
    (struct buffer)           \
    {                         \
        .limit = (most_bytes) \
    }

/* Makes room for MORE bytes after size. 0, -ENOMEM, or -EFBIG past the limit. */
int buffer_grow(struct buffer *buffer, size_t more);

static inline int buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->size >= more)
        return 0;
    return buffer_grow(buffer, more);
}

static inline int buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    int error = buffer_reserve(buffer, size);

    if (error != 0)
        return error;
    if (size != 0)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return 0;
}

static inline int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

/* As printf; 0, -ENOMEM or -EFBIG. */
int buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

/* Gives back what is allocated beyond the bytes in use. */
void buffer_fit(struct buffer *buffer);

/* Frees the memory; the buffer is empty afterwards and may be used again. */
void buffer_release(struct buffer *buffer);

#define cleanup_buffer __attribute__((__cleanup__(buffer_release)))

#endif
