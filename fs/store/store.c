/* SPDX-License-Identifier: MIT */
#include "fs/store/store.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/secret.h"
#include "fs/store/header.h"
#include "fs/store/log.h"
#include "fs/store/log_internal.h"
#include "fs/store/recovery_key.h"
#include "fs/store/store_internal.h"

static void release_store(struct store **store)
{
    store_close(*store);
}

#define cleanup_store cleanup(release_store)

/* A store without keys; STORAGE is not its own yet. */
static int allocate_store(const struct store_header *header, struct store **ret_store,
                          struct failure *failure)
{
    struct store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return -ENOMEM;
    store->header = *header;
    store_header_encode(header, store->header_bytes);
    store->secrets = secret_allocate(sizeof *store->secrets);
    if (store->secrets == NULL) {
        store_close(store);
        failure_set(failure, ENOMEM, "no locked memory for the keys: raise `ulimit -l`");
        return -ENOMEM;
    }
    pthread_mutex_init(&store->secrets->lock, NULL);
    *ret_store = store;
    return 0;
}

/* From the master key, all others. */
static void derive_keys(struct store *store)
{
    for (int purpose = 1; purpose < STORE_PURPOSES; purpose++)
        subkey_derive(store->header_bytes, store->secrets->master, (enum store_purpose)purpose,
                      store->secrets->keys[purpose]);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    log_leave(store, NULL);
    if (store->storage != NULL)
        store->storage->class->close(store->storage);
    if (store->secrets != NULL)
        pthread_mutex_destroy(&store->secrets->lock);
    sodium_free(store->secrets);
    free(store);
}

/* Takes away what init put, as far as the storage lets it: the header first, that nothing opens. */
static void undo_init(struct storage *storage, const uint8_t slot[KEY_SLOT_ID_BYTES],
                      bool began_log, bool put_header)
{
    char path[KEY_SLOT_PATH_SIZE];
    char record[LOG_NAME_SIZE];

    key_slot_path(slot, path);
    log_record_name(1, record);
    if (put_header)
        storage->class->remove(storage, STORE_HEADER_NAME, NULL);
    storage->class->remove(storage, path, NULL);
    if (began_log)
        storage->class->remove(storage, record, NULL);
    storage->class->sync(storage, NULL);
}

/*
 * A key slot, the log's first record, and at last the header, which makes a store
 * of it all. Of two at once, the log lets one through. What failed otherwise
 * than by -EEXIST may have been put all the same, and is taken away too.
 */
static int put_first_files(struct store *store, const struct store_passphrase *passphrase,
                           const struct key_options *options, struct failure *failure)
{
    struct storage *storage = store->storage;
    uint8_t slot[KEY_SLOT_ID_BYTES];
    bool began_log = false;
    bool put_header = false;
    int error = key_slot_put(store, options, passphrase, slot, failure);

    if (error != 0)
        return error;
    error = log_begin(store, failure);
    began_log = error != -EEXIST;
    if (error == 0) {
        error = storage->class->put_exclusive(storage, STORE_HEADER_NAME, store->header_bytes,
                                              sizeof store->header_bytes, failure);
        put_header = error != -EEXIST;
    }
    if (error != 0)
        undo_init(storage, slot, began_log, put_header);
    return error == -EEXIST
               ? failure_set(failure, EEXIST, "somebody else is making a store of it just now")
               : error;
}

int store_init_with(struct storage *storage, const struct store_header *header,
                    const struct store_passphrase *passphrase, const struct key_options *options,
                    struct failure *failure)
{
    cleanup_store struct store *store = NULL;
    struct store_header with_id = *header;
    uint64_t size;
    int error = store_header_check(header, failure);

    if (error != 0)
        return error;
    error = storage->class->size(storage, STORE_HEADER_NAME, &size, failure);
    if (error != -ENOENT)
        return error != 0 ? error : failure_set(failure, EEXIST, "there is a store already");
    if (sodium_init() < 0)
        return failure_set(failure, ENOMEM, "cannot prepare the random numbers");
    randombytes_buf(with_id.id, sizeof with_id.id);
    error = allocate_store(&with_id, &store, failure);
    if (error != 0)
        return error;
    randombytes_buf(store->secrets->master, MASTER_KEY_BYTES);
    derive_keys(store);
    store->storage = storage;
    error = put_first_files(store, passphrase, options, failure);
    store->storage = NULL; /* it stays the caller's */
    return error;
}

int store_init(struct storage *storage, const struct store_header *header,
               const struct store_passphrase *passphrase, struct failure *failure)
{
    const struct key_options options = {.kind = KEY_PASSPHRASE};

    return store_init_with(storage, header, passphrase, &options, failure);
}

