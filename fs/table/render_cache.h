/* SPDX-License-Identifier: MIT */
/*
 * Rendered parts of images, shared by all readers of a mount: the inside of
 * fs/table/reader.h, which has the states and the promises.
 */
#ifndef CRMFS_TABLE_RENDER_CACHE_H
#define CRMFS_TABLE_RENDER_CACHE_H

#include "fs/table/reader.h"

struct rendered;

/* The part, rendered, held until render_cache_give(). -EIO, -ENOMEM. */
int render_cache_take(struct render_cache *cache, struct image *image, enum table_format format,
                      const struct image_part *part, struct rendered **ret_rendered,
                      struct failure *failure);
const void *rendered_bytes(const struct rendered *rendered);
void render_cache_give(struct rendered *rendered);

/* Has the part rendered by a worker if it is not there yet; a favour that may be refused. */
void render_cache_prepare(struct render_cache *cache, struct image *image, enum table_format format,
                          const struct image_part *part);

#endif
