/* SPDX-License-Identifier: MIT */
/*
 * What stored trees of files weigh. A node that several trees share is read once: of a thousand
 * snapshots, that is what was changed between them.
 */
#ifndef CRMFS_FILES_WEIGH_H
#define CRMFS_FILES_WEIGH_H

#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"

struct files_weight {
    uint64_t files;         /* regular ones; a file of several names once */
    uint64_t bytes;         /* their sizes */
    uint64_t content_bytes; /* of these, what is no hole */
};

struct files_scale;

/* READER is borrowed. 0 or -ENOMEM. */
int files_scale_create(struct object_reader *reader, struct files_scale **ret_scale);
void files_scale_free(struct files_scale *scale); /* NULL is allowed */

/* What the tree of the node TOP weighs. 0, -EIO (damaged or lost), -ENOMEM. */
int files_weigh(struct files_scale *scale, const struct object_reference *top,
                struct files_weight *ret_weight, struct failure *failure);

#endif
