/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/ahead_stream.h"
#include "backends/source/archive_internal.h"
#include "backends/source/archive_packages.h"
#include "fs/base/memory.h"

#define NAMES_LOOKED_AT 32
#define NAMES_LOOKED_BYTES ((la_int64_t)8 << 20)

/* Only the member suffers: the user is told. */
static int pass_over(struct archive_walk *walk, int error, const struct failure *own,
                     struct failure *failure)
{
    if (!archive_is_passed_over(error)) {
        if (failure != NULL && own->code != 0)
            *failure = *own;
        return error;
    }
    walk->broken = true;
    if (walk->plan != NULL)
        walk->plan->others++;
    if (own->code != 0 && walk->wanted == NULL && walk->pass >= PASS_TABLES)
        walk->taker->class->trouble(walk->taker, own);
    return 0;
}

/* --- one member --------------------------------------------------------------------------- */

static int tell_member(struct archive_walk *walk, const char *name, struct archive_entry *entry,
                       uint64_t bytes, struct failure *failure)
{
    struct stream_member member = {.path = name, .bytes = bytes, .modified = walk->modified};

    if (archive_entry_mtime_is_set(entry))
        member.modified = (struct timespec){.tv_sec = archive_entry_mtime(entry),
                                            .tv_nsec = archive_entry_mtime_nsec(entry)};
    return walk->taker->class->member(walk->taker, &member, failure);
}

/* Gives all of STREAM to whoever extracts. */
static int give_all(struct archive_walk *walk, struct byte_stream *stream, struct failure *failure)
{
    const void *data;
    size_t size = 1;
    int error = 0;

    while (error == 0 && size != 0) {
        error = stream->class->next(stream, &data, &size, failure);
        if (error == 0 && size != 0)
            error = archive_give(walk, data, size, failure);
    }
    return error;
}

/* The member that is to be extracted: a large one is unpacked by another thread meanwhile. */
static int extract_member(struct archive_walk *walk, struct archive *archive,
                          struct archive_entry *about, const char *name, struct failure *failure)
{
    struct entry_stream entry;
    struct ahead_stream ahead;
    int error = entry_stream_begin(&entry, walk, archive, name);

    if (error != 0)
        return error;

    bool is_small = archive_entry_size_is_set(about) &&
                    archive_entry_size(about) <= (la_int64_t)AHEAD_PIECE_BYTES;
    bool is_ahead = !is_small && ahead_stream_begin(&ahead, &entry.stream) == 0;

    walk->found = true;
    error = give_all(walk, is_ahead ? &ahead.stream : &entry.stream, failure);
    if (is_ahead)
        ahead_stream_end(&ahead);
    entry_stream_end(&entry);
    return error;
}

/* ERROR came of reading the member: what it makes of the tables that were read before. */
static int after_damage(const struct archive_walk *walk, struct archive *archive,
                        const struct entry_stream *entry, size_t first_table, int error,
                        const struct failure *own)
{
    int told = archive_is_passed_over(error) && error != -EACCES && entry->damaged
                   ? archive_doubt(walk, archive, first_table, own)
                   : 0;

    return told != 0 ? told : error;
}

/* NAME is shown; PLAIN, without what tells it from others of that name, says what it may be. */
static int walk_member(struct archive_walk *walk, struct archive *archive,
                       struct archive_entry *about, const char *name, const char *plain,
                       unsigned depth, struct failure *failure)
{
    struct entry_stream entry;
    struct failure own = {0};
    size_t first_table = archive_table_count(walk);
    int error = entry_stream_begin(&entry, walk, archive, name);

    if (error != 0)
        return error;

    struct looked_stream looked;
    bool none = false;

    error = looked_stream_begin(&looked, &entry.stream, &own);
    if (error == 0)
        error = archive_read_tables(walk, &looked, plain, depth, &none, &own);
    if (walk->plan != NULL && none && looked.window.end != 0)
        walk->plan->others++;
    /* Damage in what was looked at, which nobody has made a table of. */
    if (error == 0 && looked.window.error != 0)
        error = failure_set(&own, -looked.window.error, "%s", looked.window.failure.text);
    if (archive_is_passed_over(error) && walk->parts != NULL)
        delimited_parts_fail(walk->parts, plain, &own);

    bool told = error != 0 && entry.broken;

    if (told)
        error = after_damage(walk, archive, &entry, first_table, error, &own);
    error = pass_over(walk, error, &own, failure);
    if (walk->pass < PASS_ALL) {
        looked_stream_end(&looked);
        entry_stream_end(&entry);
        return error;
    }
    if (error == 0 && none && depth == 0 && archive_file_is_packed(walk->outermost)) {
        entry.given = true;
        error = archive_give(walk, looked.window.data, looked.window.end, failure);
    }
    if (error == 0 && !told) {
        own.code = 0;
        error = entry_stream_drain(&entry, &own);
        error = after_damage(walk, archive, &entry, first_table, error, &own);
        error = pass_over(walk, error, &own, failure);
    }
    if (error == 0 && depth == 0)
        error = tell_member(walk, name, about, entry.bytes, failure);
    looked_stream_end(&looked);
    entry_stream_end(&entry);
    return error;
}

