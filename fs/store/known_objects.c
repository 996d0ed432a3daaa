/* SPDX-License-Identifier: MIT */
#include "fs/store/known_objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"

#define ROOM_AT_FIRST ((size_t)256)
#define ROOM_MOST ((size_t)1 << 30)

/* The slot of the id, or the free one where it would stand. There is always a free one. */
static size_t slot_of(const struct known_objects *known, const uint8_t *id)
{
    size_t slot = (size_t)get_u64(id) & (known->slot_count - 1);

    while (known->slots[slot] != 0) {
        const struct index_entry *entry = &known->entries[known->slots[slot] - 1];

        if (memcmp(entry->reference.id, id, OBJECT_ID_BYTES) == 0)
            break;
        slot = (slot + 1) & (known->slot_count - 1);
    }
    return slot;
}

/* Twice as many slots as there is room for entries. */
static int grow(struct known_objects *known)
{
    size_t room = known->room == 0 ? ROOM_AT_FIRST : known->room * 2;
    struct index_entry *entries =
        room > ROOM_MOST ? NULL : realloc(known->entries, room * sizeof *entries);

    if (entries == NULL)
        return -ENOMEM;
    known->entries = entries;

    uint32_t *slots = calloc(room * 2, sizeof *slots);

    if (slots == NULL)
        return -ENOMEM;
    free(known->slots);
    known->slots = slots;
    known->slot_count = room * 2;
    known->room = room;
    for (size_t i = 0; i < known->count; i++)
        slots[slot_of(known, entries[i].reference.id)] = (uint32_t)(i + 1);
    return 0;
}

int known_objects_add(struct known_objects *known, const struct index_entry *entry)
{
    int error = known->count == known->room ? grow(known) : 0;

    if (error != 0)
        return error;

    size_t slot = slot_of(known, entry->reference.id);

    if (known->slots[slot] == 0) {
        known->entries[known->count++] = *entry;
        known->slots[slot] = (uint32_t)known->count;
    }
    return 0;
}

/* One that it replaces stays among the entries, before it: grow() comes to the newer one last. */
int known_objects_put(struct known_objects *known, const struct index_entry *entry)
{
    int error = known->count == known->room ? grow(known) : 0;

    if (error != 0)
        return error;
    size_t slot = slot_of(known, entry->reference.id);

    known->entries[known->count++] = *entry;
    known->slots[slot] = (uint32_t)known->count;
    return 0;
}

const struct index_entry *known_objects_find(const struct known_objects *known,
                                             const uint8_t id[OBJECT_ID_BYTES])
{
    if (known->count == 0)
        return NULL;

    size_t slot = slot_of(known, id);

    return known->slots[slot] != 0 ? &known->entries[known->slots[slot] - 1] : NULL;
}

void known_objects_clear(struct known_objects *known)
{
    known->count = 0;
    if (known->slot_count > 0)
        memset(known->slots, 0, known->slot_count * sizeof *known->slots);
}

void known_objects_release(struct known_objects *known)
{
    free(known->entries);
    free(known->slots);
    *known = (struct known_objects){0};
}
