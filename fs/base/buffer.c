/* SPDX-License-Identifier: MIT */
#include "fs/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SMALLEST_CAPACITY 64

int buffer_grow(struct buffer *buffer, size_t more)
{
    if (more > buffer->limit || buffer->size > buffer->limit - more)
        return -EFBIG;

    size_t needed = buffer->size + more;
    size_t capacity = buffer->capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY : buffer->capacity;

    if (capacity > buffer->limit)
        capacity = buffer->limit;
    while (capacity < needed)
        capacity = capacity > buffer->limit / 2 ? buffer->limit : capacity * 2;

    uint8_t *data = realloc(buffer->data, capacity);

    if (data == NULL)
        return -ENOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_print(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return -EINVAL;

    int error = buffer_reserve(buffer, (size_t)length + 1);

    if (error != 0)
        return error;
    va_start(arguments, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
    return 0;
}

void buffer_fit(struct buffer *buffer)
{
    uint8_t *data = buffer->size != 0 ? realloc(buffer->data, buffer->size) : NULL;

    if (data == NULL)
        return;
    buffer->data = data;
    buffer->capacity = buffer->size;
}

void buffer_release(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.limit = buffer->limit};
}
