/* SPDX-License-Identifier: MIT */
/* The header of a store as bytes (FORMAT.md, "Header"): not secret, bound to every key slot. */
#ifndef CRMFS_STORE_HEADER_H
#define CRMFS_STORE_HEADER_H

#include <stdint.h>

#include "backends/storage/storage.h"
#include "fs/base/failure.h"
#include "fs/store/store.h"

#define STORE_HEADER_NAME "store"
#define STORE_HEADER_BYTES 64
#define STORE_HEADER_ID_AT 32 /* where the id stands in it */
#define STORE_GROUP_BYTES_LEAST (UINT32_C(64) << 10)
#define STORE_GROUP_BYTES_MOST (UINT32_C(4) << 20)
#define STORE_LEVEL_LEAST (-127) /* of zstd; 0 is none at all */
#define STORE_LEVEL_MOST 22

/* -EINVAL with words: a header that a store cannot have. */
int store_header_check(const struct store_header *header, struct failure *failure);

/* HEADER has been checked. */
void store_header_encode(const struct store_header *header, uint8_t bytes[STORE_HEADER_BYTES]);

/* -EINVAL: not a store's header, or one of a format that this crmfs does not know. */
int store_header_decode(const uint8_t bytes[STORE_HEADER_BYTES], struct store_header *ret_header,
                        struct failure *failure);

/*
 * Reads a storage's header, without any key. Its bytes are returned as well when RET_BYTES is
 * not NULL. -EINVAL: there is none, so this is no store, or it is one of those above.
 */
int store_header_read(struct storage *storage, struct store_header *ret_header,
                      uint8_t ret_bytes[STORE_HEADER_BYTES], struct failure *failure);

#endif
