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

/* ---- For people ------------------------------------------------------------------------------ */

#define HIDDEN "…"

/*
 * Where what URL names begins: behind its "://", or its ':' where it has none; in front of that
 * there may be NAME=, or a slip. NULL: it is a path.
 */
static const char *behind_scheme(const char *url)
{
    size_t name = strcspn(url, "=");
    const char *start = url;
    size_t scheme = source_scheme_length(url);
    const char *slashes = strstr(url, "://");

    if (scheme == 0 && url[name] == '=' && memchr(url, '/', name) == NULL) {
        start += name + 1;
        scheme = source_scheme_length(start);
    }
    if (scheme != 0)
        return start + scheme + (strncmp(start + scheme, "://", 3) == 0 ? 3 : 1);
    return slashes != NULL && memchr(url, '/', (size_t)(slashes - url)) == NULL ? slashes + 3
                                                                                : NULL;
}

static bool is_behind_slashes(const char *place)
{
    return strncmp(place - 2, "//", 2) == 0;
}

/* Whether PLACE is a file's path, in which an '@' is a letter like others. */
static bool is_file(const char *url, const char *place)
{
    const struct source_kind *kind = source_kind_find(url, source_scheme_length(url));

    return kind != NULL && kind->begin != NULL && (*place == '/' || !is_behind_slashes(place));
}

/* Puts "name=…" for each of the options, which begin behind a '?'. */
static void hide_values(const char *options, char *to)
{
    for (const char *end; *options != '\0'; options = *end != '\0' ? end + 1 : end) {
        size_t name = strcspn(options, "=&");

        end = options + strcspn(options, "&");
        memcpy(to, options, name);
        to += name;
        if (options[name] == '=')
            to = stpcpy(to, "=" HIDDEN);
        if (*end != '\0')
            *to++ = '&';
    }
    *to = '\0';
}

char *source_shown(const char *url)
{
    const char *place = behind_scheme(url);
    const char *at = place != NULL && !is_file(url, place) ? strrchr(place, '@') : NULL;
    const char *rest = at != NULL ? at : place;
    const char *options = place != NULL && is_behind_slashes(place) ? strchr(rest, '?') : NULL;
    size_t kept = place != NULL ? (size_t)(place - url) : 0;
    size_t shown_rest = 0;
    char *shown;
    char *to;

    if (place == NULL)
        return strdup(url);
    /* An option becomes longer by no more than what hides its value. */
    shown = malloc(strlen(url) + sizeof HIDDEN * (strlen(url) + 1));
    if (shown == NULL)
        return NULL;
    shown_rest = options != NULL ? (size_t)(options + 1 - rest) : strlen(rest);
    to = mempcpy(shown, url, kept);
    if (at != NULL)
        to = stpcpy(to, HIDDEN);
    to = mempcpy(to, rest, shown_rest);
    *to = '\0';
    if (options != NULL)
        hide_values(options + 1, to);
    return shown;
}

int source_name_failure(struct failure *failure, int code, const char *url)
{
    cleanup_free char *shown = source_shown(url);

    return failure_name(failure, code, shown != NULL ? shown : "");
}

/* ---- Taken apart ----------------------------------------------------------------------------- */

/* In place, which is never longer. */
static int decode_path(char *path, const char *url, struct source_place *place,
                       struct failure *failure)
{
    size_t plain = strcspn(path, "?#");

    if (path[plain] == '?' && place->kind->takes_options) {
        place->wishes = strchr(url, '?') + 1;
        path[plain] = '\0';
    }

    cleanup_free char *shown = source_shown(url);

    if (shown == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (path[plain] != '\0')
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": there are no options in the URL of a file; a '%c' in "
                                      "the path is written %%%02X",
                           shown, path[plain], path[plain]);
    if (!percent_decode(path))
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": a '%%' in a URL takes two hexadecimal digits behind "
                                      "it, not 00; the sign itself is written %%25",
                           shown);
    return 0;
}

/* URL names a server. Talks to none. */
static int parse_server(const char *url, struct source_place *place, struct failure *failure)
{
    struct server_url parsed = {.host_count = 0};
    size_t length = strlen(place->kind->scheme);

    if (strncmp(url + source_scheme_length(url), "://", 3) != 0) {
        cleanup_free char *shown = source_shown(url);

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
    cleanup_free char *shown = source_shown(url);

    return failure_set(failure, EINVAL,
                       SHOWN_PATH ": there is no kind of source \"%.*s:\"; a source is "
                                  "%s. A file of that name is written ./" SHOWN_PATH,
                       shown != NULL ? shown : "", (int)(length < 40 ? length : 40), url,
                       SOURCE_KNOWN_FORMS, shown != NULL ? shown : "");
}

/* Of what has no scheme: whether it is a URL all the same, behind a NAME= or a slip. */
static bool is_url_misplaced(const char *url)
{
    const char *place = behind_scheme(url);
    size_t name = strcspn(url, "=");

    return place != NULL &&
           (is_behind_slashes(place) ||
            source_kind_find(url + name + 1, source_scheme_length(url + name + 1)) != NULL);
}

static int refuse_misplaced(const char *url, struct failure *failure)
{
    cleanup_free char *shown = source_shown(url);
    size_t name = strcspn(url, "=");

    if (url[name] == '=' && source_scheme_length(url + name + 1) != 0)
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": here a source or a target takes no name: leave \"%.*s=\" "
                                      "away",
                           shown != NULL ? shown : "", (int)(name < 40 ? name : 40), url);
    return failure_set(failure, EINVAL,
                       SHOWN_PATH ": a URL begins with its scheme, which is letters; a source is "
                                  "%s. A file of that name is written ./" SHOWN_PATH,
                       shown != NULL ? shown : "", SOURCE_KNOWN_FORMS, shown != NULL ? shown : "");
}

int source_place_parse(const char *url, struct source_place *ret_place, struct failure *failure)
{
    struct source_place place = {.kind = NULL};
    size_t length = source_scheme_length(url);
    const char *path = url;

    if (length == 0 && is_url_misplaced(url))
        return refuse_misplaced(url, failure);

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

    if (encoded && path[2] != '/') {
        cleanup_free char *shown = source_shown(url);

        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": behind %s:// comes an absolute path and no host: "
                                      "%s:///srv/crm.db; a relative one is %s:crm.db",
                           shown != NULL ? shown : "", place.kind->scheme, place.kind->scheme,
                           place.kind->scheme);
    }
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
