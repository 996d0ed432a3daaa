/* SPDX-License-Identifier: MIT */
#include "fs/store/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/memory.h"
#include "fs/base/secret.h"
#include "fs/store/log.h"
#include "fs/store/store_internal.h"

int key_slot_put(struct store *store, const struct key_options *options,
                 const struct store_passphrase *passphrase, uint8_t ret_id[KEY_SLOT_ID_BYTES],
                 struct failure *failure)
{
    struct storage *storage = store->storage;
    bool has_cost = options->cost.passes != 0;
    struct key_slot slot = {
        .kind = options->kind != 0 ? options->kind : KEY_PASSPHRASE,
        .cost = has_cost ? options->cost : (struct key_cost){KEY_PASSES, KEY_MEMORY},
        .created = (uint64_t)time(NULL),
    };
    uint8_t bytes[KEY_SLOT_BYTES];
    char path[KEY_SLOT_PATH_SIZE];
    size_t label_size = options->label != NULL ? strlen(options->label) : 0;

    if (label_size > KEY_LABEL_LIMIT)
        return failure_set(failure, EINVAL, "a key's label has at most %d bytes", KEY_LABEL_LIMIT);
    if (label_size > 0)
        memcpy(slot.label, options->label, label_size);
    randombytes_buf(slot.id, sizeof slot.id);

    int error = key_slot_seal(store->header_bytes, &slot, passphrase, store->secrets->master, bytes,
                              failure);

    if (error != 0)
        return error;
    key_slot_path(slot.id, path);
    error = storage->class->put_exclusive(storage, path, bytes, sizeof bytes, failure);
    if (error != 0 && error != -EEXIST)
        storage->class->remove(storage, path, NULL); /* it may be there all the same */
    if (error == 0)
        memcpy(ret_id, slot.id, sizeof slot.id);
    return error;
}

/* Tells the log, after whatever others tell it meanwhile. */
static int note_change(struct store *store, struct log_state *state,
                       const uint8_t id[KEY_SLOT_ID_BYTES], const char *what,
                       struct failure *failure)
{
    int error;

    do
        error = log_key_change(store, state, id, what, failure);
    while (error == -EAGAIN);
    return error;
}

int store_key_list(struct store *store, struct key_info **ret_keys, size_t *ret_count,
                   struct failure *failure)
{
    cleanup_free struct stored_slot *slots = NULL;
    size_t count;
    int error = stored_slots_read(store->storage, &slots, &count, failure);

    if (error != 0)
        return error;

    struct key_info *keys = allocate_array(count, sizeof *keys);

    if (keys == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct stored_slot *stored = &slots[i];

        keys[i].damaged = stored->error != 0 ||
                          key_slot_describe(store->header_bytes, stored->id, stored->bytes,
                                            store_key(store, STORE_KEY_LABELS), &keys[i].slot) != 0;
        memcpy(keys[i].slot.id, stored->id, sizeof stored->id);
        keys[i].opened = memcmp(stored->id, store->opened_slot, sizeof stored->id) == 0;
    }
    *ret_keys = keys;
    *ret_count = count;
    return 0;
}

void store_key_note_removed(struct key_info *keys, size_t count, const struct log_state *state)
{
    for (size_t i = 0; i < count; i++)
        keys[i].removed = log_key_is_removed(state, keys[i].slot.id);
}

/*
 * Whether a slot other than ID is there that opens the store: one that STATE does not call removed.
 * 1, 0 or -errno.
 */
static int other_slot_stays(struct store *store, const struct log_state *state,
                            const uint8_t id[KEY_SLOT_ID_BYTES], struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    size_t count = 0;
    int found = store_key_list(store, &keys, &count, failure);

    if (found == 0)
        store_key_note_removed(keys, count, state);
    for (size_t i = 0; i < count && found == 0; i++)
        found = !keys[i].damaged && !keys[i].removed &&
                memcmp(keys[i].slot.id, id, sizeof keys[i].slot.id) != 0;
    return found;
}

/* ---- Adding ---- */

/*
 * -EEXIST: the passphrase opens the store already. With two keys of one passphrase, removing one
 * would shut out nobody. Takes as long as opening the store with each of its keys.
 */
static int refuse_known(struct store *store, const struct log_state *state,
                        const struct store_passphrase *passphrase, struct failure *failure)
{
    cleanup_free struct stored_slot *slots = NULL;
    uint8_t *master = secret_allocate(MASTER_KEY_BYTES);
    size_t count = 0;
    int error = master == NULL
                    ? failure_set(failure, ENOMEM, "no locked memory for a key: raise `ulimit -l`")
                    : stored_slots_read(store_storage(store), &slots, &count, failure);

    for (size_t i = 0; i < count && error == 0; i++) {
        char name[KEY_SLOT_NAME_DIGITS + 1];
        struct key_slot slot;

        if (slots[i].error != 0 || log_key_is_removed(state, slots[i].id) ||
            key_slot_describe(store->header_bytes, slots[i].id, slots[i].bytes,
                              store_key(store, STORE_KEY_LABELS), &slot) != 0 ||
            key_slot_open(store->header_bytes, slots[i].id, slots[i].bytes, passphrase, master,
                          NULL) != 0)
            continue;
        sodium_bin2hex(name, sizeof name, slots[i].id, KEY_SLOT_ID_BYTES);
        error = failure_set(failure, EEXIST,
                            "that passphrase opens the store already, as key %.8s: choose another",
                            name);
    }
    sodium_free(master);
    return error;
}

/* The log was not told of it. Somebody who removed another key meanwhile may rely on it: then it
 * stays. */
