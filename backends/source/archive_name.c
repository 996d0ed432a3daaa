/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "fs/base/utf8.h"

static bool is_plain(const char *at, size_t size)
{
    size_t length = utf8_character(at, size);

    return length != 0 && (unsigned char)*at >= 0x20 && *at != 0x7f && *at != '%' && *at != '\\';
}

/* One part of the path. Its end in the shown name. */
static char *show_part(const char *part, size_t size, char *to)
{
    static const char digits[] = "0123456789ABCDEF";
    bool dots = size == 2 && part[0] == '.' && part[1] == '.';

    while (size > 0) {
        size_t length = utf8_character(part, size);

        if (dots || !is_plain(part, size)) {
            *to++ = '%';
            *to++ = digits[(unsigned char)*part >> 4];
            *to++ = digits[*part & 15];
            length = 1;
        } else {
            memcpy(to, part, length);
            to += length;
        }
        part += length;
        size -= length;
    }
    return to;
}

char *archive_shown_name(const char *path)
{
    size_t size = strnlen(path, PATH_MAX);
    char *shown = malloc(3 * size + sizeof "data");
    char *to = shown;

    if (shown == NULL)
        return NULL;
    for (size_t at = 0; at < size;) {
        size_t part = strcspn(path + at, "/");

        part = part < size - at ? part : size - at;
        if (part != 0 && !(part == 1 && path[at] == '.')) {
            if (to != shown)
                *to++ = '/';
            to = show_part(path + at, part, to);
        }
        at += part + 1;
    }
    if (to == shown)
        to = stpcpy(to, "data");
    *to = '\0';
    return shown;
}
