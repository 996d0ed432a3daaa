/* SPDX-License-Identifier: MIT */
#include "fs/store/remembered.h"

#include <sodium.h>
#include <string.h>

/* Under which the place's memory rests. False: there is none but the store's own. */
static bool place_id(struct store *store, uint8_t ret_id[STORE_ID_BYTES])
{
    const uint8_t *id = store_header(store)->id;
    struct storage *storage = store_storage(store);
    const char *place = storage->class->place != NULL ? storage->class->place(storage) : NULL;
    crypto_generichash_state hash;

    if (place == NULL) {
        memcpy(ret_id, id, STORE_ID_BYTES);
        return false;
    }
    crypto_generichash_init(&hash, NULL, 0, STORE_ID_BYTES);
    crypto_generichash_update(&hash, id, STORE_ID_BYTES);
    crypto_generichash_update(&hash, (const uint8_t *)place, strlen(place));
    crypto_generichash_final(&hash, ret_id, STORE_ID_BYTES);
    return true;
}

bool remembered_load(struct store *store, struct freshness *ret_seen)
{
    uint8_t here[STORE_ID_BYTES];

    place_id(store, here);
    return freshness_load(here, ret_seen);
}

bool remembered_elsewhere(struct store *store, struct freshness *ret_seen)
{
    uint8_t here[STORE_ID_BYTES];
    struct freshness seen;

    return place_id(store, here) && !freshness_load(here, &seen) &&
           freshness_load(store_header(store)->id, ret_seen);
}

bool remembered_is_damaged(struct store *store)
{
    uint8_t here[STORE_ID_BYTES];
    struct freshness seen;

    place_id(store, here);
    return freshness_is_damaged(here) ||
           (!freshness_load(here, &seen) && freshness_is_damaged(store_header(store)->id));
}

void remembered_save(struct store *store, const struct freshness *seen)
{
    uint8_t here[STORE_ID_BYTES];

    freshness_save(store_header(store)->id, seen);
    if (place_id(store, here))
        freshness_save(here, seen);
}

int remembered_forget(struct store *store)
{
    const uint8_t *id = store_header(store)->id;
    uint8_t here[STORE_ID_BYTES];
    struct freshness seen, any;

    if (place_id(store, here) &&
        (!freshness_load(here, &seen) || !freshness_load(id, &any) ||
         seen.sequence != any.sequence || memcmp(seen.hash, any.hash, sizeof seen.hash) != 0))
        return freshness_forget(here);

    int error = freshness_forget(id);

    return error == 0 ? freshness_forget(here) : error;
}
