/* SPDX-License-Identifier: MIT */
#include "tools/shelf.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/archive.h"
#include "backends/source/source.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

/*
 * Salesforce writes a weekly export in several ZIPs, WE_00D30000000XXXXEAA_1.ZIP and on, with the
 * rows of an object in more than one: they are one source, "WE_00D30000000XXXXEAA".
 */

/* The series that PATH, whose file is NAME, belongs to, unless it has been added. */
static int add_series(struct source_list *list, const char *path, const char *name, size_t size,
                      struct failure *failure)
{
    cleanup_free char *folder = strndup(path, (size_t)(name - path));
    cleanup_free char *shown = strndup(name, size - 1);
    cleanup_free char *series = strndup(name, size);
    cleanup_free char *place = folder != NULL ? percent_encode(folder) : NULL;
    cleanup_free char *value = series != NULL ? percent_encode(series) : NULL;
    cleanup_free char *url = NULL;

    if (shown == NULL || place == NULL || value == NULL ||
        asprintf(&url, "archive://%s?series=%s", place, value) < 0) {
        url = NULL;
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].url, url) == 0)
            return 0;
    }

    int error = source_list_check_room(list, shown, path, failure);

    return error != 0 ? error
                      : source_list_append(list, steal_pointer(&shown), steal_pointer(&url), true,
                                           failure);
}

/* COMPARE is strcmp, or strcasecmp. */
static bool ends_in_one(const char *name, const char *const *endings, size_t count,
                        int (*compare)(const char *, const char *))
{
    size_t size = strlen(name);

    for (size_t i = 0; i < count; i++) {
        size_t ending = strlen(endings[i]);

        if (size > ending && compare(name + size - ending, endings[i]) == 0)
            return true;
    }
    return false;
}

/* What SQLite keeps beside a database is a part of that. */
static bool is_companion(const char *name)
{
    static const char *const endings[] = {"-wal", "-shm", "-journal"};

    return ends_in_one(name, endings, sizeof endings / sizeof *endings, strcmp);
}

/* What a program that failed left of a backup: as nothing is in it, only its name tells. */
static bool is_void_backup(const char *path, const char *name)
{
    static const char *const endings[] = {
        ".sql", ".dump", ".csv", ".tsv", ".json", ".ndjson", ".db",  ".sqlite", ".sqlite3", ".zip",
        ".7z",  ".tar",  ".tgz", ".tbz", ".txz",  ".gz",     ".bz2", ".xz",     ".zst",     ".lz4",
    };
    struct stat about;

    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && about.st_size == 0 &&
           ends_in_one(name, endings, sizeof endings / sizeof *endings, strcasecmp);
}

/* LACKED: it is a backup, or was to be one. */
static int leave_out(struct source_list *list, const char *name, const char *why, bool lacked,
                     struct failure *failure)
{
    struct passed_over *all =
        list->passed_over_count < SOURCES_LIMIT
            ? reallocarray(list->passed_over, list->passed_over_count + 1, sizeof *all)
            : NULL;

    if (all != NULL)
        list->passed_over = all;
    if (all == NULL || (all[list->passed_over_count].name = strdup(name)) == NULL)
        return list->passed_over_count == SOURCES_LIMIT
                   ? 0
                   : failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    all[list->passed_over_count].why = why;
    all[list->passed_over_count++].lacked = lacked;
    return 0;
}

static bool is_folder(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* One of several files that stand under archives/ by their own names; what is no backup does not.
 */
static int add_backup(struct source_list *list, const char *path, struct failure *failure)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    if (name[0] == '.' || is_companion(name))
        return 0;
    if (is_void_backup(path, name))
        return leave_out(list, name,
                         "it is empty (0 bytes), as what a program leaves that failed: look for "
                         "another backup of that time",
                         true, failure);
    /* Of what may not be read nobody knows: opening it says why. */
    if (!source_is_known(path) && access(path, R_OK) == 0)
        return leave_out(list, name,
                         is_folder(path) ? "it is a folder, which is no backup as a whole, and "
                                           "folders in a folder are not gone into: name it beside "
                                           "the other, or with /* behind it"
                                         : "it is no backup that crmfs knows",
                         false, failure);
    if (archive_series_size(name) != 0)
        return add_series(list, path, name, archive_series_size(name), failure);

    int error = source_list_check_room(list, name, path, failure);

    return error != 0 ? error : source_list_append(list, strdup(name), strdup(path), true, failure);
}