/* Whether the pass that looks for what tables are like reads the member. */
static bool is_for_tables(const struct archive_walk *walk, const char *path)
{
    cleanup_free char *shown = archive_shown_name(path);

    if (shown == NULL)
        return false;
    if (walk->pass == PASS_TABLES && (archive_packages_describes(walk->plan->packages, shown) ||
                                      archive_tabs_makes(walk->plan->tabs, shown)))
        return true;
    return archive_plan_dump(walk->plan, shown) != NULL &&
           mydumper_name_of(shown).file ==
               (walk->pass == PASS_TABLES ? MYDUMPER_TABLE : MYDUMPER_ROWS);
}

/* The pass over the lists of what files are called. */
static int read_list(struct archive_walk *walk, struct archive *archive, const char *path)
{
    cleanup_free char *shown = archive_shown_name(path);
    struct entry_stream entry;
    struct dialect dialect;
    int error = shown != NULL ? 0 : -ENOMEM;

    if (error != 0 || !archive_is_list(shown))
        return error;
    error = entry_stream_begin(&entry, walk, archive, shown);
    if (error != 0)
        return error;

    struct looked_stream looked;

    error = looked_stream_begin(&looked, &entry.stream, NULL);
    if (error == 0 && delimited_recognise(shown, looked.window.data, looked.window.end,
                                          looked.window.ended, &walk->source->wish, &dialect))
        error = archive_endings_read(walk->endings, &looked.stream, &dialect, shown, NULL);
    looked_stream_end(&looked);
    entry_stream_end(&entry);
    return archive_is_passed_over(error) ? 0 : error;
}

/* What is compressed is read through for its names only where they promise something. */
static bool is_enough(const struct archive_walk *walk, struct archive *archive,
                      struct archive_entry *about)
{
    return archive_file_is_packed(walk->outermost) && walk->plan->dump_count == 0 &&
           !walk->plan->listed && !archive_packages_likely(walk->plan->packages) &&
           !archive_tabs_likely(walk->plan->tabs) &&
           (archive_file_count(archive) > NAMES_LOOKED_AT ||
            archive_entry_size(about) > NAMES_LOOKED_BYTES ||
            archive_filter_bytes(archive, 0) > NAMES_LOOKED_BYTES);
}

/* When a member was changed; of no bytes, as what failed leaves them, it goes before no other. */
static time_t time_of(struct archive_entry *about)
{
    bool is_empty = archive_entry_size_is_set(about) && archive_entry_size(about) == 0;

    if (is_empty)
        return 0;
    return archive_entry_mtime(about) > 0 ? archive_entry_mtime(about) : 1;
}

/* The pass over names alone. */
static int note_name(struct archive_walk *walk, struct archive *archive,
                     struct archive_entry *about, const char *path)
{
    cleanup_free char *shown = archive_shown_name(path);
    int error = shown != NULL ? archive_plan_note(walk->plan, shown) : -ENOMEM;

    if (error == 0)
        error = archive_packages_note(walk->plan->packages, shown, time_of(about));
    walk->enough = is_enough(walk, archive, about);
    return error;
}

/* Links and devices. */
static int leave_out(struct archive_walk *walk, struct archive_entry *about, const char *path)
{
    struct failure own;

    if (archive_entry_filetype(about) == AE_IFDIR || walk->pass != PASS_ALL)
        return 0;
    failure_set(&own, EILSEQ, "%.300s: a link or a device, which an archive's folder does not show",
                path);
    if (walk->wanted == NULL)
        walk->taker->class->trouble(walk->taker, &own);
    return 0;
}

