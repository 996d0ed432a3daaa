/* SPDX-License-Identifier: MIT */
/*
 * Which databases there are, and how a source is named on the command line:
 *
 *   [NAME=]PATH  [NAME=]sqlite:PATH  [NAME=]sqlite:///ABSOLUTE/PATH
 *   [NAME=]archive:PATH  [NAME=]archive:///ABSOLUTE/PATH?OPTION=VALUE&… (archive_option.c)
 *   [NAME=]mysql://USER@HOST/DATABASE?OPTION=VALUE&…  (server_url.h), and postgresql://…
 *
 * A text is read the same way whatever files there are. What stands before the
 * first '=' is a name unless it holds a '/' or begins as a URL does: then all of
 * it is the URL. So ./a=b.db is a path, and a=b.db the file b.db, shown as "a".
 * What begins with letters and ':' is a URL, never a path; ./x:y.db is a path.
 * Only the form with "//" is percent-decoded. A server without a name of its own is
 * shown under its database's.
 */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/source/archive.h"
#include "backends/source/mysql.h"
#include "backends/source/package.h"
#include "backends/source/plain_file.h"
#include "backends/source/postgres.h"
#include "backends/source/server_url.h"
#include "backends/source/source.h"
#include "backends/source/sqlite.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

/* One line a scheme. */
static const struct kind {
    const char *scheme;
    const char *begin; /* the first bytes of every such file; NULL: a server, named by a URL */
    size_t begin_size;
    /* PLACE is the file's path, or the server's URL. */
    int (*open)(const char *place, const struct source_options *options, struct source **ret_source,
                struct failure *failure);
} kinds[] = {
    {"sqlite", "SQLite format 3", 16, sqlite_source_open},
    {"mysql", NULL, 0, mysql_source_open},
    {"mariadb", NULL, 0, mysql_source_open},
    {"postgresql", NULL, 0, postgres_source_open},
    {"postgres", NULL, 0, postgres_source_open},
    /* Whatever archive_recognise knows, or, with the scheme, whatever it is. */
    {"archive", "", 0, archive_source_open},
};

#define KIND_COUNT (sizeof kinds / sizeof *kinds)
#define KNOWN_FORMS                                           \
    "a path, sqlite:PATH, sqlite:///ABSOLUTE/PATH, or a URL " \
    "mysql://USER@HOST/DATABASE or postgresql://USER@HOST/DATABASE"
#define MOST_BEGIN ARCHIVE_BEGIN_BYTES

/* A source taken apart. */
struct place {
    const struct kind *kind; /* NULL: to be recognised by its content */
    char *path;              /* owned; a server's: its database, or NULL */
    const char *url;         /* a server's, borrowed */
    const char *wishes;      /* an archive's options, borrowed; NULL */
};

static bool is_letter(char character)
{
    return ascii_lower(character) >= 'a' && ascii_lower(character) <= 'z';
}

static bool is_control(char character)
{
    return (unsigned char)character < 0x20 || character == 0x7f;
}

/* Bytes of the scheme that URL begins with, without its ':'; 0: it has none (RFC 3986, 3.1). */
static size_t scheme_length(const char *url)
{
    size_t length = 0;

    if (!is_letter(*url))
        return 0;
    while (is_letter(url[length]) || ascii_is_digit(url[length]) ||
           (url[length] != '\0' && strchr("+-.", url[length]) != NULL))
        length++;
    return url[length] == ':' ? length : 0;
}

static const struct kind *find_kind(const char *scheme, size_t length)
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
    const struct kind *kind = find_kind(url, scheme_length(url));

    return kind != NULL && kind->begin == NULL;
}

/* URL without what may be a password: all between the scheme and an '@'. The caller frees it. */
static char *shown_url(const char *url)
{
    size_t scheme = scheme_length(url);
    const char *at = strrchr(url, '@');
    char *shown = NULL;

    if (scheme == 0 || at == NULL)
        return strdup(url);
    return asprintf(&shown, "%.*s:…%s", (int)(scheme < 40 ? scheme : 40), url, at) < 0 ? NULL
                                                                                       : shown;
}

/* In place, which is never longer. */
static int decode_path(char *path, const char *url, struct place *place, struct failure *failure)
{
    size_t plain = strcspn(path, "?#");

    if (path[plain] == '?' && place->kind->open == archive_source_open) {
        place->wishes = strchr(url, '?') + 1;
        path[plain] = '\0';
    }

    if (path[plain] != '\0')
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": there are no options in the URL of a file; a '%c' in "
                                      "the path is written %%%02X",
                           url, path[plain], path[plain]);
    if (!percent_decode(path))
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": a '%%' in a URL takes two hexadecimal digits behind "
                                      "it, not 00; the sign itself is written %%25",
                           url);
    return 0;
}

