/* SPDX-License-Identifier: MIT */
#include "backends/storage/storage_name.h"

#include <stddef.h>
#include <string.h>

#include "backends/storage/storage.h"

#define SEGMENTS_MOST 3

static bool segment_valid(const char *segment, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (segment[i] < ' ' || segment[i] > '~')
            return false;
    }
    if (size == 1 && segment[0] == '.')
        return false;
    return size > 0 && !(size == 2 && segment[0] == '.' && segment[1] == '.');
}

bool storage_name_valid(const char *name)
{
    if (strlen(name) > STORAGE_NAME_LIMIT)
        return false;
    for (int segments = 1; segments <= SEGMENTS_MOST; segments++) {
        size_t size = strcspn(name, "/");

        if (!segment_valid(name, size))
            return false;
        if (name[size] == '\0')
            return true;
        name += size + 1;
    }
    return false;
}
