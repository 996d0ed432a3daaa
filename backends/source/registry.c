/* SPDX-License-Identifier: MIT */
/* Which databases and backups there are, how each is recognised, and how it is opened. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/archive.h"
#include "backends/source/mysql.h"
#include "backends/source/package.h"
#include "backends/source/plain_file.h"
#include "backends/source/postgres.h"
#include "backends/source/source.h"
#include "backends/source/source_place.h"
#include "backends/source/sqlite.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* One line a scheme. */
static const struct source_kind kinds[] = {
    {"sqlite", "SQLite format 3", 16, false, sqlite_source_open},
    {"mysql", NULL, 0, false, mysql_source_open},
    {"mariadb", NULL, 0, false, mysql_source_open},
    {"postgresql", NULL, 0, false, postgres_source_open},
    {"postgres", NULL, 0, false, postgres_source_open},
    /* Whatever archive_recognise knows, or, with the scheme, whatever it is. */
    {"archive", "", 0, true, archive_source_open},
};

#define KIND_COUNT (sizeof kinds / sizeof *kinds)

const struct source_kind *source_kind_find(const char *scheme, size_t length)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        size_t same = 0;

        while (same < length && ascii_lower(scheme[same]) == kinds[i].scheme[same])
            same++;
        if (same == length && kinds[i].scheme[same] == '\0')
            return &kinds[i];
    }
    return NULL;
}

bool source_is_server(const char *url)
{
    const struct source_kind *kind = source_kind_find(url, source_scheme_length(url));

    return kind != NULL && kind->begin == NULL;
}

/* What the file PATH, which was checked, is by what is in it; NULL: nothing that is known. */
static int kind_of_content(const char *path, const struct source_kind **ret_kind,
                           struct failure *failure)
{
    char begin[ARCHIVE_BEGIN_BYTES];
    bool archive = false;
    int error = plain_file_begin(path, begin, sizeof begin, failure);

    *ret_kind = NULL;
    for (size_t i = 0; i < KIND_COUNT && error == 0 && *ret_kind == NULL; i++) {
        if (kinds[i].begin_size != 0 && memcmp(begin, kinds[i].begin, kinds[i].begin_size) == 0)
            *ret_kind = &kinds[i];
    }
    if (error == 0 && *ret_kind == NULL)
        error = archive_recognise(path, begin, &archive, failure);
    if (archive)
        *ret_kind = source_kind_find("archive", strlen("archive"));
    return error;
}

static bool may_be_archive(const struct source_place *place)
{
    return place->kind == NULL || place->kind->open == archive_source_open;
}

/* A folder that is one backup, or is said to be. */
static bool is_backup_folder(const struct source_place *place, const char *path)
{
    struct stat about;

    return may_be_archive(place) && stat(path, &about) == 0 && S_ISDIR(about.st_mode) &&
           (place->wishes != NULL || archive_folder_recognise(path));
}

int source_open(const char *url, const struct source_options *options, struct source **ret_source,
                struct failure *failure)
{
    struct source_place place = {.kind = NULL};
    int error = source_place_parse(url, &place, failure);

    if (error != 0)
        return error;

    cleanup_free char *path = place.path;
    struct source_options wished = *options;

    wished.wishes = place.wishes;

    if (place.url != NULL || path == NULL)
        return place.kind->open(place.url, options, ret_source, failure);
    if (may_be_archive(&place) && package_recognise(path))
        return package_source_open(path, options, ret_source, failure);
    if (is_backup_folder(&place, path))
        return archive_source_open(path, &wished, ret_source, failure);
    error = plain_file_check(path, failure);
    if (error == 0 && place.kind == NULL)
        error = kind_of_content(path, &place.kind, failure);
    if (error != 0)
        return error;
    if (place.kind == NULL)
        error = archive_refuse_part(path, failure);
    if (error != 0)
        return error;
    if (place.kind == NULL)
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": not a database that crmfs knows: it does not begin as a "
                                      "SQLite database does, nor as a backup (an SQL dump, an "
                                      "archive). Is it encrypted, damaged, or another file than "
                                      "meant?",
                           path);
    return place.kind->open(path, &wished, ret_source, failure);
}

bool source_is_known(const char *path)
{
    const struct source_kind *kind;

    if (archive_folder_recognise(path) || package_recognise(path))
        return true;
    return plain_file_check(path, NULL) == 0 && kind_of_content(path, &kind, NULL) == 0 &&
           kind != NULL;
}
