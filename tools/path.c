/* SPDX-License-Identifier: MIT */
#include "tools/path.h"

#include <errno.h>
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
