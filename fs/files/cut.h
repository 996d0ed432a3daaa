/* SPDX-License-Identifier: MIT */
/* Where new content is cut into pieces: by what it is, so that what was moved is found again. */
#ifndef CRMFS_FILES_CUT_H
#define CRMFS_FILES_CUT_H

#include <stddef.h>
#include <stdint.h>

#define CUT_GEAR_ENTRIES 256
#define CUT_LEAST ((size_t)16 << 10)
#define CUT_MOST ((size_t)256 << 10)

/* The table of a rolling hash, from the first 16 bytes of KEY. */
void cut_prepare(const uint8_t *key, uint64_t gear[CUT_GEAR_ENTRIES]);

/*
 * How long the piece is that SIZE bytes begin with: up to CUT_MOST, SIZE when no place to cut is
 * found. Depends on its last 64 bytes alone, so that what moved is cut at the same places.
 */
size_t cut_find(const uint64_t gear[CUT_GEAR_ENTRIES], const uint8_t *bytes, size_t size);

#endif
