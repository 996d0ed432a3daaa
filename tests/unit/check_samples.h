/* SPDX-License-Identifier: MIT */
/*
 * Checks for tests, on the stores of sample_series.h: what is found is kept as text until the next
 * one, a line each: "KIND FILE", or "KIND SNAPSHOT SOURCE/TABLE PAGE ROW+ROWS"; " harmless" follows
 * what harms nothing.
 */
#ifndef CRMFS_TESTS_UNIT_CHECK_SAMPLES_H
#define CRMFS_TESTS_UNIT_CHECK_SAMPLES_H

#include "fs/store/check.h"
#include "fs/store/pack.h"

struct check_result sample_check(struct store *store, bool read_data);

bool check_found(const char *text);
size_t check_lines_found(const char *text); /* that have TEXT */

/* The GROUP-th row group of a table of a day. */
struct object_reference sample_group_of(struct store *store, unsigned day, unsigned table,
                                        unsigned group);

/* The pack that a reference leads into, and its bytes, to be damaged. */
const char *sample_pack_path(struct storage *storage, const struct object_reference *reference);
uint8_t *sample_pack_of(struct storage *storage, const struct object_reference *reference,
                        size_t *ret_size);

void sample_pack_name_of(struct storage *storage, const struct object_reference *reference,
                         char ret_name[PACK_NAME_SIZE]);

/* For a group's teardown. */
int check_samples_end(void **context);

#endif
