/* SPDX-License-Identifier: MIT */
#include "backends/source/byte_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)256 << 10)

static int no_bytes(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                    struct failure *failure)
{
    (void)stream;
    (void)failure;
    *ret_data = "";
    *ret_size = 0;
    return 0;
}

const struct byte_stream_class byte_stream_empty = {no_bytes};

static uint64_t count_lines(const uint8_t *bytes, size_t size)
{
    uint64_t lines = 0;

    /* As many at once as a byte can count: then the compiler counts in blocks of bytes. */
    while (size != 0) {
        size_t some = size < UINT8_MAX ? size : UINT8_MAX;
        uint8_t counted = 0;

        for (size_t i = 0; i < some; i++)
            counted = (uint8_t)(counted + (bytes[i] == '\n'));
        lines += counted;
        bytes += some;
        size -= some;
    }
    return lines;
}

/* What was read makes way for what comes. */
static void let_go(struct byte_window *window)
{
    if (window->at == 0)
        return;
    window->line += count_lines(window->data, window->at);
    window->offset += window->at;
    memmove(window->data, window->data + window->at, window->end - window->at);
    window->end -= window->at;
    window->at = 0;
}

static int make_room(struct byte_window *window, size_t size)
{
    size_t needed = window->end + size;
    size_t capacity = window->capacity != 0 ? window->capacity : FIRST_CAPACITY;

    if (needed <= window->capacity)
        return 0;
    while (capacity < needed)
        capacity *= 2;

    uint8_t *data = realloc(window->data, capacity + BYTE_WINDOW_SLACK);

    if (data == NULL)
        return -ENOMEM;
    window->data = data;
    window->capacity = capacity;
    return 0;
}

int byte_window_more(struct byte_window *window, struct failure *failure)
{
    struct failure own = {0};
    const void *data;
    size_t size;

    if (window->ended)
        return 0;
    let_go(window);
    if (window->end >= window->limit)
        return -EFBIG;

    int error = window->stream->class->next(window->stream, &data, &size, &own);

    /* What came before the damage can be read. */
    if (error != 0 && error != -ENOMEM && error != -ECANCELED) {
        window->error = error;
        failure_set(&window->failure, -error, "%s",
                    own.code != 0 ? own.text : "the file is damaged");
        window->ended = true;
        return 0;
    }
    if (error != 0) {
        if (failure != NULL && own.code != 0)
            *failure = own;
        return error;
    }
    if (size == 0) {
        window->ended = true;
        return 0;
    }
    error = make_room(window, size);
    if (error != 0)
        return error;
    memcpy(window->data + window->end, data, size);
    window->end += size;
    memset(window->data + window->end, 0, BYTE_WINDOW_SLACK);
    return 1;
}

int byte_window_want(struct byte_window *window, size_t size, struct failure *failure)
{
    int got = 1;

    while (got > 0 && window->end - window->at < size)
        got = byte_window_more(window, failure);
    return got < 0 ? got : 0;
}

uint64_t byte_window_line(const struct byte_window *window)
{
    return window->line + count_lines(window->data, window->at);
}

uint64_t byte_window_byte(const struct byte_window *window)
{
    return window->offset + window->at;
}

void byte_window_release(struct byte_window *window)
{
    free(window->data);
    window->data = NULL;
    window->at = window->end = window->capacity = 0;
}
