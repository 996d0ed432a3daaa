/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/ahead_stream.h"
#include "backends/source/archive_internal.h"
#include "backends/source/delimited.h"
#include "backends/source/dump.h"
#include "backends/source/json_rows.h"
#include "backends/source/sqlite_member.h"
#include "fs/base/memory.h"

#define LOOK_BYTES ((size_t)64 << 10)
#define NAMES_TRIED 1000

/* A stream whose beginning has been looked at. */
struct looked_stream {
    struct byte_stream stream;
    struct byte_window window; /* what was looked at, until it is given */
    struct byte_stream *rest;
    bool given;
};

static int looked_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                       struct failure *failure)
{
    struct looked_stream *looked = (struct looked_stream *)stream;

    if (!looked->given && looked->window.end != 0) {
        looked->given = true;
        *ret_data = looked->window.data;
        *ret_size = looked->window.end;
        return 0;
    }
    if (looked->window.error != 0)
        return failure_set(failure, -looked->window.error, "%s", looked->window.failure.text);
    if (looked->window.ended) {
        *ret_size = 0;
        return 0;
    }
    return looked->rest->class->next(looked->rest, ret_data, ret_size, failure);
}

static const struct byte_stream_class looked_class = {looked_next};

static bool begins(const struct byte_window *window, const char *mark, size_t size)
{
    return window->end >= size && memcmp(window->data, mark, size) == 0;
}

/* What libarchive can take apart. */
static bool is_packed(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *bytes;
        size_t size;
    } marks[] = {
        {"PK\x03\x04", 4},
        {"PK\x05\x06", 4},
        {"\x1f\x8b\x08", 3},
        {"BZh", 3},
        {"\xfd"
         "7zXZ\0",
         6},
        {"\x28\xb5\x2f\xfd", 4},
        {"\x04\x22\x4d\x18", 4},
        {"7z\xbc\xaf\x27\x1c", 6},
        {"Rar!\x1a\x07", 6},
        {"MSCF\0\0\0\0", 8},
        {"\x1f\x9d", 2},
    };

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (size >= marks[i].size && memcmp(bytes, marks[i].bytes, marks[i].size) == 0)
            return true;
    }
    return size >= 262 && memcmp(bytes + 257, "ustar", 5) == 0;
}

bool archive_recognise(const char *path, const void *begin, size_t size)
{
    const uint8_t *bytes = begin;
    size_t whole = size;
    struct json_form form;
    struct dialect dialect;

    if (is_packed(bytes, size))
        return true;
    while (size > 0 && bytes[size - 1] == '\0')
        size--;
    return (size != 0 && dump_recognise(bytes, size)) ||
           json_rows_recognise(path, bytes, size, &form) ||
           delimited_recognise(path, bytes, size, size < whole, &dialect);
}

/* The archive goes on, without what was refused here. */
static bool is_passed_over(int error)
{
    return error == -EILSEQ || error == -EIO || error == -EACCES || error == -EFBIG;
}

/* Only the member suffers: the user is told. */
static int pass_over(struct archive_walk *walk, int error, const struct failure *own,
                     struct failure *failure)
{
    if (!is_passed_over(error)) {
        if (failure != NULL && own->code != 0)
            *failure = *own;
        return error;
    }
    if (own->code != 0 && walk->wanted == NULL)
        walk->taker->class->trouble(walk->taker, own);
    return 0;
}

static int walk_nested(struct archive_walk *walk, struct byte_stream *stream, const char *name,
                       unsigned depth, struct failure *failure)
{
    struct archive_feed feed = {.stream = stream};
    struct archive *archive;

    if (depth > ARCHIVE_DEPTH_MOST)
        return failure_set(failure, EILSEQ,
                           "%.300s: archives within archives are read %d deep, no deeper", name,
                           ARCHIVE_DEPTH_MOST);

    int error = archive_open_stream(walk->source, &feed, &archive, failure);

    if (error != 0)
        return failure_prefix(failure, -error, "%.300s", name);
    error = archive_walk(walk, archive, name, depth, failure);
    archive_read_free(archive);
    return error;
}

/* What takes rows out of a stream. */
struct table_reader {
    int (*read)(const struct table_reader *reader, struct archive_walk *walk,
                struct looked_stream *looked, const char *name, struct failure *failure);
    struct json_form form;
    struct dialect dialect;
};

static int read_dump(const struct table_reader *reader, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    int error = dump_read(&looked->stream, walk->taker, failure);

    (void)reader;
    return error != 0 ? failure_prefix(failure, -error, "%.300s", name) : 0;
}

static int read_json(const struct table_reader *reader, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    int error = json_rows_read(&looked->stream, &reader->form, name, walk->taker, failure);

    return error != 0 ? failure_prefix(failure, -error, "%.300s", name) : 0;
}

static int read_delimited(const struct table_reader *reader, struct archive_walk *walk,
                          struct looked_stream *looked, const char *name, struct failure *failure)
{
    return delimited_read(&looked->stream, &reader->dialect, name, walk->taker, failure);
}

