/* SPDX-License-Identifier: MIT */
/*
 * The files that an archive is in: one; those of a folder, each a member of it; or
 * those of a series, whose members are taken together.
 */
#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/archive_postgres.h"
#include "backends/source/plain_file.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

struct listing {
    struct archive_parts *parts;
    size_t capacity;
};

bool archive_is_of_series(const char *series, const char *name)
{
    size_t size = strlen(series);
    size_t digits;

    if (strncmp(name, series, size) != 0)
        return false;
    digits = strspn(name + size, "0123456789");
    return digits != 0 && digits < 6 && ascii_equal(name + size + digits, ".zip");
}

size_t archive_series_size(const char *name)
{
    const char *number = strrchr(name, '_');

    if (strncmp(name, "WE_", 3) != 0 || number - name < 4)
        return 0;

    size_t size = (size_t)(number - name) + 1;
    cleanup_free char *series = strndup(name, size);

    return series != NULL && archive_is_of_series(series, name) ? size : 0;
}

/* Whether another part of SERIES than NAME lies in the folder PATH, which may not be listed. */
static bool has_other_part(const char *path, const char *series, const char *name)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    bool found = false;

    while (folder != NULL && !found && (entry = readdir(folder)) != NULL)
        found = archive_is_of_series(series, entry->d_name) && strcmp(entry->d_name, name) != 0;
    if (folder != NULL)
        closedir(folder);
    return found;
}

bool archive_is_single_part(const struct archive_source *source)
{
    const char *slash = strrchr(source->path, '/');
    const char *name = slash != NULL ? slash + 1 : source->path;
    size_t size = source->folder ? 0 : archive_series_size(name);

    if (size == 0)
        return false;

    cleanup_free char *series = strndup(name, size);
    cleanup_free char *path =
        slash != NULL ? strndup(source->path, (size_t)(name - source->path)) : strdup(".");

    return series != NULL && path != NULL &&
           (strtoul(name + size, NULL, 10) != 1 || has_other_part(path, series, name));
}

bool archive_folder_recognise(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    unsigned kinds = 0;

    if (folder == NULL)
        return false;
    if (archive_postgres_is_folder(path) || archive_tab_is_folder(path)) {
        closedir(folder);
        return true;
    }
    while (!mydumper_is_dump(kinds) && (entry = readdir(folder)) != NULL)
        kinds |= 1u << mydumper_name_of(entry->d_name).file;
    closedir(folder);
    return mydumper_is_dump(kinds);
}

void archive_parts_release(struct archive_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->items[i].path);
        free(parts->items[i].name);
    }
    free(parts->items);
    *parts = (struct archive_parts){.count = 0};
}

/* Both texts are taken over. */
static int add_part(struct listing *listing, char *path, char *name, const struct stat *about)
{
    struct archive_parts *parts = listing->parts;

    if (path != NULL && parts->count == listing->capacity) {
        size_t capacity = listing->capacity != 0 ? 2 * listing->capacity : 16;
        struct archive_part *items = capacity > ARCHIVE_MEMBERS_MOST
                                         ? NULL
                                         : reallocarray(parts->items, capacity, sizeof *items);

        if (items != NULL) {
            parts->items = items;
            listing->capacity = capacity;
        }
    }
    if (path == NULL || parts->count == listing->capacity) {
        free(path);
        free(name);
        return -ENOMEM;
    }
    parts->items[parts->count++] =
        (struct archive_part){.path = path, .name = name, .about = *about};
    return 0;
}

static int by_name(const void *left, const void *right)
{
    const struct archive_part *one = left;
    const struct archive_part *other = right;

    return strcmp(one->name, other->name);
}

/* A series is numbered without zeros in front. */
static int by_number(const void *left, const void *right)
{
    const struct archive_part *one = left;
    const struct archive_part *other = right;
    size_t one_size = strlen(one->name);
    size_t other_size = strlen(other->name);

    return one_size != other_size ? (one_size > other_size) - (one_size < other_size)
                                  : strcmp(one->name, other->name);
}

