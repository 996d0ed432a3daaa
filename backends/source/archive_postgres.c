/* SPDX-License-Identifier: MIT */
/* pg_dump's own formats, wherever they stand. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/archive_postgres.h"
#include "fs/base/memory.h"

int archive_postgres_list(const struct archive_source *source, struct byte_stream *from,
                          const char *path, const struct pg_files *files, struct pg_list *list,
                          struct failure *failure)
{
    struct pg_restore *program = NULL;
    int error = pg_restore_begin(from, path, PG_LIST, NULL, source->cancelled, &program, failure);

    if (error == 0)
        error = pg_list_read(pg_restore_stream(program), files, list, failure);
    pg_restore_end(program);
    return error;
}

int archive_postgres_script(const struct archive_source *source, struct byte_stream *from,
                            const char *path, const struct pg_list *list, struct row_taker *taker,
                            struct failure *failure)
{
    struct pg_restore *program = NULL;
    const struct pg_list *only = list != NULL && list->partial ? list : NULL;
    int error = pg_restore_begin(from, path, PG_SCRIPT, only, source->cancelled, &program, failure);

    if (error == 0)
        error = dump_read_lacking(pg_restore_stream(program), list, taker, failure);
    pg_restore_end(program);
    return error;
}

/* STREAM is all of a dump. */
static int restore(struct archive_walk *walk, struct byte_stream *stream, const char *name,
                   struct failure *failure)
{
    int error = archive_postgres_script(walk->source, stream, NULL, NULL, walk->taker, failure);

    return error != 0 ? failure_prefix(failure, -error, "%.300s", name) : 0;
}

int archive_postgres_read(struct archive_walk *walk, struct byte_stream *stream, const char *name,
                          enum pg_format format, unsigned depth, struct failure *failure)
{
    if (format == PG_CUSTOM)
        return restore(walk, stream, name, failure);
    /* The first member of a tar of pg_dump's: all of it is read when its members have been told. */
    if (format == PG_TAR && depth == 0 && strcmp(name, "toc.dat") == 0 &&
        archive_file_count(walk->outermost->archive) == 1 &&
        (archive_format(walk->outermost->archive) & ARCHIVE_FORMAT_BASE_MASK) ==
            ARCHIVE_FORMAT_TAR) {
        walk->part_is_dump = true;
        return 0;
    }
    return failure_set(failure, EILSEQ,
                       "%.300s: pg_dump's directory format in an archive within an archive is "
                       "shown under raw/ only: copy the folder out of there, and mount the copy",
                       name);
}

/* A member of a folder. */
struct member {
    struct archive_walk *walk;
    struct pg_folder *folder;
    const char *path;
};

static int take_member(void *context, struct byte_stream *stream, struct failure *failure)
{
    const struct member *member = context;

    return pg_folder_take(member->walk, member->folder, stream, member->path, failure);
}

int archive_postgres_take(struct archive_walk *walk, struct pg_folder *folder,
                          struct byte_stream *stream, const char *path, bool packed,
                          struct failure *failure)
{
    struct member member = {.walk = walk, .folder = folder, .path = path};

    return packed ? archive_read_unpacked(walk, stream, path, take_member, &member, failure)
                  : take_member(&member, stream, failure);
}

int archive_postgres_read_tar(struct archive_walk *walk, struct byte_stream *stream,
                              const char *name, struct failure *failure)
{
    return restore(walk, stream, name, failure);
}

/* What has been told of members stays, whatever becomes of the tables. */
static int only_tell(struct row_taker *taker, int error, const struct failure *own,
                     struct failure *failure)
{
    if (error == -EIO || error == -EILSEQ || error == -EACCES || error == -EFBIG) {
        taker->class->trouble(taker, own);
        return 0;
    }
    if (error != 0 && own->code != 0 && failure != NULL)
        *failure = *own;
    return error;
}

