/* SPDX-License-Identifier: MIT */
/*
 * Where an object is. Its reference says where it was when it was written; prune
 * may have moved it since. Then it is looked for by its id: in the indexes, and
 * last in the directories of all packs. A place is right when the piece there
 * opens: its seal is bound to the id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/object_reader.h"

#define LOST_SECONDS 5 /* how long a search through everything is not repeated */

struct fetch {
    struct object_reader *reader;
    const struct object_reference *reference;
    int depth; /* that the copy must have, or OBJECT_DEPTH_ANY */
    struct buffer *sealed;
    struct buffer *body;
    struct object_reference *ret_found;
    struct failure *failure;
};

/* Whether an opened body may be the copy that is looked for. */
static bool has_depth(const struct fetch *fetch, const struct buffer *body)
{
    struct object_head head;

    return fetch->depth == OBJECT_DEPTH_ANY ||
           (object_head_decode(body->data, body->size, &head) > 0 &&
            head.place.depth == fetch->depth);
}

static int read_piece(const struct fetch *fetch, const uint8_t *salt,
                      const struct object_reference *place)
{
    struct object_reader *reader = fetch->reader;
    struct storage *storage = store_storage(reader->store);
    size_t size = place->sealed_size;
    struct sealer *sealer;
    char path[PACK_PATH_SIZE];
    int error;

    buffer_clear(fetch->sealed);
    buffer_clear(fetch->body);
    if ((error = buffer_reserve(fetch->sealed, size)) != 0 ||
        (error = buffer_reserve(fetch->body, size - SEAL_OVERHEAD_BYTES)) != 0)
        return error;
    pack_path(salt, path);
    error = file_keys_take(reader->keys, STORE_PACKS, salt, path, &sealer, fetch->failure);
    if (error != 0)
        return error;
    error = storage->class->read(storage, path, place->offset, fetch->sealed->data, size,
                                 fetch->failure);
    if (error == 0) {
        error = unseal(sealer, place->offset, fetch->reference->id, OBJECT_ID_BYTES,
                       fetch->sealed->data, size, fetch->body->data);
        if (error == -EBADMSG)
            failure_set(fetch->failure, EBADMSG, "%s is damaged at byte %llu", path,
                        (unsigned long long)place->offset);
    }
    file_keys_give(reader->keys, sealer);
    if (error != 0)
        return error;
    fetch->body->size = size - SEAL_OVERHEAD_BYTES;
    return has_depth(fetch, fetch->body) ? 0 : -ENOENT;
}

/* 0, -ENOENT when no pack has the hint, or what reading there failed with. */
static int try_place(const struct fetch *fetch, const struct object_reference *place)
{
    uint8_t salts[PACKS_A_HINT][STORE_SALT_BYTES];

    if (place->sealed_size < OBJECT_SEALED_LEAST || place->sealed_size > OBJECT_SEALED_LIMIT)
        return -EBADMSG;

    int count =
        pack_list_find(fetch->reader->packs, place->pack_hint, PACKS_A_HINT, salts, fetch->failure);
    int error = count < 0 ? count : -ENOENT;

    for (int i = 0; i < count; i++) {
        error = read_piece(fetch, salts[i], place);
        if (error == 0 || error == -ENOMEM)
            break;
    }
    if (error == 0)
        *fetch->ret_found = (struct object_reference){
            .pack_hint = place->pack_hint,
            .offset = place->offset,
            .sealed_size = place->sealed_size,
        };
    if (error == 0)
        memcpy(fetch->ret_found->id, fetch->reference->id, OBJECT_ID_BYTES);
    return error;
}

/* ---- What was found out before ---- */

static bool recall(struct object_reader *reader, const uint8_t *id, struct moved_object *ret_moved)
{
    struct moved_object *moved = &reader->moved[id[0] % MOVED_KEPT];

    pthread_mutex_lock(&reader->lock);
    bool known = moved->known && memcmp(moved->place.id, id, OBJECT_ID_BYTES) == 0 &&
                 (!moved->lost || clock_now_ns() - moved->when_ns < LOST_SECONDS * NS_PER_SECOND);

    if (known)
        *ret_moved = *moved;
    pthread_mutex_unlock(&reader->lock);
    return known;
}

static void remember(struct object_reader *reader, const struct object_reference *place, bool lost)
{
    pthread_mutex_lock(&reader->lock);
    reader->moved[place->id[0] % MOVED_KEPT] = (struct moved_object){
        .known = true, .lost = lost, .when_ns = clock_now_ns(), .place = *place};
    pthread_mutex_unlock(&reader->lock);
}