/* A member of the archive itself, called PATH there. */
static int walk_top(struct archive_walk *walk, struct archive *archive, struct archive_entry *about,
                    const char *path, struct failure *failure)
{
    cleanup_free char *plain = NULL;
    const char *name;
    int error;

    if (walk->pass == PASS_NAMES)
        return note_name(walk, archive, about, path);
    if (walk->pass == PASS_LISTS)
        return read_list(walk, archive, path);
    if (walk->pass < PASS_ALL && !is_for_tables(walk, path))
        return 0;
    plain = archive_shown_name(path);
    error = plain != NULL ? archive_choose_name(walk, path, &name) : -ENOMEM;
    if (error == 0 && walk->wanted == NULL)
        return walk_member(walk, archive, about, name, plain, 0, failure);
    if (error == 0 && strcmp(name, walk->wanted) == 0)
        return extract_member(walk, archive, about, name, failure);
    return error;
}

int archive_walk_entry(struct archive_walk *walk, struct archive *archive,
                       struct archive_entry *about, const char *outer, unsigned depth,
                       struct failure *failure)
{
    cleanup_free char *path = archive_member_path(walk, about);
    cleanup_free char *full = NULL;

    if (path == NULL)
        return -ENOMEM;
    if (archive_entry_hardlink(about) != NULL || archive_entry_filetype(about) != AE_IFREG)
        return leave_out(walk, about, path);
    if (depth == 0)
        return walk_top(walk, archive, about, outer[0] != '\0' ? outer : path, failure);
    if (walk->wanted != NULL || walk->pass < PASS_TABLES)
        return 0;
    /* What is merely compressed is one thing with what it is compressed from. */
    if (archive_format(archive) == ARCHIVE_FORMAT_RAW || path[0] == '\0') {
        full = archive_unpacked_name(outer);
        return full != NULL ? walk_member(walk, archive, about, outer, full, depth, failure)
                            : -ENOMEM;
    }

    cleanup_free char *shown = archive_shown_name(path);

    if (shown == NULL || asprintf(&full, "%s/%s", outer, shown) < 0) {
        full = NULL;
        return -ENOMEM;
    }
    return walk_member(walk, archive, about, full, full, depth, failure);
}

/* CODE is no member: the archive's end, or damage, behind which it may go on. */
static int leave_off(struct archive_walk *walk, struct archive *archive, int code, const char *name,
                     unsigned depth, struct failure *failure)
{
    struct failure own = {0};
    int error;

    if (code == ARCHIVE_EOF && walk->wanted == NULL && walk->pass == PASS_ALL)
        archive_feed_drain(archive, walk->feed);
    error = archive_feed_error(walk->feed, name, &own);

    bool told = error != 0 && walk->feed->told;

    if (error == 0 && code == ARCHIVE_EOF)
        return 0;
    if (error == 0)
        error = archive_failure(archive, name, &own);
    /* What comes behind the damage may have been a part of some table. */
    if (archive_is_passed_over(error) && walk->parts != NULL && depth == 0 &&
        archive_format(archive) != ARCHIVE_FORMAT_RAW)
        delimited_parts_fail(walk->parts, NULL, &own);
    if (error == -EIO && !told && archive_is_damaged(walk, archive, walk->feed)) {
        int doubted = archive_doubt(walk, archive, archive_table_count(walk), &own);

        error = doubted != 0 ? doubted : error;
    }
    if (told)
        own.code = 0;
    return pass_over(walk, error, &own, failure);
}

int archive_walk(struct archive_walk *walk, struct archive *archive, const char *outer,
                 unsigned depth, struct failure *failure)
{
    const char *name = outer[0] != '\0' ? outer : walk->part->path;
    int error = 0;

    while (error == 0 && !walk->found && !walk->enough) {
        struct archive_entry *about;
        int code = archive_read_next_header(archive, &about);

        if (code >= ARCHIVE_WARN && code != ARCHIVE_EOF) {
            struct failure own = {0};

            error = archive_refuse_fed(archive, walk->feed != NULL, name, &own);
            if (error != 0)
                return pass_over(walk, error, &own, failure);
            error = archive_walk_entry(walk, archive, about, outer, depth, failure);
            continue;
        }
        error = leave_off(walk, archive, code, name, depth, failure);
        if (code == ARCHIVE_EOF || code == ARCHIVE_FATAL)
            break;
    }
    return error;
}
