/* SPDX-License-Identifier: MIT */
/*
 * What the files of the pack format share.
 */
#ifndef CRMFS_STORE_PACK_LAYOUT_H
#define CRMFS_STORE_PACK_LAYOUT_H

#include "fs/store/pack.h"

#define PACK_MAGIC "CRMFSPAK"
/* The associated data of what is no object. */
#define PACK_DIRECTORY_BOUND "directory"
#define PACK_FOOT_BOUND "foot"

/* Returns the length: PACK_ENTRY_BYTES, or PACK_ENTRY_BYTES_MOST with a parent. */
size_t pack_entry_encode(const struct pack_entry *entry, uint8_t bytes[PACK_ENTRY_BYTES_MOST]);

#endif