static bool is_wanted(const struct archive_source *source, const char *name)
{
    return source->series != NULL ? archive_is_of_series(source->series, name) : name[0] != '.';
}

/* Regular files only: no link is followed. */
static int add_entry(const struct archive_source *source, struct listing *listing,
                     const char *folder, const char *name)
{
    cleanup_free char *path = NULL;
    struct stat about;

    if (!is_wanted(source, name))
        return 0;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (lstat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return 0;

    cleanup_free char *own_name = strdup(name);

    if (own_name == NULL)
        return -ENOMEM;
    /* cppcheck-suppress memleak ; the list has it */
    return add_part(listing, steal_pointer(&path), steal_pointer(&own_name), &about);
}

static int list_folder(const struct archive_source *source, struct listing *listing,
                       struct failure *failure)
{
    DIR *folder = opendir(source->path);
    int error = 0;

    if (folder == NULL)
        return failure_set(failure, errno, SHOWN_PATH ": %s", source->path, strerror(errno));
    for (;;) {
        errno = 0;

        const struct dirent *entry = readdir(folder);

        if (entry == NULL || error != 0)
            break;
        error = add_entry(source, listing, source->path, entry->d_name);
    }
    if (error == 0 && errno != 0)
        error = failure_set(failure, errno, SHOWN_PATH ": %s", source->path, strerror(errno));
    closedir(folder);
    if (listing->parts->count != 0)
        qsort(listing->parts->items, listing->parts->count, sizeof *listing->parts->items,
              source->series != NULL ? by_number : by_name);
    for (size_t i = 0; i < listing->parts->count && source->series != NULL; i++) {
        cleanup_free char *name = steal_pointer(&listing->parts->items[i].name);

        if (listing->parts->missing == 0 &&
            strtoul(name + strlen(source->series), NULL, 10) != i + 1)
            listing->parts->missing = i + 1;
    }
    return error;
}

static int list_file(const struct archive_source *source, struct listing *listing,
                     struct failure *failure)
{
    struct stat about;

    if (stat(source->path, &about) != 0)
        return failure_set(failure, errno, SHOWN_PATH ": %s", source->path, strerror(errno));
    return add_part(listing, strdup(source->path), NULL, &about);
}

static void sum_up(struct archive_parts *parts)
{
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof parts->version);
    for (size_t i = 0; i < parts->count; i++) {
        const struct archive_part *part = &parts->items[i];
        const struct stat *about = &part->about;
        const uint64_t words[] = {
            about->st_dev,
            about->st_ino,
            (uint64_t)about->st_size,
            (uint64_t)about->st_mtim.tv_sec,
            (uint64_t)about->st_mtim.tv_nsec,
            (uint64_t)about->st_ctim.tv_sec,
            (uint64_t)about->st_ctim.tv_nsec,
        };

        crypto_generichash_update(&state, (const uint8_t *)words, sizeof words);
        crypto_generichash_update(&state, (const uint8_t *)part->path, strlen(part->path) + 1);
        parts->bytes += (uint64_t)about->st_size;
        if (about->st_mtim.tv_sec > parts->changed.tv_sec ||
            (about->st_mtim.tv_sec == parts->changed.tv_sec &&
             about->st_mtim.tv_nsec > parts->changed.tv_nsec))
            parts->changed = about->st_mtim;
    }
    crypto_generichash_final(&state, (uint8_t *)&parts->version, sizeof parts->version);
}

int archive_parts_list(const struct archive_source *source, struct archive_parts *ret_parts,
                       struct failure *failure)
{
    struct archive_parts parts = {.count = 0};
    struct listing listing = {.parts = &parts};
    int error = source->folder ? list_folder(source, &listing, failure)
                               : list_file(source, &listing, failure);

    if (error == 0 && parts.count == 0)
        error = failure_set(failure, ENOENT, SHOWN_PATH ": there is no file of the backup in it",
                            source->path);
    if (error != 0) {
        archive_parts_release(&parts);
        return error;
    }
    sum_up(&parts);
    *ret_parts = parts;
    return 0;
}
