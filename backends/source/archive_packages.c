/* SPDX-License-Identifier: MIT */
#include "backends/source/archive_packages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/export_rows.h"
#include "backends/source/package.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/base/percent.h"

#define SCHEMA_SQL "schema.sql"
#define PACKAGES_MOST 10000
#define FILES_MOST ((size_t)1 << 20)

struct folder {
    char *path; /* "": the archive's own */
    struct buffer descriptor;
    struct buffer statements;
    bool parsed;
    struct package package; /* without tables: it is none of crmfs's */
    struct name_map *stems; /* to its tables */
    bool *begun;            /* of each table */
};

struct archive_packages {
    struct folder *folders;
    size_t count;
    struct name_map *paths; /* to folders */
    char **files;           /* names of what may hold rows */
    size_t file_count;
    size_t file_capacity;
    struct name_map *file_times; /* … to when they were changed */
    bool likely;
};

int archive_packages_create(struct archive_packages **ret_packages)
{
    struct archive_packages *packages = calloc(1, sizeof *packages);
    int error = packages != NULL ? name_map_create(&packages->paths) : -ENOMEM;

    if (error == 0)
        error = name_map_create(&packages->file_times);
    if (error != 0) {
        archive_packages_free(packages);
        return error;
    }
    *ret_packages = packages;
    return 0;
}

void archive_packages_free(struct archive_packages *packages)
{
    if (packages == NULL)
        return;
    name_map_free(packages->paths);
    name_map_free(packages->file_times);
    for (size_t i = 0; i < packages->count; i++) {
        struct folder *folder = &packages->folders[i];

        name_map_free(folder->stems);
        package_release(&folder->package);
        buffer_release(&folder->descriptor);
        buffer_release(&folder->statements);
        free(folder->begun);
        free(folder->path);
    }
    for (size_t i = 0; i < packages->file_count; i++)
        free(packages->files[i]);
    free(packages->folders);
    free((void *)packages->files);
    free(packages);
}

static const char *base_of(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash != NULL ? slash + 1 : name;
}

static char *folder_of(const char *name)
{
    const char *base = base_of(name);

    return strndup(name, base != name ? (size_t)(base - name) - 1 : 0);
}

/* The format by the ending; EXPORT_FORMATS: it is none. */
static enum export_format format_of(const char *name)
{
    const char *dot = strrchr(base_of(name), '.');
    int format = 0;

    while (dot != NULL && format < EXPORT_FORMATS &&
           strcmp(dot + 1, export_format_extension((enum export_format)format)) != 0)
        format++;
    return dot != NULL ? (enum export_format)format : EXPORT_FORMATS;
}

/* --- what is there ------------------------------------------------------------------------ */

static int add_folder(struct archive_packages *packages, const char *name)
{
    struct folder *folders =
        packages->count < PACKAGES_MOST
            ? reallocarray(packages->folders, packages->count + 1, sizeof *folders)
            : NULL;
    cleanup_free char *path = folder_of(name);

    if (folders != NULL)
        packages->folders = folders;
    if (folders == NULL || path == NULL)
        return packages->count == PACKAGES_MOST ? 0 : -ENOMEM;

    int error = name_map_add(packages->paths, path, packages->count);

    if (error == 0)
        folders[packages->count++] = (struct folder){
            .path = steal_pointer(&path),
            .descriptor = BUFFER(PACKAGE_DESCRIPTOR_LIMIT + 1),
            .statements = BUFFER(PACKAGE_DESCRIPTOR_LIMIT + 1),
        };
    return error == -EEXIST ? 0 : error;
}

