/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

#define BLOCK_BYTES ((size_t)256 << 10)

/* The file has unfolded to more than any honest one does. */
static int refuse_bomb(const struct archive_walk *walk, const char *name, struct failure *failure)
{
    return failure_set(failure, EFBIG,
                       "%.300s: the archive of %llu bytes unfolds to more than %llu: a bomb; what "
                       "comes from here on is left out",
                       name, (unsigned long long)walk->file_bytes,
                       (unsigned long long)walk->unfolded_bytes);
}

int archive_give(struct archive_walk *walk, const void *bytes, size_t size, struct failure *failure)
{
    return walk->wanted != NULL
               ? walk->take(walk->take_context, bytes, size, failure)
               : walk->taker->class->member_bytes(walk->taker, bytes, size, failure);
}

static int unfold(struct entry_stream *entry, const void **ret_data, size_t *ret_size,
                  struct failure *failure)
{
    if (entry->straight != NULL) {
        int error = entry->straight->class->next(entry->straight, ret_data, ret_size, failure);

        return error != 0 ? failure_prefix(failure, -error, SHOWN_PATH, entry->name) : 0;
    }

    la_ssize_t size = archive_read_data(entry->archive, entry->buffer, BLOCK_BYTES);

    if (size <= 0 && entry->feed != NULL && entry->feed->error != 0) {
        entry->feed->told = true;
        return archive_feed_error(entry->feed, entry->name, failure);
    }
    if (size < 0)
        return archive_failure(entry->archive, entry->name, failure);
    *ret_data = entry->buffer;
    *ret_size = (size_t)size;
    return 0;
}

static bool is_damaged(const struct entry_stream *entry)
{
    return entry->straight != NULL ? inflate_stream_is_damaged(entry->walk->outermost->member)
                                   : archive_is_damaged(entry->archive, entry->feed);
}

static int entry_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct entry_stream *entry = (struct entry_stream *)stream;
    struct archive_walk *walk = entry->walk;

    if (walk->source->cancelled != NULL &&
        __atomic_load_n(walk->source->cancelled, __ATOMIC_RELAXED))
        return -ECANCELED;

    int error = unfold(entry, ret_data, ret_size, failure);

    entry->broken = error != 0;
    entry->damaged = error != 0 && is_damaged(entry);
    if (error != 0)
        return error;
    if (walk->wanted == NULL && walk->outermost != NULL)
        __atomic_store_n(&walk->source->bytes_done,
                         walk->bytes_before + archive_file_bytes_read(walk->outermost),
                         __ATOMIC_RELAXED);
    entry->bytes += *ret_size;
    walk->unfolded_bytes += *ret_size;
    if (walk->unfolded_bytes > ARCHIVE_FREE_BYTES &&
        walk->unfolded_bytes / ARCHIVE_RATIO_MOST > walk->file_bytes)
        return refuse_bomb(walk, entry->name, failure);
    return entry->given && *ret_size != 0 ? archive_give(walk, *ret_data, *ret_size, failure) : 0;
}

static const struct byte_stream_class entry_class = {entry_next};

int entry_stream_begin(struct entry_stream *entry, struct archive_walk *walk,
                       struct archive *archive, const char *name)
{
    *entry = (struct entry_stream){
        .stream = {&entry_class},
        .walk = walk,
        .archive = archive,
        .feed = walk->feed,
        .name = name,
    };
    if (walk->outermost != NULL && archive == walk->outermost->archive)
        entry->straight = archive_file_member(walk->outermost);
    if (entry->straight != NULL)
        return 0;
    entry->buffer = malloc(BLOCK_BYTES);
    return entry->buffer != NULL ? 0 : -ENOMEM;
}

int entry_stream_drain(struct entry_stream *entry, struct failure *failure)
{
    const void *data;
    size_t size = 1;
    int error = 0;

    while (error == 0 && size != 0)
        error = entry_next(&entry->stream, &data, &size, failure);
    return error;
}

void entry_stream_end(struct entry_stream *entry)
{
    free(entry->buffer);
}
