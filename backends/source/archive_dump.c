/* SPDX-License-Identifier: MIT */
/* The members of a dump by mydumper. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "backends/source/archive_internal.h"

#define METADATA_BYTES ((size_t)64 << 10)

/* "Started dump at: 2026-11-20 08:11:12", taken for UTC. */
static int read_metadata(struct archive_walk *walk, struct byte_stream *stream,
                         struct failure *failure)
{
    struct byte_window window = BYTE_WINDOW(stream, METADATA_BYTES);
    int error = byte_window_want(&window, METADATA_BYTES, failure);
    struct tm parts = {.tm_sec = 0};

    /* Behind the text stand zeros. */
    const char *words = "Started dump at: ";
    const char *found =
        window.end != 0 ? memmem(window.data, window.end, words, strlen(words)) : NULL;

    if (found != NULL && strptime(found + strlen(words), "%Y-%m-%d %H:%M:%S", &parts) != NULL)
        walk->taker->class->moment(walk->taker, (struct timespec){.tv_sec = timegm(&parts)});
    byte_window_release(&window);
    return error == -EFBIG ? 0 : error;
}

/* One of a dump. */
struct file {
    struct archive_walk *walk;
    struct archive_dump *dump;
    const char *path;
    const struct mydumper_name *name;
};

static int read_file(void *context, struct byte_stream *stream, struct failure *failure)
{
    const struct file *file = context;
    const struct mydumper_name *name = file->name;

    if (name->file == MYDUMPER_METADATA)
        return read_metadata(file->walk, stream, failure);
    if (name->file == MYDUMPER_DATA)
        return dump_session_load(file->dump->reader, stream, file->path, name->database,
                                 name->table, failure);
    if (file->walk->pass == PASS_LOADS)
        return dump_session_read_loads(file->dump->reader, stream, file->path, name->database,
                                       failure);
    return dump_session_read(file->dump->reader, stream, file->path, name->database,
                             name->file == MYDUMPER_ROWS ? name->table : NULL, failure);
}

static bool is_for(enum archive_pass pass, enum mydumper_file file)
{
    switch (file) {
    case MYDUMPER_TABLE: return pass == PASS_TABLES;
    case MYDUMPER_ROWS: return pass == PASS_LOADS || pass == PASS_ALL;
    /* A view is first made as a table, which the view's own file drops. */
    case MYDUMPER_VIEW:
    case MYDUMPER_DATA:
    case MYDUMPER_METADATA: return pass == PASS_ALL;
    default: return false;
    }
}

int archive_dump_read(struct archive_walk *walk, struct archive_dump *dump,
                      struct byte_stream *stream, const char *path, bool packed,
                      struct failure *failure)
{
    struct mydumper_name name = mydumper_name_of(path);

    if (!is_for(walk->pass, name.file))
        return 0;

    struct file file = {.walk = walk, .dump = dump, .path = path, .name = &name};

    return packed ? archive_read_unpacked(walk, stream, path, read_file, &file, failure)
                  : read_file(&file, stream, failure);
}