/* ---- In the indexes ---- */

static int try_entries(const struct fetch *fetch)
{
    struct index_entry entries[PLACES_MOST];
    int found = index_set_find(fetch->reader->indexes, fetch->reference->id, PLACES_MOST, entries,
                               fetch->failure);
    int error = found < 0 ? found : -ENOENT;

    for (int i = 0; i < found && error != 0 && error != -ENOMEM; i++) {
        bool fits = fetch->depth == OBJECT_DEPTH_ANY || entries[i].depth == fetch->depth;

        if (fits && !object_reference_same_place(&entries[i].reference, fetch->reference))
            error = try_place(fetch, &entries[i].reference);
    }
    return error;
}

/* In those that are known; and where they only tell of packs that have gone, in newer ones. */
static int try_indexes(const struct fetch *fetch)
{
    int error = try_entries(fetch);

    if (error == 0 || error == -ENOMEM)
        return error;
    error = index_set_refresh(fetch->reader->indexes, fetch->failure);
    return error == 0 ? try_entries(fetch) : error;
}

/* ---- In the directories ---- */

struct search {
    const uint8_t *id;
    int depth;
    struct object_reference place;
};

/* A pack_visit; 1: found. */
static int compare_entry(void *context, const struct pack_entry *entry)
{
    struct search *search = context;

    if (memcmp(entry->reference.id, search->id, OBJECT_ID_BYTES) != 0 ||
        (search->depth != OBJECT_DEPTH_ANY && entry->depth != search->depth))
        return 0;
    search->place = entry->reference;
    return 1;
}

/* In the directory where one was found last: what moved together is found together. */
static bool search_kept(struct object_reader *reader, struct search *search)
{
    pthread_mutex_lock(&reader->lock);
    bool found = reader->directory.plain.size > 0 &&
                 pack_directory_decode(reader->directory.plain.data, reader->directory.plain.size,
                                       reader->directory.hint, reader->directory.end, compare_entry,
                                       search) == 1;
    pthread_mutex_unlock(&reader->lock);
    return found;
}

static void keep_directory(struct object_reader *reader, uint64_t hint, uint64_t end,
                           struct buffer *plain)
{
    pthread_mutex_lock(&reader->lock);
    buffer_release(&reader->directory.plain);
    reader->directory.hint = hint;
    reader->directory.end = end;
    reader->directory.plain = *plain;
    pthread_mutex_unlock(&reader->lock);
    *plain = BUFFER(PACK_DIRECTORY_LIMIT);
}

/* A pack that is damaged, or went meanwhile, is passed over. 0, -ENOENT or -ENOMEM. */
static int try_directory(const struct fetch *fetch, const uint8_t *salt, struct buffer *plain)
{
    struct object_reader *reader = fetch->reader;
    struct search search = {.id = fetch->reference->id, .depth = fetch->depth};
    char path[PACK_PATH_SIZE];
    struct sealer *sealer;
    uint64_t end = 0;

    pack_path(salt, path);

    int error = store_file_sealer(reader->store, STORE_PACKS, salt, path, &sealer, NULL);

    if (error != 0)
        return error;
    error = pack_directory_read(store_storage(reader->store), sealer, salt, plain, &end, NULL);
    sealer_free(sealer);
    if (error != 0)
        return error == -ENOMEM ? error : -ENOENT;
    if (pack_directory_decode(plain->data, plain->size, pack_hint(salt), end, compare_entry,
                              &search) != 1 ||
        object_reference_same_place(&search.place, fetch->reference))
        return -ENOENT;
    keep_directory(reader, pack_hint(salt), end, plain);
    error = try_place(fetch, &search.place);
    return error == 0 || error == -ENOMEM ? error : -ENOENT;
}

/* What somebody knows of them. 0, -ENOENT, -ENOMEM; -ESTALE: they are to be read. */
static int try_known(const struct fetch *fetch)
{
    const struct object_reader *reader = fetch->reader;
    struct object_reference places[PLACES_MOST];
    int error = -ENOENT;

    if (reader->known == NULL)
        return -ESTALE;

    int count = reader->known(reader->known_context, fetch->reference->id, fetch->depth,
                              PLACES_MOST, places);

    if (count < 0)
        return count;
    for (int i = 0; i < count && error != 0 && error != -ENOMEM; i++) {
        if (!object_reference_same_place(&places[i], fetch->reference))
            error = try_place(fetch, &places[i]);
    }
    return error == 0 || error == -ENOMEM ? error : -ENOENT;
}

