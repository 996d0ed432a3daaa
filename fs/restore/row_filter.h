/* SPDX-License-Identifier: MIT */
/*
 * Which rows are meant: by a condition in SQL, by keys. The condition is evaluated by an SQLite
 * that has no database and sees nothing but the row: its columns are bound, never pasted.
 */
#ifndef CRMFS_RESTORE_ROW_FILTER_H
#define CRMFS_RESTORE_ROW_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/schema.h"
#include "backends/source/source.h"
#include "fs/base/failure.h"

struct row_filter;

/*
 * WHERE may be NULL, KEYS none; a row has to meet both. -EINVAL in words: no such column, not one
 * condition, a table without a primary key, a key of another number of columns.
 */
int row_filter_create(const struct schema *schema, const char *where, const char *const *keys,
                      size_t key_count, struct row_filter **ret_filter, struct failure *failure);

/* The rows are read from their beginning (again): no key has been met. */
void row_filter_begin(struct row_filter *filter);

/* 1: it is meant; 0: it is not; -errno. CURSOR is asked for cells without data. */
int row_filter_look(struct row_filter *filter, const struct cell *cells, struct cursor *cursor,
                    struct failure *failure);

/* Keys that were asked for and met by no row; NULL: none (any more). */
const char *row_filter_missed(const struct row_filter *filter);

/* Whether every key has been met: nothing more is to be looked at. */
bool row_filter_is_done(const struct row_filter *filter);

/* The least of the keys, when all are whole numbers: rows may be looked for from there. */
bool row_filter_least(const struct row_filter *filter, struct cell *ret_key);

void row_filter_free(struct row_filter *filter); /* NULL is allowed */

#endif
