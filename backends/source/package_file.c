/* SPDX-License-Identifier: MIT */
#include "backends/source/package_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/plain_file.h"
#include "fs/base/called_off.h"
#include "fs/base/memory.h"

#define PIECE_BYTES ((size_t)256 << 10)

int package_file_refuse(const struct package_folder *folder, const char *name, int code,
                        struct failure *failure)
{
    return failure_set(failure, code, SHOWN_PATH "/%.200s: %s", folder->path, name, strerror(code));
}

int package_file_descriptor(const struct package_folder *folder, const char *name, int *ret_file,
                            struct failure *failure)
{
    cleanup_fd int directory = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_fd int file =
        directory >= 0 ? openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                       : -1;
    struct stat about;

    if (file < 0)
        return package_file_refuse(folder, name, errno, failure);
    if (fstat(file, &about) != 0)
        return package_file_refuse(folder, name, errno, failure);
    if (!S_ISREG(about.st_mode))
        return package_file_refuse(folder, name, EINVAL, failure);
    *ret_file = steal_fd(&file);
    return 0;
}

static int next_piece(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct package_file *from = (struct package_file *)stream;
    ssize_t size;

    if (called_off(from->folder->cancelled))
        return -ECANCELED;
    do {
        size = read(from->file, from->piece, PIECE_BYTES);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return package_file_refuse(from->folder, from->name, errno, failure);
    *ret_data = from->piece;
    *ret_size = (size_t)size;
    return 0;
}

static const struct byte_stream_class class = {next_piece};

void package_file_close(struct package_file *file)
{
    close_descriptor(&file->file);
    free(file->piece);
}

int package_file_open(const struct package_folder *folder, const char *name,
                      struct package_file *ret_file, struct failure *failure)
{
    struct package_file opened = {{&class}, folder, name, -1, malloc(PIECE_BYTES)};
    int error = opened.piece != NULL ? package_file_descriptor(folder, name, &opened.file, failure)
                                     : -ENOMEM;

    *ret_file = opened;
    return error;
}

int package_file_whole(const struct package_folder *folder, const char *name, size_t limit,
                       struct buffer *ret_text, struct failure *failure)
{
    cleanup_package_file struct package_file file = {.file = -1};
    cleanup_buffer struct buffer text = BUFFER(limit + 1);
    int error = package_file_open(folder, name, &file, failure);
    const void *data = "";
    size_t size = 1;

    while (error == 0 && size != 0) {
        error = next_piece(&file.stream, &data, &size, failure);
        if (error == 0)
            error = buffer_append(&text, data, size);
    }
    if (error == 0)
        error = buffer_append(&text, "", 1);
    if (error == -EFBIG)
        return failure_set(failure, EFBIG, SHOWN_PATH "/%.200s: is larger than %zu MiB",
                           folder->path, name, limit >> 20);
    if (error != 0)
        return error;
    *ret_text = text;
    text = BUFFER(0);
    return 0;
}
