/* SPDX-License-Identifier: MIT */
/*
 * Makes indexes of the packs' directories alone: what repair does.
 */
#ifndef CRMFS_STORE_INDEX_REBUILD_H
#define CRMFS_STORE_INDEX_REBUILD_H

#include <stddef.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

struct index_rebuilt {
    size_t packs;         /* that are in the new indexes */
    size_t packs_damaged; /* whose directory does not open; the old indexes' entries are lost too */
    size_t objects;
};

/*
 * Writes indexes of all packs, durably, then removes the old ones. In bounded memory. 0 or -errno
 * with the old ones still there.
 */
int index_rebuild(struct store *store, struct index_rebuilt *ret_rebuilt, struct failure *failure);

#endif
