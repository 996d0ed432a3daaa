/* SPDX-License-Identifier: MIT */
/*
 * Compression of objects, alone or against another object's data. One thread
 * at a time.
 */
#ifndef CRMFS_STORE_OBJECT_COMPRESS_H
#define CRMFS_STORE_OBJECT_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"

struct object_compressor;

/* LEVEL is zstd's. NULL: no memory. */
struct object_compressor *object_compressor_create(int level);

/* Whether somebody waits for what follows: then the usual level is a faster one. */
void object_compressor_hurry(struct object_compressor *compressor, bool hurries);

/*
 * Appends a frame of at most MOST bytes to OUTPUT. PARENT may be NULL; its data is
 * referred to only during the call. 0, -E2BIG when the frame would be larger, -ENOMEM.
 */
int object_compress(struct object_compressor *compressor, const void *data, size_t size,
                    const struct buffer *parent, size_t most, struct buffer *output);

void object_compressor_free(struct object_compressor *compressor); /* NULL is allowed */

#endif
