/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/export_internal.h"
#include "backends/source/package.h"
#include "backends/source/plain_file.h"
#include "backends/source/stream.h"
#include "fs/base/buffer.h"
#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"

#define SCHEMA_SQL "schema.sql"
#define PIECE_BYTES ((size_t)256 << 10)
#define NAME_SIZE 300
#define LOOK_BYTES 4096

struct package_source {
    struct source source;
    char *path;
    const bool *cancelled; /* NULL */
};

/* A file of the directory, read in order. */
struct file_stream {
    struct byte_stream stream;
    const struct package_source *source;
    const char *name;
    int file;
    uint8_t *piece;
};

static int refuse(const struct package_source *source, const char *name, int code,
                  struct failure *failure)
{
    return failure_set(failure, code, SHOWN_PATH "/%.200s: %s", source->path, name, strerror(code));
}

/* The directory's own file NAME: no link out of it, nothing but a regular file. */
static int open_file(const struct package_source *source, const char *name, int *ret_file,
                     struct failure *failure)
{
    cleanup_fd int directory = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_fd int file =
        directory >= 0 ? openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
                       : -1;
    struct stat about;

    if (file < 0)
        return refuse(source, name, errno, failure);
    if (fstat(file, &about) != 0)
        return refuse(source, name, errno, failure);
    if (!S_ISREG(about.st_mode))
        return refuse(source, name, EINVAL, failure);
    *ret_file = steal_fd(&file);
    return 0;
}

static int next_piece(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct file_stream *from = (struct file_stream *)stream;
    ssize_t size;

    if (called_off(from->source->cancelled))
        return -ECANCELED;
    do {
        size = read(from->file, from->piece, PIECE_BYTES);
    } while (size < 0 && errno == EINTR);
    if (size < 0)
        return refuse(from->source, from->name, errno, failure);
    *ret_data = from->piece;
    *ret_size = (size_t)size;
    return 0;
}

static const struct byte_stream_class file_stream_class = {next_piece};

static void close_stream(struct file_stream *stream)
{
    close_descriptor(&stream->file);
    free(stream->piece);
}

#define cleanup_stream __attribute__((__cleanup__(close_stream)))

static int open_stream(const struct package_source *source, const char *name,
                       struct file_stream *ret_stream, struct failure *failure)
{
    struct file_stream stream = {{&file_stream_class}, source, name, -1, malloc(PIECE_BYTES)};
    int error = stream.piece != NULL ? open_file(source, name, &stream.file, failure) : -ENOMEM;

    *ret_stream = stream;
    return error;
}

/* All of a file, and a NUL behind it; the caller's to release. */
static int read_whole(const struct package_source *source, const char *name, size_t limit,
                      struct buffer *ret_text, struct failure *failure)
{
    cleanup_stream struct file_stream stream = {.file = -1};
    cleanup_buffer struct buffer text = BUFFER(limit + 1);
    int error = open_stream(source, name, &stream, failure);
    const void *data = "";
    size_t size = 1;

    while (error == 0 && size != 0) {
        error = next_piece(&stream.stream, &data, &size, failure);
        if (error == 0)
            error = buffer_append(&text, data, size);
    }
    if (error == 0)
        error = buffer_append(&text, "", 1);
    if (error == -EFBIG)
        return failure_set(failure, EFBIG, SHOWN_PATH "/%.200s: is larger than %zu MiB",
                           source->path, name, limit >> 20);
    if (error != 0)
        return error;
    *ret_text = text;
    text = BUFFER(0);
    return 0;
}

static int read_package(const struct package_source *source, struct package *ret_package,
                        struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(0);
    cleanup_buffer struct buffer ddl = BUFFER(0);
    int error = read_whole(source, PACKAGE_DESCRIPTOR, PACKAGE_DESCRIPTOR_LIMIT, &text, failure);

    if (error != 0)
        return error;
    error = read_whole(source, SCHEMA_SQL, PACKAGE_DESCRIPTOR_LIMIT, &ddl, NULL);
    if (error == -ENOMEM)
        return error;
    error = package_parse(text.data, text.size - 1, error == 0 ? (const char *)ddl.data : NULL,
                          ret_package, failure);
    return error == -EINVAL ? failure_prefix(failure, EILSEQ, SHOWN_PATH, source->path) : error;
}

/* ---- what is there, and when it changed ---- */

struct seen {
    struct source_version version;
    struct timespec changed;
};