/* The tar that the part is, compressed or not. */
int archive_postgres_read_part(struct archive_walk *walk, struct failure *failure)
{
    const char *path = walk->part->path;
    struct entry_stream entry = {.zeros = NULL};
    struct archive_file file;
    struct archive_entry *about;
    struct failure own = {0};
    int error = archive_file_open_unpacked(path, &file, failure);

    if (error != 0)
        return error;
    if (archive_read_next_header(file.archive, &about) < ARCHIVE_WARN)
        error = archive_failure(file.archive, path, &own);
    if (error == 0)
        error = entry_stream_begin(&entry, walk, file.archive, path);
    entry.feed = file.is_packed ? &file.feed : NULL;
    if (error == 0)
        error = restore(walk, &entry.stream, path, &own);
    if (error == 0)
        error = entry_stream_drain(&entry, &own);
    if (archive_is_passed_over(error) && entry.damaged) {
        int doubted = archive_doubt(walk, file.archive, 0, &own);

        error = doubted != 0 ? doubted : error;
    }
    entry_stream_end(&entry);
    archive_file_close(&file);
    return only_tell(walk->taker, error, &own, failure);
}

bool archive_postgres_is_folder(const char *path)
{
    cleanup_free char *contents = NULL;
    uint8_t begin[16];

    if (asprintf(&contents, "%s/toc.dat", path) < 0) {
        contents = NULL;
        return false;
    }

    cleanup_fd int file = open(contents, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t size = file >= 0 ? read(file, begin, sizeof begin) : 0;

    /* The contents of a folder say that they are a tar's. */
    return size > 0 && pg_format_of(begin, (size_t)size) != PG_NONE;
}

/* Files of a folder on a disk. */
struct folder_files {
    struct pg_files files;
    const char *path;
    bool thorough;
};

static enum pg_file_state look_in_folder(const struct pg_files *files, unsigned long number)
{
    const struct folder_files *there = (const struct folder_files *)files;

    return pg_file_look(there->path, number, there->thorough);
}

static bool has_damaged(const struct pg_list *list)
{
    size_t i = 0;

    while (i < list->lack_count && list->lacks[i].state != PG_FILE_DAMAGED)
        i++;
    return i < list->lack_count;
}

/* The tables that came since there were COUNT are no more. */
static int forget_tables(struct archive_walk *walk, size_t count)
{
    size_t end = archive_table_count(walk);
    int error = 0;

    for (size_t i = count; i < end && error == 0; i++)
        error = walk->taker->class->drop_table(walk->taker, i);
    return error;
}

/*
 * pg_restore ends at a file that is damaged, and tables behind it lack their rows. To see which one
 * that is takes reading all, so it is asked when it is known that there is one: without it the
 * folder is read once more. As the first reading, which gave ERROR, if there is none.
 */
static int read_others(struct archive_walk *walk, struct folder_files *there, size_t table_count,
                       int error, struct failure *failure)
{
    struct pg_list list = {.count = 0};
    struct failure own = {0};

    there->thorough = true;
    if (archive_postgres_list(walk->source, NULL, there->path, &there->files, &list, &own) == 0 &&
        has_damaged(&list)) {
        error = forget_tables(walk, table_count);
        *failure = (struct failure){0};
        if (error == 0)
            error = archive_postgres_script(walk->source, NULL, there->path, &list, walk->taker,
                                            failure);
    }
    pg_list_release(&list);
    return error;
}

int archive_postgres_read_folder(struct archive_walk *walk, struct failure *failure)
{
    const char *path = walk->source->path;
    struct folder_files there = {.files = {look_in_folder}, .path = path};
    size_t table_count = archive_table_count(walk);
    struct pg_list list = {.count = 0};
    struct failure own = {0};
    int error = archive_postgres_list(walk->source, NULL, path, &there.files, &list, &own);

    if (error == 0)
        error = archive_postgres_script(walk->source, NULL, path, &list, walk->taker, &own);
    pg_list_release(&list);
    if (error == -EIO)
        error = read_others(walk, &there, table_count, error, &own);
    if (error != 0)
        error = failure_prefix(&own, -error, "%.300s", path);
    return only_tell(walk->taker, error, &own, failure);
}

int archive_postgres_read_folders(struct archive_source *source, struct archive_plan *plan,
                                  struct row_taker *taker, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < plan->dump_count && error == 0; i++) {
        const struct archive_dump *dump = &plan->dumps[i];
        struct failure own = {0};

        if (dump->postgres == NULL)
            continue;
        error = pg_folder_read(source, dump->postgres, dump->folder, taker, &own);
        error = only_tell(taker, error, &own, failure);
    }
    return error;
}
