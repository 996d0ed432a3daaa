/* SPDX-License-Identifier: MIT */
/*
 * A map from names to numbers, in constant time each. One owner, no locks.
 */
#ifndef CRMFS_BASE_NAME_MAP_H
#define CRMFS_BASE_NAME_MAP_H

#include <stddef.h>

struct name_map;

/* 0 or -ENOMEM. */
int name_map_create(struct name_map **ret_map);

/* NAME is borrowed, unchanged, until the map is freed. 0, -EEXIST (nothing changes) or -ENOMEM. */
int name_map_add(struct name_map *map, const char *name, size_t value);

/* Where the name's value stands (it may be changed there) until the map is freed; NULL: unknown. */
size_t *name_map_find(const struct name_map *map, const char *name);

void name_map_free(struct name_map *map); /* NULL is allowed */

static inline void name_map_cleanup(struct name_map **map)
{
    name_map_free(*map);
}

#define cleanup_name_map __attribute__((__cleanup__(name_map_cleanup)))

#endif
