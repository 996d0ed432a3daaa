/* SPDX-License-Identifier: MIT */
/* What a member is, by how it begins, and the tables that are in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/ahead_stream.h"
#include "backends/source/archive_internal.h"
#include "backends/source/archive_packages.h"
#include "backends/source/archive_postgres.h"
#include "backends/source/archive_recognise.h"
#include "backends/source/delimited.h"
#include "backends/source/dump.h"
#include "backends/source/json_rows.h"
#include "backends/source/sqlite_member.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

#define LOOK_BYTES ((size_t)64 << 10)

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

int looked_stream_begin(struct looked_stream *looked, struct byte_stream *rest,
                        struct failure *failure)
{
    *looked = (struct looked_stream){
        .stream = {&looked_class},
        .window = BYTE_WINDOW(rest, 2 * ARCHIVE_LOOK_MOST),
        .rest = rest,
    };

    int error = byte_window_want(&looked->window, LOOK_BYTES, failure);

    return error == -EFBIG ? 0 : error;
}

void looked_stream_end(struct looked_stream *looked)
{
    byte_window_release(&looked->window);
}

static bool begins(const struct byte_window *window, const char *mark, size_t size)
{
    return window->end >= size && memcmp(window->data, mark, size) == 0;
}

bool archive_is_passed_over(int error)
{
    return error == -EILSEQ || error == -EIO || error == -EACCES || error == -EFBIG;
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
    struct archive_feed *outer = walk->feed;
    size_t outer_first = walk->first_table;

    bool outer_broken = walk->broken;

    walk->feed = &feed;
    walk->broken = false;
    walk->first_table = archive_table_count(walk);
    error = archive_walk(walk, archive, name, depth, failure);
    if (error == 0)
        archive_tell_rest_of_feed(walk, &feed, name);
    walk->feed = outer;
    walk->broken = walk->broken || outer_broken;
    walk->first_table = outer_first;
    archive_read_free(archive);
    return error;
}

/* What only mydumper's folders hold, where it is not known what else is in them. */
static int refuse_dump_part(const char *name, struct failure *failure)
{
    return failure_set(
        failure, EILSEQ,
        "%.300s: mydumper's dump in an archive within an archive is shown under raw/ "
        "only: copy it out of there, and mount the copy",
        name);
}

/* What a stream says of itself begins with its name already. */
static int with_name(int error, const char *name, struct failure *failure)
{
    if (error == 0 || strncmp(failure_text(failure, error), name, strlen(name)) == 0)
        return error;
    return failure_prefix(failure, -error, "%.300s", name);
}

static int read_dump(const struct archive_text *text, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    const char *charset = delimited_wish_charset(&walk->source->wish);

    return with_name(dump_read(&looked->stream, text->set, charset, walk->taker, failure), name,
                     failure);
}

static int read_json(const struct archive_text *text, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    return with_name(json_rows_read(&looked->stream, &text->form, name, walk->taker, failure), name,
                     failure);
}

static int read_delimited(const struct archive_text *text, struct archive_walk *walk,
                          struct looked_stream *looked, const char *name, struct failure *failure)
{
    return delimited_read(&looked->stream, &text->dialect, name, walk->taker, walk->parts, failure);
}

/* More of it is looked at. 1; 0: there is no more, or it is enough; -errno. */
static int look_further(struct looked_stream *looked, struct failure *failure)
{
    struct byte_window *window = &looked->window;
    size_t seen = window->end;
    size_t wanted = ARCHIVE_LOOK_GROWTH * seen;
    int error;

    if (window->ended || seen >= ARCHIVE_LOOK_MOST)
        return 0;
    error =
        byte_window_want(window, wanted < ARCHIVE_LOOK_MOST ? wanted : ARCHIVE_LOOK_MOST, failure);
    return error != 0 ? error : 1;
}

static int recognise_text(struct looked_stream *looked, const char *name,
                          const struct dialect_wish *wish, struct archive_text *ret_text,
                          struct failure *failure)
{
    const struct byte_window *window = &looked->window;
    int more = 1;

    while (more > 0) {
        *ret_text = archive_recognise_text(name, window->data, window->end, window->ended, wish);
        more = ret_text->unsure ? look_further(looked, failure) : 0;
    }
    return more;
}

static int read_text(const struct archive_text *text, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    switch (text->kind) {
    case ARCHIVE_TEXT_DUMP: return read_dump(text, walk, looked, name, failure);
    case ARCHIVE_TEXT_JSON: return read_json(text, walk, looked, name, failure);
    case ARCHIVE_TEXT_DELIMITED: return read_delimited(text, walk, looked, name, failure);
    case ARCHIVE_TEXT_NONE: break;
    }
    return 0;
}

/* What has more than was looked at is decompressed by another thread meanwhile, if there is one. */
static int read_rows(const struct archive_text *text, struct archive_walk *walk,
                     struct looked_stream *looked, const char *name, struct failure *failure)
{
    struct byte_stream *rest = looked->rest;
    struct ahead_stream ahead;
    bool is_ahead = !looked->window.ended && ahead_stream_begin(&ahead, rest) == 0;

