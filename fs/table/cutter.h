/* SPDX-License-Identifier: MIT */
/*
 * Where row groups end. A row begins a new group when a keyed hash of its key
 * is small; how small is in proportion to the row's size, so that groups have
 * the same size on average (ROW_GROUP_TARGET_BYTES unless a store has its own)
 * whatever the rows are like. A boundary thus
 * depends on one row alone: rows inserted or deleted elsewhere move no other
 * boundary, and threads that begin anywhere in the table find the same ones.
 *
 * Content-defined chunking without a minimum (small groups are rare and cheap:
 * sizes are distributed exponentially); the maximum, 4/3 of the mean in a store and
 * ROW_GROUP_LARGEST_BYTES elsewhere, is counted from the last boundary and therefore
 * just as repeatable.
 */
#ifndef CRMFS_TABLE_CUTTER_H
#define CRMFS_TABLE_CUTTER_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/source/source.h"

#define CUTTER_KEY_BYTES 16 /* crypto_shorthash_KEYBYTES: SipHash-2-4 */

/* Bytes that a row's cells take. */
uint64_t row_bytes(const struct schema *schema, const struct cell *cells);

/*
 * The keyed hash of the row's key: of the schema's order key, or of the whole row
 * where there is none. A cell that came without data counts by its length alone.
 */
uint64_t row_key_hash(const struct schema *schema, const uint8_t key[CUTTER_KEY_BYTES],
                      const struct cell *cells);

/* Whether a row of BYTES bytes whose key has this hash begins a group, of GROUP_BYTES on average.
 */
bool row_begins_group(uint64_t key_hash, uint64_t bytes, uint32_t group_bytes);

#endif