/* A passphrase as it is to be tried on slots of one kind. */
struct attempt {
    enum key_kind kind;
    struct store_passphrase passphrase;
};

struct opening {
    struct store *store;
    struct stored_slot *slots;
    size_t count;
    size_t damaged;
    uint64_t spent; /* on tries, as cost_of() has it */
    bool too_dear;  /* not all were tried */
    int obstacle;   /* what kept a slot from being tried: no memory, or what the storage said */
};

/* What trying all keys may take: as much as KEY_SLOTS_MOST that are as dear as one can be. */
#define COST_MOST ((uint64_t)KEY_SLOTS_MOST * KEY_PASSES_MOST * KEY_MEMORY_MOST)

/* What a try takes; of what is no slot, nothing. */
static uint64_t cost_of(const struct stored_slot *stored)
{
    struct key_slot slot;

    return stored->error == 0 && key_slot_decode(stored->bytes, &slot) == 0
               ? slot.cost.passes * slot.cost.memory_bytes
               : 0;
}

/* The cheapest first, so that dear ones keep nobody from the store's; the newest first of these. */
static int compare_cost(const void *left, const void *right)
{
    const struct stored_slot *one = left;
    const struct stored_slot *other = right;
    uint64_t one_cost = cost_of(one);
    uint64_t other_cost = cost_of(other);

    if (one_cost != other_cost)
        return one_cost < other_cost ? -1 : 1;
    return (one->modified < other->modified) - (one->modified > other->modified);
}

/*
 * Tries all slots of a kind. 0 or -EKEYREJECTED. One that cannot be tried does not
 * keep the others from it: it may have been put there for that.
 */
static int try_slots(struct opening *opening, const struct attempt *attempt)
{
    struct store *store = opening->store;

    for (size_t i = 0; i < opening->count; i++) {
        const struct stored_slot *stored = &opening->slots[i];
        struct key_slot slot;

        if (stored->error != 0 || key_slot_decode(stored->bytes, &slot) != 0 ||
            slot.kind != attempt->kind)
            continue;
        if (cost_of(stored) > COST_MOST - opening->spent) {
            opening->too_dear = true;
            break;
        }
        opening->spent += cost_of(stored);

        int error = key_slot_open(store->header_bytes, stored->id, stored->bytes,
                                  &attempt->passphrase, store->secrets->master, NULL);

        if (error == 0) {
            memcpy(store->opened_slot, stored->id, sizeof stored->id);
            return 0;
        }
        if (error == -EBADMSG)
            opening->damaged++;
        else if (error != -EKEYREJECTED)
            opening->obstacle = error;
    }
    return -EKEYREJECTED;
}

static void count_damaged(struct opening *opening)
{
    for (size_t i = 0; i < opening->count; i++) {
        const struct stored_slot *stored = &opening->slots[i];
        struct key_slot slot;

        if (stored->error != 0 && stored->error != -EBADMSG)
            opening->obstacle = stored->error;
        opening->damaged += stored->error != 0 || key_slot_decode(stored->bytes, &slot) != 0;
    }
}

/* Why no slot opened. RECOVERY is what recovery_key_read() said of the passphrase. */
static int reject(const struct opening *opening, int recovery, struct failure *failure)
{
    if (opening->count == 0)
        return failure_set(failure, EBADMSG,
                           "the store has no key: the files below keys/ are gone, and without one "
                           "of them nothing can be read; put them back from a copy");
    if (opening->obstacle != 0)
        return failure_set(failure, -opening->obstacle,
                           "cannot try every key of the store, and no other opens: %s",
                           strerror(-opening->obstacle));
    if (opening->too_dear)
        return failure_set(failure, EKEYREJECTED,
                           "no key of the store that was tried opens with that passphrase, and "
                           "there are too many below keys/ to try them all: somebody put some "
                           "there; remove those that are not the store's");
    if (opening->damaged == opening->count)
        return failure_set(failure, EBADMSG,
                           "every key below keys/ is damaged: put one back from a copy");
    if (recovery == -EBADMSG)
        return failure_set(failure, EKEYREJECTED,
                           "no key of the store opens with that passphrase; if it is the recovery "
                           "key, there is a typing error in it");
    if (opening->damaged > 0)
        return failure_set(failure, EKEYREJECTED,
                           "no key of the store opens with that passphrase; %zu of its %zu keys "
                           "are damaged",
                           opening->damaged, opening->count);
    return failure_set(failure, EKEYREJECTED, "no key of the store opens with that passphrase");
}

/*
 * Every passphrase is tried on the slots for passphrases, and what looks like a
 * recovery key on those for recovery keys first: each try takes its time.
 */
static int open_slots(struct opening *opening, const struct store_passphrase *passphrase,
                      struct failure *failure)
{
    char *symbols = secret_allocate(RECOVERY_KEY_SYMBOLS);

