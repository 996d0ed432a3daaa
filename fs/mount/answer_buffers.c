/* SPDX-License-Identifier: MIT */
#include "fs/mount/answer_buffers.h"

#include <stdlib.h>

void answer_buffers_init(struct answer_buffers *buffers)
{
    *buffers = (struct answer_buffers){.count = 0};
    pthread_mutex_init(&buffers->lock, NULL);
}

void answer_buffers_release(struct answer_buffers *buffers)
{
    while (buffers->count > 0)
        free(buffers->kept[--buffers->count].bytes);
    pthread_mutex_destroy(&buffers->lock);
}

struct answer_buffer answer_buffer_take(struct answer_buffers *buffers, size_t size)
{
    struct answer_buffer buffer = {.room = 0};

    pthread_mutex_lock(&buffers->lock);
    for (size_t i = 0; i < buffers->count && buffer.bytes == NULL; i++) {
        if (buffers->kept[i].room < size)
            continue;
        buffer = buffers->kept[i];
        buffers->kept[i] = buffers->kept[--buffers->count];
    }
    pthread_mutex_unlock(&buffers->lock);
    if (buffer.bytes == NULL)
        buffer = (struct answer_buffer){.room = size, .bytes = malloc(size > 0 ? size : 1)};
    return buffer;
}

void answer_buffer_give(struct answer_buffers *buffers, struct answer_buffer buffer)
{
    pthread_mutex_lock(&buffers->lock);
    if (buffers->count < ANSWER_BUFFERS_KEPT && buffer.bytes != NULL &&
        buffer.room <= ANSWER_BUFFER_MOST) {
        buffers->kept[buffers->count++] = buffer;
        buffer.bytes = NULL;
    }
    pthread_mutex_unlock(&buffers->lock);
    free(buffer.bytes);
}
