/* SPDX-License-Identifier: MIT */
#include "fs/store/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/reach_internal.h"

int reach_create(struct store *store, struct object_reader *reader, const struct log_state *state,
                 const struct store_progress *progress, struct reach **ret_reach,
                 struct failure *failure)
{
    struct reach *reach = calloc(1, sizeof *reach);

    if (reach == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    reach->store = store;
    reach->reader = reader;
    pthread_mutex_init(&reach->lock, NULL);

    int error = reach_read_packs(reach, state, progress, failure);

    if (error != 0) {
        reach_free(reach);
        return error;
    }
    *ret_reach = reach;
    return 0;
}

void reach_free(struct reach *reach)
{
    if (reach == NULL)
        return;
    reach_release_packs(reach);
    pthread_mutex_destroy(&reach->lock);
    free(reach);
}

void reach_report(struct reach *reach, walk_failed *failed, void *context)
{
    reach->failed = failed;
    reach->failed_context = context;
}

void reach_ask(struct reach *reach, reach_unlisted *unlisted, void *context)
{
    reach->unlisted = unlisted;
    reach->unlisted_context = context;
}

uint64_t reach_lost(const struct reach *reach)
{
    return reach->lost;
}

size_t reach_pack_count(const struct reach *reach)
{
    return reach->pack_count;
}

const struct reach_pack *reach_pack(const struct reach *reach, size_t pack)
{
    return &reach->packs[pack].pack;
}

static int compare_name(const void *name, const void *known)
{
    return strcmp(name, ((const struct known_pack *)known)->pack.name);
}

const struct reach_pack *reach_pack_named(const struct reach *reach, const char *name)
{
    const struct known_pack *known =
        reach->pack_count != 0
            ? bsearch(name, reach->packs, reach->pack_count, sizeof *known, compare_name)
            : NULL;

    return known != NULL ? &known->pack : NULL;
}

bool reach_find(struct reach *reach, const struct object_reference *reference, int depth,
                struct reach_spot *ret_spot)
{
    return reach_locate(reach, reference, depth, ret_spot, NULL) == 1;
}

bool reach_lives(const struct reach *reach, struct reach_spot spot)
{
    return reach_bit(reach->packs[spot.pack].living, spot.entry);
}

/* ---- Adding ---- */

uint64_t reach_piece_bytes(const struct known_pack *known, uint32_t entry)
{
    uint64_t begin = (uint64_t)known->offsets[entry] * 8;

    /* Pieces stand one after another, from the pack's head on. */
    return entry + 1 < known->pack.count ? (uint64_t)known->offsets[entry + 1] * 8 - begin
                                         : PACK_HEAD_BYTES + known->pack.object_bytes - begin;
}

/* 1: it lives already; 0: it does now; -ENOENT: it is in no pack; -errno. */
static int add(struct reach *reach, const struct object_reference *reference, int depth,
               struct failure *failure)
{
    struct reach_spot spot;
    int found = reach_locate(reach, reference, depth, &spot, failure);

    if (found <= 0)
        return found == 0 ? -ENOENT : found;

    struct known_pack *known = &reach->packs[spot.pack];

    if (reach_bit(known->living, spot.entry))
        return 1;
    reach_set_bit(known->living, spot.entry);
    known->pack.living_count++;
    known->pack.living_bytes += reach_piece_bytes(known, spot.entry);
    reach->living_bytes += reach_piece_bytes(known, spot.entry);
    known->fresh = true;
    return 0;
}

/*
 * One that is in no directory, and its ancestors up to the first that is in one. 1: it can be read;
 * -ENOENT, -errno. Depth falls from one to the next.
 */
static int add_unlisted(struct reach *reach, const struct object_reference *reference, int depth,
                        enum object_type type, struct failure *failure)
{
    struct object_reference next = *reference;
    struct object_head head;
    int found = -ENOENT;

    if (reach->unlisted == NULL)
        return -ENOENT;
    while (found == -ENOENT) {
        found = reach->unlisted(reach->unlisted_context, &next, depth, type, &head);
        if (found <= 0)
            return found == 0 ? -ENOENT : found;
        if (head.encoding != OBJECT_ZSTD_PARENT)
            return 1;
        next = head.parent;
        depth = head.place.depth - 1;
        found = add(reach, &next, depth, failure);
    }
    return found < 0 ? found : 1;
}

struct adding {
    struct reach *reach;
    struct failure *failure;
};

/* A walk_failed. */
static int note_failed(void *context, const struct object_reference *reference,
                       enum object_type type, const struct walk_place *place,
                       const struct failure *failure)
{
    struct reach *reach = ((struct adding *)context)->reach;

    reach->lost++;
    return reach->failed != NULL
               ? reach->failed(reach->failed_context, reference, type, place, failure)
               : 0;
}

/* A walk_object. What lives already has been gone into. */
static int add_object(void *context, const struct object_reference *reference,
                      enum object_type type, const struct walk_place *place)
{
    struct adding *adding = context;
    int added = add(adding->reach, reference, REACH_ANY_DEPTH, adding->failure);
    struct failure words;

