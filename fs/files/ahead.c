/* SPDX-License-Identifier: MIT */
/* What is likely to be read next, of files that are read from front to back. */
#include <stdlib.h>

#include "fs/files/files_internal.h"

#define AHEAD_BYTES ((uint64_t)768 << 10)
#define STRAY_BYTES ((uint64_t)512 << 10) /* requests of one reader come in about that order */
#define FIRST_BYTES ((uint64_t)128 << 10) /* until then it may be chance that places are near */
#define JOBS_WAITING 64

struct fetch {
    struct content_cache *contents;
    struct object_reference content;
};

static void run(void *context)
{
    struct fetch *fetch = context;

    content_fetch(fetch->contents, &fetch->content);
    free(fetch);
}

void files_fetch(struct files *files, const struct object_reference *content)
{
    struct fetch *fetch = malloc(sizeof *fetch);

    if (fetch == NULL)
        return;
    *fetch = (struct fetch){.contents = files->contents, .content = *content};
    if (!workers_submit(files->readers, run, free, fetch))
        free(fetch);
}

/* The reader of NUMBER who has come as far as about OFFSET; or a new one, in the oldest's place. */
static struct read_stream *find_stream(struct files *files, uint64_t number, uint64_t offset)
{
    for (size_t i = 0; i < READ_STREAMS; i++) {
        struct read_stream *stream = &files->streams[i];

        if (stream->number == number && offset + STRAY_BYTES >= stream->next &&
            offset <= stream->next + STRAY_BYTES)
            return stream;
    }

    struct read_stream *stream = &files->streams[files->next_stream++ % READ_STREAMS];

    *stream = (struct read_stream){.number = number};
    return stream;
}

void files_read_ahead(struct files *files, struct catalogue *tree, uint64_t number, uint64_t offset,
                      uint64_t end)
{
    struct read_stream *stream = find_stream(files, number, offset);
    bool goes_on;

    if (stream->next == 0 && offset == 0)
        stream->bytes = FIRST_BYTES;
    stream->bytes += end - offset;
    goes_on = stream->bytes > FIRST_BYTES;
    if (stream->next < end)
        stream->next = end;
    if (stream->ahead < end)
        stream->ahead = end;
    while (goes_on && stream->ahead < stream->next + AHEAD_BYTES) {
        struct file_extent extent;
        uint64_t begin;

        if (extent_find(tree, inode_of(number), stream->ahead, &begin, &extent, NULL) != 0)
            return;
        files_fetch(files, &extent.content);
        stream->ahead = begin + extent.length;
    }
}

struct workers *files_readers(void)
{
    return workers_create(files_threads(), JOBS_WAITING);
}
