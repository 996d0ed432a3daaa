/* SPDX-License-Identifier: MIT */
/*
 * A digest of rows in whatever order they come: the sum of the rows' own. What was put into a
 * table and what is read back from it have the same, or a value is not what it was.
 */
#ifndef CRMFS_TARGET_ROW_SUM_H
#define CRMFS_TARGET_ROW_SUM_H

#include "backends/target/fit.h"

struct row_sum {
    uint64_t rows;
    uint64_t high, low; /* the sum, modulo 2 to the power of 128 */
};

/* Adds a row of COUNT cells as they were fitted, or read back. SCRATCH is overwritten. */
int row_sum_add(struct row_sum *sum, const struct fit *fits, const struct cell *cells, size_t count,
                struct buffer *scratch);

/* Adds what is in OTHER, or takes it away. */
void row_sum_append(struct row_sum *sum, const struct row_sum *other);
void row_sum_subtract(struct row_sum *sum, const struct row_sum *other);

bool row_sum_equal(const struct row_sum *left, const struct row_sum *right);

#endif
