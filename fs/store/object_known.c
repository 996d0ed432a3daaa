/* SPDX-License-Identifier: MIT */
/*
 * What a batch need not write: objects that it wrote already, and objects that
 * the store has, in packs that are there and not marked for removal. An object
 * compressed against others is of use only with all of its ancestors, which an
 * index does not name: its bodies do.
 *
 * A pack may have been lost, or a piece in it damaged. A snapshot that relied on it could not be
 * read, though all went well: so everything that is not written again is opened before, up to its
 * oldest ancestor. What does not open counts as not there, and is written anew at once; that gives
 * it back to older snapshots as well, since whoever reads them looks for other copies. It is not
 * decompressed for that; reading everything is what `crmfs check --read-data` is for.
 */
#include <errno.h>
#include <string.h>

#include "fs/store/durable.h"
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
    bool missing = hint_set_has(&batch->missing, hint);
    pthread_mutex_unlock(&batch->lock);
    if (there || missing)
        return there ? 1 : 0;

    int found = pack_list_find(batch->reader->packs, hint, PACKS_A_HINT, salts, failure);

    if (found > 0)
        found = look_at_packs(batch, salts, found);
    if (found < 0)
        return found;
    pthread_mutex_lock(&batch->lock);
    int error = hint_set_add(found > 0 ? &batch->there : &batch->missing, hint);
    pthread_mutex_unlock(&batch->lock);
    return error != 0 ? error : found;
}

static int pack_is_usable(struct object_batch *batch, uint64_t hint, struct failure *failure)
{
    return hint_set_has(&batch->avoided, hint) ? 0 : pack_is_there(batch, hint, failure);
}

/* ---- Objects ---- */

/* Whether the piece at PLACE opens, in a pack that is there and not avoided. 1, 0, -errno. */
static int place_is_usable(struct object_batch *batch, const struct object_reference *place,
                           struct failure *failure)
{
    int usable = pack_is_usable(batch, place->pack_hint, failure);

    return usable > 0 ? batch_place_opens(batch, place) : usable;
}

/*
 * Where the object stands that REFERENCE means, at DEPTH or any, and opens, in a pack that is
 * there, whole, and not avoided. 1; 0: nowhere; -errno. Its ancestors are not looked at, and it is
 * not relied on.
 */
static int locate(struct object_batch *batch, const struct object_reference *reference, int depth,
                  struct object_reference *ret_place, struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];
    int usable = place_is_usable(batch, reference, failure);

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
        usable = place_is_usable(batch, &entries[i].reference, failure);
        if (usable > 0)
            *ret_place = entries[i].reference;
    }
    return usable;
}

/* An object and what it rests on: where each stands. */
struct places {
    struct object_reference places[OBJECT_DEPTH_MOST + 1];
    size_t count;
};

/*
 * Whether the copy at PLACE rests on what LINK does, which was read: it is that one, or one that
 * prune moved. 1, 0 (also when it cannot be read), -ENOMEM.
 */
static int rests_on_the_same(struct object_batch *batch, const struct chain_link *link,
                             const struct object_reference *place)
{
    cleanup_buffer struct buffer sealed = BUFFER(OBJECT_SEALED_LIMIT);
    cleanup_buffer struct buffer body = BUFFER(OBJECT_BODY_LIMIT);
    struct object_reference found;
    struct object_head head;

    if (link->head.encoding != OBJECT_ZSTD_PARENT ||
        object_reference_same_place(&link->reference, place))
        return 1;

    int error =
        object_fetch_at(batch->reader, place, link->head.place.depth, &sealed, &body, &found, NULL);

    if (error != 0)
        return error == -ENOMEM ? error : 0;
    return object_reference_same_place(&found, place) &&
           object_head_decode(body.data, body.size, &head) > 0 &&
           head.encoding == OBJECT_ZSTD_PARENT &&
           memcmp(head.parent.id, link->head.parent.id, OBJECT_ID_BYTES) == 0;
}

/* Where LINK stands, or stands again, in a pack that is usable: into PLACES. 1, 0, -errno. */
static int link_is_there(struct object_batch *batch, const struct chain_link *link,
                         struct places *places, struct failure *failure)
{
    struct object_reference place;