/* URL names a server. Talks to none. */
static int parse_server(const char *url, struct place *place, struct failure *failure)
{
    struct server_url parsed = {.host_count = 0};
    size_t length = strlen(place->kind->scheme);

    if (strncmp(url + scheme_length(url), "://", 3) != 0) {
        cleanup_free char *shown = shown_url(url);

        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": a server's URL goes %.*s://USER@HOST/DATABASE, or "
                                      "%.*s:///DATABASE for one on this machine",
                           shown != NULL ? shown : "", (int)length, place->kind->scheme,
                           (int)length, place->kind->scheme);
    }

    int error = server_url_parse(url, &parsed, failure);

    if (error != 0)
        return error;
    place->path = steal_pointer(&parsed.database);
    place->url = url;
    server_url_release(&parsed);
    return 0;
}

static int refuse_scheme(const char *url, size_t length, struct failure *failure)
{
    cleanup_free char *shown = shown_url(url);

    return failure_set(failure, EINVAL,
                       SHOWN_PATH ": there is no kind of source \"%.*s:\"; a source is "
                                  "%s. A file of that name is written ./" SHOWN_PATH,
                       shown != NULL ? shown : "", (int)(length < 40 ? length : 40), url,
                       KNOWN_FORMS, shown != NULL ? shown : "");
}

/* Takes URL apart; the caller frees ret_place->path. Looks at no file. */
static int place_parse(const char *url, struct place *ret_place, struct failure *failure)
{
    struct place place = {.kind = NULL};
    size_t length = scheme_length(url);
    const char *path = url;

    if (length != 0) {
        place.kind = find_kind(url, length);
        if (place.kind == NULL)
            return refuse_scheme(url, length, failure);
        path += length + 1;
    }
    if (place.kind != NULL && place.kind->begin == NULL) {
        int error = parse_server(url, &place, failure);

        if (error == 0)
            *ret_place = place;
        return error;
    }

    bool encoded = place.kind != NULL && strncmp(path, "//", 2) == 0;

    if (encoded && path[2] != '/')
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": behind %s:// comes an absolute path and no host: "
                                      "%s:///srv/crm.db; a relative one is %s:crm.db",
                           url, place.kind->scheme, place.kind->scheme, place.kind->scheme);
    if (encoded)
        path += 2;
    if (*path == '\0')
        return failure_set(failure, EINVAL, "\"" SHOWN_PATH "\": there is no path in it", url);

    cleanup_free char *copy = strdup(path);

    if (copy == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", url);

    int error = encoded ? decode_path(copy, url, &place, failure) : 0;

    if (error != 0)
        return error;
    if (strlen(copy) >= PATH_MAX)
        return failure_set(failure, ENAMETOOLONG, "%.60s...: a path of %zu bytes; at most %d work",
                           copy, strlen(copy), PATH_MAX - 1);
    place.path = steal_pointer(&copy);
    *ret_place = place;
    return 0;
}

int source_take_apart(const char *url, const char **ret_scheme, char **ret_path,
                      struct failure *failure)
{
    struct place place = {.kind = NULL};
    int error = place_parse(url, &place, failure);

    if (error != 0)
        return error;
    *ret_scheme = place.kind != NULL ? place.kind->scheme : NULL;
    *ret_path = place.path;
    return 0;
}

/* NULL: no kind's files begin so. */
static const struct kind *kind_of_content(const char *path, const char begin[MOST_BEGIN])
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].begin_size != 0 && memcmp(begin, kinds[i].begin, kinds[i].begin_size) == 0)
            return &kinds[i];
    }
    return archive_recognise(path, begin, MOST_BEGIN) ? find_kind("archive", strlen("archive"))
                                                      : NULL;
}

/* A folder that is one backup, or is said to be. */
static bool is_backup_folder(const struct place *place, const char *path)
{
    struct stat about;

    return (place->kind == NULL || place->kind->open == archive_source_open) &&
           stat(path, &about) == 0 && S_ISDIR(about.st_mode) &&
           (place->wishes != NULL || archive_folder_recognise(path));
}

int source_open(const char *url, const struct source_options *options, struct source **ret_source,
                struct failure *failure)
{
    struct place place = {.kind = NULL};
    char begin[MOST_BEGIN];
    int error = place_parse(url, &place, failure);

    if (error != 0)
        return error;

