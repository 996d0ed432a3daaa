/* SPDX-License-Identifier: MIT */
/* A spool in a directory of its own, and noise to put into it. What goes wrong ends the program. */
#ifndef CRMFS_TESTS_UNIT_SPOOL_PLACE_H
#define CRMFS_TESTS_UNIT_SPOOL_PLACE_H

#include "fs/store/spool.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

struct spool_place {
    char *directory;
    struct spool *spool;
};

struct spool_place spool_place_create(uint64_t limit_bytes);

/* Nothing was visible by name, nor is left. */
void spool_place_free(struct spool_place *place);

/* What the spool's only file takes on disk, in bytes. */
size_t spool_place_blocks(const struct spool_place *place, int *ret_descriptor);

/* What the spool says that it holds. */
uint64_t spool_used_bytes(struct spool *spool);

/* SIZE bytes that no compressor makes smaller, the same for the same seed; to be freed. */
uint8_t *spool_noise(size_t size, uint32_t seed);

struct spool_blob spool_put_noise(struct spool *spool, size_t size, uint32_t seed);

/* That the blob is that noise. */
void spool_check_noise(struct spool *spool, const struct spool_blob *blob, size_t size,
                       uint32_t seed);

#endif
