/* SPDX-License-Identifier: MIT */
#include "fs/store/spool_scratch.h"

#include <stdlib.h>

#define KEPT 8
#define BYTES_KEPT ((size_t)2 << 20) /* of each buffer */

void scratches_init(struct scratches *scratches, size_t sealed_bytes_most, size_t packed_bytes_most)
{
    *scratches = (struct scratches){
        .sealed_bytes_most = sealed_bytes_most,
        .packed_bytes_most = packed_bytes_most,
    };
    pthread_mutex_init(&scratches->lock, NULL);
}

static void scratch_free(struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    buffer_release(&scratch->sealed);
    buffer_release(&scratch->packed);
    ZSTD_freeCCtx(scratch->compressor);
    ZSTD_freeDCtx(scratch->decompressor);
    free(scratch);
}

void scratches_release(struct scratches *scratches)
{
    while (scratches->first != NULL) {
        struct scratch *scratch = scratches->first;

        scratches->first = scratch->next;
        scratch_free(scratch);
    }
    pthread_mutex_destroy(&scratches->lock);
}

struct scratch *scratch_take(struct scratches *scratches)
{
    pthread_mutex_lock(&scratches->lock);
    struct scratch *scratch = scratches->first;

    if (scratch != NULL) {
        scratches->first = scratch->next;
        scratches->count--;
    }
    pthread_mutex_unlock(&scratches->lock);
    if (scratch == NULL) {
        scratch = calloc(1, sizeof *scratch);
        if (scratch != NULL) {
            scratch->sealed = BUFFER(scratches->sealed_bytes_most);
            scratch->packed = BUFFER(scratches->packed_bytes_most);
        }
    }
    return scratch;
}

void scratch_give(struct scratches *scratches, struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    if (scratch->sealed.capacity > BYTES_KEPT)
        buffer_release(&scratch->sealed);
    if (scratch->packed.capacity > BYTES_KEPT)
        buffer_release(&scratch->packed);
    pthread_mutex_lock(&scratches->lock);
    if (scratches->count < KEPT) {
        scratch->next = scratches->first;
        scratches->first = scratch;
        scratches->count++;
        scratch = NULL;
    }
    pthread_mutex_unlock(&scratches->lock);
    scratch_free(scratch);
}
