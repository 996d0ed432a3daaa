/* SPDX-License-Identifier: MIT */
/*
 * Single rows of images, found by the names of their files. What was looked at last is kept: pages
 * (record_page.h), so that whoever walks along a table finds the next row beside the last one, and
 * indexes (record_index.h) of images whose order does not tell where a row is. One for the whole
 * mount; safe from several threads at once.
 */
#ifndef CRMFS_TABLE_RECORDS_H
#define CRMFS_TABLE_RECORDS_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"
#include "fs/table/record_page.h"

struct records;

/* SPOOL outlives it. NULL: no memory. */
struct records *records_create(struct spool *spool);
void records_free(struct records *records); /* NULL is allowed */

/*
 * The row with the file name NAME (without ".json"). CANCELLED: atomic, NULL: never. -ENOENT: there
 * is none, or the table has no key; -ECANCELED, -EIO, -ENOSPC, -ENOMEM.
 */
int records_find(struct records *records, struct image *image, const char *name,
                 const bool *cancelled, struct record *ret_record, struct failure *failure);

/*
 * Whether ROW of PAGE is the first of its name. It always is unless may_be_second; then an index in
 * the spool may be needed, as for records_find.
 */
int records_is_first(struct records *records, struct image *image, const struct record_key *key,
                     const struct record_page *page, size_t row, bool *ret_first,
                     struct failure *failure);

/* The page of the group (record_rows_begin), with a reference. */
int records_page(struct records *records, struct image *image, const struct record_key *key,
                 size_t group, struct record_page **ret_page, struct failure *failure);

#endif
