/* SPDX-License-Identifier: MIT */
#include "tests/unit/dir_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

unsigned open_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(stream);
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

int place_begin(void **state)
{
    struct place *place = calloc(1, sizeof *place);

    snprintf(place->path, sizeof place->path, "/tmp/crmfs-dir-storage-XXXXXX");
    if (mkdtemp(place->path) == NULL) {
        free(place);
        return -1;
    }
    place->descriptors = open_descriptors();
    *state = place;
    return dir_storage_open(place->path, 1, &place->storage, NULL);
}

int place_end(void **state)
{
    struct place *place = *state;

    if (place->storage != NULL)
        place->storage->class->close(place->storage);

    unsigned now = open_descriptors();
    int result = now == place->descriptors ? 0 : -1;

    if (result != 0)
        print_error("%u descriptors are open, %u were\n", now, place->descriptors);
    nftw(place->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return result;
}

char *place_path(const struct place *place, const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", place->path, name);
    return path;
}

int put_text(struct storage *storage, const char *name, const char *text)
{
    return storage->class->put_exclusive(storage, name, text, strlen(text), NULL);
}

int put_large(struct storage *storage, const char *name, const char *bytes, size_t size)
{
    struct storage_writer *writer;
    int error = storage->class->create(storage, name, &writer, NULL);

    for (size_t at = 0; error == 0 && at < size; at += 7000) {
        size_t more = size - at < 7000 ? size - at : 7000;

        error = storage->class->append(writer, bytes + at, more, NULL);
        if (error != 0)
            storage->class->abort(writer);
    }
    return error != 0 ? error : storage->class->commit(writer, NULL);
}

bool holds(struct storage *storage, const char *name, const char *bytes, size_t size)
{
    char *found = malloc(size + 1);
    uint64_t length;
    bool same = storage->class->size(storage, name, &length, NULL) == 0 && length == size &&
                storage->class->read(storage, name, 0, found, size, NULL) == 0 &&
                memcmp(found, bytes, size) == 0;

    free(found);
    return same;
}

int gather_names(void *context, const char *name, uint64_t size, time_t modified)
{
    struct names *names = context;
    size_t used = strlen(names->text);

    assert_true(modified >= time(NULL) - 100 && modified <= time(NULL) + 1);
    snprintf(names->text + used, sizeof names->text - used, "%s:%ju ", name, (uintmax_t)size);
    names->count++;
    return names->answer;
}

unsigned entries_in(const char *path)
{
    DIR *stream = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    if (stream == NULL)
        return 0;
    while ((entry = readdir(stream)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(stream);
    return count;
}

char *pattern_bytes(void)
{
    char *bytes = malloc(LARGE);

    for (size_t i = 0; i < LARGE; i++)
        bytes[i] = (char)(i * 7 + i / 251);
    return bytes;
}
