/* SPDX-License-Identifier: MIT */
/*
 * Tables that a restore is making, which CREATE TABLE shows to everybody at once: they get names
 * that nobody else gives, of the database's name among other things, are not shown, and are dropped
 * by the next restore where one was killed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/ascii.h"

#define PREFIX_SIZE 40

/* "crmfs_new_0123456789abcdef_". A server may not tell capitals from small letters. */
static void write_prefix(const struct mysql_source *source, char prefix[PREFIX_SIZE])
{
    XXH64_hash_t hash = 0;

    for (const char *at = source->database; *at != '\0'; at++) {
        char letter = ascii_lower(*at);

        hash = XXH3_64bits_withSeed(&letter, 1, hash);
    }
    snprintf(prefix, PREFIX_SIZE, "crmfs_new_%016" PRIx64 "_", hash);
}

void mysql_unfinished_name(const struct mysql_source *source, size_t number,
                           char name[MYSQL_UNFINISHED_SIZE])
{
    char prefix[PREFIX_SIZE];

    write_prefix(source, prefix);
    snprintf(name, MYSQL_UNFINISHED_SIZE, "%s%zu", prefix, number);
}

bool mysql_is_unfinished(const struct mysql_source *source, const char *name)
{
    char prefix[PREFIX_SIZE];
    size_t length;

    if (strncmp(name, "crmfs_new_", strlen("crmfs_new_")) != 0)
        return false;
    write_prefix(source, prefix);
    length = strlen(prefix);
    return strncmp(name, prefix, length) == 0 && name[length] != '\0' &&
           name[length + strspn(name + length, "0123456789")] == '\0';
}
