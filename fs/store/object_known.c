/* SPDX-License-Identifier: MIT */
/*
 * What a batch need not write: objects that it wrote already, and objects that
 * the store has, in packs that are there and not marked for removal. An object
 * compressed against others is of use only with all of its ancestors, which an
 * index does not name: its bodies do.
 */
#include <errno.h>
#include <string.h>

#include "fs/store/object_batch.h"

/* Whether the pack is there and may be relied on. 1, 0, -errno. */
static int pack_is_usable(struct object_batch *batch, uint64_t hint, struct failure *failure)
{
    uint8_t salts[1][STORE_SALT_BYTES];

    return hint_set_has(&batch->avoided, hint)
               ? 0
               : pack_list_find(batch->reader->packs, hint, 1, salts, failure);
}

int batch_locate(struct object_batch *batch, const struct object_reference *reference, int depth,
                 struct object_reference *ret_place, struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];
    int usable = pack_is_usable(batch, reference->pack_hint, failure);

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
        usable = pack_is_usable(batch, entries[i].reference.pack_hint, failure);
        if (usable > 0)
            *ret_place = entries[i].reference;
    }
    return usable;
}

/* Adds to HINTS the packs of an object and of its ancestors. 1: all may be relied on; 0; -errno. */
static int walk_ancestors(struct object_batch *batch, struct read_scratch *scratch,
                          const struct object_reference *place, enum object_type type,
                          uint64_t hints[OBJECT_DEPTH_MOST + 1], size_t *count,
                          struct failure *failure)
{
    struct object_reader *reader = batch->reader;
    int error = chain_begin(reader, scratch, place, type, failure);

    while (error == 0) {
        const struct chain_link *link = &scratch->links[scratch->count - 1];
        struct object_reference parent;
        int usable = pack_is_usable(batch, link->reference.pack_hint, failure);

        if (usable <= 0)
            return usable;
        hints[(*count)++] = link->reference.pack_hint;
        if (link->head.encoding != OBJECT_ZSTD_PARENT)
            return 1;
        if (link->head.place.depth == 1) { /* the first of the chain need not be read */
            usable = batch_locate(batch, &link->head.parent, 0, &parent, failure);
            if (usable > 0)
                hints[(*count)++] = parent.pack_hint;
            return usable;
        }
        error = chain_extend(reader, scratch, failure);
    }
    return error == -ENOMEM ? error : 0; /* what cannot be read is written again */
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
    uint64_t hints[OBJECT_DEPTH_MOST + 1] = {entry->reference.pack_hint};
    size_t count = 1;
    int usable = pack_is_usable(batch, hints[0], failure);

    if (usable > 0 && entry->depth > 0) {
        struct read_scratch *scratch = read_scratch_take(batch->reader);

        if (scratch == NULL)
            return -ENOMEM;
        count = 0;
        usable =
            walk_ancestors(batch, scratch, &entry->reference, entry->type, hints, &count, failure);
        chain_end(batch->reader, scratch);
        read_scratch_give(batch->reader, scratch);
    }
    if (usable <= 0)
        return usable;

    int error = rely_on(batch, hints, count);

    return error != 0 ? error : 1;
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
