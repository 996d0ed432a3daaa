/* SPDX-License-Identifier: MIT */
/* The rows of a package's table, out of the one of its files that counts. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/package.h"
#include "backends/source/package_file.h"
#include "backends/source/plain_file.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"

#define NAME_SIZE 300

static void name_file(char name[NAME_SIZE], const char *stem, enum export_format format)
{
    snprintf(name, NAME_SIZE, "%s.%s", stem, export_format_extension(format));
}

/* Whether a file goes before the one that was chosen so far; of no bytes, as what failed leaves
 * them, however new, before none that has some. */
static bool goes_before(const struct stat *about, const struct stat *chosen)
{
    if ((about->st_size == 0) != (chosen->st_size == 0))
        return chosen->st_size == 0;
    return !clock_is_later(&chosen->st_mtim, &about->st_mtim);
}

/* Of a table's files, which one is read. -ENOENT: there is none. */
static int choose_file(const struct package_folder *folder, const char *stem,
                       enum export_format *ret_format)
{
    cleanup_fd int directory = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat chosen = {.st_size = 0};
    int error = -ENOENT;

    for (int i = 0; i < EXPORT_FORMATS; i++) {
        char name[NAME_SIZE];
        struct stat about;

        name_file(name, stem, (enum export_format)i);
        if (fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(about.st_mode) ||
            (error == 0 && !goes_before(&about, &chosen)))
            continue;
        chosen = about;
        *ret_format = (enum export_format)i;
        error = 0;
    }
    return error;
}

/*
 * Whether the table's file of FORMAT has not a byte, though it was not written so: even without
 * rows a CSV has its header, and a JSON a bracket. An NDJSON has nothing then, and those beside it
 * tell.
 */
static bool is_emptied(const struct package_folder *folder, const char *stem,
                       enum export_format format)
{
    cleanup_fd int directory = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool empty[EXPORT_FORMATS] = {false};

    for (int i = 0; i < EXPORT_FORMATS; i++) {
        char name[NAME_SIZE];
        struct stat about;

        name_file(name, stem, (enum export_format)i);
        empty[i] = fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISREG(about.st_mode) && about.st_size == 0;
    }
    return empty[format] && (empty[EXPORT_CSV] || empty[EXPORT_JSON]);
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

int package_read_table(const struct package_folder *folder, const struct package_table *from,
                       struct row_taker *taker, struct failure *failure)
{
    struct stream_table table = {.schema = from->schema};
    enum export_format format = EXPORT_CSV;
    cleanup_package_file struct package_file stream = {.file = -1};
    struct failure own = {0};
    cleanup_free char *path = NULL;
    char name[NAME_SIZE];
    size_t number;
    int error = taker->class->begin_table(taker, &table, &number, failure);

    if (error != 0)
        return error;
    error = choose_file(folder, from->stem, &format);
    name_file(name, from->stem, format);
    error = error == 0 ? package_file_open(folder, name, &stream, &own)
                       : package_file_refuse(folder, name, ENOENT, &own);
    if (error == 0 && is_emptied(folder, from->stem, format))
        error = failure_set(&own, EIO,
                            SHOWN_PATH "/%.200s: the table's files have not a byte, as after a "
                                       "power cut: not even those of a table without rows are so",
                            folder->path, name);
    if (error == 0 && asprintf(&path, "%s/%s", folder->path, name) < 0) {
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
