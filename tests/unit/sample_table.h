/* SPDX-License-Identifier: MIT */
/* Tables to read: the same for the same seed. */
#ifndef CRMFS_TESTS_SAMPLE_TABLE_H
#define CRMFS_TESTS_SAMPLE_TABLE_H

#include "tests/unit/fake_source.h"

/* The next pseudo-random number of STATE (SplitMix64). */
uint64_t sample_random(uint64_t *state);

/*
 * ROWS rows of some 400 bytes each, of all kinds of cells: an integer key that
 * rises by uneven steps, names in several scripts, notes with quotes and line
 * breaks, NULLs, bytes, invalid UTF-8, documents, odd numbers, booleans.
 */
struct fake_table *sample_contacts(const char *name, size_t rows, uint64_t seed);

/* ROWS rows of an id and a text of TEXT_SIZE bytes: how many bytes a row has is known. */
struct fake_table *sample_notes(const char *name, size_t rows, size_t text_size, uint64_t seed);

#endif
