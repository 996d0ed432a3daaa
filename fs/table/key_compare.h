/* SPDX-License-Identifier: MIT */
/*
 * The order of rows by their key, for sources that are read before their order is
 * known (backends/source/stream.h).
 */
#ifndef CRMFS_TABLE_KEY_COMPARE_H
#define CRMFS_TABLE_KEY_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/stream.h"

/* A key of more columns is not sorted by. */
#define KEY_COLUMNS_MOST 64

struct key_rule {
    size_t count;
    const struct key_term *terms;
    bool nulls_last;
};

/*
 * Below 0, 0, above 0 as LEFT stands before, with or after RIGHT: both COUNT cells of a key,
 * one a term. NULLs stand together, then numbers, then text, then bytes, as in SQLite.
 *
 * KEY_LETTERS is how collations without regard to case agree: by letters A to Z without
 * case, digits before letters. *ret_sure (may be NULL) is false when two texts differ first
 * in a character of which collations disagree; their order here is that of their bytes, and
 * whoever has them in another order may well be right.
 */
int key_compare(const struct key_rule *rule, const struct cell *left, const struct cell *right,
                bool *ret_sure);

/* The same, and keys that KEY_LETTERS does not tell apart by their bytes. */
int key_compare_exactly(const struct key_rule *rule, const struct cell *left,
                        const struct cell *right);

/* Whether both are one key whatever the collation, and no NULL is in it. */
bool key_is_same(const struct key_rule *rule, const struct cell *left, const struct cell *right);

#endif
