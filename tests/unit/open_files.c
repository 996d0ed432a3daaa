/* SPDX-License-Identifier: MIT */
#include "tests/unit/open_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/fake_source.h"

#define MOST_DESCRIPTOR 1024

size_t open_files_in(const char *directory, int *descriptors, size_t most)
{
    size_t found = 0;
    size_t length = strlen(directory);

    for (int i = 0; i < MOST_DESCRIPTOR; i++) {
        char link[40];
        char target[500];

        snprintf(link, sizeof link, "/proc/self/fd/%d", i);

        ssize_t size = readlink(link, target, sizeof target);

        if (size <= (ssize_t)length || memcmp(target, directory, length) != 0 ||
            target[length] != '/' || (fcntl(i, F_GETFL) & O_ACCMODE) == O_RDONLY)
            continue;
        if (found < most)
            descriptors[found] = i;
        found++;
    }
    return found;
}

char *scratch_directory(void)
{
    const char *parent = getenv("TMPDIR");
    char *directory = NULL;

    must(asprintf(&directory, "%s/crmfs-test-XXXXXX", parent != NULL ? parent : "/tmp") > 0);
    must(mkdtemp(directory) != NULL);
    return directory;
}

void scratch_directory_remove(char *directory)
{
    must(rmdir(directory) == 0);
    free(directory);
}

void damage_file(int descriptor, long long offset)
{
    unsigned char byte;

    must(pread(descriptor, &byte, 1, offset) == 1);
    byte ^= 0x10;
    must(pwrite(descriptor, &byte, 1, offset) == 1);
}
