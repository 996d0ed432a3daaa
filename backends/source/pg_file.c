/* SPDX-License-Identifier: MIT */
/* The files of rows in a folder that pg_dump made: 3325.dat, 3325.dat.gz … */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/file_stream.h"
#include "backends/source/inflate_stream.h"
#include "backends/source/pg_list.h"
#include "fs/base/memory.h"

#define DIGITS_MOST 18
#define PLAIN 0
#define GZIP 1

static const char *const endings[] = {[PLAIN] = ".dat", [GZIP] = ".dat.gz", ".dat.lz4", ".dat.zst"};

#define ENDINGS (sizeof endings / sizeof *endings)

size_t pg_take_number(const char *text, size_t size, unsigned long *ret_number)
{
    unsigned long number = 0;
    size_t digits = 0;

    while (digits < size && text[digits] >= '0' && text[digits] <= '9') {
        if (digits == DIGITS_MOST)
            return 0;
        number = number * 10 + (unsigned long)(text[digits++] - '0');
    }
    *ret_number = number;
    return digits;
}

bool pg_file_of(const char *name, unsigned long *ret_number)
{
    size_t digits = pg_take_number(name, strlen(name), ret_number);

    for (size_t i = 0; digits != 0 && i < ENDINGS; i++) {
        if (strcmp(name + digits, endings[i]) == 0)
            return true;
    }
    return false;
}

static enum pg_file_state look_at_end(const char *path)
{
    cleanup_fd int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    char end[PG_FILE_END_BYTES];
    off_t size = file >= 0 ? lseek(file, 0, SEEK_END) : -1;

    if (size < 0)
        return PG_FILE_MISSING;
    return size >= PG_FILE_END_BYTES &&
                   pread(file, end, sizeof end, size - PG_FILE_END_BYTES) == PG_FILE_END_BYTES &&
                   memcmp(end, PG_FILE_END, sizeof end) == 0
               ? PG_FILE_WHOLE
               : PG_FILE_CUT;
}

/* All of a .gz, for its checksum. */
static enum pg_file_state unfold(const char *path)
{
    struct file_stream file;
    struct byte_stream *stream;
    const void *bytes;
    size_t size;
    struct failure why;
    int error = file_stream_open(&file, path, &why);

    if (error != 0)
        return PG_FILE_MISSING;
    error = file.stream.class->next(&file.stream, &bytes, &size, &why);

    struct inflate_stream *gzip = error == 0 ? gzip_stream_create(&file.stream, bytes, size) : NULL;

    stream = gzip != NULL ? inflate_stream_bytes(gzip) : NULL;
    do
        error = stream != NULL ? stream->class->next(stream, &bytes, &size, &why) : -1;
    while (error == 0 && size != 0);
    inflate_stream_free(gzip);
    file_stream_close(&file);
    return error == 0 ? PG_FILE_WHOLE : PG_FILE_DAMAGED;
}

enum pg_file_state pg_file_look(const char *folder, unsigned long number, bool thorough)
{
    for (size_t i = 0; i < ENDINGS; i++) {
        cleanup_free char *path = NULL;

        if (asprintf(&path, "%s/%lu%s", folder, number, endings[i]) < 0)
            path = NULL;
        if (path == NULL || access(path, R_OK) != 0)
            continue;
        if (i == PLAIN)
            return look_at_end(path);
        return i == GZIP && thorough ? unfold(path) : PG_FILE_WHOLE;
    }
    return PG_FILE_MISSING;
}
