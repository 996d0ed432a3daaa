/* SPDX-License-Identifier: MIT */
/*
 * A disk that is full. A pack that can be seen may be relied on by others from then on, so that its
 * writer cannot take it back: where there is no room for the index and the record, it would stay
 * for a day, of use to nobody. So room for them is asked for before a pack gets its name. And for
 * more: on a disk that only the store fills, nothing can be removed without a record that says so.
 */
#include "fs/store/image_cache.h"
#include "fs/store/object_batch.h"
#include "fs/store/pack_layout.h"

/* A forget, and a prune that writes a small pack anew. */
#define ROOM_LEFT ((uint64_t)128 << 10)
#define RECORD_BYTES_OF_A_PACK ((uint64_t)80) /* its name, more than that */

void object_batch_leave_room(struct object_batch *batch)
{
    batch->leaves_room = true;
}

uint64_t batch_make_room(struct object_batch *batch, const struct pack_writer *pack)
{
    struct storage *storage = store_storage(batch->store);
    struct image_cache_sum removed = {.count = 0};

    if (!batch->leaves_room || storage->class->try_room == NULL)
        return 0;
    pthread_mutex_lock(&batch->lock);
    uint64_t objects = batch->waiting_count + pack_writer_count(pack);
    uint64_t packs = batch->pack_count + 1;
    pthread_mutex_unlock(&batch->lock);

    uint64_t leaves = ROOM_LEFT + packs * RECORD_BYTES_OF_A_PACK +
                      (objects / INDEX_BLOCK_ENTRIES + 1) * INDEX_BLOCK_SEALED;
    uint64_t directory = pack_writer_count(pack) * PACK_ENTRY_BYTES_MOST + PACK_ROUND_BYTES;

    /* Kept images, which may go at any time, give way. */
    if (storage->class->try_room(storage, directory + leaves, NULL) != 0)
        image_cache_clear(batch->store, &removed);
    return leaves;
}
