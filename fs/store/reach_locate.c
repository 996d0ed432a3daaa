/* SPDX-License-Identifier: MIT */
/*
 * Where an object stands, and which of its copies lives. What is static here is called with the
 * reach's lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/reach_internal.h"

/* A salt's first bytes order as its name does. */
static uint64_t order_of(uint64_t hint)
{
    return __builtin_bswap64(hint);
}

static size_t first_with_hint(const struct reach *reach, uint64_t hint)
{
    size_t low = 0;
    size_t high = reach->pack_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (order_of(reach->packs[middle].pack.hint) < order_of(hint))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct reach_pack *reach_pack_hinted(const struct reach *reach, uint64_t hint)
{
    size_t place = first_with_hint(reach, hint);

    return place < reach->pack_count && reach->packs[place].pack.hint == hint
               ? &reach->packs[place].pack
               : NULL;
}

static bool has_depth(const struct known_pack *known, uint32_t entry, int depth)
{
    return depth == REACH_ANY_DEPTH || known->depths[entry] == depth;
}

static bool find_offset(const struct known_pack *known, const struct object_reference *reference,
                        uint32_t *ret_entry)
{
    uint32_t low = 0;
    uint32_t high = known->pack.count;
    uint64_t wanted = reference->offset / 8;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (known->offsets[middle] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == known->pack.count || known->offsets[low] != wanted ||
        known->tags[low] != get_u64(reference->id))
        return false;
    *ret_entry = low;
    return true;
}

static uint64_t tag_of(const struct reach *reach, struct reach_spot spot)
{
    return reach->packs[spot.pack].tags[spot.entry];
}

static int compare_tags(const void *left, const void *right, void *context)
{
    uint64_t one = tag_of(context, *(const struct reach_spot *)left);
    uint64_t other = tag_of(context, *(const struct reach_spot *)right);

    return (one > other) - (one < other);
}

static int sort_by_tag(struct reach *reach)
{
    size_t count = 0;

    if (reach->by_tag != NULL)
        return 0;
    reach->by_tag = allocate_array(reach->object_count, sizeof *reach->by_tag);
    if (reach->by_tag == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < reach->pack_count; i++) {
        for (uint32_t j = 0; j < reach->packs[i].pack.count; j++)
            reach->by_tag[count++] = (struct reach_spot){(uint32_t)i, j};
    }
    qsort_r(reach->by_tag, count, sizeof *reach->by_tag, compare_tags, reach);
    return 0;
}

struct id_list {
    struct whole_id *ids;
    uint32_t count;
    uint32_t room;
};

/* A pack_visit. */
static int note_id(void *context, const struct pack_entry *entry)
{
    struct id_list *list = context;

    if (list->count == list->room)
        return -EBADMSG;

    struct whole_id *whole = &list->ids[list->count++];

    memcpy(whole->id, entry->reference.id, OBJECT_ID_BYTES);
    whole->parent = entry->encoding == OBJECT_ZSTD_PARENT ? get_u64(entry->parent.id) : 0;
    return 0;
}

/*
 * All ids of a pack; of the packs that were asked for last, in memory. Borrowed until the next
 * call. -ENOENT: prune removed it meanwhile.
 */
static int whole_ids(struct reach *reach, size_t pack, const struct whole_id **ret_ids,
                     struct failure *failure)
{
    const struct reach_pack *known = &reach->packs[pack].pack;
    struct id_list list = {.room = known->count};

    for (size_t i = 0; i < IDS_KEPT; i++) {
        if (reach->whole[i].ids != NULL && reach->whole[i].pack == pack) {
            *ret_ids = reach->whole[i].ids;
            return 0;
        }
    }
    list.ids = allocate_array(known->count, sizeof *list.ids);

    int error = list.ids != NULL
                    ? pack_visit_objects(reach->store, known->name, note_id, &list, failure)
                    : -ENOMEM;

    if (error != 0) {
        free(list.ids);
        return error;
    }

    struct whole_ids *place = &reach->whole[reach->next_whole++ % IDS_KEPT];

    free(place->ids);
    *place = (struct whole_ids){.pack = pack, .ids = list.ids};
    *ret_ids = list.ids;
    return 0;
}

/* 1: the object there has ID in full, not in its first bytes alone; 0: it has not. */
static int has_id(struct reach *reach, struct reach_spot spot, const uint8_t *id,
                  struct failure *failure)
{
    const struct whole_id *ids;
    int error = whole_ids(reach, spot.pack, &ids, failure);

    if (error != 0)
        return error == -ENOENT ? 0 : error;
    return memcmp(ids[spot.entry].id, id, OBJECT_ID_BYTES) == 0;
}

/* The first of those with TAG, or where it would stand. Objects are sorted. */
static size_t first_with_tag(const struct reach *reach, uint64_t tag)
{
    size_t low = 0;
    size_t high = reach->object_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (tag_of(reach, reach->by_tag[middle]) < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/*
 * Whether all that the object rests on is there: then it is a copy that can be read. Its parent may
 * be any copy of the right depth for which the same is so. No deeper than chains are. Once damage
 * was spread, that is known. 1, 0, -errno.
 */
static int stands(struct reach *reach, struct reach_spot spot, struct failure *failure)
{
    const struct whole_id *ids;
    uint8_t depth = reach->packs[spot.pack].depths[spot.entry];
    bool damaged = reach_is_damaged(reach, spot);

    if (reach->settled || damaged || depth == 0)
        return !damaged;

    int error = whole_ids(reach, spot.pack, &ids, failure);

    if (error != 0)
        return error == -ENOENT ? 0 : error;

    uint64_t parent = ids[spot.entry].parent;
    int found = 0;

    for (size_t i = first_with_tag(reach, parent); i < reach->object_count && found == 0; i++) {
        struct reach_spot next = reach->by_tag[i];

        if (tag_of(reach, next) != parent)
            break;
        if (reach->packs[next.pack].depths[next.entry] == depth - 1)
            found = stands(reach, next, failure);
    }
    return found;
}

/* Copies that there are several of, better ones later. */
enum copy { COPY_NONE, COPY_MARKED, COPY_UNMARKED, COPY_MARKED_STANDING, COPY_BEST };

/* Whether another object than the I-th, in the order of tags, may be a copy of it. */
static bool has_likes(const struct reach *reach, size_t i)
{
    uint64_t tag = tag_of(reach, reach->by_tag[i]);

    return (i > 0 && tag_of(reach, reach->by_tag[i - 1]) == tag) ||
           (i + 1 < reach->object_count && tag_of(reach, reach->by_tag[i + 1]) == tag);
}

int reach_stands_alone(struct reach *reach, struct reach_spot spot)
{
    uint64_t tag = tag_of(reach, spot);

    pthread_mutex_lock(&reach->lock);
    int alone = sort_by_tag(reach);

    if (alone == 0 && reach->packs[spot.pack].depths[spot.entry] == 0)
        alone = !has_likes(reach, first_with_tag(reach, tag));
    pthread_mutex_unlock(&reach->lock);
    return alone;
}

/* How good the I-th is, if it is better than BEST; else BEST; -errno. The only one is the best. */
static int judge_copy(struct reach *reach, size_t i, int best, struct failure *failure)
{
    struct reach_spot spot = reach->by_tag[i];
    bool marked = reach->packs[spot.pack].pack.marked;
    int standing = !has_likes(reach, i);

    if (!standing && best < (marked ? COPY_MARKED_STANDING : COPY_BEST))
        standing = stands(reach, spot, failure);
    if (standing < 0)
        return standing;

    int quality = marked     ? standing ? COPY_MARKED_STANDING : COPY_MARKED
                  : standing ? COPY_BEST
                             : COPY_UNMARKED;

    return quality > best ? quality : best;
}

/* By the id, wherever it is: the best copy. 1, 0, -errno. */
static int find_moved(struct reach *reach, const struct object_reference *reference, int depth,
                      struct reach_spot *ret_spot, struct failure *failure)
{
    uint64_t tag = get_u64(reference->id);
    int best = COPY_NONE;
    int error = sort_by_tag(reach);

    if (error != 0)
        return error;
    for (size_t i = first_with_tag(reach, tag); i < reach->object_count && best != COPY_BEST; i++) {
        struct reach_spot spot = reach->by_tag[i];

        if (tag_of(reach, spot) != tag)
            break;
        if (!has_depth(&reach->packs[spot.pack], spot.entry, depth))
            continue;

        int same = has_id(reach, spot, reference->id, failure);
        int quality = same > 0 ? judge_copy(reach, i, best, failure) : same;

        if (quality < 0)
            return quality;
        if (quality > best) {
            best = quality;
            *ret_spot = spot;
        }
    }
    return best != COPY_NONE;
}

/*
 * Where its reference says, if that pack is not marked and that copy is not known to be damaged;
 * else the best copy. As reach_locate().
 */
static int find_copy(struct reach *reach, const struct object_reference *reference, int depth,
                     struct reach_spot *ret_spot, struct failure *failure)
{
    struct reach_spot named = {.pack = 0};
    bool is_there = false;

    for (size_t i = first_with_hint(reach, reference->pack_hint);
         i < reach->pack_count && reach->packs[i].pack.hint == reference->pack_hint; i++) {
        uint32_t entry;

        if (!find_offset(&reach->packs[i], reference, &entry) ||
            !has_depth(&reach->packs[i], entry, depth))
            continue;
        named = (struct reach_spot){(uint32_t)i, entry};
        is_there = true;
        if (!reach->packs[i].pack.marked && !reach_is_damaged(reach, named)) {
            *ret_spot = named;
            return 1;
        }
    }

    int found = find_moved(reach, reference, depth, ret_spot, failure);

    if (found == 0 && is_there) {
        *ret_spot = named;
        return 1;
    }
    if (found == 1 && is_there && !reach_is_damaged(reach, *ret_spot))
        reach->packs[named.pack].pack.avoided |= reach_is_damaged(reach, named);
    return found;
}

int reach_locate(struct reach *reach, const struct object_reference *reference, int depth,
                 struct reach_spot *ret_spot, struct failure *failure)
{
    pthread_mutex_lock(&reach->lock);
    int found = find_copy(reach, reference, depth, ret_spot, failure);
    pthread_mutex_unlock(&reach->lock);
    return found;
}

/* ---- All copies ---- */

static struct object_reference reference_of(const struct reach *reach, struct reach_spot spot,
                                            const uint8_t *id)
{
    const struct known_pack *known = &reach->packs[spot.pack];
    struct object_reference reference = {
        .pack_hint = known->pack.hint,
        .offset = (uint64_t)known->offsets[spot.entry] * 8,
        .sealed_size = (uint32_t)reach_piece_bytes(known, spot.entry),
    };

    memcpy(reference.id, id, OBJECT_ID_BYTES);
    return reference;
}

/* The lock is held. */
static int list_copies(struct reach *reach, const uint8_t *id, int depth, int most,
                       struct object_reference *ret_copies)
{
    uint64_t tag = get_u64(id);
    int count = 0;
    int error = sort_by_tag(reach);

    if (error != 0)
        return error;
    for (size_t i = first_with_tag(reach, tag); i < reach->object_count && count < most; i++) {
        struct reach_spot spot = reach->by_tag[i];

        if (tag_of(reach, spot) != tag)
            break;
        if (!has_depth(&reach->packs[spot.pack], spot.entry, depth))
            continue;

        int same = has_id(reach, spot, id, NULL);

        if (same == -ENOMEM)
            return same;
        if (same == 1)
            ret_copies[count++] = reference_of(reach, spot, id);
    }
    return count;
}

int reach_copies(struct reach *reach, const uint8_t id[OBJECT_ID_BYTES], int depth, int most,
                 struct object_reference *ret_copies)
{
    pthread_mutex_lock(&reach->lock);
    int count = list_copies(reach, id, depth, most, ret_copies);
    pthread_mutex_unlock(&reach->lock);
    return count;
}
