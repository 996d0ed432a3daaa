/* SPDX-License-Identifier: MIT */
/*
 * What a piece of data has in common with its parent, an earlier version of it: long stretches that
 * stand in both in the same order, and between them a little that is new. Finds them as the
 * sequences of a zstd frame that has the parent as its prefix (FORMAT.md, "Stored object").
 *
 * Zstd's own search knows nothing of that order. It looks at every byte of both; this one compares
 * the two from the front, and looks around only where they part. One thread at a time.
 */
#ifndef CRMFS_STORE_DELTA_H
#define CRMFS_STORE_DELTA_H

#include <stddef.h>
#include <stdint.h>

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_Sequence, ZSTD_compressSequences: in zstd since 1.5.0 */
#endif
#include <zstd.h>

#include "fs/base/buffer.h"

/* Working memory, for one pair of pieces after another. */
struct delta;

struct delta *delta_create(void); /* NULL: no memory */

/*
 * Sequences that make SIZE bytes of DATA, none of them a last one of literals alone: what they do
 * not cover is literal. They are DELTA's own until the next call. 0; -E2BIG: the two have too
 * little in common for this way; -ENOMEM.
 */
int delta_find(struct delta *delta, const void *data, size_t size, const struct buffer *parent,
               const ZSTD_Sequence **ret_sequences, size_t *ret_count);

void delta_free(struct delta *delta); /* NULL is allowed */

#endif
