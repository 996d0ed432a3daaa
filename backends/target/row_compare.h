/* SPDX-License-Identifier: MIT */
/* Whether a row that was read back is what was written. */
#ifndef CRMFS_TARGET_ROW_COMPARE_H
#define CRMFS_TARGET_ROW_COMPARE_H

#include "backends/target/fit.h"

/*
 * Whether FOUND, in the order of TABLE's columns, has the values of COUNT CELLS, each for one of
 * COLUMNS; as the columns hold them. 1; 0: *ret_column is the first that has another; or -errno.
 */
int row_has(enum target_engine engine, const struct schema *table, const struct cell *found,
            size_t count, const size_t *columns, const struct cell *cells, size_t *ret_column);

#endif
