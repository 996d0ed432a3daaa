/* SPDX-License-Identifier: MIT */
/*
 * What others do to the store while a batch of files/ is written. Of what it has found in the store
 * it keeps no copy, so a pack that it relies on must not go before its record says so:
 *
 *   writer   tells by a lock that it uses the pack   -> reads the log -> relies on it
 *   prune    puts the record that marks the pack     -> asks for the lock -> removes it
 *
 * Whoever comes second sees the other: either the pack stays, or it counts as absent.
 */
#include <errno.h>

#include "fs/store/claim_lock.h"
#include "fs/store/log_internal.h"
#include "fs/store/object_batch.h"

void object_batch_watch(struct object_batch *batch, struct claim_lock *lock, uint64_t sequence)
{
    batch->watch.told = lock;
    batch->watch.sequence = sequence;
    batch->watch.marked_since.count = 0;
}

static int note_marked(struct batch_watch *watch, const struct log_entry *entry)
{
    int error = 0;

    if (entry->kind != LOG_MARK && entry->kind != LOG_REMOVE)
        return 0;
    for (size_t i = 0; i < entry->pack_count && error == 0; i++) {
        uint8_t salt[STORE_SALT_BYTES];

        if (pack_salt(entry->packs[i], salt))
            error = hint_set_add(&watch->marked_since, pack_hint(salt));
    }
    return error;
}

/* Old records go, the lowest numbers first: while the last one is there, no next one has gone. */
static bool is_last(struct store *store, uint64_t sequence)
{
    struct storage *storage = store_storage(store);
    char name[LOG_NAME_SIZE];
    uint64_t size;

    log_record_name(sequence, name);
    return storage->class->size(storage, name, &size, NULL) == 0;
}

static bool read_log(struct store *store, struct batch_watch *watch)
{
    int error = 0;

    while (error == 0) {
        struct log_entry entry = {.kind = LOG_KINDS};
        uint8_t hash[LOG_HASH_BYTES];

        error = log_record_read(store, watch->sequence + 1, &entry, hash, NULL);
        if (error == 0)
            error = note_marked(watch, &entry);
        if (error == 0)
            watch->sequence++;
        log_entry_release(&entry);
    }
    return error == -ENOENT && is_last(store, watch->sequence);
}

/* Then the lock is held since. */
static bool is_relied_on(struct object_batch *batch, uint64_t hint)
{
    pthread_mutex_lock(&batch->lock);
    bool relied = hint_set_has(&batch->relied, hint);
    pthread_mutex_unlock(&batch->lock);

    return relied;
}

bool batch_may_rely(struct object_batch *batch, uint64_t hint)
{
    struct batch_watch *watch = &batch->watch;

    if (watch->told == NULL || is_relied_on(batch, hint))
        return true;
    pthread_mutex_lock(&watch->lock);
    bool may = claim_lock_use_pack(watch->told, hint) && read_log(batch->store, watch) &&
               !hint_set_has(&watch->marked_since, hint);
    pthread_mutex_unlock(&watch->lock);
    return may;
}