/* There is none among the files of SHOWN: the first that is one and cannot be it says more. */
static int say_none(const struct source_list *list, size_t first, const char *shown,
                    bool is_pattern, struct failure *failure)
{
    const struct passed_over *one = NULL;

    for (size_t i = list->passed_over_count; i-- > first;) {
        if (one == NULL || !one->lacked || list->passed_over[i].lacked)
            one = &list->passed_over[i];
    }
    return failure_set(failure, EINVAL, "%.600s: there is no %s that crmfs knows%s%.200s%s%s",
                       shown, is_pattern ? "backup" : "store in it, nor a backup",
                       one != NULL ? "; " : "", one != NULL ? one->name : "",
                       one != NULL ? ": " : "", one != NULL ? one->why : "");
}

/* The files that PATTERN matches, which whoever reads of it calls SHOWN: a folder, or the same. */
static int add_matches(struct source_list *list, const char *pattern, const char *shown,
                       struct failure *failure)
{
    size_t before = list->count;
    size_t passed_before = list->passed_over_count;
    glob_t matches;
    int error = glob(pattern, GLOB_ERR, NULL, &matches);

    if (error != 0)
        return failure_set(failure, error == GLOB_NOSPACE ? ENOMEM : EINVAL, "%.600s: %s", shown,
                           error != GLOB_NOMATCH ? "cannot be read"
                           : shown == pattern    ? "there is no such file"
                                                 : "there is nothing in it");
    for (size_t i = 0; i < matches.gl_pathc && error == 0; i++)
        error = add_backup(list, matches.gl_pathv[i], failure);
    globfree(&matches);
    return error == 0 && list->count == before
               ? say_none(list, passed_before, shown, shown == pattern, failure)
               : error;
}

/* Backups in the folder PATTERN whose names begin with a dot: nobody sees them, and who named the
 * folder may not mean them. */
static int leave_hidden_out(struct source_list *list, const char *pattern, struct failure *failure)
{
    cleanup_free char *hidden = NULL;
    glob_t matches;
    int error = 0;

    if (asprintf(&hidden, "%.*s.[!.]*", (int)strlen(pattern) - 1, pattern) < 0) {
        hidden = NULL;
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }
    if (glob(hidden, 0, NULL, &matches) != 0)
        return 0;
    for (size_t i = 0; i < matches.gl_pathc && error == 0; i++) {
        const char *path = matches.gl_pathv[i];

        if (!is_folder(path) && source_is_known(path))
            error = leave_out(list, strrchr(path, '/') + 1,
                              "its name begins with a dot: name it by itself if it is meant", false,
                              failure);
    }
    globfree(&matches);
    return error;
}

/* GLOB's own characters in a directory's name stand for themselves. */
static char *pattern_of(const char *directory)
{
    size_t size = strlen(directory);
    char *pattern = malloc(2 * size + sizeof "/*");
    char *to = pattern;

    while (size > 0 && directory[size - 1] == '/')
        size--;
    for (const char *at = directory; to != NULL && at < directory + size; at++) {
        if (strchr("*?[\\", *at) != NULL)
            *to++ = '\\';
        *to++ = *at;
    }
    if (to != NULL)
        stpcpy(to, "/*");
    return pattern;
}

int shelf_add(struct source_list *list, const char *path, struct failure *failure)
{
    bool there = access(path, F_OK) == 0;
    bool folder = is_folder(path);
    cleanup_free char *pattern = NULL;
    int error;

    if (folder && source_is_known(path))
        return 0;
    if (folder) {
        pattern = pattern_of(path);
        error = pattern != NULL ? add_matches(list, pattern, path, failure) : -ENOMEM;
        if (error == 0)
            error = leave_hidden_out(list, pattern, failure);
    } else if (!there && strpbrk(path, "*?[") != NULL) {
        error = add_matches(list, path, path, failure);
    } else {
        return 0;
    }
    return error != 0 ? error : 1;
}
