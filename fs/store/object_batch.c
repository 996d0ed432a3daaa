/* SPDX-License-Identifier: MIT */
#include "fs/store/object_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/index_merge.h"

#define SETTLED_MOST 4096 /* objects that wait for an index */
#define DURABLE_MOST ((size_t)1 << 16)

int object_batch_create(struct store *store, struct object_reader *reader,
                        struct object_batch **ret_batch, struct failure *failure)
{
    struct object_batch *batch = calloc(1, sizeof *batch);

    if (batch == NULL)
        return -ENOMEM;
    batch->store = store;
    batch->reader = reader;
    pthread_mutex_init(&batch->pack_lock, NULL);
    pthread_cond_init(&batch->pack_finished, NULL);
    pthread_mutex_init(&batch->lock, NULL);
    pthread_mutex_init(&batch->watch.lock, NULL);

    /* What is relied on is there now: packs that went since they were listed must not count. */
    pack_list_forget(reader->packs);

    int error = index_set_refresh(reader->indexes, failure);

    if (error != 0) {
        object_batch_free(batch);
        return error;
    }
    *ret_batch = batch;
    return 0;
}

int object_batch_avoid(struct object_batch *batch, const char *const *packs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t salt[STORE_SALT_BYTES];

        if (!pack_salt(packs[i], salt))
            return -EINVAL;

        int error = hint_set_add(&batch->avoided, pack_hint(salt));

        if (error != 0)
            return error;
    }
    return 0;
}

void object_batch_write_anew(struct object_batch *batch)
{
    batch->anew = true;
}

void object_batch_pad_closely(struct object_batch *batch)
{
    batch->closely = true;
}

void batch_break(struct object_batch *batch, int error, const struct failure *words)
{
    pthread_mutex_lock(&batch->lock);
    if (batch->error == 0) {
        batch->error = error != 0 ? error : -ECANCELED;
        if (words != NULL && words->code == -error)
            batch->words = *words;
    }
    pthread_mutex_unlock(&batch->lock);
}

/* A pack_visit. There is room. The lock is held. */
static int wait_for_index(void *context, const struct pack_entry *entry)
{
    struct object_batch *batch = context;

    batch->waiting[batch->waiting_count++] = (struct index_entry){
        .reference = entry->reference,
        .type = (uint8_t)entry->type,
        .encoding = (uint8_t)entry->encoding,
        .depth = entry->depth,
    };
    return 0;
}

/* A pack_visit. */
static int count_entry(void *context, const struct pack_entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
    return 0;
}

/* The lock is held. */
static int make_room(struct object_batch *batch, size_t entries)
{
    size_t wanted = batch->waiting_count + entries;
    size_t room = batch->waiting_room == 0 ? 1024 : batch->waiting_room;

    if (batch->pack_count == batch->pack_room) {
        size_t pack_room = batch->pack_room == 0 ? 16 : batch->pack_room * 2;
        char **packs = reallocarray(batch->packs, pack_room, sizeof *packs);

        if (packs == NULL)
            return -ENOMEM;
        batch->packs = packs;
        batch->pack_room = pack_room;
    }
    if (wanted <= batch->waiting_room)
        return 0;
    while (room < wanted)
        room *= 2;

    struct index_entry *waiting = reallocarray(batch->waiting, room, sizeof *waiting);

    if (waiting == NULL)
        return -ENOMEM;
    batch->waiting = waiting;
    batch->waiting_room = room;
    return 0;
}

/* The lock is held. */
static int note_pack(struct object_batch *batch, const struct pack_writer *pack)
{
    char *name = malloc(PACK_NAME_SIZE);
    size_t entries = 0;
    int error = name == NULL ? -ENOMEM : pack_writer_visit(pack, count_entry, &entries);

    if (error == 0)
        error = make_room(batch, entries);
    if (error == 0)
        error = pack_writer_visit(pack, wait_for_index, batch);
    if (error != 0) {
        free(name);
        return error;
    }
    /* Not to know it costs a flush at most. */
    (void)!hint_set_add(&batch->durable, pack_hint(pack_writer_salt(pack)));
    pack_name(pack_writer_salt(pack), name);
    batch->packs[batch->pack_count++] = name;
    batch->stored_bytes += pack_writer_bytes(pack);
    batch->missing.count = 0; /* it may have been looked for before it was there */
    return 0;
}