    cleanup_free char *path = place.path;
    struct source_options wished = *options;

    wished.wishes = place.wishes;

    if (place.url != NULL || path == NULL)
        return place.kind->open(place.url, options, ret_source, failure);
    if ((place.kind == NULL || strcmp(place.kind->scheme, "archive") == 0) &&
        package_recognise(path))
        return package_source_open(path, options, ret_source, failure);
    if (is_backup_folder(&place, path))
        return archive_source_open(path, &wished, ret_source, failure);
    error = plain_file_check(path, failure);
    if (error == 0 && place.kind == NULL) {
        error = plain_file_begin(path, begin, sizeof begin, failure);
        place.kind = error == 0 ? kind_of_content(path, begin) : NULL;
    }
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
    char begin[MOST_BEGIN];

    if (archive_folder_recognise(path) || package_recognise(path))
        return true;
    return plain_file_check(path, NULL) == 0 &&
           plain_file_begin(path, begin, sizeof begin, NULL) == 0 &&
           kind_of_content(path, begin) != NULL;
}

/* Bytes of the name that TEXT begins with, at its '='; -1: it has none and is all URL. */
static ssize_t name_length(const char *text)
{
    size_t length = strcspn(text, "=");

    if (text[length] == '\0' || memchr(text, '/', length) != NULL)
        return -1;
    return scheme_length(text) != 0 && scheme_length(text) < length ? -1 : (ssize_t)length;
}

static int check_name(const char *name, const char *text, struct failure *failure)
{
    size_t length = strlen(name);

    if (length == 0)
        return failure_set(failure, EINVAL,
                           "\"" SHOWN_PATH "\": a source needs a name before its '='; a path that "
                           "begins with '=' is written ./=",
                           text);
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
        return failure_set(failure, EINVAL,
                           "\"" SHOWN_PATH "\": \"%s\" cannot be a folder's name; name the source: "
                           "NAME=PATH",
                           text, name);
    if (length > NAME_MAX)
        return failure_set(failure, ENAMETOOLONG,
                           "%.60s...: a source's name of %zu bytes; at most %d work", name, length,
                           NAME_MAX);
    for (const char *at = name; *at != '\0'; at++) {
        if (is_control(*at))
            return failure_set(failure, EINVAL,
                               "\"" SHOWN_PATH "\": control characters cannot be in a source's "
                               "name; name it otherwise: NAME=PATH",
                               text);
    }
    return 0;
}

/* The last part of PATH without its ending, in whatever case, unless that is all there is; the
 * caller frees it. */
static char *default_name(const char *path)
{
    static const char *const endings[] = {".db", ".sqlite", ".sqlite3"};
    size_t end = strlen(path);

    while (end > 0 && path[end - 1] == '/')
        end--;

    size_t start = end;

    while (start > 0 && path[start - 1] != '/')
        start--;

    size_t length = end - start;

    char *name = strndup(path + start, length);

    for (size_t i = 0; name != NULL && i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);

        if (length > ending && ascii_equal(name + length - ending, endings[i]) &&
            strspn(name, ".") < length - ending) {
            name[length - ending] = '\0';
            break;
        }
    }
    return name;
}

int source_parse(const char *text, char **ret_name, char **ret_url, struct failure *failure)
{
    ssize_t length = name_length(text);
    const char *rest = length >= 0 ? text + length + 1 : text;
    struct place place = {.kind = NULL};
    int error;

    if (*text == '\0')
        return failure_set(failure, EINVAL, "a source is missing: \"\" names none; it is %s",
                           KNOWN_FORMS);
    if (*rest == '\0')
        return failure_set(failure, EINVAL, "\"" SHOWN_PATH "\": there is no path behind the '='",
                           text);
    error = place_parse(rest, &place, failure);

    cleanup_free char *path = place.path;

    if (error != 0)
        return error;
    if (length < 0 && path == NULL)
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": the URL names no database to call the source by; give "
                                      "it a name: NAME=%s",
                           text, rest);

    cleanup_free char *name = length >= 0         ? strndup(text, (size_t)length)
                              : place.url != NULL ? strdup(path)
                                                  : default_name(path);

    if (name == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", text);
    if (length < 0 && *name == '\0')
        return failure_set(failure, EISDIR, SHOWN_PATH ": is a directory; name the database's file",
                           path);
    error = check_name(name, text, failure);
    if (error != 0)
        return error;

    char *url = strdup(rest);

    if (url == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", text);
    *ret_name = steal_pointer(&name);
    *ret_url = url;
    return 0;
}