static void see(struct seen *seen, const char *name, const struct stat *about)
{
    uint64_t words[] = {about->st_ino,
                        (uint64_t)about->st_size,
                        (uint64_t)about->st_mtim.tv_sec,
                        (uint64_t)about->st_mtim.tv_nsec,
                        (uint64_t)about->st_ctim.tv_sec,
                        (uint64_t)about->st_ctim.tv_nsec};
    uint64_t hash = 1469598103934665603u;

    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 1099511628211u;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        hash = (hash ^ words[i] ^ words[i] >> 29) * 1099511628211u;
    /* Whatever order they are listed in. */
    seen->version.words[0] += hash;
    seen->version.words[1] ^= hash * 0x9e3779b97f4a7c15u;
    seen->version.words[2]++;
    if (clock_is_later(&about->st_mtim, &seen->changed))
        seen->changed = about->st_mtim;
}

static int look(const struct package_source *source, struct seen *ret_seen, struct failure *failure)
{
    struct seen seen = {.changed = {0}};
    DIR *directory = opendir(source->path);
    const struct dirent *entry;

    if (directory == NULL)
        return failure_set(failure, errno, SHOWN_PATH ": %s", source->path, strerror(errno));
    while ((entry = readdir(directory)) != NULL) {
        struct stat about;

        if (entry->d_name[0] != '.' &&
            fstatat(dirfd(directory), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(about.st_mode))
            see(&seen, entry->d_name, &about);
    }
    closedir(directory);
    *ret_seen = seen;
    return 0;
}

static int package_version(struct source *base, struct source_version *ret_version,
                           struct failure *failure)
{
    struct seen seen;
    int error = look((struct package_source *)base, &seen, failure);

    if (error == 0)
        *ret_version = seen.version;
    return error;
}

/* ---- reading ---- */

static void name_file(char name[NAME_SIZE], const char *stem, enum export_format format)
{
    snprintf(name, NAME_SIZE, "%s.%s", stem, export_format_extension(format));
}

/* Of a table's files, which one is read. -ENOENT: there is none. */
static int choose_file(const struct package_source *source, const char *stem,
                       enum export_format *ret_format)
{
    cleanup_fd int directory = open(source->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct timespec newest = {0};
    int error = -ENOENT;

    for (int i = 0; i < EXPORT_FORMATS; i++) {
        char name[NAME_SIZE];
        struct stat about;

        name_file(name, stem, (enum export_format)i);
        if (fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode) ||
            (error == 0 && clock_is_later(&newest, &about.st_mtim)))
            continue;
        newest = about.st_mtim;
        *ret_format = (enum export_format)i;
        error = 0;
    }
    return error;
}

/* Hands rows over whose file has the columns in another order than the table. */
static int take_rows(struct export_rows *rows, const struct schema *schema, struct row_taker *taker,
                     size_t table, struct failure *failure)
{
    cleanup_free struct cell *ordered = allocate_array(schema->column_count, sizeof *ordered);
    const size_t *columns;
    const struct cell *cells;
    size_t count;
    int error = ordered != NULL ? export_rows_columns(rows, &columns, &count, failure) : -ENOMEM;

    if (error == 0 && count != schema->column_count && count != 0)
        error =
            failure_set(failure, EINVAL, "there are %zu columns, and %zu in " PACKAGE_DESCRIPTOR,
                        count, schema->column_count);
    while (error == 0) {
        error = export_rows_next(rows, &cells, failure);
        if (error <= 0)
            break;
        for (size_t i = 0; i < count; i++)
            ordered[columns[i]] = cells[i];
        error = taker->class->row(taker, table, ordered, failure);
    }
    return error;
}

int package_read_rows(struct byte_stream *stream, enum export_format format,
                      const struct package_table *table, const char *name, struct row_taker *taker,
                      size_t number, struct failure *failure)
{
    struct export_options options = {.schema = table->schema, .format = format};
    struct export_rows *rows = NULL;
    int error = export_rows_create(stream, &options, &rows);

    if (error == 0)
        error = take_rows(rows, table->schema, taker, number, failure);
    if (error == -EINVAL || error == -EFBIG)
        failure_prefix(failure, EIO, "%.600s", name);
    export_rows_free(rows);
    return error;
}

static int read_table(const struct package_source *source, const struct package_table *from,
                      struct row_taker *taker, struct failure *failure)
{
    struct stream_table table = {.schema = from->schema};
    enum export_format format = EXPORT_CSV;
    cleanup_stream struct file_stream stream = {.file = -1};
    struct failure own = {0};
    cleanup_free char *path = NULL;
    char name[NAME_SIZE];
    size_t number;
    int error = taker->class->begin_table(taker, &table, &number, failure);

    if (error != 0)
        return error;
    error = choose_file(source, from->stem, &format);
    name_file(name, from->stem, format);
    error =
        error == 0 ? open_stream(source, name, &stream, &own) : refuse(source, name, ENOENT, &own);
    if (error == 0 && asprintf(&path, "%s/%s", source->path, name) < 0) {
        path = NULL;
        error = -ENOMEM;
    }
    if (error == 0)
        error = package_read_rows(&stream.stream, format, from, path, taker, number, &own);
    if (error == 0 || error == -ENOMEM || error == -ECANCELED || error == -ENOSPC) {
        if (error != 0 && failure != NULL && own.code != 0)
            *failure = own;
        return error;
    }
    return taker->class->fail_table(taker, number, &own);
}

/* What stands in the directory, as it is. */
static int hand_members(const struct package_source *source, struct row_taker *taker,
                        struct failure *failure)
{
    struct dirent **entries;
    int count = scandir(source->path, &entries, NULL, alphasort);
    int error = 0;

    if (count < 0)
        return refuse(source, "", errno, failure);
    for (int i = 0; i < count; i++) {
        struct stat about;
        cleanup_free char *path = NULL;

        if (asprintf(&path, "%s/%s", source->path, entries[i]->d_name) < 0)
            path = NULL;
        if (error == 0 && path == NULL)
            error = -ENOMEM;
        if (error == 0 && entries[i]->d_name[0] != '.' &&
            export_is_utf8((const uint8_t *)entries[i]->d_name, strlen(entries[i]->d_name)) &&
            lstat(path, &about) == 0 && S_ISREG(about.st_mode)) {
            struct stream_member member = {entries[i]->d_name, (uint64_t)about.st_size,
                                           about.st_mtim};

            error = taker->class->member(taker, &member, failure);
        }
        free(entries[i]);
    }
    free(entries);
    return error;
}

static int package_stream(struct source *base, struct row_taker *taker,
                          struct source_version *ret_version, struct timespec *ret_changed,
                          struct failure *failure)
{
    const struct package_source *source = (struct package_source *)base;
    struct package package = {.count = 0};
    struct seen before;
    struct seen after;
    int error = look(source, &before, failure);

    if (error == 0)
        error = read_package(source, &package, failure);
    for (size_t i = 0; i < package.count && error == 0; i++)
        error = read_table(source, &package.tables[i], taker, failure);
    package_release(&package);
    if (error == 0)
        error = hand_members(source, taker, failure);
    if (error == 0)
        error = look(source, &after, failure);
    if (error != 0)
        return error;
    if (memcmp(&before.version, &after.version, sizeof before.version) != 0)
        return failure_set(failure, ESTALE, SHOWN_PATH ": it changed while it was read",
                           source->path);
    *ret_version = before.version;
    *ret_changed = before.changed;
    return 0;
}

static int package_extract(struct source *base, const char *path,
                           int (*take)(void *context, const void *bytes, size_t size,
                                       struct failure *failure),
                           void *context, struct failure *failure)
{
    cleanup_stream struct file_stream stream = {.file = -1};
    int error = open_stream((struct package_source *)base, path, &stream, failure);
    const void *data = "";
    size_t size = 1;

    while (error == 0) {
        error = next_piece(&stream.stream, &data, &size, failure);
        if (error != 0 || size == 0)
            break;
        error = take(context, data, size, failure);
    }
    return error == -ENOENT ? -ESTALE : error;
}

static void package_close(struct source *base)
{
    struct package_source *source = (struct package_source *)base;

    free(source->path);
    free(source);
}

static const struct source_class package_class = {
    .kind = "package",
    .version = package_version,
    .stream = package_stream,
    .extract = package_extract,
    .close = package_close,
};

bool package_recognise(const char *path)
{
    struct package_source source = {.path = without_const(path)};
    cleanup_fd int file = -1;
    char begin[LOOK_BYTES + 1];

    if (open_file(&source, PACKAGE_DESCRIPTOR, &file, NULL) != 0)
        return false;

    ssize_t size = read(file, begin, LOOK_BYTES);

    begin[size > 0 ? size : 0] = '\0';
    return strstr(begin, "\"crmfs:formatVersion\"") != NULL;
}

int package_source_open(const char *path, const struct source_options *options,
                        struct source **ret_source, struct failure *failure)
{
    struct package_source *source = calloc(1, sizeof *source);
    struct package package;

    if (source == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    source->source.class = &package_class;
    source->cancelled = options->cancelled;
    source->path = strdup(path);

    int error = source->path != NULL ? read_package(source, &package, failure) : -ENOMEM;

    if (error != 0) {
        package_close(&source->source);
        return error;
    }
    package_release(&package);
    *ret_source = &source->source;
    return 0;
}
