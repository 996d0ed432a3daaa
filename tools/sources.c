/* SPDX-License-Identifier: MIT */
#include "tools/sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/source.h"
#include "fs/base/memory.h"

/* Bytes of the scheme that URL begins with, with its ':'; 0: it is a path. */
static size_t scheme_size(const char *url)
{
    size_t size = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return size != 0 && strchr("0123456789+-.", url[0]) == NULL && url[size] == ':' ? size + 1 : 0;
}

/* The daemon works in another directory: a path has to say all of itself. NULL: no memory. */
static char *absolute_url(const char *url, const char *directory)
{
    size_t scheme = scheme_size(url);
    char *absolute;

    if (url[scheme] == '/')
        return strdup(url);
    if (asprintf(&absolute, "%.*s%s/%s", (int)scheme, url, directory, url + scheme) < 0)
        return NULL;
    return absolute;
}

static int append(struct source_list *list, const char *name, const char *url,
                  struct failure *failure)
{
    struct tree_source *items = reallocarray(list->items, list->count + 1, sizeof *items);

    if (items != NULL)
        list->items = items;
    if (items == NULL || url == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    items[list->count++] = (struct tree_source){.name = name, .url = url};
    return 0;
}

int source_list_add(struct source_list *list, const char *text, const char *directory,
                    struct failure *failure)
{
    cleanup_free char *name = NULL;
    cleanup_free char *given = NULL;

    if (list->count == SOURCES_LIMIT)
        return failure_set(failure, EINVAL, "there are more than %d sources", SOURCES_LIMIT);

    int error = source_parse(text, &name, &given, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return failure_set(failure, EINVAL,
                               "two sources are named \"%s\"; give one another name: NAME=%s", name,
                               given);
    }

    cleanup_free char *url = absolute_url(given, directory);

    error = append(list, name, url, failure);
    if (error != 0)
        return error;
    name = url = NULL; /* the list's now */
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

int source_list_set(struct source_list *list, const char *name, const char *value,
                    struct failure *failure)
{
    struct tree_source *source = &list->items[list->count - 1];

    if (!source_is_server(source->url))
        return failure_set(failure, EINVAL,
                           "unknown key \"%s\"; a source that is a file has only \"url\"", name);
    if (strcmp(name, "password") == 0)
        return set_once(name, value, &source->password, failure);
    if (strcmp(name, "password-command") == 0 || strcmp(name, "password_command") == 0)
        return set_once(name, value, &source->password_command, failure);
    return failure_set(failure, EINVAL,
                       "unknown key \"%s\"; a server has \"url\", \"password\" and "
                       "\"password-command\"",
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
    free(list->items);
    *list = (struct source_list){0};
}