static int add_file(struct archive_packages *packages, const char *name, time_t changed)
{
    if (packages->file_count == packages->file_capacity) {
        size_t capacity = packages->file_capacity != 0 ? packages->file_capacity * 2 : 64;
        char **files = capacity <= FILES_MOST
                           ? reallocarray((void *)packages->files, capacity, sizeof *files)
                           : NULL;

        if (files == NULL)
            return capacity > FILES_MOST ? 0 : -ENOMEM;
        packages->files = files;
        packages->file_capacity = capacity;
    }

    cleanup_free char *copy = strdup(name);
    int error = copy != NULL
                    ? name_map_add(packages->file_times, copy, changed > 0 ? (size_t)changed : 0)
                    : -ENOMEM;

    if (error == 0)
        packages->files[packages->file_count++] = steal_pointer(&copy);
    return error == -EEXIST ? 0 : error;
}

int archive_packages_note(struct archive_packages *packages, const char *name, time_t changed)
{
    enum export_format format = format_of(name);

    packages->likely = packages->likely || format == EXPORT_JSON || format == EXPORT_NDJSON;
    if (strcmp(base_of(name), PACKAGE_DESCRIPTOR) == 0)
        return add_folder(packages, name);
    return format != EXPORT_FORMATS ? add_file(packages, name, changed) : 0;
}

bool archive_packages_any(const struct archive_packages *packages)
{
    return packages->count != 0;
}

bool archive_packages_likely(const struct archive_packages *packages)
{
    return packages->likely;
}

/* --- what it says of itself --------------------------------------------------------------- */

static struct folder *find_folder(const struct archive_packages *packages, const char *name)
{
    cleanup_free char *path = packages->count != 0 ? folder_of(name) : NULL;
    const size_t *found = path != NULL ? name_map_find(packages->paths, path) : NULL;

    return found != NULL ? &packages->folders[*found] : NULL;
}

static bool is_description(const char *name)
{
    return strcmp(base_of(name), PACKAGE_DESCRIPTOR) == 0 || strcmp(base_of(name), SCHEMA_SQL) == 0;
}

bool archive_packages_describes(const struct archive_packages *packages, const char *name)
{
    return is_description(name) && find_folder(packages, name) != NULL;
}

int archive_packages_take(struct archive_packages *packages, const char *name,
                          struct byte_stream *stream, struct failure *failure)
{
    struct folder *folder = find_folder(packages, name);
    struct buffer *text =
        strcmp(base_of(name), PACKAGE_DESCRIPTOR) == 0 ? &folder->descriptor : &folder->statements;
    const void *data = "";
    size_t size = 1;
    int error = 0;

    buffer_clear(text);
    while (error == 0 && size != 0) {
        error = stream->class->next(stream, &data, &size, failure);
        if (error == 0)
            error = buffer_append(text, data, size);
    }
    if (error == 0)
        error = buffer_append(text, "", 1);
    if (error == -EFBIG)
        return failure_set(failure, EFBIG, "%.300s: it is larger than %zu MiB", name,
                           PACKAGE_DESCRIPTOR_LIMIT >> 20);
    return error;
}

/* Once both files have been taken. What is none of crmfs's has no tables. */
static int parse(struct folder *folder)
{
    int error = 0;

    if (folder->parsed)
        return 0;
    folder->parsed = true;
    if (folder->descriptor.size != 0 &&
        strstr((const char *)folder->descriptor.data, "\"crmfs:formatVersion\"") != NULL)
        error = package_parse(folder->descriptor.data, folder->descriptor.size - 1,
                              folder->statements.size != 0 ? (const char *)folder->statements.data
                                                           : NULL,
                              &folder->package, NULL);
    if (error == -EINVAL)
        return 0;
    if (error == 0)
        error = name_map_create(&folder->stems);
    for (size_t i = 0; i < folder->package.count && error == 0; i++) {
        error = name_map_add(folder->stems, folder->package.tables[i].stem, i);
        error = error == -EEXIST ? 0 : error;
    }
    folder->begun = allocate_array(folder->package.count, sizeof *folder->begun);
    return error == 0 && folder->begun == NULL ? -ENOMEM : error;
}

/* --- rows --------------------------------------------------------------------------------- */

