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

#define FOLDER "keys"

void key_slot_path(const uint8_t id[KEY_SLOT_ID_BYTES], char path[KEY_SLOT_PATH_SIZE])
{
    memcpy(path, FOLDER "/", sizeof FOLDER);
    sodium_bin2hex(path + sizeof FOLDER, KEY_SLOT_NAME_DIGITS + 1, id, KEY_SLOT_ID_BYTES);
}

struct found_slots {
    struct stored_slot slots[KEY_SLOTS_MOST];
    size_t count;
};

static int note_slot(void *context, const char *name, uint64_t size, time_t modified)
{
    struct found_slots *found = context;
    uint8_t id[KEY_SLOT_ID_BYTES];
    size_t length;

    (void)modified;
    /* What has another name is no slot. */
    if (strlen(name) != KEY_SLOT_NAME_DIGITS ||
        sodium_hex2bin(id, sizeof id, name, KEY_SLOT_NAME_DIGITS, NULL, &length, NULL) != 0 ||
        length != sizeof id)
        return 0;
    if (found->count == KEY_SLOTS_MOST)
        return -EOVERFLOW;

    struct stored_slot *slot = &found->slots[found->count++];

    memcpy(slot->id, id, sizeof id);
    slot->error = size == KEY_SLOT_BYTES ? 0 : -EBADMSG;
    return 0;
}

static int compare_slots(const void *left, const void *right)
{
    return memcmp(((const struct stored_slot *)left)->id, ((const struct stored_slot *)right)->id,
                  KEY_SLOT_ID_BYTES);
}

/* Reads what was found; slots that are gone by now are left out. */
static void read_slots(struct storage *storage, struct found_slots *found)
{
    size_t kept = 0;

    for (size_t i = 0; i < found->count; i++) {
        struct stored_slot *slot = &found->slots[i];
        char path[KEY_SLOT_PATH_SIZE];

        key_slot_path(slot->id, path);
        if (slot->error == 0)
            slot->error = storage->class->read(storage, path, 0, slot->bytes, KEY_SLOT_BYTES, NULL);
        if (slot->error == -ENODATA)
            slot->error = -EBADMSG;
        if (slot->error != -ENOENT)
            found->slots[kept++] = *slot;
    }
    found->count = kept;
    qsort(found->slots, kept, sizeof *found->slots, compare_slots);
}

int stored_slots_read(struct storage *storage, struct stored_slot **ret_slots, size_t *ret_count,
                      struct failure *failure)
{
    struct found_slots *found = calloc(1, sizeof *found);

    if (found == NULL)
        return -ENOMEM;

    int error = storage->class->list(storage, FOLDER, note_slot, found, failure);

    if (error == -EOVERFLOW) {
        error = -EBADMSG;
        failure_set(
            failure, EBADMSG,
            "there are more than %d keys below keys/: somebody put some there; remove those "
            "that are not the store's",
            KEY_SLOTS_MOST);
    }
    if (error != 0) {
        free(found);
        return error;
    }
    read_slots(storage, found);
    *ret_count = found->count;
    *ret_slots = found->slots; /* its first member */
    return 0;
}

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
        store->storage->class->remove(store->storage, path, NULL);
        store->storage->class->sync(store->storage, NULL);
        return error;
    }
    memcpy(ret_id, id, sizeof id);
    return 0;
}

/* Whether a slot other than ID is there that opens the store. 1, 0 or -errno. */
static int other_slot_opens(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                            struct failure *failure)
{
    cleanup_free struct key_info *keys = NULL;
    size_t count;
    int error = store_key_list(store, &keys, &count, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (!keys[i].damaged && memcmp(keys[i].slot.id, id, sizeof keys[i].slot.id) != 0)
            return 1;
    }
    return 0;
}

static int refuse_last(struct failure *failure)
{
    return failure_set(failure, EBUSY,
                       "it is the last key that opens the store: add another one first");
}

/*
 * Removes the slot's file, durably. Two processes may each remove one of the last
 * two slots at once: whoever then finds none left puts its own back.
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

    int others = other_slot_opens(store, id, failure);

    if (others <= 0 && kept == 0) {
        storage->class->put_exclusive(storage, path, bytes, sizeof bytes, NULL);
        return others == 0 ? refuse_last(failure) : others;
    }
    return storage->class->sync(storage, failure);
}

int store_key_remove(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                     struct failure *failure)
{
    int others = other_slot_opens(store, id, failure);

    if (others < 0)
        return others;
    if (others == 0)
        return refuse_last(failure);

    int error = take_slot_away(store, id, failure);

    if (error == -ENOENT)
        return failure_set(failure, ENOENT, "the store has no such key");
    if (error == 0)
        error = note_change(store, id, "remove", failure);
    return error;
}

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
