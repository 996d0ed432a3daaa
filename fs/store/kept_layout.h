/* SPDX-License-Identifier: MIT */
/* The bytes of a kept image's file but for the groups themselves (FORMAT.md, "Kept images"). */
#ifndef CRMFS_STORE_KEPT_LAYOUT_H
#define CRMFS_STORE_KEPT_LAYOUT_H

#include <stdbool.h>

#include "fs/store/kept.h"
#include "fs/store/seal.h"

#define KEPT_MAGIC "CRMFSKEP"
#define KEPT_HEAD_BYTES (8 + STORE_SALT_BYTES)
#define KEPT_ROUND_BYTES 65536u /* lengths are multiples of it */
#define KEPT_ENTRY_BYTES 48u
#define KEPT_BLOCK_ENTRIES 1024u
#define KEPT_BLOCK_BYTES \
    ((size_t)KEPT_BLOCK_ENTRIES * KEPT_ENTRY_BYTES)           /* of all blocks but the last */
#define KEPT_BLOCK_MOST (KEPT_BLOCK_BYTES + KEPT_ROUND_BYTES) /* with its padding */
#define KEPT_FOOT_BYTES 16u
#define KEPT_FOOT_SEALED (KEPT_FOOT_BYTES + SEAL_OVERHEAD_BYTES)
#define KEPT_DIRECTORY_LABEL "directory" /* associated data, without its NUL */
#define KEPT_FOOT_LABEL "foot"

struct kept_foot {
    uint64_t directory; /* offset of its first block */
    size_t count;       /* of groups */
};

void kept_foot_encode(const struct kept_foot *foot, uint8_t bytes[KEPT_FOOT_BYTES]);

/* Of a file of SIZE bytes. -EBADMSG. */
int kept_foot_decode(const uint8_t bytes[KEPT_FOOT_BYTES], uint64_t size,
                     struct kept_foot *ret_foot);

/* How many blocks a directory has, and how much plaintext its last one; for the whole file. */
size_t kept_block_count(size_t group_count);
size_t kept_last_block_bytes(const struct kept_foot *foot);

/* COUNT entries; what is left of SIZE is zeroed. */
void kept_block_encode(const struct kept_group *groups, size_t count, uint8_t *bytes, size_t size);

/* Fills in COUNT groups, the first of which begins at *END, which moves on. -EBADMSG. */
int kept_block_decode(const uint8_t *bytes, size_t size, size_t count, uint64_t *end,
                      struct kept_group *ret_groups);

#endif