/* Packs first, durably; then the index of what is in them. */
static int write_index(struct object_batch *batch, struct index_entry *entries, size_t count,
                       struct failure *failure)
{
    struct storage *storage = store_storage(batch->store);
    int error = storage->class->sync(storage, failure);

    return error != 0 ? error : index_write(batch->store, entries, count, failure);
}

/* A pack was committed. */
static int add_pack(struct object_batch *batch, const struct pack_writer *pack,
                    struct failure *failure)
{
    cleanup_free struct index_entry *full = NULL;
    size_t count = 0;

    pthread_mutex_lock(&batch->lock);

    int error = note_pack(batch, pack);

    if (error == 0 && batch->waiting_count >= WAITING_MOST) {
        full = steal_pointer(&batch->waiting);
        count = batch->waiting_count;
        batch->waiting_count = 0;
        batch->waiting_room = 0;
    }
    pthread_mutex_unlock(&batch->lock);
    return error == 0 && full != NULL ? write_index(batch, full, count, failure) : error;
}

/* Ends the pack under way, or none. The pack_lock is held. */
static struct pack_writer *take_pack(struct object_batch *batch)
{
    if (batch->pack != NULL)
        batch->packs_ending++;
    return steal_pointer(&batch->pack);
}

/* One that was taken: while it is flushed, others go on with the next one. */
static int finish_pack(struct object_batch *batch, struct pack_writer *pack,
                       struct failure *failure)
{
    int error = pack_writer_finish(pack, batch_make_room(batch, pack), failure);

    if (error == 0)
        error = add_pack(batch, pack, failure);
    pack_writer_free(pack);
    if (error != 0)
        batch_break(batch, error, failure);
    pthread_mutex_lock(&batch->pack_lock);
    batch->packs_ending--;
    pthread_cond_broadcast(&batch->pack_finished);
    pthread_mutex_unlock(&batch->pack_lock);
    return error;
}

/* ---- Writing ---- */

/* The object will not be written again. If it was before, and was found damaged, this one counts.
 */
static int note_written(struct object_batch *batch, const struct object_head *head,
                        const struct object_reference *reference)
{
    struct index_entry known = {
        .reference = *reference,
        .type = (uint8_t)head->type,
        .encoding = (uint8_t)head->encoding,
        .depth = head->place.depth,
    };

    pthread_mutex_lock(&batch->lock);
    if (batch->written.count >= WRITTEN_MOST) {
        known_objects_clear(&batch->written);
        batch->written_earlier = 0;
    }

    int error = known_objects_put(&batch->written, &known);

    pthread_mutex_unlock(&batch->lock);
    return error;
}

int batch_append(struct object_batch *batch, const uint8_t id[OBJECT_ID_BYTES],
                 const struct object_head *head, const void *body, size_t size,
                 struct object_reference *ret_reference, struct failure *failure)
{
    struct object_reference reference;
    struct pack_writer *full = NULL;
    int error = 0;

    pthread_mutex_lock(&batch->pack_lock);
    if (batch->pack == NULL)
        error = pack_writer_create(batch->store, &batch->pack, failure);
    if (error == 0 && batch->closely)
        pack_writer_pad_closely(batch->pack);
    if (error == 0)
        error = pack_writer_add(batch->pack, id, head, body, size, &reference, failure);
    if (error == 0 && pack_writer_is_full(batch->pack))
        full = take_pack(batch);
    pthread_mutex_unlock(&batch->pack_lock);
    if (full != NULL)
        error = finish_pack(batch, full, failure);
    if (error == 0)
        error = note_written(batch, head, &reference);
    if (error != 0)
        batch_break(batch, error, failure);
    else
        *ret_reference = reference;
    return error;
}

static int batch_error(struct object_batch *batch, struct failure *failure)
{
    pthread_mutex_lock(&batch->lock);
    int error = batch->error;
    struct failure words = batch->words;
    pthread_mutex_unlock(&batch->lock);

    return error != 0 ? failure_set(failure, -error, "not all of it was written: %s",
                                    words.code != 0 ? words.text : strerror(-error))
                      : 0;
}

