/* SPDX-License-Identifier: MIT */
/* A store with one pack of a few small objects, the last against the one before: to be damaged. */
#ifndef CRMFS_TESTS_UNIT_SMALL_PACK_H
#define CRMFS_TESTS_UNIT_SMALL_PACK_H

#include "tests/unit/object_samples.h"

#define SMALL_PACK_OBJECTS 6

struct small_pack {
    struct store *store;
    struct storage *storage;
    struct object_reader *reader;
    struct sample samples[SMALL_PACK_OBJECTS];
    char name[PACK_NAME_SIZE];
    char path[PACK_PATH_SIZE];
};

/* What is in it follows from SEED. */
void small_pack_begin(struct small_pack *small, uint64_t seed);
void small_pack_end(struct small_pack *small);

/* Of FILE, the bytes of a pack that stands at its path; to be freed. */
struct sealer *small_pack_sealer(const struct small_pack *small, const uint8_t *file);

#endif
