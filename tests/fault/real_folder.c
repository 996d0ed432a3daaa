/* SPDX-License-Identifier: MIT */
#include "tests/fault/real_folder.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fake_source.h"
#include "tests/unit/memory_storage.h"

static char top[] = "/dev/shm/crmfs-test-fault-XXXXXX";
static char folder[sizeof top + 16];   /* the process's own */
static char linked[sizeof folder + 8]; /* whose files stand in it as well */
static const struct storage *written;  /* what they are of; NULL: they are not there yet */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    return place->level == 0 ? 0 : remove(path);
}

static void empty(const char *path)
{
    must(nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

void real_folders_begin(void)
{
    must(mkdtemp(top) != NULL);
}

void real_folders_end(void)
{
    empty(top);
    must(rmdir(top) == 0);
}

struct storage *real_folder_open(void)
{
    struct storage *storage = NULL;

    snprintf(folder, sizeof folder, "%s/%d", top, (int)getpid());
    snprintf(linked, sizeof linked, "%s.linked", folder);
    written = NULL;
    must(mkdir(linked, 0755) == 0);
    must(dir_storage_open(folder, 1, &storage, NULL) == 0);
    return storage;
}

void real_folder_close(struct storage *storage)
{
    storage->class->close(storage);
    empty(folder);
    empty(linked);
    must(rmdir(folder) == 0 && rmdir(linked) == 0);
}

static void make_folders_above(char *path, size_t top_length)
{
    for (char *slash = strchr(path + top_length + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

static void write_file(char *path, size_t top_length, const uint8_t *bytes, size_t size)
{
    int file;

    make_folders_above(path, top_length);
    file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    must(file >= 0 && write(file, bytes, size) == (ssize_t)size && close(file) == 0);
}

/* No storage changes a file: they are written once, and linked from then on. */
void real_folder_fill(struct storage *storage, struct storage *content)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    (void)storage;
    empty(folder);
    for (size_t i = 0; i < memory_storage_count(content); i++) {
        const char *name = memory_storage_name(content, i);
        size_t size;
        const uint8_t *bytes = memory_storage_bytes(content, name, &size);

        snprintf(from, sizeof from, "%s/%s", linked, name);
        snprintf(to, sizeof to, "%s/%s", folder, name);
        if (written == NULL)
            write_file(from, strlen(top), bytes, size);
        must(written == NULL || written == content);
        make_folders_above(to, strlen(folder));
        must(link(from, to) == 0);
    }
    written = content;
}