int object_batch_end_pack(struct object_batch *batch, struct failure *failure)
{
    int error = batch_error(batch, failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&batch->pack_lock);
    struct pack_writer *pack = take_pack(batch);
    pthread_mutex_unlock(&batch->pack_lock);

    if (pack != NULL)
        error = finish_pack(batch, pack, failure);
    /* What somebody else is ending may have been put by this one. */
    pthread_mutex_lock(&batch->pack_lock);
    while (batch->packs_ending > 0)
        pthread_cond_wait(&batch->pack_finished, &batch->pack_lock);
    pthread_mutex_unlock(&batch->pack_lock);
    return error != 0 ? error : batch_error(batch, failure);
}

int object_batch_finish(struct object_batch *batch, const char *const **ret_packs,
                        size_t *ret_pack_count, uint64_t *ret_stored_bytes, struct failure *failure)
{
    struct storage *storage = store_storage(batch->store);
    int error = object_batch_end_pack(batch, failure);

    if (error != 0)
        return error;
    if (batch->pack_count > 0 || batch->waiting_count > 0) {
        error = write_index(batch, batch->waiting, batch->waiting_count, failure);
        if (error == 0)
            error = storage->class->sync(storage, failure);
        if (error != 0)
            return error;
        batch->waiting_count = 0;
        /* A favour to later lookups; what is committed does not depend on it. */
        (void)!index_merge(batch->store, batch->reader->packs, &batch->avoided, NULL);
    }
    *ret_packs = (const char *const *)batch->packs;
    *ret_pack_count = batch->pack_count;
    *ret_stored_bytes = batch->stored_bytes;
    return 0;
}

int object_batch_settle(struct object_batch *batch, struct failure *failure)
{
    struct storage *storage = store_storage(batch->store);
    const char *const *packs;
    uint64_t stored;
    size_t count;
    int error = object_batch_end_pack(batch, failure);

    if (error != 0)
        return error;
    if (batch->waiting_count >= SETTLED_MOST)
        return object_batch_finish(batch, &packs, &count, &stored, failure);
    return batch->pack_count > 0 ? storage->class->sync(storage, failure) : 0;
}

void object_batch_renew(struct object_batch *batch)
{
    for (size_t i = 0; i < batch->pack_count; i++)
        free(batch->packs[i]);
    batch->pack_count = 0;
    batch->stored_bytes = 0;
    batch->relied.count = 0;
    batch->opened.count = 0;
    if (batch->durable.count > DURABLE_MOST)
        batch->durable.count = 0; /* then they are asked for again */
    /* What stands in an index is found there. */
    if (batch->waiting_count == 0 && index_set_refresh(batch->reader->indexes, NULL) == 0)
        known_objects_clear(&batch->written);
    batch->written_earlier = batch->written.count;
}

void object_batch_packs(const struct object_batch *batch, const char *const **ret_packs,
                        size_t *ret_count)
{
    *ret_packs = (const char *const *)batch->packs;
    *ret_count = batch->pack_count;
}

uint64_t object_batch_stored_bytes(const struct object_batch *batch)
{
    return batch->stored_bytes;
}

void object_batch_relied(const struct object_batch *batch, const uint64_t **ret_hints,
                         size_t *ret_count)
{
    *ret_hints = batch->relied.hints;
    *ret_count = batch->relied.count;
}

void object_batch_free(struct object_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->pack_count; i++)
        free(batch->packs[i]);
    free(batch->packs);
    free(batch->waiting);
    hint_set_release(&batch->avoided);
    hint_set_release(&batch->relied);
    hint_set_release(&batch->watch.marked_since);
    hint_set_release(&batch->durable);
    hint_set_release(&batch->there);
    hint_set_release(&batch->missing);
    hint_set_release(&batch->opened);
    known_objects_release(&batch->written);
    pack_writer_free(batch->pack);
    pthread_mutex_destroy(&batch->pack_lock);
    pthread_cond_destroy(&batch->pack_finished);
    pthread_mutex_destroy(&batch->lock);
    pthread_mutex_destroy(&batch->watch.lock);
    free(batch);
}
