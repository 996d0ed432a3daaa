/* SPDX-License-Identifier: MIT */
/* The packs of a store, and what is in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/reach_internal.h"

/* ---- Listing ---- */

struct listing {
    struct known_pack *packs;
    size_t count;
};

/* A storage_visit. What is called like no pack is not ours. */
static int note_pack(void *context, const char *name, uint64_t size, time_t modified)
{
    struct listing *listing = context;
    const char *slash = strrchr(name, '/');
    const char *last = slash != NULL ? slash + 1 : name;
    uint8_t salt[STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];

    if (!pack_salt(last, salt))
        return 0;
    pack_path(salt, path);
    if (strcmp(path + sizeof PACK_FOLDER, name) != 0)
        return 0;
    if ((listing->count & (listing->count - 1)) == 0) {
        size_t room = listing->count != 0 ? 2 * listing->count : 1;
        struct known_pack *packs = reallocarray(listing->packs, room, sizeof *packs);

        if (packs == NULL)
            return -ENOMEM;
        listing->packs = packs;
    }

    struct known_pack *known = &listing->packs[listing->count++];

    *known = (struct known_pack){
        .pack = {.hint = pack_hint(salt), .file_bytes = size, .modified = modified}};
    memcpy(known->pack.name, last, PACK_NAME_SIZE);
    return 0;
}

static int compare_packs(const void *left, const void *right)
{
    const struct known_pack *one = left;
    const struct known_pack *other = right;

    return strcmp(one->pack.name, other->pack.name);
}

/* ---- Reading directories ---- */

/* A pack_visit. */
static int count_object(void *context, const struct pack_entry *entry)
{
    struct known_pack *known = context;

    known->pack.count++;
    known->pack.object_bytes += entry->reference.sealed_size;
    return 0;
}

/* A pack_visit. Its place is counted in living_count. */
static int note_object(void *context, const struct pack_entry *entry)
{
    struct known_pack *known = context;
    uint32_t place = known->pack.living_count++;

    if (place >= known->pack.count)
        return -EBADMSG;
    known->tags[place] = get_u64(entry->reference.id);
    known->offsets[place] = (uint32_t)(entry->reference.offset / 8);
    known->depths[place] = entry->depth;
    return 0;
}

static int read_directory(struct store *store, struct known_pack *known, struct failure *failure)
{
    struct reach_pack *pack = &known->pack;
    int error = pack_visit_objects(store, pack->name, count_object, known, failure);

    if (error != 0)
        return error;
    known->tags = allocate_array(pack->count, sizeof *known->tags);
    known->offsets = allocate_array(pack->count, sizeof *known->offsets);
    known->depths = allocate_array(pack->count, sizeof *known->depths);
    known->living = allocate_array(pack->count / 8 + 1, 1);
    known->named = allocate_array(pack->count / 8 + 1, 1);
    if (known->tags == NULL || known->offsets == NULL || known->depths == NULL ||
        known->living == NULL || known->named == NULL)
        return -ENOMEM;
    error = pack_visit_objects(store, pack->name, note_object, known, failure);
    pack->living_count = 0;
    return error;
}

static void release_pack(struct known_pack *known)
{
    free(known->tags);
    free(known->offsets);
    free(known->depths);
    free(known->living);
    free(known->named);
    free(known->damaged);
    known->tags = NULL;
    known->offsets = NULL;
    known->depths = NULL;
    known->living = NULL;
    known->named = NULL;
    known->damaged = NULL;
}

/* A pack that cannot be read is one without objects, and says why; one that may not be is an error.
 */
static int read_packs(struct reach *reach, const struct store_progress *progress,
                      struct failure *failure)
{
    for (size_t i = 0; i < reach->pack_count; i++) {
        struct known_pack *known = &reach->packs[i];
        int error = read_directory(reach->store, known, failure);

        if (error == -ENOMEM)
            return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
        if (error == -EACCES)
            return failure_prefix(failure, EACCES,
                                  "the store's files must be readable by whoever runs crmfs");
        if (error != 0) {
            release_pack(known);
            known->pack.count = 0;
            known->pack.object_bytes = 0;
            known->pack.error = error;
        }
        reach->object_count += known->pack.count;
        store_progress_tell(progress, "reading directories", i + 1, reach->pack_count);
    }
    return 0;
}

int reach_read_packs(struct reach *reach, const struct log_state *state,
                     const struct store_progress *progress, struct failure *failure)
{
    struct storage *storage = store_storage(reach->store);
    struct listing listing = {.count = 0};
    int error = storage->class->list(storage, PACK_FOLDER, note_pack, &listing, failure);

    reach->packs = listing.packs;
    reach->pack_count = listing.count;
    if (error != 0 && error != -ENOENT)
        return error;
    if (listing.count > 1)
        qsort(listing.packs, listing.count, sizeof *listing.packs, compare_packs);
    for (size_t i = 0; i < reach->pack_count; i++)
        reach->packs[i].pack.marked = log_find_mark(state, reach->packs[i].pack.name) != NULL;
    return read_packs(reach, progress, failure);
}

void reach_release_packs(struct reach *reach)
{
    for (size_t i = 0; i < reach->pack_count; i++)
        release_pack(&reach->packs[i]);
    for (size_t i = 0; i < IDS_KEPT; i++)
        free(reach->whole[i].ids);
    free(reach->packs);
    free(reach->by_tag);
}