    if (is_ahead)
        looked->rest = &ahead.stream;

    int error = read_text(text, walk, looked, name, failure);

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

static bool is_called_table(const char *name)
{
    static const char *const endings[] = {".sql", ".csv", ".tsv"};
    size_t size = strlen(name);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);

        if (size > length && ascii_equal(name + size - length, endings[i]))
            return true;
    }
    return false;
}

/* What looks as if there were tables in it, and is none: nobody should have to guess. */
static int refuse_unread(const struct byte_window *window, const char *name, unsigned depth,
                         struct failure *failure)
{
    bool workbook = strcmp(name, "xl/workbook.xml") == 0 || strcmp(name, "content.xml") == 0;
    int error = archive_refuse_xml(window->data, window->end, name, failure);

    if (error != 0)
        return error;
    if (window->end != 0 && is_called_table(name))
        return failure_set(
            failure, EILSEQ,
            "%.300s: crmfs makes nothing of it, whatever its name says, and shows it "
            "under raw/ only: is it encrypted, damaged, or from a database that "
            "crmfs does not know?",
            name);
    if (delimited_resembles(window->data, window->end, window->ended))
        return failure_set(
            failure, EILSEQ,
            "%.300s: rows of text by the look of it, which its name does not say, and so they are "
            "no table and shown under raw/ only: say how they are written, as in "
            "archive:///PATH?delimiter=%%3B, or mount a copy that is called .csv",
            name);
    if (depth == 0 && workbook)
        return failure_set(failure, EILSEQ,
                           "%.300s: this is a part of an office document, of which crmfs reads no "
                           "tables: have its sheets written as CSV, in UTF-8, and mount these",
                           name);
    return 0;
}

/* Whatever tables the stream holds. */
int archive_read_tables(struct archive_walk *walk, struct looked_stream *looked, const char *name,
                        unsigned depth, bool *ret_none, struct failure *failure)
{
    const struct byte_window *window = &looked->window;

    enum pg_format format = pg_format_of(window->data, window->end);
    struct timespec made = {.tv_sec = 0};
    struct archive_dump *dump = depth == 0 ? archive_plan_dump(walk->plan, name) : NULL;
    struct pg_folder *folder = depth == 0 ? archive_plan_postgres(walk->plan, name) : NULL;

    *ret_none = walk->part_is_dump;
    if (walk->part_is_dump)
        return 0;
    if (depth == 0) {
        bool taken;
        int error = archive_tabs_read(
            walk, looked, name, archive_is_packed(window->data, window->end), &taken, failure);

        if (taken || error != 0)
            return error;
    }
    if (dump != NULL)
        return archive_dump_read(walk, dump, &looked->stream, name,
                                 archive_is_packed(window->data, window->end), failure);
    if (walk->pass < PASS_ALL)
        return archive_packages_take(walk->plan->packages, name, &looked->stream, failure);
    if (depth == 0 && walk->plan != NULL && archive_packages_hold(walk->plan->packages, name))
        return archive_packages_read(walk->plan->packages, name, &looked->stream, walk->taker,
                                     failure);
    if (folder != NULL)
        return archive_postgres_take(walk, folder, &looked->stream, name,
                                     archive_is_packed(window->data, window->end), failure);
    if (depth > 0 && mydumper_name_of(name).file == MYDUMPER_TABLE)
        return refuse_dump_part(name, failure);
    if (pg_tar_recognise(window->data, window->end))
        return archive_postgres_read_tar(walk, &looked->stream, name, failure);
    if (archive_is_packed(window->data, window->end))
        return walk_nested(walk, &looked->stream, name, depth + 1, failure);
    if (begins(window, "SQLite format 3", 16))
        return read_sqlite(walk, looked, name, failure);
    if (is_sqlite_log(window))
        return failure_set(failure, EILSEQ,
                           "%.300s: what a SQLite database has not taken in yet, or has to take "
                           "back: within an archive that is not done, and the database beside it "
                           "is shown as it is without; copy both out of raw/, and mount the copy",
                           name);
    if (pg_moment_of(window->data, window->end, &made.tv_sec))
        walk->taker->class->moment(walk->taker, made);
    if (format != PG_NONE)
        return archive_postgres_read(walk, &looked->stream, name, format, depth, failure);

    struct archive_text text;
    struct dialect_wish wish = walk->source->wish;

    wish.alone = depth == 0 && walk->part->name == NULL &&
                 archive_format(walk->outermost->archive) == ARCHIVE_FORMAT_RAW;

    int error = recognise_text(looked, name, &wish, &text, failure);

    if (error != 0)
        return error;
    if (text.kind != ARCHIVE_TEXT_NONE)
        return read_rows(&text, walk, looked, name, failure);
    *ret_none = true;
    return refuse_unread(window, name, depth, failure);
}