/* False: nothing does. */
static bool choose_reader(const struct byte_window *window, const char *name,
                          struct table_reader *ret_reader)
{
    size_t begin = window->end < DUMP_BEGIN_BYTES ? window->end : DUMP_BEGIN_BYTES;

    ret_reader->read = NULL;
    if (window->end == 0)
        return false;
    if (dump_recognise(window->data, begin))
        ret_reader->read = read_dump;
    else if (json_rows_recognise(name, window->data, window->end, &ret_reader->form))
        ret_reader->read = read_json;
    else if (delimited_recognise(name, window->data, window->end, window->ended,
                                 &ret_reader->dialect))
        ret_reader->read = read_delimited;
    return ret_reader->read != NULL;
}

/* What has more than was looked at is decompressed by another thread meanwhile, if there is one. */
static int read_rows(const struct table_reader *reader, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    struct byte_stream *rest = looked->rest;
    struct ahead_stream ahead;
    bool is_ahead = !looked->window.ended && ahead_stream_begin(&ahead, rest) == 0;

    if (is_ahead)
        looked->rest = &ahead.stream;

    int error = reader->read(reader, walk, looked, name, failure);

    if (is_ahead)
        ahead_stream_end(&ahead);
    looked->rest = rest;
    return error;
}

/* A -wal, of either byte order; a -journal that is not empty. */
static bool is_sqlite_log(const struct byte_window *window)
{
    return begins(window, "\x37\x7f\x06\x82", 4) || begins(window, "\x37\x7f\x06\x83", 4) ||
           begins(window, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
}

/* A database is read in any order: all of it is held first. */
static int read_sqlite(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                       struct failure *failure)
{
    const struct row_taker_class *class = walk->taker->class;
    struct held_bytes *held = NULL;
    const void *bytes = NULL;
    size_t size = 1;
    int error = 0;

    if (class->hold == NULL)
        return 0;
    while (error == 0 && size != 0) {
        error = looked_next(&looked->stream, &bytes, &size, failure);
        if (error == 0 && size != 0)
            error = class->hold(walk->taker, &held, bytes, size, failure);
    }
    if (error == 0)
        error = sqlite_member_read(held, name, walk->source->cancelled, walk->taker, failure);
    if (held != NULL)
        held->class->release(held);
    return error;
}

/* Whatever tables the stream holds. */
static int read_tables(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                       unsigned depth, bool *ret_none, struct failure *failure)
{
    const struct byte_window *window = &looked->window;

    *ret_none = false;

    if (is_packed(window->data, window->end))
        return walk_nested(walk, &looked->stream, name, depth + 1, failure);
    if (begins(window, "SQLite format 3", 16))
        return read_sqlite(walk, looked, name, failure);
    if (is_sqlite_log(window))
        return failure_set(failure, EILSEQ,
                           "%.300s: what a SQLite database has not taken in yet, or has to take "
                           "back: within an archive that is not done, and the database beside it "
                           "is shown as it is without; copy both out of raw/, and mount the copy",
                           name);
    if (begins(window, "PGDMP", 5))
        return failure_set(failure, EILSEQ,
                           "%.300s: pg_dump's custom format is shown under raw/ only: turn it into "
                           "a plain dump with pg_restore -f dump.sql, and mount that",
                           name);

    struct table_reader reader;

    if (choose_reader(window, name, &reader))
        return read_rows(&reader, walk, looked, name, failure);
    *ret_none = true;
    return 0;
}

/* --- one member --------------------------------------------------------------------------- */

static int keep_name(struct archive_walk *walk, char **name)
{
    if (walk->members == walk->name_capacity) {
        size_t capacity = walk->name_capacity != 0 ? walk->name_capacity * 2 : 64;
        char **names = capacity > ARCHIVE_MEMBERS_MOST
                           ? NULL
                           : reallocarray(walk->name_list, capacity, sizeof *names);

        if (names == NULL)
            return -ENOMEM;
        walk->name_list = names;
        walk->name_capacity = capacity;
    }

    int error = name_map_add(walk->names, *name, walk->members);

    if (error == 0)
        walk->name_list[walk->members++] = steal_pointer(name);
    return error;
}

/* The member's name, which no other has: a second one gets "~2" behind it. Borrowed. */
static int choose_name(struct archive_walk *walk, const char *path, const char **ret_name)
{
    cleanup_free char *shown = archive_shown_name(path);
    int error = shown != NULL ? keep_name(walk, &shown) : -ENOMEM;

    for (int i = 2; error == -EEXIST && i < NAMES_TRIED; i++) {
        cleanup_free char *other = NULL;

        if (asprintf(&other, "%s~%d", shown, i) < 0) {
            other = NULL;
            return -ENOMEM;
        }
        error = keep_name(walk, &other);
    }
    if (error == 0)
        *ret_name = walk->name_list[walk->members - 1];
    return error == -EEXIST ? -EILSEQ : error;
}

static int tell_member(struct archive_walk *walk, const char *name, struct archive_entry *entry,
                       uint64_t bytes, struct failure *failure)
{
    struct stream_member member = {.path = name, .bytes = bytes, .modified = walk->modified};

    if (archive_entry_mtime_is_set(entry))
        member.modified = (struct timespec){.tv_sec = archive_entry_mtime(entry),
                                            .tv_nsec = archive_entry_mtime_nsec(entry)};
    return walk->taker->class->member(walk->taker, &member, failure);
}

/* Whether a member is come by again only through all that stands before it. */
static bool is_costly(struct archive *archive)
{
    return archive_filter_count(archive) > 1;
}

/* The member that is to be extracted. */
static int extract_member(struct archive_walk *walk, struct archive *archive, const char *name,
                          struct failure *failure)
{
    struct entry_stream entry;
    int error = entry_stream_begin(&entry, walk, archive, name);

    if (error != 0)
        return error;
    walk->found = true;
    entry.given = true;
    error = entry_stream_drain(&entry, failure);
    entry_stream_end(&entry);
    return error;
}

static int walk_member(struct archive_walk *walk, struct archive *archive,
                       struct archive_entry *about, const char *name, unsigned depth,
                       struct failure *failure)
{
    struct entry_stream entry;
    struct failure own = {0};
    int error = entry_stream_begin(&entry, walk, archive, name);

    if (error != 0)
        return error;

    struct looked_stream looked = {
        .stream = {&looked_class},
        .window = BYTE_WINDOW(&entry.stream, 2 * LOOK_BYTES),
        .rest = &entry.stream,
    };

    bool none = false;

    error = byte_window_want(&looked.window, LOOK_BYTES, &own);
    if (error == -EFBIG && own.code == 0)
        error = 0;
    if (error == 0)
        error = read_tables(walk, &looked, name, depth, &none, &own);
    error = pass_over(walk, error, &own, failure);
    if (error == 0 && none && depth == 0 && is_costly(walk->outermost)) {
        entry.given = true;
        error = archive_give(walk, looked.window.data, looked.window.end, failure);
    }
    if (error == 0) {
        own.code = 0;
        error = pass_over(walk, entry_stream_drain(&entry, &own), &own, failure);
    }
    if (error == 0 && depth == 0)
        error = tell_member(walk, name, about, entry.bytes, failure);
    byte_window_release(&looked.window);
    entry_stream_end(&entry);
    return error;
}

int archive_walk_entry(struct archive_walk *walk, struct archive *archive,
                       struct archive_entry *about, const char *outer, unsigned depth,
                       struct failure *failure)
{
    const char *path = archive_entry_pathname_utf8(about);
    const char *name = outer;
    char *full = NULL;

    if (path == NULL)
        path = archive_entry_pathname(about);
    if (path == NULL)
        path = "";
    if (archive_entry_hardlink(about) != NULL || archive_entry_filetype(about) != AE_IFREG) {
        struct failure own;

        if (archive_entry_filetype(about) == AE_IFDIR)
            return 0;
        failure_set(&own, EILSEQ,
                    "%.300s: a link or a device, which an archive's folder does "
                    "not show",
                    path);
        if (walk->wanted == NULL)
            walk->taker->class->trouble(walk->taker, &own);
        return 0;
    }

    int error = 0;

    /* What is merely compressed is one thing with what it is compressed from. */
    if (archive_format(archive) == ARCHIVE_FORMAT_RAW && depth > 0)
        path = "";
    if (depth == 0) {
        error = choose_name(walk, outer[0] != '\0' ? outer : path, &name);
    } else if (path[0] != '\0') {
        if (asprintf(&full, "%s/%s", outer, path) < 0)
            return -ENOMEM;
        name = full;
    }
    if (error == 0 && walk->wanted == NULL)
        error = walk_member(walk, archive, about, name, depth, failure);
    else if (error == 0 && strcmp(name, walk->wanted) == 0)
        error = extract_member(walk, archive, name, failure);
    free(full);
    return error;
}

int archive_walk(struct archive_walk *walk, struct archive *archive, const char *outer,
                 unsigned depth, struct failure *failure)
{
    for (;;) {
        struct archive_entry *about;
        struct failure own = {0};
        int code = walk->found ? ARCHIVE_EOF : archive_read_next_header(archive, &about);

        if (code == ARCHIVE_EOF)
            return 0;
        if (code < ARCHIVE_WARN) {
            int error =
                archive_failure(archive, outer[0] != '\0' ? outer : walk->source->path, &own);

            error = pass_over(walk, error, &own, failure);
            if (error != 0 || code == ARCHIVE_FATAL)
                return error;
            continue;
        }

        int error = archive_walk_entry(walk, archive, about, outer, depth, failure);

        if (error != 0)
            return error;
    }
}