    if (added != -ENOENT)
        return added;
    added = add_unlisted(adding->reach, reference, REACH_ANY_DEPTH, type, adding->failure);
    if (added != -ENOENT)
        return added == 1 && !walk_is_leaf(type) ? 0 : added;
    /* What is in no pack's directory may be readable all the same, where its reference says. */
    if (!walk_is_leaf(type)) {
        adding->reach->lost++;
        return 0;
    }
    failure_set(&words, EIO, "the pack that it was in is gone or damaged");
    added = note_failed(context, reference, type, place, &words);
    return added != 0 ? added : 1;
}

int reach_add(struct reach *reach, const struct snapshot *snapshot, struct failure *failure)
{
    struct adding adding = {reach, failure};
    const struct walk walk = {
        .reader = reach->reader, .object = add_object, .failed = note_failed, .context = &adding};

    return walk_snapshot(&walk, snapshot, failure);
}

int reach_add_files(struct reach *reach, const struct object_reference *top,
                    struct failure *failure)
{
    struct adding adding = {reach, failure};
    const struct walk walk = {
        .reader = reach->reader, .object = add_object, .failed = note_failed, .context = &adding};

    return walk_files(&walk, top, failure);
}

/* ---- Ancestors ---- */

/* A pack that is gone through once more. */
struct visit {
    struct reach *reach;
    struct known_pack *known;
    uint32_t place;
    bool changed;
    struct failure *failure;
};

static int set_damaged(struct known_pack *known, uint32_t place)
{
    if (known->damaged == NULL)
        known->damaged = allocate_array(known->pack.count / 8 + 1, 1);
    if (known->damaged == NULL)
        return -ENOMEM;
    reach_set_bit(known->damaged, place);
    return 0;
}

/* A pack_visit. */
static int add_parent(void *context, const struct pack_entry *entry)
{
    struct visit *visit = context;
    uint32_t place = visit->place++;

    if (place >= visit->known->pack.count || entry->encoding != OBJECT_ZSTD_PARENT ||
        !reach_bit(visit->known->living, place))
        return 0;

    int added = add(visit->reach, &entry->parent, entry->depth - 1, visit->failure);

    if (added == -ENOENT)
        added = add_unlisted(visit->reach, &entry->parent, entry->depth - 1, entry->type,
                             visit->failure);
    if (added == -ENOENT) {
        if (!reach_bit(visit->known->damaged, place))
            visit->reach->lost++;
        added = set_damaged(visit->known, place);
    }
    return added < 0 ? added : 0;
}

static int visit_pack(struct reach *reach, size_t pack, pack_visit *function, struct visit *visit)
{
    visit->known = &reach->packs[pack];
    visit->place = 0;
    return pack_visit_objects(reach->store, visit->known->pack.name, function, visit,
                              visit->failure);
}

int reach_add_ancestors(struct reach *reach, struct failure *failure)
{
    struct visit visit = {.reach = reach, .failure = failure};
    bool again = true;
    int error = 0;

    reach->needed_bytes = reach->living_bytes;
    while (again && error == 0) {
        again = false;
        for (size_t i = 0; i < reach->pack_count && error == 0; i++) {
            if (!reach->packs[i].fresh)
                continue;
            reach->packs[i].fresh = false;
            again = true;
            error = visit_pack(reach, i, add_parent, &visit);
        }
    }
    return error == -ENOMEM ? failure_set(failure, ENOMEM, "%s", strerror(ENOMEM)) : error;
}

uint64_t reach_ancestor_bytes(const struct reach *reach)
{
    return reach->living_bytes - reach->needed_bytes;
}

/* ---- Damage ---- */

int reach_set_damaged(struct reach *reach, struct reach_spot spot)
{
    return set_damaged(&reach->packs[spot.pack], spot.entry);
}

bool reach_is_damaged(const struct reach *reach, struct reach_spot spot)
{
    return reach_bit(reach->packs[spot.pack].damaged, spot.entry);
}

/* A pack_visit. */
static int inherit_damage(void *context, const struct pack_entry *entry)
{
    struct visit *visit = context;
    uint32_t place = visit->place++;
    struct reach_spot parent;

    if (place >= visit->known->pack.count || entry->encoding != OBJECT_ZSTD_PARENT ||
        reach_bit(visit->known->damaged, place))
        return 0;

    int found =
        reach_locate(visit->reach, &entry->parent, entry->depth - 1, &parent, visit->failure);

    if (found == 0) {
        found = add_unlisted(visit->reach, &entry->parent, entry->depth - 1, entry->type,
                             visit->failure);
        if (found != -ENOENT)
            return found < 0 ? found : 0;
    } else if (found < 0 || !reach_is_damaged(visit->reach, parent)) {
        return found < 0 ? found : 0;
    }
    visit->changed = true;
    return set_damaged(visit->known, place);
}

/* One generation of a chain a round, so that there are no more rounds than generations. */
int reach_spread_damage(struct reach *reach, struct failure *failure)
{
    struct visit visit = {.reach = reach, .failure = failure};
    int error = 0;

    do {
        visit.changed = false;
        for (size_t i = 0; i < reach->pack_count && error == 0; i++) {
            if (reach->packs[i].pack.error == 0)
                error = visit_pack(reach, i, inherit_damage, &visit);
            if (error == -ENOENT) /* removed meanwhile */
                error = 0;
        }
    } while (visit.changed && error == 0);
    return error;
}
