/* SPDX-License-Identifier: MIT */
/*
 * What a batch need not write: objects that it wrote already, and objects that
 * the store has, in packs that are there and not marked for removal. An object
 * compressed against others is of use only with all of its ancestors, which an
 * index does not name: its bodies do.
 *
 * A pack may have been lost. A snapshot that relied on it could not be read, though all went well:
 * so of everything that is not written again the packs are looked at, up to the one that its
 * oldest ancestor stands in. What is in them is not read for that, but for the bodies that name a
 * parent; reading everything is what `crmfs check --read-data` is for.
 */
#include <errno.h>
#include <string.h>

#include "fs/store/object_batch.h"

/* ---- Packs ---- */

/* Whether a pack of that hint is there, as long as it was written. 1, 0, -ENOMEM. */
static int look_at_packs(struct object_batch *batch, uint8_t salts[][STORE_SALT_BYTES], int count)
{
    struct object_reader *reader = batch->reader;
    int error = -ENOENT;

    for (int i = 0; i < count && error != 0 && error != -ENOMEM; i++) {
        char path[PACK_PATH_SIZE];
        struct sealer *sealer;

        pack_path(salts[i], path);
        error = file_keys_take(reader->keys, STORE_PACKS, salts[i], path, &sealer, NULL);
        if (error != 0)
            continue;
        error = pack_foot_check(store_storage(batch->store), sealer, salts[i], NULL);
        file_keys_give(reader->keys, sealer);
    }
    return error == 0 ? 1 : error == -ENOMEM ? error : 0;
}

/* Whether the pack is there, as a whole. A batch looks at each once. 1, 0, -errno. */
static int pack_is_there(struct object_batch *batch, uint64_t hint, struct failure *failure)
{
    uint8_t salts[PACKS_A_HINT][STORE_SALT_BYTES];

    pthread_mutex_lock(&batch->lock);
    bool there = hint_set_has(&batch->there, hint);
    bool cut = hint_set_has(&batch->cut, hint);
    pthread_mutex_unlock(&batch->lock);
    if (there || cut)
        return there ? 1 : 0;

    int found = pack_list_find(batch->reader->packs, hint, PACKS_A_HINT, salts, failure);

    if (found > 0) {
        found = look_at_packs(batch, salts, found);
        if (found >= 0) {
            pthread_mutex_lock(&batch->lock);
            int error = hint_set_add(found > 0 ? &batch->there : &batch->cut, hint);
            pthread_mutex_unlock(&batch->lock);
            if (error != 0)
                return error;
        }
    }
    return found;
}

/* What the packs are asked for that an object and its ancestors are looked for in. */
enum trust {
    NOT_AVOIDED, /* nothing else keeps what is there from being pruned */
    THERE,       /* a snapshot that refers to it does */
};

static int pack_is_usable(struct object_batch *batch, uint64_t hint, enum trust trust,
                          struct failure *failure)
{
    return trust == NOT_AVOIDED && hint_set_has(&batch->avoided, hint)
               ? 0
               : pack_is_there(batch, hint, failure);
}

/* ---- Objects ---- */

static int locate(struct object_batch *batch, const struct object_reference *reference, int depth,
                  enum trust trust, struct object_reference *ret_place, struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];
    int usable = pack_is_usable(batch, reference->pack_hint, trust, failure);

    if (usable != 0) {
        if (usable > 0)
            *ret_place = *reference;
        return usable;
    }

    int found =
        index_set_find(batch->reader->indexes, reference->id, PLACES_MOST, entries, failure);

    if (found < 0)
        return found;
    for (int i = 0; i < found && usable == 0; i++) {
        if (depth != OBJECT_DEPTH_ANY && entries[i].depth != depth)
            continue;
        usable = pack_is_usable(batch, entries[i].reference.pack_hint, trust, failure);
        if (usable > 0)
            *ret_place = entries[i].reference;
    }
    return usable;
}

int batch_locate(struct object_batch *batch, const struct object_reference *reference, int depth,
                 struct object_reference *ret_place, struct failure *failure)
{
    return locate(batch, reference, depth, NOT_AVOIDED, ret_place, failure);
}

/* Packs that something rests on. */
struct hints {
    uint64_t hints[OBJECT_DEPTH_MOST + 1];
    size_t count;
};

/*
 * Whether there are all ancestors of link AT of SCRATCH's chain, which is extended as far as they
 * have to be read for that: all but the last. Adds their packs to HINTS. 1, 0, -errno.
 */
static int ancestors_are_there(struct object_batch *batch, struct read_scratch *scratch, size_t at,
                               enum trust trust, struct hints *hints, struct failure *failure)
{
    for (;; at++) {
        const struct chain_link *link = &scratch->links[at];
        struct object_reference parent;

        if (link->head.encoding != OBJECT_ZSTD_PARENT)
            return 1;

        int parent_depth = link->head.place.depth - 1;
        int usable = locate(batch, &link->head.parent, parent_depth, trust, &parent, failure);

        if (usable <= 0)
            return usable;
        hints->hints[hints->count++] = parent.pack_hint;
        if (parent_depth == 0)
            return 1;

        int error = at + 1 < scratch->count ? 0 : chain_extend(batch->reader, scratch, NULL);

        if (error != 0)
            return error == -ENOMEM ? error : 0; /* what cannot be read is written again */
    }
}

