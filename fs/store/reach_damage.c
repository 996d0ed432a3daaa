/* SPDX-License-Identifier: MIT */
/* Objects that are there, and cannot be read: themselves, or what they rest on. */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "fs/store/reach_internal.h"

int reach_visit_pack(struct reach_visit *visit, size_t pack, pack_visit *function)
{
    visit->known = &visit->reach->packs[pack];
    visit->place = 0;
    return pack_visit_objects(visit->reach->store, visit->known->pack.name, function, visit,
                              visit->failure);
}

/* With the lock, or before there is anybody else. */
int reach_note_damaged(struct known_pack *known, uint32_t place)
{
    if (known->damaged == NULL)
        known->damaged = allocate_array(known->pack.count / 8 + 1, 1);
    if (known->damaged == NULL)
        return -ENOMEM;
    reach_set_bit(known->damaged, place);
    return 0;
}

int reach_set_damaged(struct reach *reach, struct reach_spot spot)
{
    pthread_mutex_lock(&reach->lock);
    int error = reach_note_damaged(&reach->packs[spot.pack], spot.entry);
    pthread_mutex_unlock(&reach->lock);
    return error;
}

bool reach_is_damaged(const struct reach *reach, struct reach_spot spot)
{
    return reach_bit(reach->packs[spot.pack].damaged, spot.entry);
}

/* Whether one that is in no directory, or damaged, can be read all the same. 1, 0, -errno. */
static int try_unlisted(struct reach *reach, const struct object_reference *reference, int depth,
                        enum object_type type)
{
    struct object_head head;

    return reach->unlisted != NULL
               ? reach->unlisted(reach->unlisted_context, reference, depth, type, &head)
               : 0;
}

/* A pack_visit. */
static int inherit_damage(void *context, const struct pack_entry *entry)
{
    struct reach_visit *visit = context;
    uint32_t place = visit->place++;
    struct reach_spot parent;

    if (place >= visit->known->pack.count || entry->encoding != OBJECT_ZSTD_PARENT ||
        reach_bit(visit->known->damaged, place))
        return 0;

    int found =
        reach_locate(visit->reach, &entry->parent, entry->depth - 1, &parent, visit->failure);

    if (found < 0 || (found == 1 && !reach_is_damaged(visit->reach, parent)))
        return found < 0 ? found : 0;
    found = try_unlisted(visit->reach, &entry->parent, entry->depth - 1, entry->type);
    if (found != 0)
        return found < 0 ? found : 0;
    visit->changed = true;
    return reach_note_damaged(visit->known, place);
}

/* One generation of a chain a round, so that there are no more rounds than generations. */
int reach_spread_damage(struct reach *reach, struct failure *failure)
{
    struct reach_visit visit = {.reach = reach, .failure = failure};
    int error = 0;

    reach->settled = true;
    do {
        visit.changed = false;
        for (size_t i = 0; i < reach->pack_count && error == 0; i++) {
            if (reach->packs[i].pack.error == 0)
                error = reach_visit_pack(&visit, i, inherit_damage);
            if (error == -ENOENT) /* removed meanwhile */
                error = 0;
        }
    } while (visit.changed && error == 0);
    return error;
}
