/* SPDX-License-Identifier: MIT */
/*
 * Prunes for tests, on the stores of sample_series.h. Nothing here fails: what goes wrong ends the
 * test.
 */
#ifndef CRMFS_TESTS_UNIT_PRUNE_SAMPLES_H
#define CRMFS_TESTS_UNIT_PRUNE_SAMPLES_H

#include "fs/store/pack.h"
#include "fs/store/prune.h"
#include "tests/unit/sample_series.h"

extern const struct prune_options sample_prune_now;   /* no grace, nothing may stay unused */
extern const struct prune_options sample_prune_usual; /* as the command does it */

struct prune_result sample_prune(struct store *store, const struct prune_options *options);

/* Check, which reads every byte, finds nothing at all. */
void sample_assert_sound(struct store *store);

/* Objects that no snapshot names; the pack that they are in. */
void sample_orphan(struct store *store, char name[PACK_NAME_SIZE]);

#endif
