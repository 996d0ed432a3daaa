/* SPDX-License-Identifier: MIT */
#include "tools/path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"

char *path_absolute(const char *path)
{
    cleanup_free char *directory = getcwd(NULL, 0);
    char *absolute;

    if (path[0] == '/')
        return strdup(path);
    if (directory == NULL || asprintf(&absolute, "%s/%s", directory, path) < 0)
        return NULL;
    return absolute;
}

char *path_of_mountpoint(const char *path)
{
    char *whole = realpath(path, NULL);

    if (whole != NULL || path[0] == '\0')
        return whole;

    cleanup_free char *copy = path_absolute(path);

    if (copy == NULL)
        return NULL;
    for (size_t size = strlen(copy); size > 1 && copy[size - 1] == '/'; size--)
        copy[size - 1] = '\0';

    char *name = strrchr(copy, '/');
    char *joined;

    *name++ = '\0';

    cleanup_free char *parent = realpath(copy[0] != '\0' ? copy : "/", NULL);

    if (parent == NULL)
        return strdup(path);
    if (asprintf(&joined, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, name) < 0)
        return NULL;
    return joined;
}

bool path_is_within(const char *path, const char *folder)
{
    cleanup_free char *whole = path_of_mountpoint(path);
    size_t size = strlen(folder);

    while (size > 0 && folder[size - 1] == '/')
        size--;
    return whole != NULL && strncmp(whole, folder, size) == 0 &&
           (whole[size] == '\0' || whole[size] == '/');
}

int path_make_absolute(char **path)
{
    char *absolute = *path != NULL ? path_absolute(*path) : NULL;

    if (*path != NULL && absolute == NULL)
        return -ENOMEM;
    free(*path);
    *path = absolute;
    return 0;
}

int path_make_durable(int folder, const char *path)
{
    cleanup_free char *copy = strdup(path);

    if (copy == NULL)
        return -ENOMEM;

    cleanup_fd int above = openat(folder, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* One that may be written into, and not be listed, cannot be opened to be synced. */
    if (above < 0)
        return errno == EACCES ? 0 : -errno;
    return fsync(above) == 0 || errno == EINVAL ? 0 : -errno;
}

size_t path_scheme_size(const char *url)
{
    size_t size = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    return size != 0 && strchr("0123456789+-.", url[0]) == NULL && url[size] == ':' ? size + 1 : 0;
}

char *path_absolute_url(const char *url, const char *directory)
{
    size_t scheme = path_scheme_size(url);
    char *absolute;

    if (url[scheme] == '/')
        return strdup(url);

    cleanup_free char *working = directory == NULL ? getcwd(NULL, 0) : NULL;
    const char *folder = directory != NULL ? directory : working;

    if (folder == NULL)
        return NULL;
    if (strcmp(folder, "/") == 0)
        folder = "";
    if (asprintf(&absolute, "%.*s%s/%s", (int)scheme, url, folder, url + scheme) < 0)
        return NULL;
    return absolute;
}
