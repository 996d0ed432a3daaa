/* SPDX-License-Identifier: MIT */
/* What key_compare is made of: values that consist of others are compared by these. */
#ifndef CRMFS_TABLE_KEY_PARTS_H
#define CRMFS_TABLE_KEY_PARTS_H

#include <stdbool.h>

#include "backends/source/stream.h"

/* As key_compare() of one column; *SURE becomes false, or stays. */
int key_compare_cells(const struct key_term *term, bool nulls_last, const struct cell *left,
                      const struct cell *right, bool *sure);

/* Texts of the first of TERM's wraps. */
int key_compare_wrapped(const struct key_term *term, const struct cell *left,
                        const struct cell *right, bool *sure);

/* jsonb as PostgreSQL writes it; TEXTS: how texts in it compare. */
int key_compare_json(enum key_order texts, const struct cell *left, const struct cell *right,
                     bool *sure);

#endif
