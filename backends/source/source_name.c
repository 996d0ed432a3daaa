/* SPDX-License-Identifier: MIT */
/* NAME=URL: what a source is called in the mount (source_place.h says how that is written). */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/plain_file.h"
#include "backends/source/source.h"
#include "backends/source/source_place.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

static bool is_control(char character)
{
    return (unsigned char)character < 0x20 || character == 0x7f;
}

/* Bytes of the name that TEXT begins with, at its '='; -1: it has none and is all URL. */
static ssize_t name_length(const char *text)
{
    size_t length = strcspn(text, "=");

    if (text[length] == '\0' || memchr(text, '/', length) != NULL)
        return -1;
    return source_scheme_length(text) != 0 && source_scheme_length(text) < length ? -1
                                                                                  : (ssize_t)length;
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
    struct source_place place = {.kind = NULL};
    int error;

    if (*text == '\0')
        return failure_set(failure, EINVAL, "a source is missing: \"\" names none; it is %s",
                           SOURCE_KNOWN_FORMS);
    if (*rest == '\0')
        return failure_set(failure, EINVAL, "\"" SHOWN_PATH "\": there is no path behind the '='",
                           text);
    error = source_place_parse(rest, &place, failure);

    cleanup_free char *path = place.path;

    if (error != 0)
        return error;

    cleanup_free char *shown = source_shown(text);

    if (shown == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (length < 0 && path == NULL)
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": the URL names no database to call the source by; give "
                                      "it a name: NAME=%s",
                           shown, shown);

    cleanup_free char *name = length >= 0         ? strndup(text, (size_t)length)
                              : place.url != NULL ? strdup(path)
                                                  : default_name(path);

    if (name == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", shown);
    if (length < 0 && *name == '\0')
        return failure_set(failure, EISDIR, SHOWN_PATH ": is a directory; name the database's file",
                           path);
    error = check_name(name, shown, failure);
    if (error != 0)
        return error;

    char *url = strdup(rest);

    if (url == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", shown);
    *ret_name = steal_pointer(&name);
    *ret_url = url;
    return 0;
}