    /* What comes out of the cache was opened some time ago. */
    if (link->cached == NULL)
        batch_note_opened(batch, &link->reference);

    int usable = locate(batch, &link->reference, link->head.place.depth, &place, failure);

    if (usable > 0)
        usable = rests_on_the_same(batch, link, &place);
    if (usable > 0)
        places->places[places->count++] = place;
    return usable;
}

/*
 * Whether there are all ancestors of link AT of SCRATCH's chain, which is extended as far as they
 * have to be read for that: all but the last. Adds where they stand to PLACES. 1, 0, -errno.
 */
static int ancestors_are_there(struct object_batch *batch, struct read_scratch *scratch, size_t at,
                               struct places *places, struct failure *failure)
{
    for (;; at++) {
        const struct object_head *head = &scratch->links[at].head;
        struct object_reference parent;
        int usable;

        if (head->encoding != OBJECT_ZSTD_PARENT)
            return 1;
        if (head->place.depth == 1) {
            usable = locate(batch, &head->parent, 0, &parent, failure);
            if (usable > 0)
                places->places[places->count++] = parent;
            return usable;
        }

        int error = at + 1 < scratch->count ? 0 : chain_extend(batch->reader, scratch, NULL);

        if (error != 0)
            return error == -ENOMEM ? error : 0; /* what cannot be read is written again */
        usable = link_is_there(batch, &scratch->links[at + 1], places, failure);
        if (usable <= 0)
            return usable;
    }
}

/* The same of the object at PLACE, which is usable. */
static int has_its_ancestors(struct object_batch *batch, const struct object_reference *place,
                             enum object_type type, struct places *places, struct failure *failure)
{
    struct object_reader *reader = batch->reader;
    struct read_scratch *scratch = read_scratch_take(reader);

    if (scratch == NULL)
        return -ENOMEM;

    int error = chain_begin(reader, scratch, place, type, NULL);
    int whole = error == -ENOMEM ? error : 0;

    /* Another copy of it, kept in memory or found elsewhere, may have other ancestors. */
    if (error == 0 && object_reference_same_place(&scratch->links[0].reference, place))
        whole = ancestors_are_there(batch, scratch, 0, places, failure);
    chain_end(reader, scratch);
    read_scratch_give(reader, scratch);
    return whole;
}

/* ---- What is relied on ---- */

/* Packs of one hint: all of them are made durable. 1, 0: not one that is there can be; -ENOMEM. */
static int make_packs_durable(struct object_batch *batch, const struct object_reference *place,
                              struct failure *failure)
{
    struct object_reader *reader = batch->reader;
    uint8_t salts[PACKS_A_HINT][STORE_SALT_BYTES];
    int found = pack_list_find(reader->packs, place->pack_hint, PACKS_A_HINT, salts, failure);
    int durable = 0;

    for (int i = 0; i < found; i++) {
        int error = durable_make(batch->store, reader->indexes, salts[i], place, NULL);

        if (error != 0 && error != -ENOENT)
            return error == -ENOMEM ? error : 0;
        durable = durable == 1 || error == 0;
    }
    return found < 0 ? found : durable;
}

/*
 * Another writer's pack can be seen before it is durable, where nothing else has the object any
 * more: a power cut that takes it away must not take what was acknowledged. A batch asks once of
 * each pack. 1, 0: it is better not relied on; -errno.
 */
static int is_durable(struct object_batch *batch, const struct object_reference *place,
                      struct failure *failure)
{
    pthread_mutex_lock(&batch->lock);
    bool known = hint_set_has(&batch->durable, place->pack_hint);
    pthread_mutex_unlock(&batch->lock);
    if (known)
        return 1;

    int durable = make_packs_durable(batch, place, failure);

    if (durable <= 0)
        return durable;
    pthread_mutex_lock(&batch->lock);
    int error = hint_set_add(&batch->durable, place->pack_hint);
    pthread_mutex_unlock(&batch->lock);
    return error != 0 ? error : 1;
}

