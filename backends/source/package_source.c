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
#include "backends/source/package_file.h"
#include "backends/source/plain_file.h"
#include "backends/source/stream.h"
#include "fs/base/buffer.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"

#define SCHEMA_SQL "schema.sql"
#define LOOK_BYTES 4096

struct package_source {
    struct source source;
    char *path;
    struct package_folder folder; /* … there */
};

static const struct package_folder *folder_of(const struct source *base)
{
    return &((const struct package_source *)base)->folder;
}

static int read_package(const struct package_folder *folder, struct package *ret_package,
                        struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(0);
    cleanup_buffer struct buffer ddl = BUFFER(0);
    int error =
        package_file_whole(folder, PACKAGE_DESCRIPTOR, PACKAGE_DESCRIPTOR_LIMIT, &text, failure);

    if (error != 0)
        return error;
    error = package_file_whole(folder, SCHEMA_SQL, PACKAGE_DESCRIPTOR_LIMIT, &ddl, NULL);
    if (error == -ENOMEM)
        return error;
    error = package_parse(text.data, text.size - 1, error == 0 ? (const char *)ddl.data : NULL,
                          ret_package, failure);
    return error == -EINVAL ? failure_prefix(failure, EILSEQ, SHOWN_PATH, folder->path) : error;
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

static int look(const struct package_folder *folder, struct seen *ret_seen, struct failure *failure)
{
    struct seen seen = {.changed = {0}};
    DIR *directory = opendir(folder->path);
    const struct dirent *entry;

    if (directory == NULL)
        return failure_set(failure, errno, SHOWN_PATH ": %s", folder->path, strerror(errno));
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
    int error = look(folder_of(base), &seen, failure);

    if (error == 0)
        *ret_version = seen.version;
    return error;
}

/* What stands in the directory, as it is. */
static int hand_members(const struct package_folder *folder, struct row_taker *taker,
                        struct failure *failure)
{
    struct dirent **entries;
    int count = scandir(folder->path, &entries, NULL, alphasort);
    int error = 0;

    if (count < 0)
        return package_file_refuse(folder, "", errno, failure);
    for (int i = 0; i < count; i++) {
        struct stat about;
        cleanup_free char *path = NULL;

        if (asprintf(&path, "%s/%s", folder->path, entries[i]->d_name) < 0)
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
    const struct package_folder *folder = folder_of(base);
    struct package package = {.count = 0};
    struct seen before;
    struct seen after;
    int error = look(folder, &before, failure);

    if (error == 0)
        error = read_package(folder, &package, failure);
    for (size_t i = 0; i < package.count && error == 0; i++)
        error = package_read_table(folder, &package.tables[i], taker, failure);
    package_release(&package);
    if (error == 0)
        error = hand_members(folder, taker, failure);
    if (error == 0)
        error = look(folder, &after, failure);
    if (error != 0)
        return error;
    if (memcmp(&before.version, &after.version, sizeof before.version) != 0)
        return failure_set(failure, ESTALE, SHOWN_PATH ": it changed while it was read",
                           folder->path);
    *ret_version = before.version;
    *ret_changed = before.changed;
    return 0;
}

static int package_extract(struct source *base, const char *path,
                           int (*take)(void *context, const void *bytes, size_t size,
                                       struct failure *failure),
                           void *context, struct failure *failure)
{
    cleanup_package_file struct package_file stream = {.file = -1};
    int error = package_file_open(folder_of(base), path, &stream, failure);
    const void *data = "";
    size_t size = 1;

    while (error == 0) {
        error = stream.stream.class->next(&stream.stream, &data, &size, failure);
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
    const struct package_folder folder = {.path = path};
    cleanup_fd int file = -1;
    char begin[LOOK_BYTES + 1];

    if (package_file_descriptor(&folder, PACKAGE_DESCRIPTOR, &file, NULL) != 0)
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
    source->path = strdup(path);
    source->folder = (struct package_folder){source->path, options->cancelled};

    int error = source->path != NULL ? read_package(&source->folder, &package, failure) : -ENOMEM;

    if (error != 0) {
        package_close(&source->source);
        return error;
    }
    package_release(&package);
    *ret_source = &source->source;
    return 0;
}
