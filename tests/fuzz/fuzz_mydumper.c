/* SPDX-License-Identifier: MIT */
/* Names of files of mydumper's: what is found in one is part of it, wherever the file stands. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mydumper.h"
#include "tests/fuzz/target.h"

static void require_same(const struct mydumper_name *one, const char *path)
{
    struct mydumper_name other = mydumper_name_of(path);

    require(one->file == other.file && strcmp(one->database, other.database) == 0 &&
            strcmp(one->table, other.table) == 0);
}

/* Neither folders before it nor a compression change what a file is. */
static void check_elsewhere(const char *name, const struct mydumper_name *found)
{
    char *other;

    require(asprintf(&other, "some.db-schema.sql/a/%s", name) >= 0);
    require_same(found, other);
    free(other);
    if (found->file < MYDUMPER_TABLE)
        return;
    require(asprintf(&other, "%s.gz", name) >= 0);
    if (strstr(name, ".gz") == NULL && strstr(name, ".zst") == NULL &&
        strstr(name, ".lz4") == NULL && strstr(name, ".xz") == NULL && strstr(name, ".bz2") == NULL)
        require_same(found, other);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *path = strndup((const char *)data, size);

    require(path != NULL);

    struct mydumper_name found = mydumper_name_of(path);
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;

    require(strncmp(name, found.database, strlen(found.database)) == 0);
    require(strstr(name, found.table) != NULL);
    if (found.file == MYDUMPER_TABLE || found.file == MYDUMPER_ROWS ||
        found.file == MYDUMPER_DATA || found.file == MYDUMPER_VIEW)
        require(found.database[0] != '\0' && found.table[0] != '\0');
    check_elsewhere(name, &found);
    free(path);
    return 0;
}
