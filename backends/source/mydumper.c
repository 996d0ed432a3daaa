/* SPDX-License-Identifier: MIT */
#include "backends/source/mydumper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name's size without the ending, if it has it; else 0. */
static size_t without(const char *name, size_t size, const char *ending)
{
    size_t length = strlen(ending);

    return size > length && memcmp(name + size - length, ending, length) == 0 ? size - length : 0;
}

static size_t without_packing(const char *name, size_t size)
{
    static const char *const endings[] = {".gz", ".zst", ".lz4", ".xz", ".bz2"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t rest = without(name, size, endings[i]);

        if (rest != 0)
            return rest;
    }
    return size;
}

/* Without ".00012", twice if it is there twice. */
static size_t without_numbers(const char *name, size_t size)
{
    for (;;) {
        size_t digits = 0;

        while (digits < size && name[size - digits - 1] >= '0' && name[size - digits - 1] <= '9')
            digits++;
        if (digits < 5 || digits + 1 >= size || name[size - digits - 1] != '.')
            return size;
        size -= digits + 1;
    }
}

/* The number behind SIZE, up to WHOLE; -1: there is none, or two. */
static long number_of(const char *name, size_t size, size_t whole)
{
    char *end = NULL;
    long number = size < whole ? strtol(name + size + 1, &end, 10) : -1;

    return end == name + whole ? number : -1;
}

/* "database.table", or "database" where there is no table. */
static bool split(const char *name, size_t size, bool table, struct mydumper_name *found)
{
    const char *dot = memchr(name, '.', size);
    size_t database = dot != NULL ? (size_t)(dot - name) : size;

    if (database == 0 || database >= MYDUMPER_NAME_SIZE || size - database > MYDUMPER_NAME_SIZE ||
        (table && (dot == NULL || database + 1 == size)))
        return false;
    snprintf(found->database, sizeof found->database, "%.*s", (int)database, name);
    snprintf(found->table, sizeof found->table, "%.*s", table ? (int)(size - database - 1) : 0,
             dot != NULL ? dot + 1 : "");
    return true;
}

static enum mydumper_file kind_of(const char *name, size_t size, struct mydumper_name *found)
{
    static const struct {
        const char *ending;
        enum mydumper_file file;
        bool table;
    } kinds[] = {
        {"-schema.sql", MYDUMPER_TABLE, true},
        {"-schema-view.sql", MYDUMPER_VIEW, true},
        {"-schema-create.sql", MYDUMPER_OTHER, false},
        {"-schema-post.sql", MYDUMPER_OTHER, false},
        {"-schema-triggers.sql", MYDUMPER_OTHER, true},
        {"-schema-sequence.sql", MYDUMPER_OTHER, true},
        {"-metadata", MYDUMPER_OTHER, true},
        {"-checksum", MYDUMPER_OTHER, false},
        {".sql", MYDUMPER_ROWS, true},
        {".dat", MYDUMPER_DATA, true},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t rest = without(name, size, kinds[i].ending);

        if (rest == 0)
            continue;
        if (kinds[i].file == MYDUMPER_ROWS || kinds[i].file == MYDUMPER_DATA) {
            size_t whole = rest;

            rest = without_numbers(name, whole);
            found->part = number_of(name, rest, whole);
        }
        return split(name, rest, kinds[i].table, found) ? kinds[i].file : MYDUMPER_NONE;
    }
    return MYDUMPER_NONE;
}

struct mydumper_name mydumper_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct mydumper_name found = {.file = MYDUMPER_NONE, .part = -1};

    if (strcmp(name, "metadata") == 0)
        found.file = MYDUMPER_METADATA;
    else if (strcmp(name, "metadata.partial") == 0)
        found.file = MYDUMPER_UNFINISHED;
    else
        found.file = kind_of(name, without_packing(name, strlen(name)), &found);
    return found;
}

bool mydumper_is_dump(unsigned kinds)
{
    return (kinds & (1u << MYDUMPER_METADATA | 1u << MYDUMPER_UNFINISHED)) != 0 &&
           (kinds & 1u << MYDUMPER_TABLE) != 0;
}
