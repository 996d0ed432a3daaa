/* SPDX-License-Identifier: MIT */
/*
 * When an object cannot be read the usual way: every copy of it that there is, against every copy
 * of its parent. An object may have been written twice, against different parents, and prune keeps
 * one copy that can be read; the others' parents may be gone before they are. An index knows one
 * copy of each object, so the packs' own directories are asked.
 */
#include <errno.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/object_reader.h"
#include "fs/store/pack.h"

/* In one search: an adversary may have made many copies. */
#define FETCHES_MOST 64
#define SCANS_MOST 8   /* as many as a chain has links */
#define VAIN_SECONDS 5 /* how long a search is not repeated */

struct search {
    struct object_reader *reader;
    enum object_type type;
    unsigned fetches;
    unsigned scans;
    struct buffer sealed;
    ZSTD_DCtx *context;
};

/* ---- Copies ---- */

struct copies {
    const uint8_t *id;
    int depth;
    size_t count;
    struct object_reference places[PLACES_MOST];
};

/* A pack_visit. */
static int note_copy(void *context, const struct pack_entry *entry)
{
    struct copies *copies = context;

    if (copies->count < PLACES_MOST &&
        memcmp(entry->reference.id, copies->id, OBJECT_ID_BYTES) == 0 &&
        (copies->depth == OBJECT_DEPTH_ANY || entry->depth == copies->depth))
        copies->places[copies->count++] = entry->reference;
    return 0;
}

/* As somebody knows them who has gone through all directories. 0, -ESTALE, -ENOMEM. */
static int find_known(const struct object_reader *reader, struct copies *copies)
{
    int count = reader->known != NULL ? reader->known(reader->known_context, copies->id,
                                                      copies->depth, PLACES_MOST, copies->places)
                                      : -ESTALE;

    copies->count = count > 0 ? (size_t)count : 0;
    return count < 0 ? count : 0;
}

/* Goes through the directories of all packs. What cannot be read is passed over. 0, -ENOMEM. */
static int find_copies(struct object_reader *reader, struct copies *copies)
{
    int known = find_known(reader, copies);

    if (known != -ESTALE)
        return known;

    for (unsigned folder = 0; folder < PACK_FOLDERS; folder++) {
        cleanup_free uint8_t(*salts)[STORE_SALT_BYTES] = NULL;
        size_t count = 0;
        int error = pack_list_folder(reader->packs, (uint8_t)folder, &salts, &count, NULL);

        for (size_t i = 0; i < count && error != -ENOMEM; i++) {
            char name[PACK_NAME_SIZE];

            pack_name(salts[i], name);
            error = pack_visit_objects(reader->store, name, note_copy, copies, NULL);
        }
        if (error == -ENOMEM)
            return error;
    }
    return 0;
}

/* ---- Reading ---- */

static int search(struct search *all, const struct object_reference *reference, int depth,
                  struct buffer *output);

/* The copy at PLACE alone. 0, -EIO, -ENOMEM. */
static int try_copy(struct search *all, const struct object_reference *place, int depth,
                    struct buffer *output)
{
    cleanup_buffer struct buffer body = BUFFER(OBJECT_BODY_LIMIT);
    cleanup_buffer struct buffer parent = BUFFER(OBJECT_DATA_LIMIT);
    struct object_head head;
    int error = all->fetches++ < FETCHES_MOST
                    ? object_fetch_place(all->reader, place, depth, &all->sealed, &body)
                    : -EIO;

    if (error != 0)
        return error == -ENOMEM ? error : -EIO;
    if (object_head_decode(body.data, body.size, &head) < 0 || head.type != all->type)
        return -EIO;
    if (head.encoding == OBJECT_ZSTD_PARENT)
        error =
            head.place.depth > 0 ? search(all, &head.parent, head.place.depth - 1, &parent) : -EIO;
    if (error == 0)
        error = object_body_unpack(&head, body.data, body.size,
                                   head.encoding == OBJECT_ZSTD_PARENT ? &parent : NULL,
                                   all->context, output);
    return error == 0 || error == -ENOMEM ? error : -EIO;
}

/* Depth falls from call to call, so this goes no deeper than chains are. */
static int search(struct search *all, const struct object_reference *reference, int depth,
                  struct buffer *output)
{
    struct copies copies = {.id = reference->id, .depth = depth};
    int error = try_copy(all, reference, depth, output);

    if (error == -EIO && all->scans++ < SCANS_MOST && find_copies(all->reader, &copies) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < copies.count && error == -EIO; i++) {
        if (!object_reference_same_place(&copies.places[i], reference))
            error = try_copy(all, &copies.places[i], depth, output);
    }
    return error;
}

/* ---- What was found out before ---- */

static bool was_in_vain(struct object_reader *reader, const uint8_t *id)
{
    const struct vain_search *vain = &reader->vain[id[0] % VAIN_KEPT];

    pthread_mutex_lock(&reader->lock);
    bool recent = vain->known && memcmp(vain->id, id, OBJECT_ID_BYTES) == 0 &&
                  clock_now_ns() - vain->when_ns < VAIN_SECONDS * NS_PER_SECOND;
    pthread_mutex_unlock(&reader->lock);
    return recent;
}

static void remember_in_vain(struct object_reader *reader, const uint8_t *id)
{
    struct vain_search *vain = &reader->vain[id[0] % VAIN_KEPT];

    pthread_mutex_lock(&reader->lock);
    vain->known = true;
    vain->when_ns = clock_now_ns();
    memcpy(vain->id, id, OBJECT_ID_BYTES);
    pthread_mutex_unlock(&reader->lock);
}

int object_search_at(struct object_reader *reader, const struct object_reference *reference,
                     int depth, enum object_type type, struct buffer *output)
{
    struct search all = {.reader = reader,
                         .type = type,
                         .sealed = BUFFER(OBJECT_SEALED_LIMIT),
                         .context = ZSTD_createDCtx()};
    int error = all.context != NULL ? search(&all, reference, depth, output) : -ENOMEM;

    ZSTD_freeDCtx(all.context);
    buffer_release(&all.sealed);
    return error;
}

int object_search(struct object_reader *reader, const struct object_reference *reference,
                  enum object_type type, struct buffer *output)
{
    if (was_in_vain(reader, reference->id))
        return -EIO;

    int error = object_search_at(reader, reference, OBJECT_DEPTH_ANY, type, output);

    if (error == -EIO)
        remember_in_vain(reader, reference->id);
    return error;
}
