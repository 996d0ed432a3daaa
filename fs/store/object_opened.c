/* SPDX-License-Identifier: MIT */
/*
 * Whether what stands in the store already opens: a batch relies on nothing else. Each piece is
 * opened once a batch, or again when the batch has forgotten it.
 */
#include <errno.h>

#include "fs/store/object_batch.h"

#define OPENED_MOST ((size_t)1 << 15) /* places that are remembered: 256 KiB */

/* One number for a place: hints are random, offsets are below 2^32. */
static uint64_t place_hint(const struct object_reference *place)
{
    return place->pack_hint ^ (place->offset * UINT64_C(0x9e3779b97f4a7c15));
}

void batch_note_opened(struct object_batch *batch, const struct object_reference *place)
{
    pthread_mutex_lock(&batch->lock);
    if (batch->opened.count >= OPENED_MOST)
        batch->opened.count = 0;
    /* Not to know it costs another look at most. */
    (void)!hint_set_add(&batch->opened, place_hint(place));
    pthread_mutex_unlock(&batch->lock);
}

int batch_place_opens(struct object_batch *batch, const struct object_reference *place)
{
    struct object_reader *reader = batch->reader;

    pthread_mutex_lock(&batch->lock);
    bool known = hint_set_has(&batch->opened, place_hint(place));
    pthread_mutex_unlock(&batch->lock);
    if (known)
        return 1;

    struct read_scratch *scratch = read_scratch_take(reader);

    if (scratch == NULL)
        return -ENOMEM;
    scratch->count = 1;

    int error = object_fetch_place(reader, place, OBJECT_DEPTH_ANY, &scratch->sealed,
                                   &scratch->links[0].body);

    chain_end(reader, scratch);
    read_scratch_give(reader, scratch);
    if (error == 0)
        batch_note_opened(batch, place);
    return error == 0 ? 1 : error == -ENOMEM ? error : 0;
}
