/* SPDX-License-Identifier: MIT */
#include "backends/source/source_place.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/plain_file.h"
#include "backends/source/server_url.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

static bool is_letter(char character)
{
    return ascii_lower(character) >= 'a' && ascii_lower(character) <= 'z';
}

/* RFC 3986, 3.1. */
size_t source_scheme_length(const char *url)
{
    size_t length = 0;

    if (!is_letter(*url))
        return 0;
    while (is_letter(url[length]) || ascii_is_digit(url[length]) ||
           (url[length] != '\0' && strchr("+-.", url[length]) != NULL))
        length++;
    return url[length] == ':' ? length : 0;
}

/* URL without what may be a password: all between the scheme and an '@'. The caller frees it. */
static char *shown_url(const char *url)
{
    size_t scheme = source_scheme_length(url);
    const char *at = strrchr(url, '@');
    char *shown = NULL;

    if (scheme == 0 || at == NULL)
        return strdup(url);
    return asprintf(&shown, "%.*s:…%s", (int)(scheme < 40 ? scheme : 40), url, at) < 0 ? NULL
                                                                                       : shown;
}

/* In place, which is never longer. */
static int decode_path(char *path, const char *url, struct source_place *place,
                       struct failure *failure)
{
    size_t plain = strcspn(path, "?#");

    if (path[plain] == '?' && place->kind->takes_options) {
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
static int parse_server(const char *url, struct source_place *place, struct failure *failure)
{
    struct server_url parsed = {.host_count = 0};
    size_t length = strlen(place->kind->scheme);

    if (strncmp(url + source_scheme_length(url), "://", 3) != 0) {
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
                       SOURCE_KNOWN_FORMS, shown != NULL ? shown : "");
}

int source_place_parse(const char *url, struct source_place *ret_place, struct failure *failure)
{
    struct source_place place = {.kind = NULL};
    size_t length = source_scheme_length(url);
    const char *path = url;

    if (length != 0) {
        place.kind = source_kind_find(url, length);
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
    struct source_place place = {.kind = NULL};
    int error = source_place_parse(url, &place, failure);

    if (error != 0)
        return error;
    *ret_scheme = place.kind != NULL ? place.kind->scheme : NULL;
    *ret_path = place.path;
    return 0;
}
