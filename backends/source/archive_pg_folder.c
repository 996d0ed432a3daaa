/* SPDX-License-Identifier: MIT */
/*
 * A folder that pg_dump made (-Fd), in an archive. pg_restore reads it from a disk only, where
 * nothing is put; but what stands in such a folder are the members of a tar, as it reads one from
 * its input, if they come in the order of its list. So they are kept, sealed, until all are there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/archive_postgres.h"
#include "backends/source/pg_list.h"
#include "backends/source/tar_stream.h"
#include "fs/base/memory.h"

struct data {
    unsigned long number;
    struct held_bytes *held; /* NULL: it is empty */
    bool ends;               /* as it should */
};

struct pg_folder {
    struct pg_files files;
    struct held_bytes *contents; /* toc.dat; NULL: not seen yet */
    struct data *data;
    size_t count;
    size_t capacity;
};

static int by_number(const void *left, const void *right)
{
    unsigned long one = ((const struct data *)left)->number;
    unsigned long other = ((const struct data *)right)->number;

    return (one > other) - (one < other);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

unsigned pg_folder_kind(const char *path)
{
    const char *name = last_part(path);
    unsigned long number;

    if (strcmp(name, "toc.dat") == 0)
        return PG_FOLDER_CONTENTS;
    if (strcmp(name, "restore.sql") == 0)
        return PG_FOLDER_SCRIPT;
    return pg_file_of(name, &number) ? PG_FOLDER_DATA : 0;
}

/* All have been taken, and are sorted. */
static const struct data *find_data(const struct pg_folder *folder, unsigned long number)
{
    struct data key = {.number = number};

    return folder->count != 0
               ? bsearch(&key, folder->data, folder->count, sizeof *folder->data, by_number)
               : NULL;
}

static enum pg_file_state look(const struct pg_files *files, unsigned long number)
{
    const struct data *data = find_data((const struct pg_folder *)files, number);

    return data == NULL ? PG_FILE_MISSING : data->ends ? PG_FILE_WHOLE : PG_FILE_CUT;
}

struct pg_folder *pg_folder_create(void)
{
    struct pg_folder *folder = calloc(1, sizeof *folder);

    if (folder != NULL)
        folder->files.look = look;
    return folder;
}

static void release_held(struct held_bytes *held)
{
    if (held != NULL)
        held->class->release(held);
}

void pg_folder_free(struct pg_folder *folder)
{
    if (folder == NULL)
        return;
    release_held(folder->contents);
    for (size_t i = 0; i < folder->count; i++)
        release_held(folder->data[i].held);
    free(folder->data);
    free(folder);
}

/* --- its members -------------------------------------------------------------------------- */

/* The last bytes of all that came. */
static void note_end(char end[PG_FILE_END_BYTES], const char *bytes, size_t size)
{
    size_t kept = size < PG_FILE_END_BYTES ? PG_FILE_END_BYTES - size : 0;

    memmove(end, end + PG_FILE_END_BYTES - kept, kept);
    memcpy(end + kept, bytes + size - (PG_FILE_END_BYTES - kept), PG_FILE_END_BYTES - kept);
}

/* *RET_ENDS: whether a file of rows is all there. */
static int hold_all(struct row_taker *taker, struct byte_stream *stream, struct held_bytes **held,
                    bool *ret_ends, struct failure *failure)
{
    char end[PG_FILE_END_BYTES] = {0};
    const void *bytes;
    size_t size = 1;
    int error = 0;

    while (error == 0 && size != 0) {
        error = stream->class->next(stream, &bytes, &size, failure);
        if (error == 0 && size != 0) {
            note_end(end, bytes, size);
            error = taker->class->hold(taker, held, bytes, size, failure);
        }
    }
    *ret_ends = memcmp(end, PG_FILE_END, sizeof end) == 0;
    return error;
}

/* toc.dat, which pg_restore takes for a tar's only if it says that nothing is compressed. */
static int hold_contents(struct row_taker *taker, struct byte_stream *stream,
                         struct held_bytes **held, struct failure *failure)
{
    static const uint8_t none[1 + UINT8_MAX];
    const void *bytes;
    size_t size;
    size_t offset = 0;
    bool ends;
    int error = stream->class->next(stream, &bytes, &size, failure);
    size_t field = error == 0 ? pg_compression_field(bytes, size, &offset) : 0;

    if (error != 0)
        return error;
    if (field == 0)
        return failure_set(failure, EILSEQ, "this is not how the contents of pg_dump's begin");
    error = taker->class->hold(taker, held, bytes, offset, failure);
    if (error == 0)
        error = taker->class->hold(taker, held, none, field, failure);
    if (error == 0 && size > offset + field)
        error = taker->class->hold(taker, held, (const uint8_t *)bytes + offset + field,
                                   size - offset - field, failure);
    return error != 0 ? error : hold_all(taker, stream, held, &ends, failure);
}

/* HELD is taken over. */
static int add_data(struct pg_folder *folder, unsigned long number, struct held_bytes *held,
                    bool ends)
{
    if (folder->count == folder->capacity) {
        size_t capacity = folder->capacity != 0 ? folder->capacity * 2 : 16;
        struct data *data = reallocarray(folder->data, capacity, sizeof *data);

        if (data == NULL) {
            release_held(held);
            return -ENOMEM;
        }
        folder->data = data;
        folder->capacity = capacity;
    }
    folder->data[folder->count++] = (struct data){number, held, ends};
    return 0;
}

int pg_folder_take(struct archive_walk *walk, struct pg_folder *folder, struct byte_stream *stream,
                   const char *path, struct failure *failure)
{
    struct held_bytes *held = NULL;
    unsigned long number;
    bool ends = false;
    bool is_data = pg_file_of(last_part(path), &number);
    int error = is_data ? hold_all(walk->taker, stream, &held, &ends, failure)
                        : hold_contents(walk->taker, stream, &held, failure);

    /* Without the file its table cannot be read. */
    if (error != 0) {
        release_held(held);
        return error;
    }
    if (is_data)
        return add_data(folder, number, held, ends);
    release_held(folder->contents);
    folder->contents = held;
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------- */

/* The members as pg_restore wants them. The caller frees them. */
static int put_in_order(struct pg_folder *folder, const struct pg_list *list,
                        struct tar_member **ret_members, size_t *ret_count)
{
    struct tar_member *members = allocate_array(list->count + 1, sizeof *members);
    size_t count = 0;

    if (members == NULL)
        return -ENOMEM;
    members[count++] = (struct tar_member){.name = "toc.dat", .held = folder->contents};
    for (size_t i = 0; i < list->count; i++) {
        const struct data *data = find_data(folder, list->numbers[i]);

        if (data == NULL)
            continue;
        members[count] = (struct tar_member){.held = data->held};
        snprintf(members[count].name, sizeof members->name, "%lu.dat", data->number);
        count++;
    }
    *ret_members = members;
    *ret_count = count;
    return 0;
}

static int read_list(const struct archive_source *source, struct pg_folder *folder,
                     struct pg_list *list, struct failure *failure)
{
    struct tar_member contents = {.name = "toc.dat", .held = folder->contents};
    struct tar_stream tar;
    int error = tar_stream_begin(&tar, &contents, 1);

    if (folder->count != 0)
        qsort(folder->data, folder->count, sizeof *folder->data, by_number);
    if (error == 0)
        error = archive_postgres_list(source, &tar.stream, NULL, &folder->files, list, failure);
    tar_stream_end(&tar);
    return error;
}

static int read_script(const struct archive_source *source, struct row_taker *taker,
                       const struct pg_list *list, const struct tar_member *members, size_t count,
                       struct failure *failure)
{
    struct tar_stream tar;
    int error = tar_stream_begin(&tar, members, count);

    if (error == 0)
        error = archive_postgres_script(source, &tar.stream, NULL, list, taker, failure);
    tar_stream_end(&tar);
    return error;
}

int pg_folder_read(const struct archive_source *source, struct pg_folder *folder, const char *path,
                   struct row_taker *taker, struct failure *failure)
{
    struct pg_list list = {.count = 0};
    cleanup_free struct tar_member *members = NULL;
    size_t count = 0;

    if (folder->contents == NULL)
        return 0;

    int error = read_list(source, folder, &list, failure);

    if (error == 0)
        error = put_in_order(folder, &list, &members, &count);
    if (error == 0)
        error = read_script(source, taker, &list, members, count, failure);
    pg_list_release(&list);
    return error != 0 ? failure_prefix(failure, -error, "%.300s/toc.dat", path) : 0;
}