    if (symbols == NULL)
        return failure_set(failure, ENOMEM, "no locked memory for the keys: raise `ulimit -l`");

    int recovery = recovery_key_read(passphrase->bytes, passphrase->size, symbols);
    int error = -EKEYREJECTED;

    if (opening->count > 1)
        qsort(opening->slots, opening->count, sizeof *opening->slots, compare_cost);
    count_damaged(opening);
    if (recovery == 0)
        error =
            try_slots(opening, &(struct attempt){KEY_RECOVERY, {symbols, RECOVERY_KEY_SYMBOLS}});
    if (error == -EKEYREJECTED)
        error = try_slots(opening, &(struct attempt){KEY_PASSPHRASE, *passphrase});
    sodium_free(symbols);
    return error == -EKEYREJECTED ? reject(opening, recovery, failure) : error;
}

int store_open(struct storage *storage, const struct store_passphrase *passphrase,
               struct store **ret_store, struct failure *failure)
{
    cleanup_store struct store *store = NULL;
    cleanup_free struct stored_slot *slots = NULL;
    struct store_header header;
    struct opening opening = {0};
    int error = store_header_read(storage, &header, NULL, failure);

    if (error == 0 && (passphrase->size == 0 || passphrase->size > STORE_PASSPHRASE_LIMIT))
        error =
            failure_set(failure, EKEYREJECTED, "no key of the store opens with that passphrase");
    if (error == 0)
        error = allocate_store(&header, &store, failure);
    if (error == 0)
        error = stored_slots_read(storage, &slots, &opening.count, failure);
    if (error != 0)
        return error;
    opening.store = store;
    opening.slots = slots;
    error = open_slots(&opening, passphrase, failure);
    if (error != 0)
        return error;
    derive_keys(store);
    store->storage = storage;
    *ret_store = steal_pointer(&store);
    return 0;
}

void store_give_back(struct store *store)
{
    store->storage = NULL;
    store_close(store);
}

/* Those that the log calls removed are as good as gone. */
static size_t leave_out_removed(struct stored_slot *slots, size_t count,
                                const struct log_state *state)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (!log_key_is_removed(state, slots[i].id))
            slots[kept++] = slots[i];
    }
    return kept;
}

int store_leave_removed(struct store *store, const struct log_state *state,
                        const struct store_passphrase *passphrase, struct failure *failure)
{
    cleanup_free struct stored_slot *slots = NULL;
    struct opening opening = {.store = store};
    char name[KEY_SLOT_NAME_DIGITS + 1];
    size_t count;
    int error;

    if (!log_key_is_removed(state, store->opened_slot))
        return 0;
    sodium_bin2hex(name, sizeof name, store->opened_slot, sizeof store->opened_slot);
    error = stored_slots_read(store->storage, &slots, &count, failure);
    if (error != 0)
        return error;
    opening.slots = slots;
    opening.count = leave_out_removed(slots, count, state);
    error = open_slots(&opening, passphrase, NULL);
    if (error == 0)
        derive_keys(store); /* of the same master key */
    else
        error = failure_set(failure, EKEYREVOKED,
                            "the key of that passphrase, %.8s, was removed: it no longer opens the "
                            "store, though its file is there (it stayed, or came back with a copy)",
                            name);
    return error;
}

struct storage *store_storage(struct store *store)
{
    return store->storage;
}

const struct store_header *store_header(const struct store *store)
{
    return &store->header;
}

const uint8_t *store_key(const struct store *store, enum store_purpose purpose)
{
    return store->secrets->keys[purpose];
}

int store_file_sealer(const struct store *store, enum store_purpose purpose,
                      const uint8_t salt[STORE_SALT_BYTES], const char *name,
                      struct sealer **ret_sealer, struct failure *failure)
{
    uint8_t input[STORE_SALT_BYTES + STORAGE_NAME_LIMIT];
    size_t name_size = strlen(name);
    struct store_secrets *secrets = store->secrets;

    if (name_size > STORAGE_NAME_LIMIT)
        return failure_set(failure, EINVAL, "\"%s\" is no name for a file of a store", name);
    memcpy(input, salt, STORE_SALT_BYTES);
    memcpy(input + STORE_SALT_BYTES, name, name_size);
    pthread_mutex_lock(&secrets->lock);
    crypto_generichash(secrets->file_key, sizeof secrets->file_key, input,
                       STORE_SALT_BYTES + name_size, secrets->keys[purpose], SEAL_KEY_BYTES);

    int error = sealer_create(store->header.cipher, secrets->file_key, ret_sealer, failure);

    sodium_memzero(secrets->file_key, sizeof secrets->file_key);
    pthread_mutex_unlock(&secrets->lock);
    return error;
}
