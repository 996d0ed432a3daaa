/* SPDX-License-Identifier: MIT */
/*
 * Keeps the number of indexes small: indexes of about one size become one of the
 * next size. The new one is durable before the old ones go, and entries whose
 * pack has gone are left out. Several processes may do it at once: the worst is
 * that one gives up, or that an entry stands in two indexes.
 */
#ifndef CRMFS_STORE_INDEX_MERGE_H
#define CRMFS_STORE_INDEX_MERGE_H

#include "fs/base/failure.h"
#include "fs/store/hint_set.h"
#include "fs/store/pack_list.h"
#include "fs/store/store.h"

/*
 * Of an object that stands in several packs, one entry is left: the newest index's, but not that of
 * a pack of AVOIDED, which are to be removed, unless there is no other. AVOIDED may be NULL. 0, or
 * -errno with the indexes saying what they said before.
 */
int index_merge(struct store *store, struct pack_list *packs, const struct hint_set *avoided,
                struct failure *failure);

#endif
