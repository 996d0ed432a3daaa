/* SPDX-License-Identifier: MIT */
/* An image, or what an archive holds, put into an image cache, and found there by a later mount. */
#ifndef CRMFS_TABLE_KEPT_IMAGE_H
#define CRMFS_TABLE_KEPT_IMAGE_H

#include "fs/base/failure.h"
#include "fs/store/image_cache.h"
#include "fs/table/image.h"

/*
 * The image kept under KEY, which SCHEMA is part of; CACHE outlives it. -ENOENT: there is none;
 * -EBADMSG: it was damaged, and has been removed; -ENOMEM, -EIO …
 */
int kept_image_open(struct image_cache *cache, const struct image_key *key, struct schema *schema,
                    struct image **ret_image, struct failure *failure);

/* Keeps IMAGE under KEY. -ENOSPC: it does not fit into the bound; -EROFS, -EOPNOTSUPP, -EIO … */
int kept_image_write(struct image_cache *cache, const struct image_key *key, struct image *image,
                     struct failure *failure);

/* What was kept of the archive, into OUTPUT (cleared first). As kept_image_open. */
int kept_catalogue_open(struct image_cache *cache, const struct image_key *key,
                        struct buffer *output, struct failure *failure);

/* Keeps an archive's catalogue, in its encoded form (index_catalogue.h). As kept_image_write. */
int kept_catalogue_write(struct image_cache *cache, const struct image_key *key,
                         const struct buffer *encoded, struct failure *failure);

#endif
