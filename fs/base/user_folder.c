/* SPDX-License-Identifier: MIT */
#include "fs/base/user_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

void user_folder_make(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        mkdir(path, 0700);
        *at = '/';
    }
    mkdir(path, 0700);
}
