/* SPDX-License-Identifier: MIT */
#include "fs/base/user_folder.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/base/owner.h"

char *user_folder(const char *variable, const char *below_home)
{
    const char *named = getenv(variable);
    const char *home = getenv("HOME");
    char *folder = NULL;
    int length = -1;

    if (named != NULL && named[0] == '/')
        length = asprintf(&folder, "%s/crmfs", named);
    else if (home != NULL && home[0] == '/')
        length = asprintf(&folder, "%s/%s/crmfs", home, below_home);
    return length >= 0 ? folder : NULL;
}

/* What is kept in a new folder is not to go with it in a power cut; the folder may be O_PATH. */
static void sync_folder(int folder)
{
    cleanup_fd int listed = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (listed >= 0)
        (void)!fsync(listed);
}

/* PATH, in the folder PARENT (-1: not known), which becomes the one of the next. */
static void make_one(const char *path, int *parent)
{
    bool made = mkdir(path, 0700) == 0;
    int folder = open(path, O_PATH | O_DIRECTORY | (made ? O_NOFOLLOW : 0) | O_CLOEXEC);

    if (made && folder >= 0 && *parent >= 0)
        (void)owner_follow(*parent, folder);
    if (made && *parent >= 0)
        sync_folder(*parent);
    if (*parent >= 0)
        close(*parent);
    *parent = folder;
}

void user_folder_make(char *path)
{
    cleanup_fd int parent = -1;

    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        make_one(path, &parent);
        *at = '/';
    }
    make_one(path, &parent);
}