static void undo_add(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES])
{
    struct log_state state = {0};
    char path[KEY_SLOT_PATH_SIZE];

    key_slot_path(id, path);
    if (log_read(store, &state, NULL) == 0 && other_slot_stays(store, &state, id, NULL) == 1) {
        store->storage->class->remove(store->storage, path, NULL);
        store->storage->class->sync(store->storage, NULL);
    }
    log_state_release(&state);
}

static int add(struct store *store, struct log_state *state, const struct key_options *options,
               const struct store_passphrase *passphrase, uint8_t ret_id[KEY_SLOT_ID_BYTES],
               struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    const char *what = options->kind == KEY_RECOVERY ? "add recovery key" : "add passphrase";
    size_t count = 0;
    size_t own = 0;
    int error = store_key_list(store, &keys, &count, failure);

    if (error == 0)
        store_key_note_removed(keys, count, state);
    for (size_t i = 0; i < count && error == 0; i++)
        own += !keys[i].damaged && !keys[i].removed;
    if (error == 0 && own >= KEY_SLOTS_MOST)
        error = failure_set(failure, ENOSPC,
                            "the store has %d keys, the most that it can have: "
                            "remove one first",
                            KEY_SLOTS_MOST);
    if (error == 0 && options->kind != KEY_RECOVERY)
        error = refuse_known(store, state, passphrase, failure);
    if (error == 0)
        error = key_slot_put(store, options, passphrase, ret_id, failure);
    if (error != 0)
        return error;
    error = note_change(store, state, ret_id, what, failure);
    if (error != 0)
        undo_add(store, ret_id);
    return error;
}

int store_key_add(struct store *store, const struct key_options *options,
                  const struct store_passphrase *passphrase, uint8_t ret_id[KEY_SLOT_ID_BYTES],
                  struct failure *failure)
{
    struct log_state state = {0};
    uint8_t id[KEY_SLOT_ID_BYTES];
    int error = log_read(store, &state, failure);

    if (error == 0)
        error = add(store, &state, options, passphrase, id, failure);
    log_state_release(&state);
    if (error == 0)
        memcpy(ret_id, id, sizeof id);
    return error;
}

/* ---- Removing ---- */

static int refuse_last(struct failure *failure)
{
    return failure_set(failure, EBUSY,
                       "it is the last key that opens the store: add another one first");
}

/*
 * Says in the log that the slot goes, before it does: from then on it opens nothing. Of several who
 * each remove a key at once, the log's order decides: whoever has put a record has seen a slot that
 * no record before names, and whoever is to remove that one later must have seen yet another. So
 * the last one stays, wherever any of them dies. One that the log calls removed already, as its
 * file stayed or came back, needs no other record.
 */
static int announce_removal(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                            struct failure *failure)
{
    struct log_state state = {0};
    int error = -EAGAIN;

    while (error == -EAGAIN) {
        error = log_read(store, &state, failure);
        if (error != 0 || log_key_is_removed(&state, id))
            break;

        int others = other_slot_stays(store, &state, id, failure);

        if (others <= 0)
            error = others == 0 ? refuse_last(failure) : others;
        else
            error = log_key_change(store, &state, id, LOG_KEY_REMOVED, failure);
    }
    log_state_release(&state);
    return error;
}

/* Removes the slot's file, durably. */
static int take_slot_away(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                          struct failure *failure)
{
    struct storage *storage = store->storage;
    char path[KEY_SLOT_PATH_SIZE];

    key_slot_path(id, path);

    int error = storage->class->remove(storage, path, failure);

    if (error == 0)
        error = storage->class->sync(storage, failure);
    if (error == 0 || error == -ENOENT)
        return error;
    return failure_prefix(failure, -error,
                          "the key no longer opens the store, but its file is still there: remove "
                          "it once more");
}

int store_key_remove(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                     struct failure *failure)
{
    char path[KEY_SLOT_PATH_SIZE];
    uint64_t size;

    key_slot_path(id, path);

    int error = store->storage->class->size(store->storage, path, &size, failure);

    if (error == 0)
        error = announce_removal(store, id, failure);
    if (error == 0)
        error = take_slot_away(store, id, failure);
    return error == -ENOENT ? failure_set(failure, ENOENT, "the store has no such key") : error;
}

/* ---- Changing ---- */

int store_key_change(struct store *store, const struct store_passphrase *passphrase,
                     uint8_t ret_id[KEY_SLOT_ID_BYTES], struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    struct key_options options = {0};
    uint8_t id[KEY_SLOT_ID_BYTES];
    size_t count;
    int error = store_key_list(store, &keys, &count, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].opened && !keys[i].damaged) {
            options.kind = keys[i].slot.kind;
            options.label = keys[i].slot.label;
            options.cost = keys[i].slot.cost;
        }
    }
    if (options.kind == 0)
        return failure_set(failure, ENOENT,
                           "the key that the store was opened with was removed meanwhile");
    if (options.kind == KEY_RECOVERY)
        return failure_set(failure, EINVAL,
                           "the store was opened with its recovery key: add a passphrase, and "
                           "remove the one that was lost");
    error = store_key_add(store, &options, passphrase, id, failure);
    if (error != 0)
        return error;
    error = store_key_remove(store, store->opened_slot, failure);
    if (error != 0)
        return failure_prefix(
            failure, -error, "the new passphrase opens the store, but the old one was not removed");
    memcpy(store->opened_slot, id, sizeof id);
    memcpy(ret_id, id, sizeof id);
    return 0;
}
