/* SPDX-License-Identifier: MIT */
#include "fs/store/durable.h"

#include <errno.h>

#include "fs/store/object_reader.h"
#include "fs/store/pack.h"

int durable_flush(struct store *store, const char *name, struct failure *failure)
{
    struct storage *storage = store_storage(store);

    return storage->class->flush != NULL ? storage->class->flush(storage, name, failure) : 0;
}

int durable_make(struct store *store, struct index_set *indexes,
                 const uint8_t salt[STORE_SALT_BYTES], const struct object_reference *place,
                 struct failure *failure)
{
    struct index_entry entries[PLACES_MOST];
    char path[PACK_PATH_SIZE];
    int found = index_set_find(indexes, place->id, PLACES_MOST, entries, failure);

    if (found < 0)
        return found;
    for (int i = 0; i < found; i++) {
        if (entries[i].reference.pack_hint == pack_hint(salt))
            return 0;
    }
    pack_path(salt, path);
    return durable_flush(store, path, failure);
}

/* A pack_visit; 1: one is enough. */
static int take_place(void *context, const struct pack_entry *entry)
{
    *(struct object_reference *)context = entry->reference;
    return 1;
}

int durable_make_pack(struct store *store, struct index_set *indexes, const char *name,
                      struct failure *failure)
{
    struct object_reference place;
    uint8_t salt[STORE_SALT_BYTES];
    char path[PACK_PATH_SIZE];
    int found = pack_salt(name, salt)
                    ? pack_visit_objects(store, name, take_place, &place, failure)
                    : failure_set(failure, EINVAL, "\"%s\" is no name of a pack", name);

    if (found == 1)
        return durable_make(store, indexes, salt, &place, failure);
    if (found != 0 && found != -EBADMSG && found != -ENODATA)
        return found;
    /* Nobody can tell what is in it. */
    pack_path(salt, path);
    return durable_flush(store, path, failure);
}
