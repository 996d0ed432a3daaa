/* SPDX-License-Identifier: MIT */
#include "fs/base/name_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/hash.h"

struct name_entry {
    const char *name;
    size_t value;
    bool refused; /* uthash found no memory for it */
    UT_hash_handle hh;
};

struct name_map {
    struct name_entry *entries;
};

int name_map_create(struct name_map **ret_map)
{
    struct name_map *map = calloc(1, sizeof *map);

    if (map == NULL)
        return -ENOMEM;
    *ret_map = map;
    return 0;
}

static struct name_entry *find(const struct name_map *map, const char *name, size_t length)
{
    struct name_entry *entry = NULL;

    HASH_FIND(hh, map->entries, name, length, entry);
    return entry;
}

int name_map_add(struct name_map *map, const char *name, size_t value)
{
    size_t length = strlen(name);

    if (find(map, name, length) != NULL)
        return -EEXIST;

    struct name_entry *entry = calloc(1, sizeof *entry);

    if (entry == NULL)
        return -ENOMEM;
    entry->name = name;
    entry->value = value;
    HASH_ADD_KEYPTR(hh, map->entries, entry->name, length, entry);
    if (entry->refused) {
        free(entry);
        return -ENOMEM;
    }
    return 0;
}

size_t *name_map_find(const struct name_map *map, const char *name)
{
    struct name_entry *entry = find(map, name, strlen(name));

    return entry != NULL ? &entry->value : NULL;
}

void name_map_free(struct name_map *map)
{
    struct name_entry *entry;
    struct name_entry *next;

    if (map == NULL)
        return;
    HASH_ITER (hh, map->entries, entry, next) {
        HASH_DEL(map->entries, entry);
        free(entry);
    }
    free(map);
}
