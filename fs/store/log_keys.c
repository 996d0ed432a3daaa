/* SPDX-License-Identifier: MIT */
/* The key slots that the log says were removed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"

/* Where SLOT stands, or would. */
static size_t place_of(const struct log_state *state, const uint8_t slot[STORE_ID_BYTES])
{
    size_t place = 0;

    while (place < state->removed_key_count &&
           memcmp(state->removed_keys[place], slot, STORE_ID_BYTES) < 0)
        place++;
    return place;
}

bool log_key_is_removed(const struct log_state *state, const uint8_t slot[STORE_ID_BYTES])
{
    size_t place = place_of(state, slot);

    return place < state->removed_key_count &&
           memcmp(state->removed_keys[place], slot, STORE_ID_BYTES) == 0;
}

int log_keys_prepare(struct log_state *state)
{
    uint8_t(*keys)[STORE_ID_BYTES] =
        reallocarray(state->removed_keys, state->removed_key_count + 1, sizeof *keys);

    if (keys == NULL)
        return -ENOMEM;
    state->removed_keys = keys;
    return 0;
}

void log_keys_apply(struct log_state *state, const struct log_entry *entry)
{
    size_t place = place_of(state, entry->id);

    if (strcmp(entry->text, LOG_KEY_REMOVED) != 0 || log_key_is_removed(state, entry->id))
        return;
    memmove(state->removed_keys + place + 1, state->removed_keys + place,
            (state->removed_key_count - place) * sizeof *state->removed_keys);
    memcpy(state->removed_keys[place], entry->id, STORE_ID_BYTES);
    state->removed_key_count++;
}