/* Its table's index in its folder; SIZE_MAX: it has none. */
static size_t find_table(const struct archive_packages *packages, const char *name,
                         struct folder **ret_folder)
{
    struct folder *folder = format_of(name) != EXPORT_FORMATS ? find_folder(packages, name) : NULL;

    if (folder == NULL || parse(folder) != 0 || folder->stems == NULL)
        return SIZE_MAX;

    /* NAME is a shown one: the '%' of a table's file has become "%25". */
    const char *base = base_of(name);
    cleanup_free char *stem = percent_decoded(base, (size_t)(strrchr(base, '.') - base));
    const size_t *found = stem != NULL ? name_map_find(folder->stems, stem) : NULL;

    *ret_folder = folder;
    return found != NULL ? *found : SIZE_MAX;
}

bool archive_packages_hold(struct archive_packages *packages, const char *name)
{
    struct folder *folder = find_folder(packages, name);

    if (folder == NULL)
        return false;
    if (is_description(name))
        return parse(folder) == 0 && folder->package.count != 0;
    return find_table(packages, name, &folder) != SIZE_MAX;
}

/* Whether none of the table's other files goes before this one. */
static bool is_chosen(const struct archive_packages *packages, const char *name)
{
    const size_t *own = name_map_find(packages->file_times, name);
    size_t stem = (size_t)(strrchr(name, '.') - name);
    bool chosen = true;

    for (int i = 0; i < EXPORT_FORMATS && own != NULL; i++) {
        cleanup_free char *other = NULL;
        const size_t *time;

        if (asprintf(&other, "%.*s.%s", (int)stem, name,
                     export_format_extension((enum export_format)i)) < 0) {
            other = NULL;
            continue;
        }
        time = name_map_find(packages->file_times, other);
        chosen = chosen &&
                 (time == NULL || *time < *own || (*time == *own && i <= (int)format_of(name)));
    }
    return chosen;
}

int archive_packages_read(struct archive_packages *packages, const char *name,
                          struct byte_stream *stream, struct row_taker *taker,
                          struct failure *failure)
{
    struct folder *folder = NULL;
    size_t index = find_table(packages, name, &folder);
    struct failure own = {.code = 0};
    size_t number;
    int error;

    if (index == SIZE_MAX || folder->begun[index] || !is_chosen(packages, name))
        return 0;

    const struct package_table *table = &folder->package.tables[index];

    folder->begun[index] = true;
    error = taker->class->begin_table(taker, &(struct stream_table){.schema = table->schema},
                                      &number, failure);
    if (error != 0)
        return error;
    error = package_read_rows(stream, format_of(name), table, name, taker, number, &own);
    if (error == 0)
        return 0;
    if (failure != NULL && own.code != 0)
        *failure = own;
    if (error == -ENOMEM || error == -ECANCELED || error == -ENOSPC)
        return error;

    int told = taker->class->fail_table(taker, number, &own);

    return told != 0 ? told : error;
}

static int fail_missing(const struct folder *folder, size_t index, struct row_taker *taker,
                        struct failure *failure)
{
    const struct package_table *table = &folder->package.tables[index];
    struct failure why;
    size_t number;
    int error = taker->class->begin_table(taker, &(struct stream_table){.schema = table->schema},
                                          &number, failure);

    if (error != 0)
        return error;
    failure_set(&why, EIO,
                "%.200s%s%.200s.csv is not in the archive, though " PACKAGE_DESCRIPTOR " names it",
                folder->path, folder->path[0] != '\0' ? "/" : "", table->stem);
    return taker->class->fail_table(taker, number, &why);
}

int archive_packages_end(struct archive_packages *packages, struct row_taker *taker,
                         struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < packages->count && error == 0; i++) {
        struct folder *folder = &packages->folders[i];

        error = parse(folder);
        for (size_t j = 0; j < folder->package.count && error == 0 && folder->begun != NULL; j++) {
            if (!folder->begun[j])
                error = fail_missing(folder, j, taker, failure);
        }
    }
    return error;
}
