/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

static int look(const struct archive_source *source, struct stat *ret_about,
                struct failure *failure)
{
    if (stat(source->path, ret_about) != 0)
        return failure_set(failure, errno, SHOWN_PATH ": %s", source->path, strerror(errno));
    return 0;
}

static struct source_version version_of(const struct stat *about)
{
    return (struct source_version){
        {about->st_dev, about->st_ino, (uint64_t)about->st_size,
         ((uint64_t)about->st_mtim.tv_sec * 1000000000u + (uint64_t)about->st_mtim.tv_nsec) ^
             ((uint64_t)about->st_ctim.tv_sec * 1000000000u + (uint64_t)about->st_ctim.tv_nsec)
                 << 1}};
}

static int archive_version(struct source *base, struct source_version *ret_version,
                           struct failure *failure)
{
    struct stat about;
    int error = look((struct archive_source *)base, &about, failure);

    if (error == 0)
        *ret_version = version_of(&about);
    return error;
}

/* What a file that is merely compressed, or nothing but a dump, is called under raw/. */
static char *name_within(const struct archive_source *source, struct archive *archive)
{
    static const char *const endings[] = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z"};
    const char *slash = strrchr(source->path, '/');
    char *name = strdup(slash != NULL ? slash + 1 : source->path);
    size_t size = name != NULL ? strlen(name) : 0;

    for (size_t i = 0; name != NULL && i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);

        if (archive_filter_count(archive) > 1 && size > length &&
            strcmp(name + size - length, endings[i]) == 0) {
            name[size - length] = '\0';
            break;
        }
    }
    return name;
}

static int walk_first(struct archive_walk *walk, struct failure *failure)
{
    struct archive_entry *about;
    int code = archive_read_next_header(walk->outermost, &about);

    if (code == ARCHIVE_EOF)
        return 0;
    if (code < ARCHIVE_WARN)
        return archive_failure(walk->outermost, walk->source->path, failure);

    bool raw = archive_format(walk->outermost) == ARCHIVE_FORMAT_RAW;
    cleanup_free char *name = raw ? name_within(walk->source, walk->outermost) : strdup("");

    if (name == NULL)
        return -ENOMEM;

    int error = archive_walk_entry(walk, walk->outermost, about, name, 0, failure);

    return error != 0 ? error : archive_walk(walk, walk->outermost, "", 0, failure);
}

/* Goes through the archive for what WALK is set up to do. */
static int run_walk(struct archive_walk *walk, struct stat *ret_about, struct failure *failure)
{
    int error = look(walk->source, ret_about, failure);

    if (error != 0)
        return error;
    walk->file_bytes = (uint64_t)ret_about->st_size;
    walk->modified = ret_about->st_mtim;
    error = name_map_create(&walk->names);
    if (error == 0)
        error = archive_open_file(walk->source, &walk->outermost, failure);
    if (error == 0)
        error = walk_first(walk, failure);
    if (walk->outermost != NULL)
        archive_read_free(walk->outermost);
    name_map_free(walk->names);
    for (size_t i = 0; i < walk->members; i++)
        free(walk->name_list[i]);
    free((void *)walk->name_list);
    return error;
}

static int archive_stream(struct source *base, struct row_taker *taker,
                          struct source_version *ret_version, struct timespec *ret_changed,
                          struct failure *failure)
{
    struct archive_walk walk = {.source = (struct archive_source *)base, .taker = taker};
    struct stat before;
    struct stat after;
    int error = look(walk.source, &before, failure);

    if (error != 0)
        return error;
    *ret_changed = before.st_mtim;
    __atomic_store_n(&walk.source->bytes_done, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&walk.source->bytes, (uint64_t)before.st_size, __ATOMIC_RELAXED);
    error = run_walk(&walk, &before, failure);
    if (error == 0)
        error = look(walk.source, &after, failure);
    if (error != 0)
        return error;

    struct source_version before_version = version_of(&before);
    struct source_version after_version = version_of(&after);

    if (memcmp(&before_version, &after_version, sizeof before_version) != 0)
        return failure_set(failure, ESTALE, SHOWN_PATH ": it changed while it was read",
                           walk.source->path);
    __atomic_store_n(&walk.source->bytes_done, (uint64_t)before.st_size, __ATOMIC_RELAXED);
    *ret_version = before_version;
    return 0;
}

static int archive_extract(struct source *base, const char *path,
                           int (*take)(void *context, const void *bytes, size_t size,
                                       struct failure *failure),
                           void *context, struct failure *failure)
{
    struct archive_walk walk = {
        .source = (struct archive_source *)base,
        .wanted = path,
        .take = take,
        .take_context = context,
    };
    struct stat about;
    int error = run_walk(&walk, &about, failure);

    if (error == 0 && !walk.found)
        return failure_set(failure, ESTALE, SHOWN_PATH ": %.200s is not in it any more",
                           walk.source->path, path);
    return error;
}

static void archive_close(struct source *base)
{
    struct archive_source *source = (struct archive_source *)base;

    free(source->path);
    free(source->password);
    free(source->password_command);
    free(source);
}

static int archive_status(struct source *base, struct buffer *text)
{
    const struct archive_source *source = (struct archive_source *)base;

    return buffer_print(text, ",\"bytes_indexed\":%llu,\"bytes\":%llu",
                        (unsigned long long)__atomic_load_n(&source->bytes_done, __ATOMIC_RELAXED),
                        (unsigned long long)__atomic_load_n(&source->bytes, __ATOMIC_RELAXED));
}

static const struct source_class archive_class = {
    .kind = "archive",
    .version = archive_version,
    .stream = archive_stream,
    .identify = archive_identify,
    .extract = archive_extract,
    .close = archive_close,
    .status = archive_status,
};

/* What is no archive from its first bytes on is refused; what breaks off later is shown. */
static int look_into(const struct archive_source *source, struct failure *failure)
{
    struct archive *archive;
    struct archive_entry *about;
    int error = archive_open_file(source, &archive, failure);

    if (error != 0)
        return error == -ENOMEM ? error : -EILSEQ;

    int code = archive_read_next_header(archive, &about);

    if (code < ARCHIVE_WARN)
        error = archive_failure(archive, source->path, failure);
    else if (code != ARCHIVE_EOF && archive_format(archive) != ARCHIVE_FORMAT_RAW &&
             (archive_entry_pathname(about) == NULL || archive_entry_pathname(about)[0] == '\0'))
        error = failure_set(failure, EIO,
                            SHOWN_PATH
                            ": not a database that crmfs knows, nor an archive, though it begins "
                            "as one",
                            source->path);
    archive_read_free(archive);
    if (error == -EIO && failure != NULL)
        failure->code = EILSEQ;
    return error == -EIO ? -EILSEQ : error;
}

int archive_source_open(const char *path, const struct source_options *options,
                        struct source **ret_source, struct failure *failure)
{
    struct archive_source *source = calloc(1, sizeof *source);

    if (source == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    source->source.class = &archive_class;
    source->cancelled = options->cancelled;
    source->path = strdup(path);
    if (options->password != NULL)
        source->password = strdup(options->password);
    if (options->password_command != NULL)
        source->password_command = strdup(options->password_command);
    if (source->path == NULL || (options->password != NULL && source->password == NULL) ||
        (options->password_command != NULL && source->password_command == NULL)) {
        archive_close(&source->source);
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    }

    int error = look_into(source, failure);

    if (error != 0) {
        archive_close(&source->source);
        return error;
    }
    *ret_source = &source->source;
    return 0;
}
