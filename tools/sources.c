/* SPDX-License-Identifier: MIT */
#include "tools/sources.h"

#include <errno.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/source.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"
#include "tools/path.h"
#include "tools/shelf.h"

int source_list_append(struct source_list *list, char *name, char *url, bool archive,
                       struct failure *failure)
{
    struct tree_source *items = reallocarray(list->items, list->count + 1, sizeof *items);

    if (items != NULL)
        list->items = items;
    if (items == NULL || name == NULL || url == NULL) {
        free(name);
        free(url);
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }
    items[list->count++] = (struct tree_source){.name = name, .url = url, .archive = archive};
    return 0;
}

int source_list_check_room(const struct source_list *list, const char *name, const char *url,
                           struct failure *failure)
{
    if (list->count == SOURCES_LIMIT)
        return failure_set(failure, EINVAL, "there are more than %d sources", SOURCES_LIMIT);
    for (size_t i = 0; i < list->count && !list->apart; i++) {
        if (strcmp(list->items[i].name, name) != 0)
            continue;

        cleanup_free char *shown = source_shown(url);

        if (i < list->configured)
            return failure_set(failure, EINVAL,
                               "two sources are named \"%s\": one is [source %s] in %.600s; give "
                               "this one another name: NAME=%s",
                               name, name, list->configuration, shown != NULL ? shown : "URL");
        return failure_set(failure, EINVAL,
                           "two sources are named \"%s\"; give one another name: NAME=%s", name,
                           shown != NULL ? shown : "URL");
    }
    return 0;
}

int source_list_note_configuration(struct source_list *list, const char *name)
{
    free(list->configuration);
    list->configuration = strdup(name);
    if (list->configuration == NULL)
        return -ENOMEM;
    list->configured = list->count;
    return 0;
}

int source_list_add(struct source_list *list, const char *text, const char *directory,
                    struct failure *failure)
{
    cleanup_free char *name = NULL;
    cleanup_free char *given = NULL;
    int error = source_parse(text, &name, &given, failure);

    if (error != 0)
        return error;

    if (strncmp(given + path_scheme_size(given), "~/", 2) == 0)
        return failure_set(failure, EINVAL,
                           "%.600s: only a shell knows what ~ means, and only where a word begins; "
                           "write the whole path (./~ is a folder of that name)",
                           given);

    cleanup_free char *url = path_absolute_url(given, directory);