static int read_directories(const struct fetch *fetch)
{
    cleanup_buffer struct buffer plain = BUFFER(PACK_DIRECTORY_LIMIT);
    struct search search = {.id = fetch->reference->id, .depth = fetch->depth};
    int error = -ENOENT;

    if (search_kept(fetch->reader, &search) &&
        !object_reference_same_place(&search.place, fetch->reference))
        error = try_place(fetch, &search.place);
    for (unsigned folder = 0; folder < PACK_FOLDERS && error != 0 && error != -ENOMEM; folder++) {
        cleanup_free uint8_t(*salts)[STORE_SALT_BYTES] = NULL;
        size_t count = 0;

        error =
            pack_list_folder(fetch->reader->packs, (uint8_t)folder, &salts, &count, fetch->failure);
        if (error != 0)
            return error;
        error = -ENOENT;
        for (size_t i = 0; i < count && error == -ENOENT; i++)
            error = try_directory(fetch, salts[i], &plain);
    }
    return error;
}

static int try_directories(const struct fetch *fetch)
{
    int error = try_known(fetch);

    return error == -ESTALE ? read_directories(fetch) : error;
}

/* ---- All together ---- */

/* What may not be read is neither damaged nor lost, and no search will find it. */
static int may_not_be_read(const struct failure *first, struct failure *failure)
{
    return failure_set(failure, EACCES,
                       "%s: the store's files must be readable by whoever runs crmfs", first->text);
}

/* FIRST: why it was not where its reference says. */
static int find(const struct fetch *fetch, const struct failure *first, struct failure *failure)
{
    const struct object_reference *reference = fetch->reference;
    struct moved_object moved;
    int error = -ENOENT;

    if (recall(fetch->reader, reference->id, &moved)) {
        if (!moved.lost)
            error = try_place(fetch, &moved.place);
    } else {
        moved.lost = false;
    }
    if (!moved.lost && error != 0 && error != -ENOMEM)
        error = try_indexes(fetch);
    if (!moved.lost && error != 0 && error != -ENOMEM)
        error = try_directories(fetch);
    if (error == 0) {
        remember(fetch->reader, fetch->ret_found, false);
        return 0;
    }
    if (error == -ENOMEM)
        return error;
    if (first->code == EACCES)
        return may_not_be_read(first, failure);
    if (!moved.lost && fetch->depth == OBJECT_DEPTH_ANY)
        remember(fetch->reader, reference, true);
    return failure_set(failure, EIO,
                       "object %02x%02x%02x%02x… is damaged or lost%s%s: "
                       "run `crmfs check --read-data`",
                       reference->id[0], reference->id[1], reference->id[2], reference->id[3],
                       first->code != 0 ? ": " : "", first->text);
}

int object_fetch_at(struct object_reader *reader, const struct object_reference *reference,
                    int depth, struct buffer *sealed, struct buffer *body,
                    struct object_reference *ret_found, struct failure *failure)
{
    struct failure first = {.code = 0};
    struct failure later = {.code = 0};
    struct object_reference found = {.offset = 0};
    struct fetch fetch = {
        .reader = reader,
        .reference = reference,
        .depth = depth,
        .sealed = sealed,
        .body = body,
        .ret_found = &found,
        .failure = &first,
    };
    int error = try_place(&fetch, reference);

    if (error != 0 && error != -ENOMEM) {
        fetch.failure = &later;
        error = find(&fetch, &first, failure);
    }
    if (error == 0)
        *ret_found = found;
    return error;
}

void object_expect(struct object_reader *reader, const struct object_reference *place)
{
    struct storage *storage = store_storage(reader->store);
    uint8_t salt[1][STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];

    if (storage->class->expect == NULL || place->sealed_size > OBJECT_SEALED_LIMIT ||
        pack_list_known(reader->packs, place->pack_hint, 1, salt) != 1)
        return;
    pack_path(salt[0], path);
    storage->class->expect(storage, path, place->offset, place->sealed_size);
}

int object_fetch_place(struct object_reader *reader, const struct object_reference *place,
                       int depth, struct buffer *sealed, struct buffer *body)
{
    struct object_reference found;
    const struct fetch fetch = {
        .reader = reader,
        .reference = place,
        .depth = depth,
        .sealed = sealed,
        .body = body,
        .ret_found = &found,
    };

    return try_place(&fetch, place);
}

int object_fetch(struct object_reader *reader, const struct object_reference *reference,
                 struct buffer *sealed, struct buffer *body, struct object_reference *ret_found,
                 struct failure *failure)
{
    return object_fetch_at(reader, reference, OBJECT_DEPTH_ANY, sealed, body, ret_found, failure);
}