/* 1; 0: not all of them may be; -errno. */
static int rely_on(struct object_batch *batch, const struct places *places, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < places->count; i++) {
        int durable = is_durable(batch, &places->places[i], failure);

        if (durable <= 0)
            return durable;
        if (!batch_may_rely(batch, places->places[i].pack_hint))
            return 0;
    }
    pthread_mutex_lock(&batch->lock);
    for (size_t i = 0; i < places->count && error == 0; i++)
        error = hint_set_add(&batch->relied, places->places[i].pack_hint);
    pthread_mutex_unlock(&batch->lock);
    return error != 0 ? error : 1;
}

int batch_has_read(struct object_batch *batch, struct read_scratch *scratch, size_t place,
                   struct object_reference *ret_place, struct failure *failure)
{
    struct places places = {.count = 0};
    size_t at = place;
    int usable = link_is_there(batch, &scratch->links[at], &places, failure);

    /* What came out of the cache says nothing of its ancestors. */
    while (usable > 0 && scratch->links[at].cached == NULL && at + 1 < scratch->count)
        usable = link_is_there(batch, &scratch->links[++at], &places, failure);
    if (usable > 0)
        usable = ancestors_are_there(batch, scratch, at, &places, failure);
    if (usable > 0)
        usable = rely_on(batch, &places, failure);
    if (usable > 0)
        *ret_place = places.places[0];
    return usable;
}

/* The object at PLACE, which is usable, at DEPTH: 1 if its ancestors are there too; 0, -errno. */
static int is_whole(struct object_batch *batch, const struct object_reference *place,
                    enum object_type type, bool alone, struct failure *failure)
{
    struct places places = {{*place}, 1};
    int usable = alone ? 1 : has_its_ancestors(batch, place, type, &places, failure);

    return usable > 0 ? rely_on(batch, &places, failure) : usable;
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

int object_batch_rely(struct object_batch *batch, const struct object_reference *reference,
                      enum object_type type, struct object_reference *ret_place,
                      struct failure *failure)
{
    struct object_reference place;
    int usable = locate(batch, reference, OBJECT_DEPTH_ANY, &place, failure);

    if (usable <= 0)
        return usable;

    int alone = is_stored_alone(batch, &place, failure);

    usable = alone < 0 ? alone : is_whole(batch, &place, type, alone > 0, failure);
    if (usable > 0)
        *ret_place = place;
    return usable;
}

/* What was written before a renewal may have been marked since, or what it rests on. */
static int rely_on_earlier(struct object_batch *batch, const struct index_entry *written,
                           struct failure *failure)
{
    const struct object_reference *place = &written->reference;
    int usable = place_is_usable(batch, place, failure);

    return usable > 0 ? is_whole(batch, place, (enum object_type)written->type, written->depth == 0,
                                 failure)
                      : usable;
}

/* What the batch wrote itself. 1, 0, -errno. */
static int find_written(struct object_batch *batch, const uint8_t id[OBJECT_ID_BYTES],
                        struct object_reference *ret_place, struct failure *failure)
{
    struct index_entry written;
    bool earlier = false;

    pthread_mutex_lock(&batch->lock);

    const struct index_entry *found = known_objects_find(&batch->written, id);

    if (found != NULL) {
        written = *found;
        earlier = (size_t)(found - batch->written.entries) < batch->written_earlier;
    }
    pthread_mutex_unlock(&batch->lock);
    if (found == NULL)
        return 0;

    int usable = earlier ? rely_on_earlier(batch, &written, failure) : 1;

    if (usable > 0)
        *ret_place = written.reference;
    return usable;
}

int batch_find(struct object_batch *batch, const uint8_t id[OBJECT_ID_BYTES], enum object_type type,
               struct object_reference *ret_place, struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];
    int usable = find_written(batch, id, ret_place, failure);

    /* No node of files/ is like one that was stored before: what changes one is in it, with its
     * time. */
    if (usable != 0 || batch->anew || type == OBJECT_NODE)
        return usable;

    int found = index_set_find(batch->reader->indexes, id, PLACES_MOST, entries, failure);

    usable = found < 0 ? found : 0;
    for (int i = 0; i < found && usable == 0; i++) {
        const struct object_reference *place = &entries[i].reference;

        if (entries[i].type != type)
            continue;
        usable = place_is_usable(batch, place, failure);
        if (usable > 0)
            usable = is_whole(batch, place, type, entries[i].depth == 0, failure);
        if (usable > 0)
            *ret_place = *place;
    }
    return usable;
}
