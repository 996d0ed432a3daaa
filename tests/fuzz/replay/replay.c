/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzz target over the files of its corpus, tests/fuzz/corpus/<the
 * program's own name>, once each, so that an ordinary check does what the
 * fuzzer found out. Speaks TAP, as the unit tests do.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/target.h"

/* Into a block of exactly its size, so that reading past its end is seen. */
static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return -1;

    int result = -1;
    uint8_t *data = NULL;
    long size;

    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 &&
        fseek(file, 0, SEEK_SET) == 0) {
        data = malloc(size > 0 ? (size_t)size : 1);
        if (data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size)
            result = LLVMFuzzerTestOneInput(data, (size_t)size);
    }
    free(data);
    fclose(file);
    return result;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int count, char **arguments)
{
    const char *slash = strrchr(arguments[0], '/');
    const char *name = slash != NULL ? slash + 1 : arguments[0];
    char folder[4096];
    struct dirent **entries = NULL;
    int failed = 0;

    snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", count > 1 ? arguments[1] : name);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    puts("ok 1 - no bytes");

    int entry_count = scandir(folder, &entries, is_visible, alphasort);

    if (entry_count <= 0) {
        printf("not ok 2 - %s is empty, or is not there\n", folder);
        return 1;
    }
    for (int i = 0; i < entry_count; i++) {
        char path[8192];

        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        printf("# %s\n", path); /* names the culprit when the next line never comes */
        fflush(stdout);
        int bad = replay_file(path) != 0;

        printf("%s %d - %s\n", bad ? "not ok" : "ok", i + 2, entries[i]->d_name);
        failed |= bad;
        free(entries[i]);
    }
    free(entries);
    return failed;
}
