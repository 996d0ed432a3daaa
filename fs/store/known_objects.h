/* SPDX-License-Identifier: MIT */
/*
 * A set of objects by id: what a batch has written lately. One owner, no locks.
 */
#ifndef CRMFS_STORE_KNOWN_OBJECTS_H
#define CRMFS_STORE_KNOWN_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "fs/store/index.h"

/* Zeroed: empty. */
struct known_objects {
    struct index_entry *entries;
    size_t count;
    size_t room;
    uint32_t *slots; /* a place in entries + 1; 0: free */
    size_t slot_count;
};

/* 0 or -ENOMEM; an id that is there already stays where it is. */
int known_objects_add(struct known_objects *known, const struct index_entry *entry);

/* The same, but that ENTRY is the last one then, and the one that stands for its id. */
int known_objects_put(struct known_objects *known, const struct index_entry *entry);

/* NULL: it is not there. Valid until something is added. */
const struct index_entry *known_objects_find(const struct known_objects *known,
                                             const uint8_t id[OBJECT_ID_BYTES]);

void known_objects_clear(struct known_objects *known); /* the memory is kept */
void known_objects_release(struct known_objects *known);

#endif
