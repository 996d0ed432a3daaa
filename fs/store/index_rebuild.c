/* SPDX-License-Identifier: MIT */
#include "fs/store/index_rebuild.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/durable.h"
#include "fs/store/index_merge.h"
#include "fs/store/index_set.h"
#include "fs/store/medium.h"
#include "fs/store/pack_list.h"

#define ENTRIES_MOST (2 * PACK_OBJECTS_MOST) /* of one index; 8 MiB */

struct rebuild {
    struct store *store;
    struct pack_list *packs;
    struct file_keys *keys;
    struct index_set *indexes;   /* the old ones */
    struct index_entry *entries; /* room for ENTRIES_MOST */
    size_t count;
    struct index_rebuilt result;
    struct failure *failure;
};

/* A pack_visit. There is room. */
static int note_entry(void *context, const struct pack_entry *entry)
{
    struct rebuild *rebuild = context;

    rebuild->entries[rebuild->count++] = (struct index_entry){
        .reference = entry->reference,
        .type = (uint8_t)entry->type,
        .encoding = (uint8_t)entry->encoding,
        .depth = entry->depth,
    };
    return 0;
}

static int flush(struct rebuild *rebuild)
{
    int error = index_write(rebuild->store, rebuild->entries, rebuild->count, rebuild->failure);

    rebuild->count = 0;
    return error;
}

/* Whoever finds a pack in an index takes it for durable, and this one may be a snapshot's that is
 * just being taken. */
static int make_durable(struct rebuild *rebuild, const uint8_t *salt, size_t before)
{
    return rebuild->count > before
               ? durable_make(rebuild->store, rebuild->indexes, salt,
                              &rebuild->entries[before].reference, rebuild->failure)
               : 0;
}

static int add_pack(struct rebuild *rebuild, const uint8_t *salt)
{
    char name[PACK_NAME_SIZE];
    size_t before = rebuild->count;
    int error;

    pack_name(salt, name);
    error = pack_visit_objects(rebuild->store, name, note_entry, rebuild, rebuild->failure);
    if (error == -EBADMSG || error == -ENODATA || medium_is_bad_place(error)) {
        rebuild->result.packs_damaged++;
        return 0;
    }
    if (error == 0)
        error = make_durable(rebuild, salt, before);
    if (error == -ENOENT) { /* prune removed it meanwhile */
        rebuild->count = before;
        return 0;
    }
    if (error != 0)
        return error;
    rebuild->result.packs++;
    rebuild->result.objects += rebuild->count - before;
    return rebuild->count + PACK_OBJECTS_MOST > ENTRIES_MOST ? flush(rebuild) : 0;
}

static int add_packs(struct rebuild *rebuild)
{
    int error = 0;

    for (unsigned folder = 0; folder < PACK_FOLDERS && error == 0; folder++) {
        cleanup_free uint8_t(*salts)[STORE_SALT_BYTES] = NULL;
        size_t count = 0;

        error = pack_list_folder(rebuild->packs, (uint8_t)folder, &salts, &count, rebuild->failure);
        for (size_t i = 0; i < count && error == 0; i++)
            error = add_pack(rebuild, salts[i]);
    }
    return error != 0 ? error : flush(rebuild);
}

/* A storage_visit: gathers the names of all that is called like an index, damaged or not. */
struct names {
    char (*names)[PACK_NAME_SIZE];
    size_t count;
    size_t room;
};

static int note_name(void *context, const char *name, uint64_t size, time_t modified)
{
    struct names *names = context;
    uint8_t salt[STORE_SALT_BYTES];

    (void)size;
    (void)modified;
    if (!pack_salt(name, salt))
        return 0;
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 64 : names->room * 2;
        char(*more)[PACK_NAME_SIZE] = reallocarray(names->names, room, sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        names->names = more;
        names->room = room;
    }
    memcpy(names->names[names->count++], name, PACK_NAME_SIZE);
    return 0;
}

static int list_old(struct storage *storage, struct names *old, struct failure *failure)
{
    int error = storage->class->list(storage, INDEX_FOLDER, note_name, old, failure);

    return error == -ENOENT ? 0 : error;
}

static int remove_old(struct storage *storage, const struct names *old, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < old->count && (error == 0 || error == -ENOENT); i++) {
        char path[INDEX_PATH_SIZE];
        uint8_t salt[STORE_SALT_BYTES];

        if (!pack_salt(old->names[i], salt))
            continue;
        index_path(salt, path);
        error = storage->class->remove(storage, path, failure);
    }
    return error == -ENOENT ? 0 : error;
}

int index_rebuild(struct store *store, struct index_rebuilt *ret_rebuilt, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    struct rebuild rebuild = {.store = store, .failure = failure};
    struct names old = {0};
    int error = list_old(storage, &old, failure);

    rebuild.packs = pack_list_create(storage);
    rebuild.keys = file_keys_create(store);
    if (rebuild.keys != NULL)
        rebuild.indexes = index_set_create(store, rebuild.keys);
    rebuild.entries = allocate_array(ENTRIES_MOST, sizeof *rebuild.entries);
    if (error == 0 && (rebuild.packs == NULL || rebuild.indexes == NULL || rebuild.entries == NULL))
        error = -ENOMEM;
    if (error == 0)
        error = add_packs(&rebuild);
    if (error == 0)
        error = storage->class->sync(storage, failure);
    if (error == 0)
        error = remove_old(storage, &old, failure);
    if (error == 0) {
        (void)!index_merge(store, rebuild.packs, NULL, NULL);
        *ret_rebuilt = rebuild.result;
    }
    free(old.names);
    free(rebuild.entries);
    index_set_free(rebuild.indexes);
    file_keys_free(rebuild.keys);
    pack_list_free(rebuild.packs);
    return error;
}
