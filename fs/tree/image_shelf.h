/* SPDX-License-Identifier: MIT */
/*
 * Images of a store's tables, opened when first asked for and kept a while, within
 * a bound. Two snapshots that share a table share its image, and with it whatever
 * of it is rendered. Safe from several threads at once.
 */
#ifndef CRMFS_TREE_IMAGE_SHELF_H
#define CRMFS_TREE_IMAGE_SHELF_H

#include "fs/store/object.h"
#include "fs/table/image.h"

#define IMAGE_SHELF_MOST 64 /* images kept */

struct image_shelf;

/* READER outlives the shelf; LIMIT_BYTES: what the images kept take at most. 0 or -ENOMEM. */
int image_shelf_create(struct object_reader *reader, size_t limit_bytes,
                       struct image_shelf **ret_shelf);

/* The image, with a reference, which may outlive its place on the shelf. 0, -EIO, -ENOMEM. */
int image_shelf_open(struct image_shelf *shelf, const struct object_reference *reference,
                     struct image **ret_image, struct failure *failure);

void image_shelf_free(struct image_shelf *shelf); /* NULL is allowed */

#endif
