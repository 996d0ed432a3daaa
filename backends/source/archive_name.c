/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/charset_stream.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

#define NAMES_TRIED 1000

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

char *archive_ended_name(const struct archive_endings *endings, const char *path)
{
    char *shown = archive_shown_name(path);
    const char *ending = shown != NULL ? archive_ending_of(endings, shown) : "";
    char *ended = NULL;

    if (ending[0] == '\0')
        return shown;
    if (asprintf(&ended, "%s%s", shown, ending) < 0)
        ended = NULL;
    free(shown);
    return ended;
}

/* How many of the SIZE bytes of NAME stand before the ending of a compression; SIZE: it has none.
 */
static size_t size_before_ending(const char *name, size_t size)
{
    static const char *const endings[] = {".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(endings[i]);

        if (size > length && name[size - length - 1] != '/' &&
            memcmp(name + size - length, endings[i], length) == 0)
            return size - length;
    }
    return size;
}

/* What was compressed more than once is unpacked as often, at one go. */
char *archive_unpacked_name(const char *name)
{
    size_t size = strlen(name);
    size_t before = size_before_ending(name, size);

    while (before != size) {
        size = before;
        before = size_before_ending(name, size);
    }
    return strndup(name, size);
}

char *archive_member_path(struct archive_walk *walk, struct archive_entry *about)
{
    const char *path = archive_entry_pathname(about);
    char *converted = NULL;

    /* What is said to be UTF-8 the locale may have no words for. */
    if (path == NULL || path[0] == '\0')
        path = archive_entry_pathname_utf8(about);
    if (path == NULL || utf8_whole(path, strlen(path)))
        return strdup(path != NULL ? path : "");
    if (walk->source->names != NULL)
        converted = charset_text(walk->source->names, path);
    walk->odd_names += converted == NULL;
    return converted != NULL ? converted : strdup(path);
}

static int keep_name(struct archive_walk *walk, char **name)
{
    if (walk->members == walk->name_capacity) {
        size_t capacity = walk->name_capacity != 0 ? walk->name_capacity * 2 : 64;
        char **names = capacity > ARCHIVE_MEMBERS_MOST
                           ? NULL
                           : reallocarray(walk->name_list, capacity, sizeof *names);

        if (names == NULL)
            return -ENOMEM;
        walk->name_list = names;
        walk->name_capacity = capacity;
    }

    int error = name_map_add(walk->names, *name, walk->members);

    if (error == 0)
        walk->name_list[walk->members++] = steal_pointer(name);
    return error;
}

/* Whether PATH, unpacked, would not be in a folder of its own: it begins there at the root, or
 * leads out of it. */
static bool leads_out(const char *path)
{
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return true;
    }
    return path[0] == '/';
}

/* PATH is shown as NAME, as nobody would look for it: told when all is read. */
static int note_renamed(struct archive_walk *walk, const char *path, const char *name)
{
    if (walk->pass != PASS_ALL || walk->wanted != NULL || walk->renamed++ != 0)
        return 0;
    if (asprintf(&walk->first_renamed, "%.300s as %.300s", path, name) >= 0)
        return 0;
    walk->first_renamed = NULL;
    return -ENOMEM;
}

int archive_choose_name(struct archive_walk *walk, const char *path, const char **ret_name)
{
    cleanup_free char *shown = archive_ended_name(walk->endings, path);
    int error = shown != NULL ? keep_name(walk, &shown) : -ENOMEM;
    bool renamed = error == -EEXIST && walk->source->series == NULL; /* there parts share names */

    for (int i = 2; error == -EEXIST && i < NAMES_TRIED; i++) {
        cleanup_free char *other = NULL;

        if (asprintf(&other, "%s~%d", shown, i) < 0) {
            other = NULL;
            return -ENOMEM;
        }
        error = keep_name(walk, &other);
    }
    if (error != 0)
        return error == -EEXIST ? -EILSEQ : error;
    *ret_name = walk->name_list[walk->members - 1];
    return renamed || leads_out(path) ? note_renamed(walk, path, *ret_name) : 0;
}
