/* SPDX-License-Identifier: MIT */
#include "backends/source/file_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/plain_file.h"

#define BLOCK_BYTES ((size_t)256 << 10)

static int file_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                     struct failure *failure)
{
    struct file_stream *file = (struct file_stream *)stream;
    uint64_t left = file->end - file->bytes;
    size_t wanted = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
    ssize_t size;

    do
        size = pread(file->file, file->buffer, wanted, (off_t)file->bytes);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return failure_set(failure, EIO, "it cannot be read: %s", strerror(errno));
    __atomic_store_n(&file->bytes, file->bytes + (uint64_t)size, __ATOMIC_RELAXED);
    *ret_data = file->buffer;
    *ret_size = (size_t)size;
    return 0;
}

static const struct byte_stream_class file_class = {file_next};

int file_stream_open(struct file_stream *file, const char *path, struct failure *failure)
{
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *buffer = opened >= 0 ? malloc(BLOCK_BYTES) : NULL;

    if (opened < 0)
        return failure_set(failure, EIO, SHOWN_PATH ": %s", path, strerror(errno));
    if (buffer == NULL) {
        close(opened);
        return -ENOMEM;
    }
    posix_fadvise(opened, 0, 0, POSIX_FADV_SEQUENTIAL);
    *file = (struct file_stream){
        .stream = {&file_class},
        .file = opened,
        .buffer = buffer,
        .end = INT64_MAX,
    };
    return 0;
}

bool file_stream_begins(const struct file_stream *file, const void *bytes, size_t size)
{
    uint8_t there[16];

    return pread(file->file, there, size, 0) == (ssize_t)size && memcmp(there, bytes, size) == 0;
}

void file_stream_seek(struct file_stream *file, uint64_t offset, uint64_t size)
{
    __atomic_store_n(&file->bytes, offset, __ATOMIC_RELAXED);
    file->end = offset + size;
}

void file_stream_close(struct file_stream *file)
{
    if (file->stream.class == NULL)
        return;
    close(file->file);
    free(file->buffer);
    *file = (struct file_stream){.file = -1};
}
