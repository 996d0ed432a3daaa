/* SPDX-License-Identifier: MIT */
/*
 * Two files that both are the same pack, as somebody's copy of it beside the pack is: which of them
 * is to be read, when one of them is damaged.
 */
#ifndef CRMFS_STORE_PACK_RIVALS_H
#define CRMFS_STORE_PACK_RIVALS_H

#include "fs/base/failure.h"
#include "fs/store/store.h"

/*
 * Whether the file at PATH is to take the place of the one that stands under the pack's own name:
 * its directory opens, every object opens in it that may be whole in the other, and something of
 * the pack is whole in it alone. Reads both in full, whatever else is read. The pack is that of
 * SALT. 1, 0, -ENOMEM.
 */
int pack_is_better(struct store *store, const uint8_t salt[STORE_SALT_BYTES], const char *path);

#endif
