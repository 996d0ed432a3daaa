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

#define WHAT_REMOVED "remove" /* in the log */

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
static int note_change(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES], const char *what,
                       struct failure *failure)
{
    struct log_state state = {0};
    int error = log_read(store, &state, failure);

    while (error == 0 && (error = log_key_change(store, &state, id, what, failure)) == -EAGAIN)
        error = 0;
    log_state_release(&state);
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

/* ---- Which stay ---- */

struct remaining {
    struct key_info *keys;
    size_t count;
};

/* A log_key_visit: a slot that somebody is removing is as good as gone. */
static int leave_out_removed(void *context, const uint8_t slot[STORE_ID_BYTES], const char *what)
{
    struct remaining *remaining = context;

    if (strcmp(what, WHAT_REMOVED) != 0)
        return 0;
    for (size_t i = 0; i < remaining->count; i++) {
        if (memcmp(remaining->keys[i].slot.id, slot, KEY_SLOT_ID_BYTES) == 0)
            remaining->keys[i].damaged = true;
    }
    return 0;
}

/*
 * Whether a slot other than ID is there that opens the store, and that no record says is being
 * removed. 1, 0 or -errno.
 */
static int other_slot_stays(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                            struct failure *failure)
{
    struct remaining remaining = {.count = 0};
    int found = store_key_list(store, &remaining.keys, &remaining.count, failure);

    if (found == 0)
        found = log_each_key_change(store, leave_out_removed, &remaining, failure);
    for (size_t i = 0; i < remaining.count && found == 0; i++)
        found = !remaining.keys[i].damaged &&
                memcmp(remaining.keys[i].slot.id, id, sizeof remaining.keys[i].slot.id) != 0;
    free(remaining.keys);
    return found;
}

/* ---- Adding ---- */

/*
 * -EEXIST: the passphrase opens the store already. With two keys of one passphrase, removing one
 * would shut out nobody. Takes as long as opening the store with each of its keys.
 */
static int refuse_known(struct store *store, const struct store_passphrase *passphrase,
                        struct failure *failure)
{
    cleanup_free struct stored_slot *slots = NULL;
    uint8_t *master = secret_allocate(MASTER_KEY_BYTES);
    size_t count = 0;
    int error = master == NULL
                    ? failure_set(failure, ENOMEM, "no locked memory for a key: raise `ulimit -l`")
                    : stored_slots_read(store_storage(store), &slots, &count, failure);

    for (size_t i = 0; i < count && error == 0; i++) {
        char name[KEY_SLOT_NAME_DIGITS + 1];

        if (slots[i].error != 0 || key_slot_open(store->header_bytes, slots[i].id, slots[i].bytes,
                                                 passphrase, master, NULL) != 0)
            continue;
        sodium_bin2hex(name, sizeof name, slots[i].id, KEY_SLOT_ID_BYTES);
        error = failure_set(failure, EEXIST,
                            "that passphrase opens the store already, as key %.8s: choose another",
                            name);
    }
    sodium_free(master);
    return error;
}

int store_key_add(struct store *store, const struct key_options *options,
                  const struct store_passphrase *passphrase, uint8_t ret_id[KEY_SLOT_ID_BYTES],
                  struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    uint8_t id[KEY_SLOT_ID_BYTES];
    size_t count;
    int error = store_key_list(store, &keys, &count, failure);

    if (error == 0 && count >= KEY_SLOTS_MOST)
        error = failure_set(failure, ENOSPC,
                            "the store has %d keys, the most that it can have: "
                            "remove one first",
                            KEY_SLOTS_MOST);
    if (error == 0 && options->kind != KEY_RECOVERY)
        error = refuse_known(store, passphrase, failure);
    if (error == 0)
        error = key_slot_put(store, options, passphrase, id, failure);
    if (error != 0)
        return error;
    error = note_change(
        store, id, options->kind == KEY_RECOVERY ? "add recovery key" : "add passphrase", failure);
    if (error != 0) {
        char path[KEY_SLOT_PATH_SIZE];

        key_slot_path(id, path);
        /* Somebody who removed another key meanwhile may have relied on this one. */
        if (other_slot_stays(store, id, NULL) == 1) {
            store->storage->class->remove(store->storage, path, NULL);
            store->storage->class->sync(store->storage, NULL);
        }
        return error;
    }
    memcpy(ret_id, id, sizeof id);
    return 0;
}

/* ---- Removing ---- */

static int refuse_last(struct failure *failure)
{
    return failure_set(failure, EBUSY,
                       "it is the last key that opens the store: add another one first");
}

/*
 * Says in the log that the slot goes, before it does. Of several who each remove a key at once, the
 * log's order decides: whoever has put a record has seen a slot that no record before names, and
 * whoever is to remove that one later must have seen yet another. So the last one stays, wherever
 * any of them dies.
 */
static int announce_removal(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                            struct failure *failure)
{
    struct log_state state = {0};
    int error = -EAGAIN;

    while (error == -EAGAIN) {
        error = log_read(store, &state, failure);
        if (error != 0)
            break;

        int others = other_slot_stays(store, id, failure);

        if (others <= 0)
            error = others == 0 ? refuse_last(failure) : others;
        else
            error = log_key_change(store, &state, id, WHAT_REMOVED, failure);
    }
    log_state_release(&state);
    return error;
}

/*
 * Removes the slot's file, durably. Should none be left after all (the record above was pruned
 * while this process slept), it is put back.
 */
static int take_slot_away(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                          struct failure *failure)
{
    struct storage *storage = store->storage;
    uint8_t bytes[KEY_SLOT_BYTES];
    char path[KEY_SLOT_PATH_SIZE];

    key_slot_path(id, path);

    int kept = storage->class->read(storage, path, 0, bytes, sizeof bytes, NULL);
    int error = storage->class->remove(storage, path, failure);

    if (error != 0)
        return error;

    int others = other_slot_stays(store, id, failure);

    if (others <= 0 && kept == 0) {
        storage->class->put_exclusive(storage, path, bytes, sizeof bytes, NULL);
        return others == 0 ? refuse_last(failure) : others;
    }
    return storage->class->sync(storage, failure);
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
        return failure_prefix(failure, -error,
                              "the new passphrase opens the store, but the old one still does");
    memcpy(store->opened_slot, id, sizeof id);
    memcpy(ret_id, id, sizeof id);
    return 0;
}