    if (url == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (path_scheme_size(given) == 0 && strcmp(text, given) == 0) {
        int several = shelf_add(list, url, failure);

        if (several != 0)
            return several < 0 ? several : 0;
    }
    error = source_list_check_room(list, name, given, failure);
    return error != 0 ? error
                      : source_list_append(list, steal_pointer(&name), steal_pointer(&url), false,
                                           failure);
}

/* A date at the end of a name: a year and a month at least, perhaps with the time of the day. */
static const char date_pattern[] = "[-_ ]?(19|20)[0-9]{2}[-_]?(0[1-9]|1[0-2])([-_]?[0-3][0-9]"
                                   "([-_ T]?[0-2][0-9][-_:]?[0-5][0-9]([-_:]?[0-5][0-9])?Z?)?)?$";

/* How much of NAME stands before its ending and a date; all of it, if nothing does. 0: no memory.
 */
static size_t undated_size(const char *name)
{
    cleanup_free char *stem = strndup(name, strcspn(name, "."));
    regex_t date;
    regmatch_t found;

    if (stem == NULL || regcomp(&date, date_pattern, REG_EXTENDED) != 0)
        return 0;

    size_t size = regexec(&date, stem, 1, &found, 0) == 0 ? (size_t)found.rm_so : strlen(stem);

    regfree(&date);
    return size != 0 ? size : strlen(name);
}

int source_list_strip_dates(struct source_list *list, struct failure *failure)
{
    for (size_t i = 0; i < list->count; i++) {
        struct tree_source *source = &list->items[i];
        const char *slash = strrchr(source->url, '/');
        const char *file = slash != NULL ? slash + 1 : source->url;

        if (strncmp(file, source->name, strlen(source->name)) != 0)
            continue; /* it was given */

        size_t size = undated_size(source->name);
        char *name = size != 0 ? strndup(source->name, size) : NULL;

        if (name == NULL)
            return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
        free((char *)source->name);
        source->name = name;
    }
    return 0;
}

int source_list_add_named(struct source_list *list, const char *name, const char *url,
                          const char *directory, struct failure *failure)
{
    cleanup_free char *text = NULL;

    if (asprintf(&text, "%s=%s", name, url) < 0) {
        text = NULL;
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    }

    int error = source_list_add(list, text, directory, failure);

    if (error == 0 && strcmp(list->items[list->count - 1].name, name) != 0)
        return failure_set(failure, EINVAL, "\"%s\" cannot be the name of a source", name);
    return error;
}

static int set_once(const char *name, const char *value, const char **place,
                    struct failure *failure)
{
    if (*place != NULL)
        return failure_set(failure, EINVAL, "\"%s\" is given twice", name);
    *place = strdup(value);
    return *place != NULL ? 0 : failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

/* How an archive is to be read; its URL says it. */
static bool is_wish(const char *name)
{
    return strcmp(name, "delimiter") == 0 || strcmp(name, "quote") == 0 ||
           strcmp(name, "escape") == 0 || strcmp(name, "charset") == 0 ||
           strcmp(name, "header") == 0 || strcmp(name, "line-end") == 0 ||
           strcmp(name, "names") == 0 || strcmp(name, "series") == 0;
}

static int add_wish(struct tree_source *source, const char *name, const char *value,
                    struct failure *failure)
{
    const char *path = source->url + path_scheme_size(source->url);
    bool encoded = strncmp(source->url, "archive://", 10) == 0;
    cleanup_free char *place = encoded ? strdup(path + 2) : percent_encode(path);
    cleanup_free char *encoded_value = percent_encode(value);
    char *url;

    if (place == NULL || encoded_value == NULL ||
        asprintf(&url, "archive://%s%c%s=%s", place, strchr(place, '?') != NULL ? '&' : '?', name,
                 encoded_value) < 0)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    free((char *)source->url);
    source->url = url;
    return 0;
}

int source_list_set(struct source_list *list, const char *name, const char *value,
                    struct failure *failure)
{
    struct tree_source *source = &list->items[list->count - 1];

    /* Whether a path is an archive, which may be encrypted, is not known yet. */
    if (!source_is_server(source->url) && strncmp(source->url, "sqlite:", 7) == 0)
        return failure_set(failure, EINVAL,
                           "unknown key \"%s\"; a SQLite database has only \"url\"", name);
    if (!source_is_server(source->url) && is_wish(name))
        return add_wish(source, name, value, failure);
    if (strcmp(name, "password") == 0)
        return set_once(name, value, &source->password, failure);
    if (strcmp(name, "password-command") == 0 || strcmp(name, "password_command") == 0)
        return set_once(name, value, &source->password_command, failure);
    return failure_set(failure, EINVAL,
                       "unknown key \"%s\"; a server has \"url\", \"password\" and "
                       "\"password-command\", an archive \"delimiter\", \"quote\", "
                       "\"escape\", \"charset\", \"header\", \"names\" and \"series\" too",
                       name);
}

static void forget(const char *secret)
{
    if (secret != NULL)
        explicit_bzero((char *)secret, strlen(secret));
    free((char *)secret);
}

void source_list_release(struct source_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free((char *)list->items[i].name);
        free((char *)list->items[i].url);
        free((char *)list->items[i].password_command);
        forget(list->items[i].password);
    }
    for (size_t i = 0; i < list->passed_over_count; i++)
        free(list->passed_over[i].name);
    free(list->passed_over);
    free(list->items);
    free(list->configuration);
    *list = (struct source_list){0};
}
