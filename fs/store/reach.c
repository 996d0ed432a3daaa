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
    free(reach->roots);
    pthread_mutex_destroy(&reach->lock);
    free(reach);
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

bool reach_is_named(const struct reach *reach, struct reach_spot spot)
{
    return reach_bit(reach->packs[spot.pack].named, spot.entry);
}

/* ---- Adding ---- */

uint64_t reach_piece_bytes(const struct known_pack *known, uint32_t entry)
{
    uint64_t begin = (uint64_t)known->offsets[entry] * 8;

    /* Pieces stand one after another, from the pack's head on. */
    return entry + 1 < known->pack.count ? (uint64_t)known->offsets[entry + 1] * 8 - begin
                                         : PACK_HEAD_BYTES + known->pack.object_bytes - begin;
}

static void let_live(struct reach *reach, struct reach_spot spot)
{
    struct known_pack *known = &reach->packs[spot.pack];

    if (reach_bit(known->living, spot.entry))
        return;
    reach_set_bit(known->living, spot.entry);
    known->pack.living_count++;
    known->pack.lost_count += reach_bit(known->damaged, spot.entry);
    known->pack.living_bytes += reach_piece_bytes(known, spot.entry);
    reach->living_bytes += reach_piece_bytes(known, spot.entry);
    known->fresh = true;
}

/* 1: it lives already; 0: it does now; -ENOENT: it is in no pack, or damaged in all; -errno. */
static int add_listed(struct reach *reach, const struct object_reference *reference, int depth,
                      struct failure *failure)
{
    struct reach_spot spot;
    int found = reach_locate(reach, reference, depth, &spot, failure);

    if (found <= 0)
        return found == 0 ? -ENOENT : found;

    struct known_pack *known = &reach->packs[spot.pack];

    if (reach_bit(known->damaged, spot.entry))
        return -ENOENT;
    if (depth == REACH_ANY_DEPTH)
        reach_set_bit(known->named, spot.entry);
    if (reach_bit(known->living, spot.entry))
        return 1;
    let_live(reach, spot);
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
        found = add_listed(reach, &next, depth, failure);
    }
    return found < 0 ? found : 1;
}

int reach_add_object(struct reach *reach, const struct object_reference *reference, int depth,
                     enum object_type type, struct failure *failure)
{
    struct reach_spot spot;
    int added = add_listed(reach, reference, depth, failure);

    if (added != -ENOENT)
        return added;
    added = add_unlisted(reach, reference, depth, type, failure);
    if (added == 1)
        return REACH_UNLISTED;
    /* What is left of it is not garbage. */
    if (added == -ENOENT && reach_locate(reach, reference, depth, &spot, failure) == 1) {
        if (depth == REACH_ANY_DEPTH)
            reach_set_bit(reach->packs[spot.pack].named, spot.entry);
        let_live(reach, spot);
    }
    return added;
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

    (void)reference;
    (void)type;
    (void)place;
    (void)failure;
    reach->lost++;
    return 0;
}

/* A walk_object. What lives already has been gone into. */
static int add_object(void *context, const struct object_reference *reference,
                      enum object_type type, const struct walk_place *place)
{
    struct adding *adding = context;
    int added = reach_add_object(adding->reach, reference, REACH_ANY_DEPTH, type, adding->failure);

    (void)place;
    if (added == REACH_UNLISTED)
        return walk_is_leaf(type) ? 1 : 0;
    if (added != -ENOENT)
        return added;
    /* What is in no pack's directory may be readable all the same, where its reference says. */
    adding->reach->lost++;
    return walk_is_leaf(type) ? 1 : 0;
}

static int walk_root(struct reach *reach, const struct reach_root *root, struct failure *failure)
{
    struct adding adding = {reach, failure};
    const struct walk walk = {
        .reader = reach->reader, .object = add_object, .failed = note_failed, .context = &adding};

    return root->snapshot != NULL ? walk_snapshot(&walk, root->snapshot, failure)
                                  : walk_files(&walk, &root->top, failure);
}

/* Keeps it, to be walked again. */
static int add_root(struct reach *reach, const struct reach_root *root, struct failure *failure)
{
    if ((reach->root_count & (reach->root_count - 1)) == 0) {
        size_t room = reach->root_count != 0 ? 2 * reach->root_count : 1;
        struct reach_root *roots = reallocarray(reach->roots, room, sizeof *roots);

        if (roots == NULL)
            return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
        reach->roots = roots;
    }
    reach->roots[reach->root_count++] = *root;
    return walk_root(reach, root, failure);
}

int reach_add(struct reach *reach, const struct snapshot *snapshot, struct failure *failure)
{
    return add_root(reach, &(struct reach_root){.snapshot = snapshot}, failure);
}

int reach_add_files(struct reach *reach, const struct object_reference *top,
                    struct failure *failure)
{
    return add_root(reach, &(struct reach_root){.top = *top}, failure);
}

/* ---- Ancestors ---- */

/* A pack_visit. */
static int add_parent(void *context, const struct pack_entry *entry)
{
    struct reach_visit *visit = context;
    uint32_t place = visit->place++;

    if (place >= visit->known->pack.count || entry->encoding != OBJECT_ZSTD_PARENT ||
        !reach_bit(visit->known->living, place))
        return 0;

    int added = reach_add_object(visit->reach, &entry->parent, entry->depth - 1, entry->type,
                                 visit->failure);

    if (added == -ENOENT) {
        if (!reach_bit(visit->known->damaged, place))
            visit->reach->lost++;
        added = reach_note_damaged(visit->known, place);
    }
    return added < 0 ? added : 0;
}

static int add_ancestors(struct reach *reach, struct failure *failure)
{
    struct reach_visit visit = {.reach = reach, .failure = failure};
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
            error = reach_visit_pack(&visit, i, add_parent);
        }
    }
    return error;
}

static void let_nothing_live(struct reach *reach)
{
    for (size_t i = 0; i < reach->pack_count; i++) {
        struct known_pack *known = &reach->packs[i];

        if (known->pack.error != 0)
            continue;
        memset(known->living, 0, known->pack.count / 8 + 1);
        memset(known->named, 0, known->pack.count / 8 + 1);
        known->pack.living_count = 0;
        known->pack.living_bytes = 0;
        known->pack.lost_count = 0;
        known->pack.avoided = false;
        known->fresh = false;
    }
    reach->living_bytes = 0;
    reach->lost = 0;
}

void reach_forget(struct reach *reach)
{
    let_nothing_live(reach);
    reach->root_count = 0;
    reach->needed_bytes = 0;
}

int reach_choose_again(struct reach *reach, struct failure *failure)
{
    int error = reach_spread_damage(reach, failure);

    let_nothing_live(reach);
    for (size_t i = 0; i < reach->root_count && error == 0; i++)
        error = walk_root(reach, &reach->roots[i], failure);
    if (error == 0)
        error = add_ancestors(reach, failure);
    return error == -ENOMEM ? failure_set(failure, ENOMEM, "%s", strerror(ENOMEM)) : error;
}

int reach_add_ancestors(struct reach *reach, struct failure *failure)
{
    int error = add_ancestors(reach, failure);

    /* A copy may have been chosen of which an ancestor is gone. */
    if (error == 0 && reach->lost != 0 && !reach->settled)
        error = reach_choose_again(reach, failure);
    return error == -ENOMEM ? failure_set(failure, ENOMEM, "%s", strerror(ENOMEM)) : error;
}

uint64_t reach_ancestor_bytes(const struct reach *reach)
{
    return reach->living_bytes - reach->needed_bytes;
}