/* The same of the object at PLACE, whose pack is usable. */
static int has_its_ancestors(struct object_batch *batch, const struct object_reference *place,
                             enum object_type type, enum trust trust, struct hints *hints,
                             struct failure *failure)
{
    struct object_reader *reader = batch->reader;
    struct read_scratch *scratch = read_scratch_take(reader);

    if (scratch == NULL)
        return -ENOMEM;

    int error = chain_begin(reader, scratch, place, type, NULL);
    int whole = error == -ENOMEM ? error : 0;

    /* Another copy of it, kept in memory or found elsewhere, may have other ancestors. */
    if (error == 0 && object_reference_same_place(&scratch->links[0].reference, place))
        whole = ancestors_are_there(batch, scratch, 0, trust, hints, failure);
    chain_end(reader, scratch);
    read_scratch_give(reader, scratch);
    return whole;
}

int batch_has_read(struct object_batch *batch, struct read_scratch *scratch, size_t place,
                   struct failure *failure)
{
    struct hints hints = {.count = 0};
    size_t at = place;
    struct object_reference there;

    while (at < scratch->count && scratch->links[at].cached == NULL)
        at++;
    if (at == scratch->count)
        return 1;

    const struct chain_link *link = &scratch->links[at];
    int usable = locate(batch, &link->reference, link->head.place.depth, THERE, &there, failure);

    return usable <= 0 ? usable : ancestors_are_there(batch, scratch, at, THERE, &hints, failure);
}

static int rely_on(struct object_batch *batch, const uint64_t *hints, size_t count)
{
    int error = 0;

    pthread_mutex_lock(&batch->lock);
    for (size_t i = 0; i < count && error == 0; i++)
        error = hint_set_add(&batch->relied, hints[i]);
    pthread_mutex_unlock(&batch->lock);
    return error;
}

/* 1, 0 or -errno. */
static int is_whole(struct object_batch *batch, const struct index_entry *entry,
                    struct failure *failure)
{
    struct hints hints = {{entry->reference.pack_hint}, 1};
    int usable = pack_is_usable(batch, entry->reference.pack_hint, NOT_AVOIDED, failure);

    if (usable > 0 && entry->depth > 0)
        usable =
            has_its_ancestors(batch, &entry->reference, entry->type, NOT_AVOIDED, &hints, failure);
    if (usable <= 0)
        return usable;

    int error = rely_on(batch, hints.hints, hints.count);

    return error != 0 ? error : 1;
}

/* Whether the object at PLACE has no ancestors; an index may say so, else its body has to. */
static int is_stored_alone(struct object_batch *batch, const struct object_reference *place,
                           struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];
    int found = index_set_find(batch->reader->indexes, place->id, PLACES_MOST, entries, failure);

    for (int i = 0; i < found; i++) {
        if (object_reference_same_place(&entries[i].reference, place))
            return entries[i].depth == 0;
    }
    return found < 0 ? found : 0;
}

int batch_find_again(struct object_batch *batch, const struct object_reference *predecessor,
                     enum object_type type, struct object_reference *ret_place,
                     struct failure *failure)
{
    struct hints hints = {.count = 0};
    struct object_reference place;
    int usable = locate(batch, predecessor, OBJECT_DEPTH_ANY, NOT_AVOIDED, &place, failure);

    if (usable <= 0)
        return usable;
    usable = is_stored_alone(batch, &place, failure);
    if (usable == 0)
        usable = has_its_ancestors(batch, &place, type, THERE, &hints, failure);
    if (usable > 0)
        *ret_place = place;
    return usable;
}

int object_batch_rely(struct object_batch *batch, const struct object_reference *reference,
                      enum object_type type, struct object_reference *ret_place,
                      struct failure *failure)
{
    struct object_reference place;
    struct hints hints = {.count = 0};
    int usable = locate(batch, reference, OBJECT_DEPTH_ANY, NOT_AVOIDED, &place, failure);

    if (usable <= 0)
        return usable;
    hints.hints[hints.count++] = place.pack_hint;
    usable = is_stored_alone(batch, &place, failure);
    if (usable == 0)
        usable = has_its_ancestors(batch, &place, type, NOT_AVOIDED, &hints, failure);
    if (usable <= 0)
        return usable;

    int error = rely_on(batch, hints.hints, hints.count);

    if (error != 0)
        return error;
    *ret_place = place;
    return 1;
}

int batch_find(struct object_batch *batch, const uint8_t id[OBJECT_ID_BYTES], enum object_type type,
               struct object_reference *ret_place, struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];

    pthread_mutex_lock(&batch->lock);
    const struct index_entry *written = known_objects_find(&batch->written, id);
    bool known = written != NULL;
    int error = 0;

    /* What was written before a renewal may have been marked since. */
    if (known && batch->renewed) {
        known = !hint_set_has(&batch->avoided, written->reference.pack_hint);
        error = known ? hint_set_add(&batch->relied, written->reference.pack_hint) : 0;
    }
    if (known)
        *ret_place = written->reference;
    pthread_mutex_unlock(&batch->lock);
    if (known)
        return error == 0 ? 1 : error;

    int found = index_set_find(batch->reader->indexes, id, PLACES_MOST, entries, failure);
    int usable = found < 0 ? found : 0;

    for (int i = 0; i < found && usable == 0; i++) {
        if (entries[i].type != type)
            continue;
        usable = is_whole(batch, &entries[i], failure);
        if (usable > 0)
            *ret_place = entries[i].reference;
    }
    return usable;
}
