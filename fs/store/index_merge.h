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
#include "fs/store/pack_list.h"
#include "fs/store/store.h"

/* 0, or -errno with the indexes saying what they said before. */
int index_merge(struct store *store, struct pack_list *packs, struct failure *failure);

#endif
