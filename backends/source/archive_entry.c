/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

#define HOLE_BYTES ((size_t)64 << 10)

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

/*
 * The next block, and the hole before it. archive_read_data() puts blocks together, and loses them
 * when an error follows. Neither a hole nor a block: the end.
 */
static int fetch_block(struct entry_stream *entry, struct failure *failure)
{
    la_int64_t offset = 0;
    int code = ARCHIVE_OK;

    while (code == ARCHIVE_OK && entry->hole == 0 && entry->block_size == 0) {
        code = archive_read_data_block(entry->archive, &entry->block, &entry->block_size, &offset);
        if (code != ARCHIVE_OK)
            entry->block_size = 0;
        if (code == ARCHIVE_OK && (offset < 0 || (uint64_t)offset < entry->place))
            return failure_set(failure, EIO, SHOWN_PATH ": its pieces are out of order",
                               entry->name);
        /* A hole may be the last. */
        if ((code == ARCHIVE_OK || code == ARCHIVE_EOF) && offset > 0 &&
            (uint64_t)offset > entry->place)
            entry->hole = (uint64_t)offset - entry->place;
    }
    if (code != ARCHIVE_OK && entry->feed != NULL && entry->feed->error != 0) {
        entry->feed->told = true;
        return archive_feed_error(entry->feed, entry->name, failure);
    }
    return code == ARCHIVE_OK || code == ARCHIVE_EOF
               ? 0
               : archive_failure(entry->archive, entry->name, failure);
}

static int fill_hole(struct entry_stream *entry, const void **ret_data, size_t *ret_size)
{
    if (entry->zeros == NULL)
        entry->zeros = calloc(1, HOLE_BYTES);
    if (entry->zeros == NULL)
        return -ENOMEM;
    *ret_data = entry->zeros;
    *ret_size = entry->hole < HOLE_BYTES ? (size_t)entry->hole : HOLE_BYTES;
    entry->hole -= *ret_size;
    entry->place += *ret_size;
    return 0;
}

static int unfold(struct entry_stream *entry, const void **ret_data, size_t *ret_size,
                  struct failure *failure)
{
    if (entry->straight != NULL) {
        int error = entry->straight->class->next(entry->straight, ret_data, ret_size, failure);

        return error != 0 ? failure_prefix(failure, -error, SHOWN_PATH, entry->name) : 0;
    }

    int error = fetch_block(entry, failure);

    *ret_size = 0;

    if (error != 0)
        return error;
    if (entry->hole != 0)
        return fill_hole(entry, ret_data, ret_size);
    *ret_data = entry->block;
    *ret_size = entry->block_size;
    entry->place += entry->block_size;
    entry->block_size = 0;
    return 0;
}

static bool is_damaged(const struct entry_stream *entry)
{
    return entry->straight != NULL ? inflate_stream_is_damaged(entry->walk->outermost->member)
                                   : archive_is_damaged(entry->walk, entry->archive, entry->feed);
}

static int say_again(const struct entry_stream *entry, struct failure *failure)
{
    return failure_set(failure, -entry->error, "%s", failure_text(&entry->why, entry->error));
}

static int entry_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct entry_stream *entry = (struct entry_stream *)stream;
    struct archive_walk *walk = entry->walk;

    if (walk->source->cancelled != NULL &&
        __atomic_load_n(walk->source->cancelled, __ATOMIC_RELAXED))
        return -ECANCELED;

    /* What unfolds it may say so once only, to a thread that has read ahead of who reads rows. */
    if (entry->broken)
        return say_again(entry, failure);

    int error = unfold(entry, ret_data, ret_size, &entry->why);

    entry->broken = error != 0;
    entry->damaged = error != 0 && is_damaged(entry);
    entry->error = error;
    if (error != 0)
        return say_again(entry, failure);
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
    return 0;
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
    free(entry->zeros);
}

int archive_read_unpacked(struct archive_walk *walk, struct byte_stream *stream, const char *name,
                          int (*read)(void *context, struct byte_stream *stream,
                                      struct failure *failure),
                          void *context, struct failure *failure)
{
    struct archive_feed feed = {.stream = stream};
    struct archive *archive;
    struct archive_entry *about;
    struct entry_stream entry = {.zeros = NULL};
    int error = archive_open_stream(walk->source, &feed, &archive, failure);

    if (error != 0)
        return error;

    int code = archive_read_next_header(archive, &about);
    struct byte_stream empty = {&byte_stream_empty};

    if (code == ARCHIVE_EOF || code < ARCHIVE_WARN)
        error = archive_feed_error(&feed, name, failure);
    if (error == 0 && code < ARCHIVE_WARN)
        error = archive_failure(archive, name, failure);
    if (error == 0 && code != ARCHIVE_EOF)
        error = entry_stream_begin(&entry, walk, archive, name);
    entry.feed = &feed;
    if (error == 0)
        error = read(context, code != ARCHIVE_EOF ? &entry.stream : &empty, failure);
    if (error == 0) {
        archive_feed_drain(archive, &feed);
        archive_tell_rest_of_feed(walk, &feed, name);
    }
    entry_stream_end(&entry);
    archive_read_free(archive);
    return error;
}
